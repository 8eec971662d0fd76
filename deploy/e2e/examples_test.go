package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// recorded is an example in the file examples.json of a service.
type recorded struct {
	Summary string `json:"summary,omitempty"`
	Value   any    `json:"value"`
}

// operationExamples are the examples of an operation: by media type and name, those of responses also by status.
type operationExamples struct {
	Request   map[string]map[string]recorded            `json:"request,omitempty"`
	Responses map[string]map[string]map[string]recorded `json:"responses,omitempty"`
}

// documentedOperation is an operation of an OpenAPI document.
type documentedOperation struct {
	service, route string // of the folder; method and path
	client         resttest.Client
	OperationID    string
	RequestBody    struct{ Content map[string]any }
	Responses      map[string]struct{ Content map[string]any }
}

// TestExamples executes the examples of the OpenAPI documents in a suite with the data of make seed. Each of them must
// have the documented response, and each body of a request or response an example. With -update it writes
// the examples; otherwise it compares requests and the kinds of responses.
func TestExamples(t *testing.T) {
	s := start(t, config(t))
	r := s.newExampleRun()
	for _, e := range examples {
		r.execute(e)
	}
	for id, op := range r.operations {
		got := r.recorded[op.service][id]
		if len(op.RequestBody.Content) > 0 && len(got.Request) == 0 || len(got.Responses) == 0 && op.hasTextBody() && id != withoutExample {
			t.Errorf("%s has no example: add it to examples", id)
		}
	}
	for service, got := range r.recorded {
		file := filepath.Join(root, service+"-service", "internal", "httpapi", "examples.json")
		if *resttest.Update {
			if err := os.WriteFile(file, encode(t, got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]operationExamples
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		var have map[string]operationExamples
		if err := json.Unmarshal(encode(t, got), &have); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(comparable(want), comparable(have)); diff != "" {
			t.Errorf("%s differs (-want +got); run the test with -update, then make golden\n%s", file, diff)
		}
	}
}

// comparable removes the values of responses, which have ids and times.
func comparable(all map[string]operationExamples) map[string]operationExamples {
	for _, op := range all {
		for _, media := range op.Responses {
			for _, named := range media {
				for name, e := range named {
					named[name] = recorded{Summary: e.Summary}
				}
			}
		}
	}
	return all
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// hasTextBody reports whether the response of success has a body that is not a file.
func (op documentedOperation) hasTextBody() bool {
	for status, response := range op.Responses {
		for mediaType := range response.Content {
			if status[0] == '2' && isText(mediaType) {
				return true
			}
		}
	}
	return false
}

func isText(mediaType string) bool {
	return strings.Contains(mediaType, "json") || strings.HasPrefix(mediaType, "text/")
}

// exampleRun executes examples.
type exampleRun struct {
	*suite
	operations map[string]documentedOperation
	tokens     map[string]string // by caller
	kept       map[string]string
	recorded   map[string]map[string]operationExamples // by service and operation
	names      replacements
	codeAhead  time.Duration // of the next code of an authenticator app
}

// newExampleRun fills the suite with the data of make seed, and keeps ids of it.
func (s *suite) newExampleRun() *exampleRun {
	s.t.Helper()
	seed := exec.Command("go", "run", deploy+"seed")
	seed.Dir = root
	seed.Env = append(os.Environ(), "AUTH_SERVICE_URL="+s.stack.AuthURL, "PASSPORT_SERVICE_URL="+s.stack.PassportURL, "DOCUMENT_SERVICE_URL="+s.stack.DocumentURL)
	if out, err := seed.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	r := &exampleRun{suite: s, operations: map[string]documentedOperation{}, tokens: map[string]string{}, kept: map[string]string{}, recorded: map[string]map[string]operationExamples{}}
	for service, client := range map[string]resttest.Client{"auth": s.auth, "passport": s.passport, "document": s.document, "notification": s.notification} {
		r.recorded[service] = map[string]operationExamples{}
		var doc struct {
			Paths map[string]map[string]documentedOperation
		}
		client.Do("GET /openapi.json", "").Want(200, &doc)
		for path, methods := range doc.Paths {
			for method, op := range methods {
				op.service, op.client, op.route = service, client, strings.ToUpper(method)+" "+path
				r.operations[op.OperationID] = op
			}
		}
	}
	ada := s.login("ada@nordlicht.example")
	for _, caller := range []string{"admin", "ada", "ute"} {
		r.tokens[caller] = s.login(caller + "@nordlicht.example").Token
	}
	for _, caller := range []string{"eve", "tom"} {
		r.tokens[caller] = s.register(caller+"@nordlicht.example", "").Token
	}
	r.kept["refreshToken"] = ada.RefreshToken
	find := func(client resttest.Client, route, name string) {
		var page struct{ Items []map[string]any }
		client.Call("GET "+route, ada.Token, nil).Want(200, &page)
		r.kept[name] = fmt.Sprint(firstOf(page.Items[0], "id", "docId"))
	}
	find(s.passport, "/api/passports?batteryIdentifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X", "seeded")
	find(s.passport, "/api/passports?batteryCategory=LMT&state=active", "published")
	find(s.document, "/api/documents?kind=declaration-of-conformity", "publicDocument")
	r.kept["notification"] = s.waitForNotification(ada, "passport.published", r.kept["seeded"]).ID
	waittest.Until(s.t, "the document is public", func() bool {
		return s.document.Do("GET /api/public/documents/"+r.kept["publicDocument"], "").Status == 200
	})
	return r
}

func firstOf(object map[string]any, members ...string) any {
	for _, m := range members {
		if v := object[m]; v != nil {
			return v
		}
	}
	return nil
}

// execute sends the request of an example, and records it with its response.
func (r *exampleRun) execute(e example) {
	r.t.Helper()
	op, ok := r.operations[e.operation]
	if !ok {
		r.t.Errorf("%s is not in the OpenAPI documents", e.operation)
		return
	}
	body, contentType := r.body(e), "application/json"
	for t := range op.RequestBody.Content {
		if _, isJSON := op.RequestBody.Content[contentType]; !isJSON {
			contentType = t
		}
	}
	sent, sentType := body, contentType
	switch contentType {
	case "multipart/form-data":
		sent, sentType = form(r.t, body)
	case urlEncoded:
		sent = urlEncodedForm(r.t, body)
	}
	// A service needs some time for the refresh token of another login, and for its first events.
	var a resttest.Response
	if contentType == urlEncoded {
		a = op.client.Do(r.route(op, e), sent, "Content-Type", sentType)
	} else {
		a = op.client.Call(r.route(op, e), r.tokens[e.caller], sent, "Content-Type", sentType)
	}
	status := strconv.Itoa(a.Status)
	if _, documented := op.Responses[status]; !documented || e.status == 0 && status[0] != '2' || e.status != 0 && a.Status != e.status {
		r.t.Errorf("%s, example %q: %s: %s", e.operation, e.name, status, a.Text)
		return
	}
	r.keep(e, a.Text)
	r.record(op, e, contentType, body, status, a)
}

// route replaces the parameters of the path.
func (r *exampleRun) route(op documentedOperation, e example) string {
	route := op.route
	for _, target := range strings.Split(e.target, ",") {
		if begin, end := strings.Index(route, "{"), strings.Index(route, "}"); begin >= 0 {
			value := r.kept[target]
			if value == "" {
				value = target
			}
			route = route[:begin] + value + route[end+1:]
		}
	}
	if e.query != "" {
		route += "?" + r.replace(e.query)
	}
	return route
}

func (r *exampleRun) replace(text string) string {
	if strings.Contains(text, "{resetToken}") {
		r.kept["resetToken"] = r.mailedToken("ute@nordlicht.example", "/account/new-password")
	}
	if strings.Contains(text, "{invitationToken}") {
		r.kept["invitationToken"] = r.mailedToken("ole@nordlicht.example", "/account/invitation")
	}
	if strings.Contains(text, "{totpCode}") {
		r.kept["totpCode"] = r.nextCode()
	}
	for name, value := range r.kept {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

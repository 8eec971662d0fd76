package e2e

import (
	"encoding/json"
	"fmt"
	"mime"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// nextCode returns the current code of an authenticator app or, later, the next one: a code works once.
func (r *exampleRun) nextCode() string {
	code, err := totp.GenerateCode(r.kept["secret"], time.Now().Add(r.codeAhead))
	if err != nil {
		r.t.Fatal(err)
	}
	r.codeAhead = 30 * time.Second
	return code
}

// keep remembers the id in a response, and the tokens of a login.
func (r *exampleRun) keep(e example, text string) {
	var response map[string]any
	if json.Unmarshal([]byte(text), &response) != nil {
		return
	}
	if token, ok := firstOf(response, "refreshToken", "refresh_token").(string); ok {
		r.kept["refreshToken"] = token
	}
	for _, name := range []string{"clientSecret", "secret", "challenge"} {
		if value, ok := response[name].(string); ok {
			r.kept[name] = value
		}
	}
	if token, ok := response["token"].(string); ok && e.keep != "" {
		r.tokens[e.keep] = token
	}
	if user, ok := response["user"].(map[string]any); ok {
		response = user
	}
	if e.keep != "" {
		r.kept[e.keep] = fmt.Sprint(firstOf(response, "id", "docId", "clientId"))
	}
}

func (r *exampleRun) record(op documentedOperation, e example, contentType, body, status string, a resttest.Response) {
	r.t.Helper()
	all := r.recorded[op.service]
	got := all[e.operation]
	if got.Request == nil {
		got = operationExamples{Request: map[string]map[string]recorded{}, Responses: map[string]map[string]map[string]recorded{}}
	}
	if body != "" && e.name != "" && (e.status == 0 || e.unavailable) { // otherwise the body is not valid
		if got.Request[contentType] == nil {
			got.Request[contentType] = map[string]recorded{}
		}
		got.Request[contentType][e.name] = recorded{e.summary, r.names.request(r.t, body)}
	}
	mediaType, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if isText(mediaType) && a.Text != "" && got.Responses[status] == nil {
		name := "response"
		if e.name != "" {
			name = e.name
		}
		got.Responses[status] = map[string]map[string]recorded{mediaType: {name: {Value: r.names.response(r.t, mediaType, a.Text)}}}
	}
	all[e.operation] = got
}

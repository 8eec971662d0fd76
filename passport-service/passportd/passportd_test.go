package passportd_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestMain fails if a stopped service leaves goroutines running. In a process that
// startChild started, it runs the service instead of the tests.
func TestMain(m *testing.M) {
	if data := os.Getenv(childEnv); data != "" {
		fmt.Fprintln(os.Stderr, "child:", runService(data))
		os.Exit(1) // the test should have killed the service
	}
	goleak.VerifyTestMain(m)
}

// hasRaceDetector reports whether the tests run with the race detector, which needs several
// times the memory and the time.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// service is a running passport-service with the issuer of its tokens.
type service struct {
	resttest.Client
	stop    func()
	issuer  *authtest.Issuer
	db      connect.Config
	metrics string   // address
	ids     []string // ids of the passports that create returned
}

func start(t *testing.T, db connect.Config) *service {
	t.Helper()
	return startWithIssuer(t, db, authtest.New(t))
}

func startWithIssuer(t *testing.T, db connect.Config, issuer *authtest.Issuer) *service {
	t.Helper()
	return startConfigured(t, passportd.Config{Store: db, CacheBytes: 8 << 20}, issuer)
}

// startAt starts a service with the given clock.
func startAt(t *testing.T, db connect.Config, now func() time.Time) *service {
	t.Helper()
	return startConfigured(t, passportd.Config{Store: db, Now: now, CacheBytes: 8 << 20}, authtest.New(t))
}

func startConfigured(t *testing.T, cfg passportd.Config, issuer *authtest.Issuer) *service {
	t.Helper()
	s := &service{issuer: issuer, db: cfg.Store}
	s.Client, s.stop = resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		http.TrustedProxies, http.MaxRequests, http.Timeouts = cfg.HTTP.TrustedProxies, cfg.HTTP.MaxRequests, cfg.HTTP.Timeouts
		cfg.HTTP, cfg.Auth.URL = http, s.issuer.URL
		return passportd.Run(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	})
	return s
}

// as returns a token for a caller with a role and an organisation.
func (s *service) as(role auth.Role, organisation string) string {
	return s.issuer.Token(s.T, auth.Principal{UserID: string(role) + "@" + organisation, Email: "x@x.example", Role: role, Organisation: organisation})
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := samples.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// draft returns the body of a draft with a battery identifier.
func draft(identifier string) string {
	return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q,"batteryCategory":"EV","batteryMass":450}}}`, identifier)
}

// apiPassport is a passport in a response.
type apiPassport struct {
	ID, State, BatteryIdentifier string
	Version                      int64
	Data                         json.RawMessage
	Owner                        struct{ Organisation, UserID string }
	CreatedAt, UpdatedAt         time.Time
	CreatedBy, UpdatedBy         string
}

func (s *service) create(token, body string) apiPassport {
	s.T.Helper()
	var p apiPassport
	s.Call("POST /api/passports", token, body).Want(201, &p)
	s.ids = append(s.ids, p.ID)
	return p
}

// canonical returns JSON in the form of RFC 8785. It uses another implementation than
// the service.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	out, err := jcs.Transform(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(out)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestDraftLifeCycle creates, reads, replaces, patches and deletes a draft.
func TestDraftLifeCycle(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "Veloform")
		body := sample(t, "lmt-ebike.json")

		res := s.Call("POST /api/passports", operator, body)
		var p apiPassport
		res.Want(201, &p)
		path := "/api/passports/" + p.ID
		if res.Header.Get("ETag") != `"1"` || res.Header.Get("Location") != path || p.State != "draft" || p.Version != 1 ||
			p.BatteryIdentifier != "https://vlf.example/01/09521100002073/21/V4E10077" || p.Owner.Organisation != "Veloform" || p.CreatedBy != "operator@Veloform" {
			t.Errorf("created passport: got %+v, headers %v", p, res.Header)
		}
		var sent struct{ Data json.RawMessage }
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
		if string(p.Data) != canonical(t, sent.Data) {
			t.Errorf("data: got %s, want the canonical form of the request", p.Data)
		}

		// The battery becomes waste: version 2 of the same passport.
		var put apiPassport
		s.Call("PUT "+path, operator, sample(t, "lmt-ebike-waste.json")).Want(200, &put)
		if put.Version != 2 || !put.UpdatedAt.After(p.UpdatedAt) || put.CreatedAt != p.CreatedAt || !strings.Contains(string(put.Data), `"batteryStatus":"waste"`) {
			t.Errorf("after PUT %+v", put)
		}
		res = s.Call("GET "+path, operator, nil)
		res.Want(200, &p)
		if diff := cmp.Diff(put, p); diff != "" || res.Header.Get("ETag") != `"2"` {
			t.Errorf("GET after PUT (-want +got), ETag %s\n%s", res.Header.Get("ETag"), diff)
		}
		for tag, want := range map[string]int{`"2"`: 304, `W/"2"`: 304, `"1", "2"`: 304, `"1"`: 200, "": 200} {
			s.Call("GET "+path, operator, nil, "If-None-Match", tag).Want(want, nil)
		}

		// Merge patches, without and with a precondition.
		patch := `{"data":{"generalInformation":{"batteryMass":3.1,"warrantyPeriod":null},"materialComposition":{"criticalRawMaterials":["Lithium"]}}}`
		s.Call("PATCH "+path, operator, patch, "Content-Type", "application/merge-patch+json").Want(200, &p)
		if text := string(p.Data); p.Version != 3 || !strings.Contains(text, `"batteryMass":3.1`) || strings.Contains(text, "warrantyPeriod") || !strings.Contains(text, `"criticalRawMaterials":["Lithium"]`) || !strings.Contains(text, "hazardousSubstances") {
			t.Errorf("after PATCH %+v", p)
		}
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":3.2}}}`, "If-Match", `"2"`).WantProblem(412)
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":3.2}}}`, "If-Match", `"2", "3"`).Want(200, &p)
		s.Call("PUT "+path, operator, body, "If-Match", `"3"`).WantProblem(412)
		s.Call("DELETE "+path, operator, nil, "If-Match", `"3"`).WantProblem(412)

		// A write that changes nothing creates no version.
		for route, same := range map[string]string{"PUT": fmt.Sprintf(`{"data":%s}`, p.Data), "PATCH": `{"data":{"generalInformation":{"batteryMass":3.20e0}}}`} {
			res := s.Call(route+" "+path, operator, same)
			res.Want(200, &p)
			if p.Version != 4 || res.Header.Get("ETag") != `"4"` {
				t.Errorf("%s without a change: got version %d, want 4", route, p.Version)
			}
		}
		s.Call("PATCH "+path, operator, `{}`).Want(200, &p)
		checkHistory(t, s, operator, p)

		s.Call("DELETE "+path, operator, nil).Want(204, nil)
		for _, route := range []string{"GET " + path, "DELETE " + path, "GET " + path + "/versions", "GET " + path + "/versions/1"} {
			s.Call(route, operator, nil).WantProblem(404)
		}
		s.Call("PUT "+path, operator, body).WantProblem(404)
		second := s.create(operator, body) // the identifier can be used again
		if second.ID == p.ID || second.Version != 1 {
			t.Errorf("created after the deletion: got %+v, want version 1 with another id", second)
		}
	})
}

// checkHistory reads all versions of a passport, as a list, in pages, by number and by
// time, and checks their hash chain.
func checkHistory(t *testing.T, s *service, token string, p apiPassport) {
	t.Helper()
	path := "GET /api/passports/" + p.ID
	var pages []passport.Version
	for cursor := ""; ; {
		var page struct {
			Items      []passport.Version
			NextCursor string
		}
		s.Call(path+"/versions?limit=1"+cursor, token, nil).Want(200, &page)
		pages = append(pages, page.Items...)
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	var all struct{ Items []json.RawMessage }
	s.Call(path+"/versions?limit=200", token, nil).Want(200, &all)
	if len(all.Items) != int(p.Version) || len(pages) != int(p.Version) {
		t.Fatalf("got %d versions in one list and %d in pages, want %d", len(all.Items), len(pages), p.Version)
	}
	previous := ""
	for i := range pages {
		number := i + 1
		text := all.Items[len(all.Items)-number]
		var v passport.Version
		one := s.Call(fmt.Sprintf("%s/versions/%d", path, number), token, nil).Want(200, &v)
		if canonical(t, []byte(one.Text)) != canonical(t, text) || v.Number != int64(number) || pages[len(pages)-number].Hash != v.Hash {
			t.Errorf("version %d read by number differs from the list", number)
		}
		var record map[string]json.RawMessage
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatal(err)
		}
		delete(record, "hash")
		unsigned, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if v.DataHash != hash(canonical(t, record["data"])) || v.Hash != hash(canonical(t, unsigned)) || v.PreviousHash != previous || v.PassportID != p.ID {
			t.Errorf("version %d: hashes %s, %s, %s after %s", number, v.DataHash, v.Hash, v.PreviousHash, previous)
		}
		previous = v.Hash
		for at, want := range map[time.Time]int64{v.CreatedAt: v.Number, v.CreatedAt.Add(-time.Nanosecond): v.Number - 1} {
			var then apiPassport
			if res := s.Call(path+"?at="+at.Format(time.RFC3339Nano), token, nil); want == 0 {
				res.WantProblem(404)
			} else if res.Want(200, &then); then.Version != want || then.UpdatedAt.After(at) {
				t.Errorf("at %v: got version %d, want %d", at, then.Version, want)
			}
		}
	}
	s.Call(fmt.Sprintf("%s/versions/%d", path, p.Version+1), token, nil).WantProblem(404)
	s.Call(path+"?at=2999-01-01T00:00:00Z", token, nil).WantProblem(422, "query:at range")
}

func TestReadAtTimeReturnsOldVersion(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "Veloform")
		p := s.create(operator, draft("https://a.example/old"))
		s.Call("PUT /api/passports/"+p.ID, operator, draft("https://a.example/new")).Want(200, nil)
		then := s.Call("GET /api/passports/"+p.ID+"?at="+p.CreatedAt.Format(time.RFC3339Nano), operator, nil).Want(200, nil)
		if !strings.Contains(then.Text, `"batteryIdentifier":"https://a.example/old"`) || strings.Contains(then.Text, "new") {
			t.Errorf("read at the time of version 1: got %s", then.Text)
		}
		s.Call("GET /api/passports/"+p.ID+"?at=0001-01-01T00:00:00Z", operator, nil).WantProblem(404)
		s.Call("GET /api/passports/"+p.ID+"?at=yesterday", operator, nil).WantProblem(422, "query:at format")
	})
}

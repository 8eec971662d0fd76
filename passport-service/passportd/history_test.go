package passportd_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // to change a byte behind the service's back

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

type verification struct {
	Intact             bool
	Versions, BrokenAt int64
	Reason, Hash       string
}

func TestDiff(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		maker := s.as(auth.Operator, "A")
		p := s.create(maker, `{"data":{"generalInformation":{"batteryMass":1,"manufacturingPlace":""},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Water"},{"agent":"Sand"}]}}}`)
		path := "/api/passports/" + p.ID
		s.Call("PATCH "+path, maker, `{"data":{"generalInformation":{"batteryMass":2,"manufacturingPlace":null,"warrantyPeriod":"P8Y"},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Foam"}],"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"x"}}]}}}`).Want(200, nil)
		s.Call("PATCH "+path, maker, `{"data":{"labelsAndConformity":{"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"y"}}]}}}`).Want(200, nil)
		forward := `{"passportId":"` + p.ID + `","from":1,"to":2,"changes":[` +
			`{"path":"/data/generalInformation/batteryMass","old":1,"new":2},{"path":"/data/generalInformation/manufacturingPlace","old":""},` +
			`{"path":"/data/generalInformation/warrantyPeriod","new":"P8Y"},` +
			`{"path":"/data/labelsAndConformity/extinguishingAgents/0/agent","old":"Water","new":"Foam"},{"path":"/data/labelsAndConformity/extinguishingAgents/1","old":{"agent":"Sand"}},` +
			`{"path":"/data/labelsAndConformity/labelMeanings","new":[{"meaning":{"a/b~":"x"},"symbol":"CE"}]}]}`
		last := `{"passportId":"` + p.ID + `","from":2,"to":3,"changes":[{"path":"/data/labelsAndConformity/labelMeanings/0/meaning/a~1b~0","old":"x","new":"y"}]}`
		for query, want := range map[string]string{
			"?from=1&to=2": forward, "?from=2&to=3": last, "": last, "?to=3": last, "?from=2": last,
			"?from=3&to=3": `{"passportId":"` + p.ID + `","from":3,"to":3,"changes":[]}`, "?to=1": `{"passportId":"` + p.ID + `","from":1,"to":1,"changes":[]}`,
			"?from=3&to=2": strings.NewReplacer(`"from":2,"to":3`, `"from":3,"to":2`, `"old":"x","new":"y"`, `"old":"y","new":"x"`).Replace(last),
		} {
			if got := s.Call("GET "+path+"/diff"+query, maker, nil).Want(200, nil).Text; got != want+"\n" && got != want {
				t.Errorf("diff%s\n%s", query, cmp.Diff(want, got))
			}
		}
		for _, query := range []string{"?from=4", "?to=4", "?from=1&to=99"} {
			s.Call("GET "+path+"/diff"+query, maker, nil).WantProblem(404)
		}
		s.Call("GET "+path+"/diff?from=0", maker, nil).WantProblem(422, "query:from range")
		s.Call("GET "+path+"/diff?from=x", maker, nil).WantProblem(422, "query:from type")
		s.Call("GET /api/passports/none/diff", maker, nil).WantProblem(404)
		s.Call("GET "+path+"/diff", s.as(auth.Operator, "B"), nil).WantProblem(404)
		s.Call("GET "+path+"?at="+p.CreatedAt.Add(-time.Millisecond).Format(time.RFC3339Nano), maker, nil).WantProblem(404)
		s.Call("GET "+path+"?at="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), maker, nil).WantProblem(422, "query:at range")
		var v verification
		if s.Call("GET "+path+"/verify", maker, nil).Want(200, &v); !v.Intact || v.Versions != 3 || v.Hash == "" || v.BrokenAt != 0 {
			t.Errorf("verify %+v", v)
		}
	})
}

// TestTamper changes every single byte of a stored version, one at a time, and
// some that a thoughtful intruder would: verify names the version each time.
func TestTamper(t *testing.T) {
	dir := t.TempDir()
	s := start(t, connect.Config{Dir: dir})
	maker := s.as(auth.Operator, "A")
	p := s.create(maker, draft("https://a.example/tamper"))
	for i := range 3 {
		s.Call("PATCH /api/passports/"+p.ID, maker, fmt.Sprintf(`{"reason":"why %d","data":{"generalInformation":{"batteryMass":%d}}}`, i, i+1)).Want(200, nil)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "passport-service.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	row := `passport_versions WHERE id = '` + p.ID + `/2'`
	var doc []byte
	if err := db.QueryRow(`SELECT doc FROM ` + row).Scan(&doc); err != nil {
		t.Fatal(err)
	}
	store := func(doc []byte) {
		t.Helper()
		if _, err := db.Exec(`UPDATE `+strings.Replace(row, " WHERE", " SET doc = ? WHERE", 1), string(doc)); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() (v verification) {
		t.Helper()
		s.Call("GET /api/passports/"+p.ID+"/verify", maker, nil).Want(200, &v)
		return v
	}
	if v := verify(); !v.Intact || v.Versions != 4 {
		t.Fatalf("before: %+v", v)
	}
	for i := range doc {
		changed := bytes.Clone(doc)
		changed[i] ^= 1
		store(changed)
		if v := verify(); v.Intact || v.BrokenAt != 2 || v.Reason == "" || v.Hash != "" {
			t.Errorf("byte %d, %q to %q in …%s…: %+v", i, doc[i], changed[i], doc[max(0, i-15):min(len(doc), i+15)], v)
		}
	}
	for name, change := range map[string]func(string) string{
		"of another passport": func(s string) string { return strings.Replace(s, p.ID, "01a20000-0000-7000-8000-000000000000", 1) },
		"another name's case": func(s string) string { return strings.Replace(s, `"reason"`, `"Reason"`, 1) },
	} {
		store([]byte(change(string(doc))))
		if v := verify(); v.BrokenAt != 2 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if _, err := db.Exec(`DELETE FROM ` + row); err != nil {
		t.Fatal(err)
	}
	if v := verify(); v.BrokenAt != 2 || v.Reason != "the version is missing" {
		t.Errorf("without it: %+v", v)
	}
}

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
	_ "modernc.org/sqlite" // to modify stored records directly

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

type verification struct {
	Intact             bool
	Versions, BrokenAt int64
	Reason, Hash       string
}

func TestDiffNamesChangedFields(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "A")
		p := s.create(operator, `{"data":{"generalInformation":{"batteryMass":1,"manufacturingPlace":""},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Water"},{"agent":"Sand"}]}}}`)
		path := "/api/passports/" + p.ID
		s.Call("PATCH "+path, operator, `{"data":{"generalInformation":{"batteryMass":2,"manufacturingPlace":null,"warrantyPeriod":"P8Y"},"labelsAndConformity":{"extinguishingAgents":[{"agent":"Foam"}],"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"x"}}]}}}`).Want(200, nil)
		s.Call("PATCH "+path, operator, `{"data":{"labelsAndConformity":{"labelMeanings":[{"symbol":"CE","meaning":{"a/b~":"y"}}]}}}`).Want(200, nil)
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
			if got := s.Call("GET "+path+"/diff"+query, operator, nil).Want(200, nil).Text; got != want+"\n" && got != want {
				t.Errorf("diff%s\n%s", query, cmp.Diff(want, got))
			}
		}
		for _, query := range []string{"?from=4", "?to=4", "?from=1&to=99"} {
			s.Call("GET "+path+"/diff"+query, operator, nil).WantProblem(404)
		}
		s.Call("GET "+path+"/diff?from=0", operator, nil).WantProblem(422, "query:from range")
		s.Call("GET "+path+"/diff?from=x", operator, nil).WantProblem(422, "query:from type")
		s.Call("GET /api/passports/none/diff", operator, nil).WantProblem(404)
		s.Call("GET "+path+"/diff", s.as(auth.Operator, "B"), nil).WantProblem(404)
		s.Call("GET "+path+"?at="+p.CreatedAt.Add(-time.Millisecond).Format(time.RFC3339Nano), operator, nil).WantProblem(404)
		s.Call("GET "+path+"?at="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), operator, nil).WantProblem(422, "query:at range")
		var v verification
		if s.Call("GET "+path+"/verify", operator, nil).Want(200, &v); !v.Intact || v.Versions != 3 || v.Hash == "" || v.BrokenAt != 0 {
			t.Errorf("verify: got %+v, want 3 intact versions", v)
		}
	})
}

// TestVerifyFindsModifiedVersion changes every byte of a stored version, one at a time,
// replaces parts of it, and deletes it.
func TestVerifyFindsModifiedVersion(t *testing.T) {
	dir := t.TempDir()
	s := start(t, connect.Config{Dir: dir})
	operator := s.as(auth.Operator, "A")
	p := s.create(operator, draft("https://a.example/tamper"))
	for i := range 3 {
		s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"reason":"why %d","data":{"generalInformation":{"batteryMass":%d}}}`, i, i+1)).Want(200, nil)
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
		s.Call("GET /api/passports/"+p.ID+"/verify", operator, nil).Want(200, &v)
		return v
	}
	if v := verify(); !v.Intact || v.Versions != 4 {
		t.Fatalf("unmodified: got %+v, want 4 intact versions", v)
	}
	for i := range doc {
		changed := bytes.Clone(doc)
		changed[i] ^= 1
		store(changed)
		if v := verify(); v.Intact || v.BrokenAt != 2 || v.Reason == "" || v.Hash != "" {
			t.Errorf("byte %d changed from %q to %q in …%s…: got %+v, want version 2 broken", i, doc[i], changed[i], doc[max(0, i-15):min(len(doc), i+15)], v)
		}
	}
	for name, change := range map[string]func(string) string{
		"id of another passport":      func(s string) string { return strings.Replace(s, p.ID, "01a20000-0000-7000-8000-000000000000", 1) },
		"member name in another case": func(s string) string { return strings.Replace(s, `"reason"`, `"Reason"`, 1) },
	} {
		store([]byte(change(string(doc))))
		if v := verify(); v.BrokenAt != 2 {
			t.Errorf("%s: got %+v, want version 2 broken", name, v)
		}
	}
	if _, err := db.Exec(`DELETE FROM ` + row); err != nil {
		t.Fatal(err)
	}
	if v := verify(); v.BrokenAt != 2 || v.Reason != "the version is missing" {
		t.Errorf("version 2 deleted: got %+v", v)
	}
}

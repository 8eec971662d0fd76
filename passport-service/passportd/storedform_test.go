package passportd_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestPassportsOfEarlierReleasesCanBeChanged lists, reads and changes a passport in the
// stored form of an earlier release, and a new one.
func TestPassportsOfEarlierReleasesCanBeChanged(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	stored, _ := insertStoredForm(t, cfg, passport.Schema().Version, "")
	s := start(t, cfg)
	admin := s.as(auth.Admin, "")
	today := s.create(admin, draft("https://a.example/today")).ID

	var page struct{ Items []apiPassport }
	s.Call("GET /api/passports", admin, nil).Want(200, &page)
	if len(page.Items) != 2 {
		t.Errorf("list: got %+v, want 2 passports", page.Items)
	}
	for _, id := range []string{stored, today} {
		path := "/api/passports/" + id
		var before, after apiPassport
		s.Call("GET "+path, admin, nil).Want(200, &before)
		s.Call("PATCH "+path, admin, `{"data":{"generalInformation":{"batteryMass":451}}}`).Want(200, &after)
		if before.Version != 1 || after.Version != 2 || !strings.Contains(string(after.Data), `"batteryMass":451`) {
			t.Errorf("got %+v before and %+v after the patch", before, after)
		}
		var v verification
		if s.Call("GET "+path+"/verify", admin, nil).Want(200, &v); !v.intact() || v.Versions != 2 {
			t.Errorf("verify %s: got %+v, want 2 intact versions", id, v)
		}
	}
}

// TestPassportsOfLaterReleasesAreNotChanged checks that requests for a passport with a
// later schema version fail with 503, so that its unknown members are not lost. Other
// passports can still be changed.
func TestPassportsOfLaterReleasesAreNotChanged(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	stored, doc := insertStoredForm(t, cfg, passport.Schema().Version+1, `"addedLater": {"a": 1}, `)
	s := start(t, cfg)
	admin := s.as(auth.Admin, "")
	path := "/api/passports/" + s.create(admin, draft("https://a.example/today")).ID
	s.Call("PATCH "+path, admin, `{"data":{"generalInformation":{"batteryMass":451}}}`).Want(200, nil)

	path = "/api/passports/" + stored
	for route, body := range map[string]string{
		"GET " + path: "", "PATCH " + path: `{"data":{"generalInformation":{"batteryMass":451}}}`, "DELETE " + path: "", "GET /api/passports": "",
	} {
		s.Do(route, body, "Authorization", "Bearer "+admin, "Content-Type", "application/json").WantProblem(503)
	}
	s.stop()
	if got := storedDoc(t, cfg, stored); got != doc {
		t.Errorf("stored document: got %s, want it unchanged", got)
	}
}

// insertStoredForm stores the document of the golden file with a schema version and
// with additional members. It returns the id and the stored document.
func insertStoredForm(t *testing.T, cfg connect.Config, schema int, members string) (id, doc string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "internal", "passport", "testdata", "passports.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Doc json.RawMessage }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	var p passport.Passport
	if err := json.Unmarshal(golden.Doc, &p); err != nil {
		t.Fatal(err)
	}
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(db, passport.Schema()).Insert(t.Context(), p.ID, p); err != nil { // fills the indexes
		t.Fatal(err)
	}
	db.Close(t.Context())
	doc = strings.Replace(string(golden.Doc), "{", "{"+members, 1)
	if _, err := openFile(t, cfg).Exec(`UPDATE passports SET schema = ?, doc = ? WHERE id = ?`, schema, doc, p.ID); err != nil {
		t.Fatal(err)
	}
	return p.ID, doc
}

// storedDoc returns the document of a passport in the database.
func storedDoc(t *testing.T, cfg connect.Config, id string) (doc string) {
	t.Helper()
	if err := openFile(t, cfg).QueryRow(`SELECT doc FROM passports WHERE id = ?`, id).Scan(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func openFile(t *testing.T, cfg connect.Config) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(cfg.Dir, passportd.Name+".db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

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

// TestRecordsOfOtherReleases has a passport beside one of today that an older
// release has stored: both are listed, read and changed, and their chains hold.
func TestRecordsOfOtherReleases(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	stored, _ := storedByAnother(t, cfg, passport.Schema().Version, "")
	s := start(t, cfg)
	admin := s.as(auth.Admin, "")
	today := s.create(admin, draft("https://a.example/today")).ID

	var page struct{ Items []answer }
	s.Call("GET /api/passports", admin, nil).Want(200, &page)
	if len(page.Items) != 2 {
		t.Errorf("listed: %+v", page.Items)
	}
	for _, id := range []string{stored, today} {
		path := "/api/passports/" + id
		var before, after answer
		s.Call("GET "+path, admin, nil).Want(200, &before)
		s.Call("PATCH "+path, admin, `{"data":{"generalInformation":{"batteryMass":451}}}`).Want(200, &after)
		if before.Version != 1 || after.Version != 2 || !strings.Contains(string(after.Data), `"batteryMass":451`) {
			t.Errorf("%+v became %+v", before, after)
		}
		var v verification
		if s.Call("GET "+path+"/verify", admin, nil).Want(200, &v); !v.Intact || v.Versions != 2 {
			t.Errorf("%s: %+v", id, v)
		}
	}
}

// TestRecordsOfLaterReleases: what a later release keeps, and this one does not
// know, is not lost, as the later schema says so. Whoever asks is told to come
// again; other passports are read and changed.
func TestRecordsOfLaterReleases(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	stored, doc := storedByAnother(t, cfg, passport.Schema().Version+1, `"addedLater": {"a": 1}, `)
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
	if got := storedText(t, cfg, stored); got != doc {
		t.Errorf("it became %s", got)
	}
}

// storedByAnother stores the passport of the golden file, to the letter, with
// a schema and with more members before its own, and returns its id and the text.
func storedByAnother(t *testing.T, cfg connect.Config, schema int, more string) (id, doc string) {
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
	if _, err := store.Open(db, passport.Schema()).Insert(t.Context(), p.ID, p); err != nil { // for its place in lists
		t.Fatal(err)
	}
	db.Close(t.Context())
	doc = strings.Replace(string(golden.Doc), "{", "{"+more, 1)
	if _, err := file(t, cfg).Exec(`UPDATE passports SET schema = ?, doc = ? WHERE id = ?`, schema, doc, p.ID); err != nil {
		t.Fatal(err)
	}
	return p.ID, doc
}

// storedText is a passport as it stands in the database.
func storedText(t *testing.T, cfg connect.Config, id string) (doc string) {
	t.Helper()
	if err := file(t, cfg).QueryRow(`SELECT doc FROM passports WHERE id = ?`, id).Scan(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func file(t *testing.T, cfg connect.Config) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(cfg.Dir, passportd.Name+".db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

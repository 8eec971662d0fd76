package passportd_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to modify stored records directly

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

type verification struct {
	Complete                     bool
	Intact                       *bool
	Versions, Verified, BrokenAt int64
	Reason, Hash                 string
}

func (v verification) intact() bool { return v.Complete && v.Intact != nil && *v.Intact }

// verify sends one request to verify the history of a passport.
func (s *service) verify(token, id string) (v verification) {
	s.T.Helper()
	s.Call("GET /api/passports/"+id+"/verify", token, nil).Want(200, &v)
	return v
}

// verifyAll verifies the history of a passport until the verification is complete.
func (s *service) verifyAll(token, id string) (v verification, requests int) {
	s.T.Helper()
	for verified := int64(-1); ; {
		requests++
		if v = s.verify(token, id); v.Complete {
			return v, requests
		}
		if v.Intact != nil || v.Hash != "" || v.Verified <= verified || v.Verified >= v.Versions || v.BrokenAt != 0 {
			s.T.Fatalf("request %d: got %+v, want progress after version %d and no result", requests, v, verified)
		}
		verified = v.Verified
	}
}

// largeVersions is the number of versions that largeHistory makes: too many bytes for one
// request to verify.
const largeVersions = 40

// largeHistory makes small changes of a large draft and returns its id.
func (s *service) largeHistory(token string) string {
	s.T.Helper()
	step := strings.Repeat("x", 900)
	p := s.create(token, `{"data":{"circularity":{"dismantlingInformation":{"disassemblySequence":["`+strings.Repeat(step+`","`, 999)+step+`"]}}}}`)
	for i := range largeVersions - 1 {
		s.Call("PATCH /api/passports/"+p.ID, token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)).Want(200, nil)
	}
	return p.ID
}

// openDatabase opens the database of a service in a folder, as someone with access to it.
func openDatabase(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "passport-service.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// damage changes the data of a stored version, but not its hashes. It fails if the version is not stored.
func damage(t *testing.T, db *sql.DB, id string, version int) {
	t.Helper()
	result, err := db.Exec(`UPDATE passport_versions SET doc = replace(doc, 'xxxx', 'yyyy') WHERE id = ?`, fmt.Sprintf("%s/%d", id, version))
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != 1 {
		t.Fatalf("version %d of %s is not stored", version, id)
	}
}

// TestLargeHistoryIsVerified verifies a history that has few versions, but too many bytes for
// one request: requests continue where the last one stopped, and an unfinished verification
// does not look like a modified history.
func TestLargeHistoryIsVerified(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	v, requests := s.verifyAll(operator, s.largeHistory(operator))
	if requests < 2 || !v.intact() || v.Verified != largeVersions || v.Hash == "" {
		t.Errorf("got %+v after %d requests, want an intact history, not with the first request", v, requests)
	}
}

// TestDatabaseCannotSilenceVerify changes an old version of a large history in the database
// after every step of a verification. Every verification that begins later reports it,
// whatever else the database contains, and one that had begun for ten minutes at most.
func TestDatabaseCannotSilenceVerify(t *testing.T) {
	dir, now := t.TempDir(), atomic.Int64{}
	s := startAt(t, connect.Config{Dir: dir}, func() time.Time { return time.Now().Add(time.Duration(now.Load())) })
	operator, db := s.as(auth.Operator, "A"), openDatabase(t, dir)
	wantBroken := func(when, id string, at int64) {
		t.Helper()
		if v, _ := s.verifyAll(operator, id); v.intact() || v.BrokenAt != at || v.Hash != "" {
			t.Errorf("%s: got %+v, want version %d broken", when, v, at)
		}
	}
	complete := s.largeHistory(operator)
	v, _ := s.verifyAll(operator, complete)
	damage(t, db, complete, 2)
	wantBroken("changed after a complete verification", complete, 2)

	// Rows as an earlier release stored them claim that everything is verified.
	exec(t, db, `CREATE TABLE IF NOT EXISTS passport_verifications (id TEXT PRIMARY KEY, schema INTEGER NOT NULL, version INTEGER NOT NULL,
		deleted INTEGER NOT NULL DEFAULT 0, sort TEXT NOT NULL, keys TEXT NOT NULL, doc TEXT NOT NULL) STRICT`)
	for name, completed := range map[string]string{"finished": `,"completedAt":"` + time.Now().UTC().Format(time.RFC3339) + `"`, "unfinished": ""} {
		doc := fmt.Sprintf(`{"passportId":%q,"version":%d,"hash":%q%s}`, complete, largeVersions, v.Hash, completed)
		exec(t, db, `INSERT OR REPLACE INTO passport_verifications (id, schema, version, sort, keys, doc) VALUES (?, 1, 1, '', '{}', ?)`, complete, doc)
		wantBroken("forged row, "+name, complete, 2)
	}

	unfinished := s.largeHistory(operator)
	if v := s.verify(operator, unfinished); v.Complete || v.Verified < 2 {
		t.Fatalf("got %+v, want an unfinished verification", v)
	}
	damage(t, db, unfinished, 1)
	now.Store(int64(10 * time.Minute))
	wantBroken("unfinished verification after ten minutes", unfinished, 1)
}

// TestVerifyFindsChangedPassport changes members of the passport record that are copies of
// members in its versions.
func TestVerifyFindsChangedPassport(t *testing.T) {
	dir := t.TempDir()
	s := start(t, connect.Config{Dir: dir})
	operator, db := s.as(auth.Operator, "A"), openDatabase(t, dir)
	p := s.create(operator, draft("https://a.example/copies"))
	s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":7}}}`).Want(200, nil)
	var text string
	if err := db.QueryRow(`SELECT doc FROM passports WHERE id = ?`, p.ID).Scan(&text); err != nil {
		t.Fatal(err)
	}
	for member, c := range map[string]struct {
		value string
		at    int64
	}{"batteryIdentifier": {"https://b.example/copies", 2}, "createdAt": {"2020-01-01T00:00:00Z", 1}, "createdBy": {"somebody", 1}} {
		doc := map[string]any{}
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		doc[member] = c.value
		changed, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, `UPDATE passports SET doc = ? WHERE id = ?`, string(changed), p.ID)
		if v := s.verify(operator, p.ID); v.intact() || v.BrokenAt != c.at || !strings.Contains(v.Reason, member) {
			t.Errorf("%s changed: got %+v, want version %d broken", member, v, c.at)
		}
	}
	exec(t, db, `UPDATE passports SET doc = ? WHERE id = ?`, text, p.ID)
	if v := s.verify(operator, p.ID); !v.intact() {
		t.Errorf("restored: got %+v, want an intact history", v)
	}
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
	db := openDatabase(t, dir)
	row := `passport_versions WHERE id = '` + p.ID + `/2'`
	var doc []byte
	if err := db.QueryRow(`SELECT doc FROM ` + row).Scan(&doc); err != nil {
		t.Fatal(err)
	}
	store := func(doc []byte) {
		t.Helper()
		exec(t, db, `UPDATE `+strings.Replace(row, " WHERE", " SET doc = ? WHERE", 1), string(doc))
	}
	verify := func() verification { return s.verify(operator, p.ID) }
	if v := verify(); !v.intact() || v.Versions != 4 || v.Verified != 4 {
		t.Fatalf("unmodified: got %+v, want 4 intact versions", v)
	}
	for i := range doc {
		changed := bytes.Clone(doc)
		changed[i] ^= 1
		store(changed)
		if v := verify(); v.intact() || v.BrokenAt != 2 || v.Verified != 1 || v.Reason == "" || v.Hash != "" {
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
	exec(t, db, `DELETE FROM `+row)
	if v := verify(); v.BrokenAt != 2 || v.Reason != "the version is missing" {
		t.Errorf("version 2 deleted: got %+v", v)
	}
}

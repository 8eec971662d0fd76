package documentd_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestUploaderWhoLosesAccessCommitsNothing starts uploads and takes away the access of the
// uploaders before the last bytes: nothing is stored, and nothing is replayed. A token that only
// expires during the upload is still accepted.
func TestUploaderWhoLosesAccessCommitsNothing(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) {
		cfg.MaxUploads = 40 // one organisation may use a part of them
		cfg.HTTP.Timeouts = rest.Timeouts{ReadHeader: time.Minute, Read: time.Minute, Write: time.Minute, Idle: time.Minute, Transfer: time.Minute}
	})
	documents, _ := s.open(t)
	member := func(name string) auth.Principal {
		return auth.Principal{UserID: name, Role: auth.Operator, Organisation: "A", Session: "session of " + name}
	}
	repeated := s.issuer.Token(t, member("repeated"))
	body, contentType := form(file("a.pdf", "", pdf+strings.Repeat("x", 200<<10)))
	s.Call(upload, repeated, body, "Content-Type", contentType, "Idempotency-Key", "k").Want(201, nil)
	head, tail := body[:len(body)-1000], body[len(body)-1000:]
	expiring := func(name string) string {
		signed, err := s.issuer.Key.Sign(token.NewClaims(member(name), time.Now().Add(-time.Hour), time.Hour-auth.Leeway+8*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	uploads := map[string]struct {
		token  string
		status int
		lose   func()
	}{
		"moved to another organisation": {s.issuer.Token(t, member("moved")), 401, func() { s.issuer.Revoke("moved", 1) }},
		"logged out":                    {s.issuer.Token(t, member("left")), 401, func() { s.issuer.Revoke("session of left", 1) }},
		"token expired":                 {expiring("expiring"), 201, func() {}},
		"revoked after it expired":      {expiring("late"), 401, func() { s.issuer.Revoke("late", 1) }},
		"repeats an upload":             {repeated, 401, func() { s.issuer.Revoke("repeated", 1) }},
		"keeps access":                  {s.issuer.Token(t, member("stays")), 201, func() {}},
	}
	responses := map[string]chan resttest.Response{}
	ends := map[string]*io.PipeWriter{}
	for name, c := range uploads {
		r, w := io.Pipe()
		response := make(chan resttest.Response, 1)
		responses[name], ends[name] = response, w
		go func() {
			response <- s.DoReader(upload, r, "Authorization", "Bearer "+c.token, "Content-Type", contentType, "Idempotency-Key", "k")
		}()
		if _, err := io.WriteString(w, head); err != nil {
			t.Fatal(err)
		}
	}
	waittest.Until(t, "the uploads to start", func() bool {
		page, err := documents.List(t.Context(), store.Query{Scopes: []string{"unfinished"}, Limit: store.MaxLimit})
		return err == nil && len(page.Rows) == len(uploads)-1 // a repeated upload is not stored
	})
	for _, c := range uploads {
		c.lose()
	}
	for name, c := range uploads {
		if name != "keeps access" {
			waittest.Until(t, name, func() bool {
				return s.Do("GET /api/documents", "", "Authorization", "Bearer "+c.token).Status == 401
			})
		}
	}
	for name, c := range uploads {
		if _, err := io.WriteString(ends[name], tail); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ends[name].Close()
		if a := <-responses[name]; a.Status != c.status {
			t.Errorf("%s: upload = %d %s, want %d", name, a.Status, a.Text, c.status)
		}
	}
	wantOnly(t, s, 3) // those of "keeps access" and "token expired", and the first upload of "repeats an upload"
}

// TestKeysStayInTheOrganisation repeats an upload with its Idempotency-Key after the
// uploader has moved to another organisation, and after moving back.
func TestKeysStayInTheOrganisation(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		send := func(organisation, content string) (d documentResponse, replayed bool) {
			t.Helper()
			body, contentType := form(file("a.pdf", "", content))
			ann := s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: organisation})
			a := s.Call(upload, ann, body, "Content-Type", contentType, "Idempotency-Key", "k").Want(201, &d)
			return d, a.Header.Get("Idempotency-Replayed") == "true"
		}
		first, _ := send("A", pdf)
		s.Call("PUT /api/documents/"+first.DocID, s.as(auth.Operator, "A"), `{"description":"written after ann has left"}`).Want(200, nil)
		ids := map[string]string{"A": first.DocID}
		for _, c := range []struct {
			organisation, content string
			replayed              bool
		}{
			{"B", pdf, false}, {"B", pdf, true}, {"", pdf + "other file", false}, {"", pdf + "other file", true}, {"A", pdf, true},
		} {
			d, replayed := send(c.organisation, c.content)
			if replayed != c.replayed || d.Organisation != c.organisation || replayed && d.DocID != ids[c.organisation] || c.organisation != "A" && d.Description != "" {
				t.Errorf("upload in organisation %q = %+v, replayed: %v, want %v", c.organisation, d, replayed, c.replayed)
			}
			ids[c.organisation] = d.DocID
		}
		wantOnly(t, s, 3)
	})
}

// TestStaleChangesAreRefused sends changes with the ETags of old versions.
func TestStaleChangesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		ann, stranger, reader := s.as(auth.Operator, "A"), s.as(auth.Operator, "B"), s.as(auth.User, "A")
		uploaded := s.post(ann, file("a.pdf", "", pdf))
		var d documentResponse
		uploaded.Want(201, &d)
		get, put, remove := "GET /api/documents/"+d.DocID, "PUT /api/documents/"+d.DocID, "DELETE /api/documents/"+d.DocID
		first := uploaded.Header.Get("ETag")
		if got := s.Call(get, ann, nil).Want(200, nil).Header.Get("ETag"); first == "" || got != first {
			t.Errorf("ETag after the upload %q, of GET %q, want the same", first, got)
		}
		var wg sync.WaitGroup
		var accepted, stale atomic.Int32
		var current atomic.Value
		for i := range 8 {
			wg.Go(func() {
				switch a := s.Call(put, ann, fmt.Sprintf(`{"description":"%d"}`, i), "If-Match", first); a.Status {
				case 200:
					accepted.Add(1)
					current.Store(a.Header.Get("ETag"))
				case 412:
					stale.Add(1)
				}
			})
		}
		if wg.Wait(); accepted.Load() != 1 || stale.Load() != 7 {
			t.Fatalf("8 changes of one version: %d accepted, %d stale, want 1 and 7", accepted.Load(), stale.Load())
		}
		second, _ := current.Load().(string)
		for name, c := range map[string]struct {
			token, tag string
			status     int
		}{
			"old version": {ann, first, 412}, "unknown tag": {ann, `"x"`, 412}, "weak tag": {ann, "W/" + second, 412}, "not a tag": {ann, "7", 400},
			"another organisation, old version": {stranger, first, 404}, "another organisation": {stranger, second, 404},
			"may only read, old version": {reader, first, 403},
		} {
			for route, body := range map[string]string{put: `{"description":"stale"}`, remove: ""} {
				if a := s.Call(route, c.token, body, "If-Match", c.tag); a.Status != c.status {
					t.Errorf("%s: %s = %d %s, want %d", name, route, a.Status, a.Text, c.status)
				}
			}
		}
		a := s.Call(put, ann, `{"description":"new"}`, "If-Match", first+", "+second).Want(200, nil)
		s.Call(put, ann, `{"description":"new"}`, "If-Match", "*").Want(200, nil) // changes nothing
		s.Call(remove, ann, nil, "If-Match", a.Header.Get("ETag")).Want(204, nil)
	})
}

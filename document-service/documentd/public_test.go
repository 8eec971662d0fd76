package documentd_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// publicIDs returns the ids of the documents in the public list of a passport.
func (s *service) publicIDs(passport string) (ids []string) {
	s.T.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []struct{ DocID string }
			NextCursor string
		}
		s.Call("GET /api/public/documents?limit=1&passportId="+passport+cursor, "", nil).Want(200, &page)
		for _, d := range page.Items {
			ids = append(ids, d.DocID)
		}
		if page.NextCursor == "" {
			return ids
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// TestClientsDoNotExhaustTheListsOfPages sends requests until those of the network are
// refused: the passport-service, in the same network, still gets lists with its secret.
func TestClientsDoNotExhaustTheListsOfPages(t *testing.T) {
	secret := strings.Repeat("s", 32)
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *documentd.Config) { c.Auth.Revocations.Secret = secret })
	route := "GET /api/public/documents?passportId=" + uuid.NewString()
	s.exhaust(route, "Authorization", "Bearer "+strings.ToUpper(secret))
	a := s.Do(route, "", "Authorization", "Bearer "+secret).Want(200, nil)
	if limit := a.Header.Get("RateLimit-Policy"); limit != `"listPublicDocuments";q=60000;w=60` {
		t.Errorf("RateLimit-Policy: %s", limit)
	}
}

// TestPublicDocumentsShareARateLimit: the metadata and the content of public documents, and
// their lists without the secret, share one limit for each network, which missing documents
// also count in.
func TestPublicDocumentsShareARateLimit(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	document := "GET /api/public/documents/" + uuid.NewString()
	a := s.Do(document, "").Want(404, nil)
	if limit := a.Header.Get("RateLimit-Policy"); limit != `"service";q=1200;w=60` {
		t.Errorf("RateLimit-Policy: %s", limit)
	}
	s.exhaust(document)
	for _, route := range []string{document + "/content", document, "GET /api/public/documents?passportId=" + uuid.NewString()} {
		if n := s.exhaust(route); n > 200 { // those of the seconds since then
			t.Errorf("%s: %d requests were allowed after the limit was reached", route, n)
		}
	}
}

// exhaust sends requests until one is refused, and returns the number of those before it.
func (s *service) exhaust(route string, headers ...string) int {
	s.T.Helper()
	for n := range 2000 {
		if a := s.Do(route, "", headers...); a.Status == 429 {
			a.WantProblem(429)
			return n
		}
	}
	s.T.Fatalf("%s: 2000 requests were allowed", route)
	return 0
}

// TestEveryoneReadsPublicDocuments reads documents without a login: those of the owner of
// a published passport, and others, which must look like missing ones.
func TestEveryoneReadsPublicDocuments(t *testing.T) {
	s, publish := withBroker(t)
	operator, forger := s.as(auth.Operator, "maker"), s.as(auth.Operator, "forger")
	passport, draft, archived := uuid.NewString(), uuid.NewString(), uuid.NewString()
	document := func(token, passport, class string) string {
		return s.upload(token, file("a.pdf", "", pdf), field{name: "passportId", value: passport}, field{name: "accessClass", value: class}).DocID
	}
	genuine, second := document(operator, passport, "public"), document(operator, passport, "public")
	hidden := map[string]string{
		"missing": uuid.NewString(), "of the owner only": document(operator, passport, "owner"), "for authorities": document(operator, passport, "authority"),
		"of another organisation": document(forger, passport, "public"), "of a draft": document(operator, draft, "public"),
		"of an archived passport": document(operator, archived, "public"), "of an unknown passport": document(operator, uuid.NewString(), "public"),
		"without a passport": document(operator, "", "public"),
	}
	for _, id := range []string{passport, draft, archived} {
		publish(id, 1, event.PassportCreated{PassportID: id, Organisation: "maker", CreatedBy: "x"})
	}
	publish(archived, 3, event.PassportUpdated{PassportID: archived, Organisation: "maker", State: "archived"})
	for _, id := range []string{archived, passport} {
		publish(id, 2, event.PassportPublished{PassportID: id, Organisation: "maker"})
	}
	waittest.Until(t, "the public documents", func() bool { return len(s.publicIDs(passport)) == 2 })
	if ids := s.publicIDs(strings.ToUpper(passport)); ids[0] != second || ids[1] != genuine {
		t.Errorf("public documents %v, want %s and %s", ids, second, genuine)
	}

	path := "GET /api/public/documents/" + genuine
	for route, csp := range map[string]string{path: "default-src 'none'", path + "/content": "sandbox;", "GET /api/public/documents?passportId=" + passport: "default-src 'none'"} {
		a := s.Do(route, "", "Origin", "https://other.example").Want(200, nil)
		tag := a.Header.Get("ETag")
		if h := a.Header; h.Get("Cache-Control") != "public, max-age=60" || h.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(h.Get("Content-Security-Policy"), csp) || tag == "" {
			t.Errorf("%s: headers %v", route, h)
		}
		for _, secret := range []string{"operator@maker", "uploadedBy", "originalName"} {
			if strings.Contains(a.Text, secret) {
				t.Errorf("%s contains %s: %s", route, secret, a.Text)
			}
		}
		s.Do(route, "", "If-None-Match", tag).Want(304, nil)
		s.Call(route, forger, nil).Want(200, nil) // a token changes nothing
	}
	if a := s.Do(path+"/content", "", "Range", "bytes=1-3", "Accept-Encoding", "gzip").Want(206, nil); a.Text != pdf[1:4] {
		t.Errorf("range = %q", a.Text)
	}

	uuids := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	problem := func(a resttest.Response) string { return uuids.ReplaceAllString(a.Want(404, nil).Text, "…") }
	want := problem(s.Do("GET /api/public/documents/"+hidden["missing"], ""))
	for name, id := range hidden {
		for _, suffix := range []string{"", "/content"} {
			if got := strings.ReplaceAll(problem(s.Do("GET /api/public/documents/"+id+suffix, "")), "/content", ""); got != want {
				t.Errorf("document %s: %s, want %s", name, got, want)
			}
		}
	}
	for _, id := range []string{draft, archived, uuid.NewString()} {
		if ids := s.publicIDs(id); len(ids) > 0 {
			t.Errorf("public documents of a passport that is not published: %v", ids)
		}
	}
	s.Do("GET /api/public/documents", "").WantProblem(422, "query:passportId required")
	s.Do("GET /api/public/documents?passportId=x", "").WantProblem(422, "query:passportId format")

	// Outdated and repeated events change nothing. A withdrawal hides the documents.
	publish(passport, 1, event.PassportCreated{PassportID: passport, Organisation: "maker", CreatedBy: "x"})
	publish(draft, 2, event.PassportPublished{PassportID: draft, Organisation: "maker"})
	waittest.Until(t, "the next publication", func() bool { return len(s.publicIDs(draft)) == 1 })
	if ids := s.publicIDs(passport); len(ids) != 2 {
		t.Errorf("public documents after a repeated event: %v", ids)
	}
	s.Call("PUT /api/documents/"+second, operator, `{"isPublic":false}`).Want(200, nil)
	s.Do("GET /api/public/documents/"+second, "").WantProblem(404)
	publish(passport, 3, event.PassportUpdated{PassportID: passport, Organisation: "maker", State: "voided"})
	waittest.Until(t, "the end of the passport", func() bool { return len(s.publicIDs(passport)) == 0 })
	publish(passport, 2, event.PassportPublished{PassportID: passport, Organisation: "maker"})
	publish(draft, 3, event.PassportUpdated{PassportID: draft, Organisation: "maker", State: "archived"})
	waittest.Until(t, "the end of the other passport", func() bool { return len(s.publicIDs(draft)) == 0 })
	s.Do(path, "").WantProblem(404)
}

// TestTextHasCharset checks the Content-Type of text in UTF-8 and in other encodings,
// also if a character is split between two reads.
func TestTextHasCharset(t *testing.T) {
	s, _ := withBroker(t)
	operator := s.as(auth.Operator, "A")
	for content, want := range map[string]string{
		"Größe": "text/plain; charset=utf-8", "a" + strings.Repeat("ö", 200_000): "text/plain; charset=utf-8", "Gr\xf6\xdfe des Akkus": "text/plain",
		strings.Repeat("a", 100_000) + "\xc3": "text/plain", strings.Repeat("a", 100_000) + "\xff" + "a": "text/plain", pdf: "application/pdf",
	} {
		d := s.upload(operator, file("a.x", "", content))
		a := s.Call("GET /api/documents/"+d.DocID+"/content", operator, nil).Want(200, nil)
		var link struct{ DownloadURL string }
		s.Call("GET /api/documents/"+d.DocID+"/download", operator, nil).Want(200, &link)
		linked := fetch(t, link.DownloadURL).Want(200, nil)
		mediaType, _, _ := strings.Cut(want, ";")
		if got, stored := a.Header.Get("Content-Type"), linked.Header.Get("Content-Type"); got != want || stored != want || a.Text != content || d.FileType != mediaType {
			t.Errorf("%.20q: Content-Type %q, of the link %q, file type %q, want %q", content, got, stored, d.FileType, want)
		}
	}
}

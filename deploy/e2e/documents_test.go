package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/waittest"
)

// page returns the page of a passport as a browser gets it.
func (s *suite) page(id string) string {
	s.t.Helper()
	return s.passport.Do("GET /p/"+id+"?lang=en", "", "Accept", "text/html").Want(200, nil).Text
}

// publishDocument uploads a public document of a passport, and waits until everyone can read it.
func (s *suite) publishDocument(owner session, passportID string) {
	s.t.Helper()
	s.upload(owner.Token, "Declaration <2027>.txt", "passportId", passportID, "kind", "declaration-of-conformity", "description", "Signed in <Bremen>", "accessClass", "public").Want(201, nil)
	waittest.Until(s.t, "the public document is listed", func() bool {
		return strings.Contains(s.document.Call("GET /api/public/documents?passportId="+passportID, "", nil).Want(200, nil).Text, "docId")
	})
}

// TestPageLinksPublicDocuments uploads documents as the owner of a passport, publishes it, opens
// its page without a login and follows the link to the public document.
func TestPageLinksPublicDocuments(t *testing.T) {
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	waittest.Until(s.t, "the page says that the list is empty", func() bool { // not if the document-service takes too long
		return strings.Contains(s.page(p.ID), "no public documents.")
	})
	other := s.published(admin, "lmt-ebike.json")
	s.upload(admin.Token, "Report.txt", "passportId", other.ID, "kind", "test-report", "accessClass", "authority").Want(201, nil)
	s.publishDocument(admin, other.ID)
	anchor := regexp.MustCompile(`<a href="([^"]*/api/public/documents/[^"]*)">EU declaration of conformity</a>`)
	var page string
	var link []string
	waittest.Until(s.t, "the page links the public document", func() bool {
		page = s.page(other.ID)
		link = anchor.FindStringSubmatch(page)
		return link != nil
	})
	if !strings.Contains(page, "Signed in &lt;Bremen&gt;") || strings.Contains(page, "Report.txt") {
		t.Errorf("wrong list of documents: %.500s", page[strings.Index(page, "Documents"):])
	}
	res, err := http.Get(link[1])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || !strings.HasPrefix(string(text), "Content of Declaration") {
		t.Errorf("the link: got %d, %q, %v", res.StatusCode, text, err)
	}
}

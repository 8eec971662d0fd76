package documentd_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/waittest"
)

// shown returns the names of the documents that an authority can list and read.
func (s *service) shown(token, passport string, ids map[string]string) string {
	s.T.Helper()
	text := s.Call("GET /api/documents?passportId="+passport, token, nil).Want(200, nil).Text
	var found []string
	for _, name := range []string{"genuine", "forged", "private"} {
		listed, status := strings.Contains(text, ids[name]), s.Call("GET /api/documents/"+ids[name], token, nil).Status
		if listed != (status == 200) {
			return fmt.Sprintf("%s: listed %v, GET %d", name, listed, status) // between two reads
		}
		if listed {
			found = append(found, name)
		}
	}
	return strings.Join(found, " ")
}

// TestAuthoritiesSeeOnlyDocumentsOfTheOwnerOfAPassport uploads a forged declaration next
// to the genuine one, before and after the events that name the owner.
func TestAuthoritiesSeeOnlyDocumentsOfTheOwnerOfAPassport(t *testing.T) {
	s, publish := withBroker(t)
	authority, operator, forger := s.as(auth.Authority, "BAM"), s.as(auth.Operator, "maker"), s.as(auth.Operator, "forger")
	declaration := func(token, passport, class string) documentResponse {
		return s.upload(token, file("a.pdf", "", pdf), field{name: "passportId", value: passport}, field{name: "kind", value: "declaration-of-conformity"},
			field{name: "accessClass", value: class})
	}
	three := func(passport string) map[string]string {
		return map[string]string{
			"genuine": declaration(operator, passport, "authority").DocID, "forged": declaration(forger, passport, "public").DocID,
			"private": declaration(operator, passport, "owner").DocID,
		}
	}
	created := func(passport, organisation, by string) event.PassportCreated {
		return event.PassportCreated{PassportID: passport, Organisation: organisation, CreatedBy: by}
	}
	want := func(passport string, ids map[string]string, want string) {
		t.Helper()
		got := ""
		waittest.Until(t, "the documents shown to be "+want, func() bool { got = s.shown(authority, passport, ids); return got == want })
	}
	early, late := uuid.NewString(), uuid.NewString()
	documents := three(early)
	if got := s.shown(authority, early, documents); got != "" {
		t.Errorf("shown while nobody owns the passport: %s", got)
	}
	publish(early, 1, created(early, "maker", "operator@maker"))
	want(early, documents, "genuine")

	publish(late, 2, event.PassportPublished{PassportID: late, Organisation: "maker"}) // another topic, so it may come first
	waittest.Until(t, "the owner", func() bool { return declaration(operator, late, "owner").FromPassportOwner })
	documents2 := three(late)
	if got := s.shown(authority, late, documents2); got != "genuine" {
		t.Errorf("shown after the event: %s, want the genuine document only", got)
	}
	publish(late, 1, created(late, "forger", "operator@forger")) // outdated
	publish(early, 1, created(early, "maker", "operator@maker")) // repeated
	publish(early, 3, event.PassportUpdated{PassportID: early, Organisation: "forger"})
	want(early, documents, "forged")
	publish(early, 2, event.PassportPublished{PassportID: early, Organisation: "maker"}) // outdated
	publish(early, 4, event.PassportUpdated{PassportID: early, Organisation: "maker"})
	want(early, documents, "genuine")

	// Others see the uploader of a public document.
	for name, token := range map[string]string{"user": s.as(auth.User, ""), "owner": operator} {
		var d documentResponse
		if s.Call("GET /api/documents/"+documents["forged"], token, nil).Want(200, &d); d.FromPassportOwner || d.Organisation != "forger" || d.UploadedBy != "operator@forger" {
			t.Errorf("forged document for %s: %+v, want its uploader and not fromPassportOwner", name, d)
		}
	}
	interest := s.as(auth.LegitimateInterest, "")
	s.Call("GET /api/documents/"+documents["forged"]+"/content", interest, nil).WantProblem(404)
	genuine := declaration(operator, early, "public")
	s.Call("GET /api/documents/"+genuine.DocID+"/content", interest, nil).Want(200, nil)

	// A document that is moved to a passport is checked again.
	moved := declaration(forger, "", "authority").DocID
	s.Call("GET /api/documents/"+moved, authority, nil).Want(200, nil)
	s.Call("PUT /api/documents/"+moved, forger, `{"passportId":"`+early+`"}`).Want(200, nil)
	s.Call("GET /api/documents/"+moved, authority, nil).WantProblem(404)

	// Nobody owns a deleted or voided passport, whatever arrives afterwards.
	publish(early, 9, event.PassportDeleted{PassportID: early, Organisation: "maker"})
	want(early, documents, "")
	publish(early, 10, event.PassportUpdated{PassportID: early, Organisation: "maker"})

	// An account without an organisation owns the passports that it has created.
	own := uuid.NewString()
	publish(own, 1, created(own, "", "operator@"))
	waittest.Until(t, "the owner without organisation", func() bool {
		return declaration(s.as(auth.Operator, ""), own, "owner").FromPassportOwner
	})
	if got := s.shown(authority, early, documents); got != "" {
		t.Errorf("shown after the deletion: %s", got)
	}
	if d := declaration(operator, own, "owner"); d.FromPassportOwner {
		t.Errorf("document of another organisation: %+v", d)
	}

	// The passport has a former id of the organisation as owner.
	former := uuid.NewString()
	publish(former, 1, created(former, "Maker GmbH", "x"))
	documents3 := three(former)
	publish("maker", 2, event.OrganisationUpdated{OrganisationID: "maker", FormerIDs: []string{"Maker GmbH"}})
	want(former, documents3, "genuine")
	publish("maker", 3, event.OrganisationUpdated{OrganisationID: "maker"})
	want(former, documents3, "")
}

// TestForgedReferencesDoNotSlowTheConsumer: a stranger has 2,000 documents that name the
// passport of another organisation, and its owner changes the passport often. The events of
// other passports are handled at once, and the genuine document is found on the first page.
func TestForgedReferencesDoNotSlowTheConsumer(t *testing.T) {
	s, publish := withBroker(t)
	documents, _ := s.open(t)
	victim, other := uuid.NewString(), uuid.NewString()
	genuine := s.upload(s.as(auth.Operator, "maker"), file("a.pdf", "", pdf), field{name: "passportId", value: victim}, field{name: "accessClass", value: "authority"})
	var forged []store.Write[document.Document]
	for range 2000 {
		id := uuid.NewString()
		forged = append(forged, store.Write[document.Document]{ID: id, Doc: document.Document{
			ID: id, State: document.Ready, UploadedBy: "mallory", Organisation: "forger", CreatedAt: time.Now(),
			Details: document.Details{PassportID: victim, AccessClass: document.AccessAuthority, Kind: document.KindOther},
		}})
	}
	for len(forged) > 0 {
		n := min(len(forged), 1000)
		if errs, err := documents.InsertMany(t.Context(), forged[:n]); errors.Join(append(errs, err)...) != nil {
			t.Fatal(errors.Join(append(errs, err)...))
		}
		forged = forged[n:]
	}
	for sequence := range int64(300) {
		publish(victim, sequence+1, event.PassportUpdated{PassportID: victim, Organisation: "maker"})
	}
	begin := time.Now()
	publish(other, 1, event.PassportUpdated{PassportID: other, Organisation: "maker"})
	own := s.upload(s.as(auth.Operator, "maker"), file("a.pdf", "", pdf), field{name: "passportId", value: other})
	waittest.Until(t, "the owner of the other passport", func() bool {
		var d documentResponse
		s.Call("GET /api/documents/"+own.DocID, s.as(auth.Operator, "maker"), nil).Want(200, &d)
		return d.FromPassportOwner
	})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the event of another passport was handled after %v", took)
	}
	var page struct{ Items []documentResponse }
	s.Call("GET /api/documents?limit=1&passportId="+victim, s.as(auth.Authority, "BAM"), nil).Want(200, &page)
	if len(page.Items) != 1 || page.Items[0].DocID != genuine.DocID || !page.Items[0].FromPassportOwner {
		t.Errorf("the first page for an authority is %+v, want the genuine document", page.Items)
	}
}

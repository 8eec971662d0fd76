package e2e

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/waittest"
)

// TestMovedAccountLosesDocuments moves an operator from one organisation to another. The
// operator tries everything with the documents of the former one.
func TestMovedAccountLosesDocuments(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin, maker, other := s.admin(), slug("maker"), slug("other")
		mover, colleague := s.newAccount(admin, "operator", maker), s.newAccount(admin, "operator", maker)
		var d struct{ DocID string }
		s.upload(mover.Token, "secret.txt").Want(201, &d)
		s.organisation(admin, other)
		path := "/api/documents/" + d.DocID
		for _, move := range []struct{ role, organisation string }{
			{"operator", other}, {"user", other}, {"operator", ""}, {"user", ""}, {"authority", other}, {"legitimate_interest", ""},
		} {
			s.auth.Call("PATCH /api/auth/users/"+mover.User.ID, admin.Token, object{"role": move.role, "organisation": move.organisation}).Want(200, nil)
			moved := s.login(mover.User.Email)
			for _, route := range []string{"GET " + path, "GET " + path + "/content", "GET " + path + "/download", "DELETE " + path} {
				s.document.Call(route, moved.Token, nil).WantProblem(404)
			}
			s.document.Call("PUT "+path, moved.Token, object{"isPublic": true}).WantProblem(404)
			for _, list := range []string{"GET /api/documents", "GET /api/documents/user"} {
				if a := s.document.Call(list, moved.Token, nil).Want(200, nil); strings.Contains(a.Text, d.DocID) {
					t.Errorf("%s shows the document of the former organisation to %+v", list, move)
				}
			}
		}
		s.document.Call("GET "+path+"/content", colleague.Token, nil).Want(200, nil)
		joined := s.newAccount(admin, "operator", maker)
		s.document.Call("PUT "+path, joined.Token, object{"description": "taken over"}).Want(200, nil)
		s.document.Call("DELETE "+path, joined.Token, nil).Want(204, nil)
	})
}

// TestForgedDeclarationIsNotShownToAuthorities lets another company upload a declaration
// for a passport. The owners of passports reach the document-service by events.
func TestForgedDeclarationIsNotShownToAuthorities(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		owner, forger := s.newAccount(admin, "operator", slug("maker")), s.newAccount(admin, "operator", slug("forger"))
		authority, interest, visitor := s.newAccount(admin, "authority", ""), s.newAccount(admin, "legitimate_interest", ""), s.newAccount(admin, "user", "")
		var p passport
		s.passport.Call("POST /api/passports", owner.Token, object{"data": object{}}).Want(201, &p)
		var genuine, forged, public struct {
			DocID             string
			FromPassportOwner bool
		}
		declaration := []string{"passportId", p.ID, "kind", "declaration-of-conformity", "accessClass"}
		s.upload(forger.Token, "forged.txt", append(declaration, "authority")...).Want(201, &forged)
		s.upload(forger.Token, "forged-public.txt", append(declaration, "public")...).Want(201, &public)
		s.upload(owner.Token, "genuine.txt", append(declaration, "authority")...).Want(201, &genuine)
		s.upload(visitor.Token, "forged.txt", append(declaration, "authority")...).WantProblem(403, "/accessClass role")
		list := "GET /api/documents?passportId=" + p.ID
		waittest.Until(t, "the genuine declaration", func() bool {
			text := s.document.Call(list, authority.Token, nil).Want(200, nil).Text
			if strings.Contains(text, forged.DocID) || strings.Contains(text, public.DocID) {
				t.Fatalf("the authority sees a forged declaration: %s", text)
			}
			return strings.Contains(text, genuine.DocID)
		})
		for _, reader := range []session{authority, interest} {
			for _, id := range []string{forged.DocID, public.DocID} {
				s.document.Call("GET /api/documents/"+id, reader.Token, nil).WantProblem(404)
				s.document.Call("GET /api/documents/"+id+"/content", reader.Token, nil).WantProblem(404)
			}
		}
		var seen struct {
			Organisation, UploadedBy string
			FromPassportOwner        bool
		}
		s.document.Call("GET /api/documents/"+public.DocID, visitor.Token, nil).Want(200, &seen)
		if seen.FromPassportOwner || seen.UploadedBy != forger.User.ID || !strings.HasPrefix(seen.Organisation, "forger-") {
			t.Errorf("public document of another company = %+v, want its uploader, its organisation and not fromPassportOwner", seen)
		}
	})
}

// TestOnlyDocumentsOfPublishedPassportsArePublic follows a declaration from the upload to
// the publication and the archiving of its passport. Another company and an account that
// anyone can register try to publish a file with the same passport.
func TestOnlyDocumentsOfPublishedPassportsArePublic(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		owner, forger, visitor := s.newAccount(admin, "operator", slug("maker")), s.newAccount(admin, "operator", slug("forger")), s.newAccount(admin, "user", "")
		var p passport
		s.passport.Call("POST /api/passports", owner.Token, object{"data": battery(s.t, "ev-nmc-minimum-2027.json")}).Want(201, &p)
		var genuine, forged struct{ DocID string }
		public := []string{"passportId", p.ID, "accessClass", "public"}
		s.upload(owner.Token, "genuine.txt", public...).Want(201, &genuine)
		s.upload(forger.Token, "forged.txt", public...).Want(201, &forged)
		s.upload(visitor.Token, "forged.txt", public...).WantProblem(403, "/accessClass role")
		s.upload(visitor.Token, "forged.txt", "passportId", p.ID, "isPublic", "true").WantProblem(403, "/accessClass role")
		path, list := "GET /api/public/documents/"+genuine.DocID, "GET /api/public/documents?passportId="+p.ID
		listed := func(id string) bool { return strings.Contains(s.document.Do(list, "").Want(200, nil).Text, id) }
		if s.document.Do(path, "").WantProblem(404); listed(genuine.DocID) {
			t.Error("the document of a draft is public")
		}
		s.passport.Call("POST /api/passports/"+p.ID+"/publish", owner.Token, nil).Want(200, nil)
		waittest.Until(t, "the public document", func() bool { return listed(genuine.DocID) })
		s.document.Do(path, "").Want(200, nil)
		s.document.Do(path+"/content", "").Want(200, nil)
		if s.document.Do("GET /api/public/documents/"+forged.DocID+"/content", "").WantProblem(404); listed(forged.DocID) {
			t.Error("the document of another company is public")
		}
		s.passport.Call("POST /api/passports/"+p.ID+"/archive", owner.Token, object{"reason": "x"}).Want(200, nil)
		waittest.Until(t, "the end of the public document", func() bool { return !listed(genuine.DocID) })
		s.document.Do(path+"/content", "").WantProblem(404)
	})
}

package documentd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestOnlyAuthorizedCallersReadAndChangeDocuments reads, changes and deletes documents of
// every visibility as every kind of caller.
func TestOnlyAuthorizedCallersReadAndChangeDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		owner := s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "A"})
		tokens := map[string]string{
			"admin": s.as(auth.Admin, ""), "owner": owner, "colleague": s.as(auth.LegitimateInterest, "A"), "operator": s.as(auth.Operator, "A"),
			"other user": s.as(auth.User, "B"), "other operator": s.as(auth.Operator, "B"), "user without organisation": s.as(auth.User, ""),
			"authority": s.as(auth.Authority, "BAM"), "anonymous": "", "operator of renamed organisation": s.renamed("slug-a", "A"),
		}
		type may struct{ read, write int }
		hidden, readable := may{404, 404}, may{200, 403}
		for _, c := range []struct {
			class  string
			want   map[string]may
			others may
			links  string // callers that get a link to the storage
		}{
			{"owner", map[string]may{"authority": hidden}, hidden, "owner"},
			{"authority", map[string]may{"authority": readable}, hidden, "owner"},
			{"public", nil, readable, "owner admin colleague operator other user other operator user without organisation authority operator of renamed organisation"},
		} {
			for caller, token := range tokens {
				want, ok := c.want[caller]
				switch {
				case caller == "anonymous":
					want = may{401, 401}
				case caller == "admin" || caller == "owner" || caller == "operator" || caller == "operator of renamed organisation":
					want = may{200, 200}
				case caller == "colleague":
					want = readable
				case !ok:
					want = c.others
				}
				d := s.upload(owner, file("a.pdf", "", pdf), field{name: "accessClass", value: c.class})
				path := "/api/documents/" + d.DocID
				for _, route := range []string{"GET " + path, "GET " + path + "/download", "GET " + path + "/content"} {
					a := s.Call(route, token, nil)
					if a.Status != want.read {
						t.Errorf("%s of %+v by %s = %d, want %d", route, c, caller, a.Status, want.read)
					}
					if linked := strings.Contains(a.Text, "X-Amz-Signature"); linked != (want.read == 200 && strings.Contains(c.links, caller) && !strings.HasSuffix(route, "content")) {
						t.Errorf("%s of %+v by %s returns a link: %v", route, c, caller, linked)
					}
				}
				if a := s.Call("PUT "+path, token, `{"description":"x"}`); a.Status != want.write {
					t.Errorf("PUT of %+v by %s = %d, want %d", c, caller, a.Status, want.write)
				}
				gone := want.write
				if gone == 200 {
					gone = 204
				}
				if a := s.Call("DELETE "+path, token, nil); a.Status != gone {
					t.Errorf("DELETE of %+v by %s = %d, want %d", c, caller, a.Status, gone)
				}
			}
		}
	})
}

// renamed returns a token of an operator whose organisation had another id before.
func (s *service) renamed(organisation, former string) string {
	return s.issuer.Token(s.T, auth.Principal{UserID: "operator@" + organisation, Role: auth.Operator, Organisation: organisation, FormerOrganisations: []string{former}})
}

// TestLinkOfPrivateDocument checks that a colleague gets a path of the service
// instead of a link to the storage.
func TestLinkOfPrivateDocument(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	d := s.upload(s.as(auth.User, "A"), file("a.pdf", "", pdf))
	var link map[string]any
	colleague := s.as(auth.Operator, "A")
	s.Call("GET /api/documents/"+d.DocID+"/download", colleague, nil).Want(200, &link)
	if len(link) != 2 || link["downloadUrl"] != "/api/documents/"+d.DocID+"/content" || link["fileName"] != "a.pdf" {
		t.Errorf("download = %v", link)
	}
	if a := s.Call("GET "+link["downloadUrl"].(string), colleague, nil).Want(200, nil); a.Text != pdf {
		t.Errorf("content = %q", a.Text)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	body, contentType := form(file("a.pdf", "", pdf))
	s.Call(upload, s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.User}), body, "Content-Type", contentType).Want(201, nil) // the bucket now exists
	for name, f := range authtest.Forgeries(t, s.issuer.Key, time.Now()) {
		t.Run(name, func(t *testing.T) {
			body, contentType := form(file("a.pdf", "", pdf))
			s.On(t).Call(upload, f.Token, body, "Content-Type", contentType).WantProblem(401, "header:Authorization "+f.Code)
		})
	}
	if objects, uploads := s.bucket.keys(t); len(objects) != 1 || len(uploads) > 0 {
		t.Errorf("stored with forged tokens: objects %v, uploads %v", objects, uploads)
	}
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		a := s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "A"})
		admin, a2, b, none, authority, renamed := s.as(auth.Admin, ""), s.as(auth.Operator, "A"), s.as(auth.User, "B"), s.as(auth.Operator, ""), s.as(auth.Authority, "BAM"), s.renamed("slug-a", "A")
		names := map[string]string{}
		for i, c := range []struct{ token, passport, kind, class string }{
			{a, passportID, "test-report", "authority"}, {a, "", "", ""}, {a2, passportID, "other", ""}, {b, passportID, "test-report", ""},
			{none, "", "", "authority"}, {admin, "", "test-report", ""}, {renamed, "", "product-image", ""},
		} {
			d := s.upload(c.token, field{name: "passportId", value: c.passport}, field{name: "kind", value: c.kind},
				field{name: "accessClass", value: c.class}, file("a.txt", "", fmt.Sprint("text ", i)))
			names[d.DocID] = fmt.Sprint(i)
		}
		for query, want := range map[string]map[string]string{
			"":                                     {admin: "6543210", a: "210", a2: "210", b: "3", none: "4", authority: "4", renamed: "6210"},
			"?kind=test-report":                    {admin: "530", a: "0", b: "3", authority: "", renamed: "0"},
			"?passportId=" + passportID:            {admin: "320", a: "20", b: "3"},
			"?kind=other":                          {admin: "421", a: "21", authority: "4"},
			"/user":                                {admin: "5", a: "10", a2: "2", b: "3", none: "4", authority: "", renamed: "6"},
			"/user?kind=test-report":               {a: "0"},
			"?kind=other&passportId=" + passportID: {a: "2"},
			"?kind=product-image":                  {admin: "6", a: "", renamed: "6"},
		} {
			for token, want := range want {
				var got strings.Builder
				separator := "?"
				if strings.Contains(query, "?") {
					separator = "&"
				}
				for cursor := ""; ; {
					var page struct {
						Items      []documentResponse
						NextCursor string
					}
					s.Call("GET /api/documents"+query+separator+"limit=2"+cursor, token, nil).Want(200, &page)
					for _, d := range page.Items {
						got.WriteString(names[d.DocID])
					}
					if page.NextCursor == "" {
						break
					}
					cursor = "&cursor=" + page.NextCursor
				}
				if got.String() != want {
					t.Errorf("list %s = %s, want %s", query, got.String(), want)
				}
			}
		}
		s.Call("GET /api/documents?kind=other&offset=3", admin, nil).WantProblem(422, "query:offset unknownField")
	})
}

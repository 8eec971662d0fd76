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

// TestWhoMayDoWhat has every kind of caller read, change and delete every kind
// of document.
func TestWhoMayDoWhat(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		owner := s.as(auth.User, "A")
		tokens := map[string]string{
			"admin": s.as(auth.Admin, ""), "owner": owner, "colleague": s.as(auth.LegitimateInterest, "A"), "operator": s.as(auth.Operator, "A"),
			"stranger": s.as(auth.User, "B"), "other operator": s.as(auth.Operator, "B"), "loner": s.as(auth.User, ""),
			"authority": s.as(auth.Authority, "BAM"), "nobody": "", "mapped operator": s.mapped("slug-a", "A"),
		}
		type may struct{ read, write int }
		hidden, readable := may{404, 404}, may{200, 403}
		for _, c := range []struct {
			public, class string
			want          map[string]may
			others        may
			links         string // who is given a link to the storage
		}{
			{"false", "owner", map[string]may{"authority": hidden}, hidden, "owner"},
			{"false", "authority", map[string]may{"authority": readable}, hidden, "owner"},
			{"true", "owner", nil, readable, "owner admin colleague operator stranger other operator loner authority mapped operator"},
		} {
			for caller, token := range tokens {
				want, ok := c.want[caller]
				switch {
				case caller == "nobody":
					want = may{401, 401}
				case caller == "admin" || caller == "owner" || caller == "operator" || caller == "mapped operator":
					want = may{200, 200}
				case caller == "colleague":
					want = readable
				case !ok:
					want = c.others
				}
				d := s.upload(owner, file("a.pdf", "", pdf), field{name: "isPublic", value: c.public}, field{name: "accessClass", value: c.class})
				path := "/api/documents/" + d.DocID
				for _, route := range []string{"GET " + path, "GET " + path + "/download", "GET " + path + "/content"} {
					a := s.Call(route, token, nil)
					if a.Status != want.read {
						t.Errorf("%s of %+v by %s = %d, want %d", route, c, caller, a.Status, want.read)
					}
					if linked := strings.Contains(a.Text, "X-Amz-Signature"); linked != (want.read == 200 && strings.Contains(c.links, caller) && !strings.HasSuffix(route, "content")) {
						t.Errorf("%s of %+v by %s has a link: %v", route, c, caller, linked)
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

// mapped returns a token of an operator whose organisation had another id before.
func (s *service) mapped(organisation, former string) string {
	return s.issuer.Token(s.T, auth.Principal{UserID: "operator@" + organisation, Role: auth.Operator, Organisation: organisation, FormerOrganisations: []string{former}})
}

// TestLinkOfOthers is what one gets who may read, but not pass on.
func TestLinkOfOthers(t *testing.T) {
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

func TestTokensThatDoNotCount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	body, contentType := form(file("a.pdf", "", pdf))
	s.Call(upload, s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.User}), body, "Content-Type", contentType).Want(201, nil) // the bucket is there
	for name, f := range authtest.Forgeries(t, s.issuer.Key, time.Now()) {
		t.Run(name, func(t *testing.T) {
			body, contentType := form(file("a.pdf", "", pdf))
			s.On(t).Call(upload, f.Token, body, "Content-Type", contentType).WantProblem(401, "header:Authorization "+f.Code)
		})
	}
	if objects, uploads := s.bucket.keys(t); len(objects) != 1 || len(uploads) > 0 {
		t.Errorf("forged tokens stored %v, %v", objects, uploads)
	}
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		admin, a, a2, b, none, office, mapped := s.as(auth.Admin, ""), s.as(auth.User, "A"), s.as(auth.Operator, "A"), s.as(auth.User, "B"), s.as(auth.User, ""), s.as(auth.Authority, "BAM"), s.mapped("slug-a", "A")
		names := map[string]string{}
		for i, c := range []struct{ token, passport, kind, class string }{
			{a, passportID, "test-report", "authority"}, {a, "", "", ""}, {a2, passportID, "other", ""}, {b, passportID, "test-report", ""},
			{none, "", "", "authority"}, {admin, "", "test-report", ""}, {mapped, "", "product-image", ""},
		} {
			d := s.upload(c.token, field{name: "passportId", value: c.passport}, field{name: "kind", value: c.kind},
				field{name: "accessClass", value: c.class}, file("a.txt", "", fmt.Sprint("text ", i)))
			names[d.DocID] = fmt.Sprint(i)
		}
		for query, want := range map[string]map[string]string{
			"":                                     {admin: "6543210", a: "210", a2: "210", b: "3", none: "4", office: "40", mapped: "6210"},
			"?kind=test-report":                    {admin: "530", a: "0", b: "3", office: "0", mapped: "0"},
			"?passportId=" + passportID:            {admin: "320", a: "20", b: "3"},
			"?kind=other":                          {admin: "421", a: "21", office: "4"},
			"/user":                                {admin: "5", a: "10", a2: "2", b: "3", none: "4", office: "", mapped: "6"},
			"/user?kind=test-report":               {a: "0"},
			"?kind=other&passportId=" + passportID: {a: "2"},
			"?kind=product-image":                  {admin: "6", a: "", mapped: "6"},
		} {
			for token, want := range want {
				var got strings.Builder
				separator := "?"
				if strings.Contains(query, "?") {
					separator = "&"
				}
				for cursor := ""; ; {
					var page struct {
						Items      []answer
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
					t.Errorf("%s = %s, want %s", query, got.String(), want)
				}
			}
		}
		s.Call("GET /api/documents?kind=other&offset=3", admin, nil).WantProblem(422, "query:offset unknownField")
	})
}

package authd_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const organisations = "/api/auth/organisations"

// principal returns the caller that other services see.
func (s *service) principal(g grant) auth.Principal {
	s.T.Helper()
	v, err := token.NewVerifier(s.T.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		s.T.Fatal(err)
	}
	p, err := v.Verify(s.T.Context(), "Bearer "+g.Token)
	if err != nil {
		s.T.Fatal(err)
	}
	return p
}

// assign assigns an account to an organisation and returns the status.
func (s *service) assign(admin grant, account, id string) int {
	s.T.Helper()
	return s.Call("PATCH /api/auth/users/"+account, admin.Token, map[string]string{"organisation": id}).Status
}

// TestOrganisationFromCreationToDeletion: a new name changes no access, and only an
// organisation without accounts can be deleted.
func TestOrganisationFromCreationToDeletion(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		body := `{"id":"nordlicht-battery","name":"Nordlicht Batterie GmbH","identifiers":{"gln":"9521000001060","eori":"DE1234567890","vat":"DE123456789","lei":"952100NORDLICHT00050","euid":"DEK1101R.HRB116737"},"address":{"streetAddress":"Speicherweg 4","postalCode":"04109","city":"Leipzig","country":"DE"},"webAddress":"https://nordlicht.example"}`
		var created, got, changed organisation.Organisation
		s.Call("POST "+organisations, admin.Token, body).Want(201, &created)
		one := organisations + "/nordlicht-battery"
		s.Call("GET "+one, admin.Token, nil).Want(200, &got)
		if diff := cmp.Diff(created, got); diff != "" || got.Identifiers.LEI != "952100NORDLICHT00050" || got.Address.City != "Leipzig" || got.CreatedAt.IsZero() {
			t.Errorf("organisation %+v (-created +got)\n%s", got, diff)
		}
		if status := s.assign(admin, ann.User.ID, "nordlicht-battery"); status != 200 {
			t.Fatalf("assignment = %d", status)
		}
		s.login("ann@x.example", "correct horse").Want(200, &ann)
		s.Call("PATCH "+one, admin.Token, `{"name":"Nordlicht SE","identifiers":{"vat":"","gln":null},"address":null}`).Want(200, &changed)
		want := created
		want.Name, want.Identifiers.VAT, want.UpdatedAt = "Nordlicht SE", "", changed.UpdatedAt
		if diff := cmp.Diff(want, changed); diff != "" {
			t.Errorf("organisation after the change (-want +got)\n%s", diff)
		}
		if p := s.principal(ann); p.Organisation != "nordlicht-battery" || p.FormerOrganisations != nil {
			t.Errorf("principal of an account after the organisation was renamed = %+v", p)
		}
		s.Call("DELETE "+one, admin.Token, nil).WantProblem(409)
		if status := s.assign(admin, ann.User.ID, ""); status != 200 {
			t.Fatalf("removal = %d", status)
		}
		s.Call("DELETE "+one, admin.Token, nil).Want(204, nil)
		for _, route := range []string{"GET ", "DELETE "} {
			s.Call(route+one, admin.Token, nil).WantProblem(404)
		}
		s.Call("PATCH "+one, admin.Token, `{"name":"x"}`).WantProblem(404)
		if status := s.assign(admin, ann.User.ID, "nordlicht-battery"); status != 422 {
			t.Errorf("assignment to a deleted organisation = %d", status)
		}
		var list struct{ Items []organisation.Organisation }
		s.Call("GET "+organisations, admin.Token, nil).Want(200, &list)
		if len(list.Items) != 0 {
			t.Errorf("list after the deletion = %v, want none", list.Items)
		}
		// Data of the organisation still carries the id: it cannot be used again.
		s.Call("POST "+organisations, admin.Token, body).WantProblem(409, "/id duplicate")
		heir := organisations + "/" + s.organisation(admin, "heir")
		s.Call("PATCH "+heir, admin.Token, `{"formerIds":["nordlicht-battery"]}`).WantProblem(409, "/formerIds/0 duplicate")
		for _, route := range []string{"POST " + organisations, "GET " + organisations, "GET " + one, "PATCH " + one, "DELETE " + one} {
			body := any(nil)
			if route[0] == 'P' {
				body = `{"id":"eve","name":"Eve"}`
			}
			s.login("ann@x.example", "correct horse").Want(200, &ann)
			if s.Call(route, "", body).WantProblem(401, "header:Authorization missing"); route == "GET "+one {
				s.Call(route, ann.Token, body).WantProblem(404)
				continue
			}
			s.Call(route, ann.Token, body).WantProblem(403)
		}
	})
}

func TestOrganisationEvents(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	admin := s.register("root@x.example", "admin")
	s.organisation(admin, "bam")
	s.Call("PATCH "+organisations+"/bam", admin.Token, `{"name":"BAM","formerIds":["Bundesanstalt"]}`).Want(200, nil)
	s.Call("PATCH "+organisations+"/bam", admin.Token, `{"identifiers":{"gln":"9521000001060","lei":"952100NORDLICHT00050"},"address":{"city":"Berlin"},"webAddress":"https://bam.example"}`).Want(200, nil)
	s.Call("PATCH "+organisations+"/bam", admin.Token, `{"name":"BAM","formerIds":["Bundesanstalt"]}`).Want(200, nil) // changes nothing
	s.Call("DELETE "+organisations+"/bam", admin.Token, nil).Want(204, nil)
	const details = `"identifiers":{"gln":"9521000001060","lei":"952100NORDLICHT00050"},"address":{"city":"Berlin"},"webAddress":"https://bam.example"`
	want := []string{
		`1 {"organisationId":"bam","name":"Name of bam","updatedAt":"TIME"}`,
		`2 {"organisationId":"bam","name":"BAM","formerIds":["Bundesanstalt"],"updatedAt":"TIME"}`,
		`3 {"organisationId":"bam","name":"BAM",` + details + `,"formerIds":["Bundesanstalt"],"updatedAt":"TIME"}`,
		`4 {"organisationId":"bam","name":"BAM",` + details + `,"formerIds":["Bundesanstalt"],"deleted":true,"updatedAt":"TIME"}`,
	}
	var got []string
	for _, e := range storetest.WaitingEvents(t, store.Open(openStore(t, cfg), organisation.Schema()).Outbox(), "bam") {
		var payload struct{ UpdatedAt string }
		if err := json.Unmarshal(e.Data, &payload); err != nil || e.Type != "organisation.updated" || e.Source != "/auth-service" {
			t.Errorf("event %+v, %v", e, err)
		}
		got = append(got, fmt.Sprint(e.Sequence, " ", strings.ReplaceAll(string(e.Data), payload.UpdatedAt, "TIME")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events of an organisation (-want +got)\n%s", diff)
	}
}

func TestInvalidOrganisationsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin := s.register("root@x.example", "admin")
	s.organisation(admin, "taken")
	s.organisation(admin, "other")
	s.Call("PATCH "+organisations+"/other", admin.Token, `{"formerIds":["was-other","Other GmbH"]}`).Want(200, nil)
	const create, change = "POST " + organisations, "PATCH " + organisations + "/taken"
	id := func(id string) string { return `{"id":"` + id + `","name":"N"}` }
	ids := func(kind, value string) string { return `{"identifiers":{"` + kind + `":"` + value + `"}}` }
	for name, c := range map[string]struct {
		route, body string
		status      int
		errors      []string
	}{
		"id in capitals":             {create, id("Nordlicht"), 422, []string{"/id format"}},
		"id with a dot":              {create, id("nordlicht.de"), 422, []string{"/id format"}},
		"id of 41 characters":        {create, id(strings.Repeat("x", 41)), 422, []string{"/id format"}},
		"id of 1 character":          {create, id("x"), 422, []string{"/id format"}},
		"id with a line feed":        {create, id(`ab\n`), 422, []string{"/id format"}},
		"no id":                      {create, `{"name":"N"}`, 422, []string{"/id required"}},
		"id that exists":             {create, id("taken"), 409, []string{"/id duplicate"}},
		"former id of another as id": {create, id("was-other"), 409, []string{"/id duplicate"}},
		"no name":                    {create, `{"id":"new","name":" "}`, 422, []string{"/name format"}},
		"former ids on creation":     {create, `{"id":"new","name":"N","formerIds":["x"]}`, 422, []string{"/formerIds unknownField"}},
		"all errors at once":         {create, `{"id":"N","name":"","identifiers":{"gln":"1","lei":"x"},"address":{"country":"de"},"webAddress":"javascript:x"}`, 422, []string{"/id format", "/name format", "/identifiers/gln format", "/identifiers/lei format", "/address/country format", "/webAddress format"}},
		"change of the id":           {change, `{"id":"new"}`, 422, []string{"/id unknownField"}},
		"empty new name":             {change, `{"name":""}`, 422, []string{"/name format"}},
		"invisible name":             {change, `{"name":"Nord\u200blicht"}`, 422, []string{"/name format"}},
		"name with a filler":         {change, `{"name":"Nord\u3164licht"}`, 422, []string{"/name format"}},
		"name with a joiner":         {change, `{"name":"Nord\u034flicht"}`, 422, []string{"/name format"}},
		"name with a selector":       {change, `{"name":"Nordlicht\ufe00"}`, 422, []string{"/name format"}},
		"name with a tag":            {change, `{"name":"Nordlicht\udb40\udc41"}`, 422, []string{"/name format"}},
		"name with a control":        {change, `{"name":"Nord\u0085licht"}`, 422, []string{"/name format"}},
		"name of two lines":          {change, `{"name":"Nord\u2028licht"}`, 422, []string{"/name format"}},
		"name with a blank":          {change, `{"name":"Nord\u2800licht"}`, 422, []string{"/name format"}},
		"invisible new name":         {create, `{"id":"new","name":"\u3164"}`, 422, []string{"/name format"}},
		"invisible address":          {change, `{"address":{"streetAddress":"\ufe0f","postalCode":"1\u200b","city":"\u115f"}}`, 422, []string{"/address/streetAddress format", "/address/postalCode format", "/address/city format"}},
		"invisible web address":      {change, `{"webAddress":"https://nordlicht.example/\u034f"}`, 422, []string{"/webAddress format"}},
		"invisible former id":        {change, `{"formerIds":["Nord\u3164licht"]}`, 422, []string{"/formerIds/0 format"}},
		"right-to-left name":         {change, `{"name":"\u202etchildroN"}`, 422, []string{"/name format"}},
		"name of 101 characters":     {change, `{"name":"` + strings.Repeat("ü", 101) + `"}`, 422, []string{"/name format"}},
		"wrong check digit of GLN":   {change, ids("gln", "9521000001061"), 422, []string{"/identifiers/gln format"}},
		"GLN of 12 digits":           {change, ids("gln", "952100000106"), 422, []string{"/identifiers/gln format"}},
		"wrong check digits of LEI":  {change, ids("lei", "952100NORDLICHT00051"), 422, []string{"/identifiers/lei format"}},
		"check digits 99 for 02":     {change, ids("lei", "952100NORDLICHT01699"), 422, []string{"/identifiers/lei format"}},
		"Cyrillic letter in LEI":     {change, ids("lei", "952100\u041dORDLICHT0050"), 422, []string{"/identifiers/lei format"}},
		"Arabic digits in GLN":       {change, ids("gln", "٩٥٢١٠٠٠٠٠١٠٦٠"), 422, []string{"/identifiers/gln format"}},
		"Cyrillic letter in EORI":    {change, ids("eori", "D\u0415123"), 422, []string{"/identifiers/eori format"}},
		"EORI of no country":         {change, ids("eori", "ZZ123"), 422, []string{"/identifiers/eori format"}},
		"VAT of no country":          {change, ids("vat", "UK123456789"), 422, []string{"/identifiers/vat format"}},
		"full-width letter in VAT":   {change, ids("vat", "ＤE123456789"), 422, []string{"/identifiers/vat format"}},
		"EUID of no country":         {change, ids("euid", "QQK1101R.HRB116737"), 422, []string{"/identifiers/euid format"}},
		"web address with a space":   {change, `{"webAddress":" https://nordlicht.example"}`, 422, []string{"/webAddress format"}},
		"web address of http":        {change, `{"webAddress":"http://nordlicht.example"}`, 422, []string{"/webAddress format"}},
		"web address with a user":    {change, `{"webAddress":"https://ann@nordlicht.example"}`, 422, []string{"/webAddress format"}},
		"web address of no port":     {change, `{"webAddress":"https://nordlicht.example:0"}`, 422, []string{"/webAddress format"}},
		"web address of no host":     {change, `{"webAddress":"https:///x"}`, 422, []string{"/webAddress format"}},
		"web address of a bad label": {change, `{"webAddress":"https://-nordlicht.example"}`, 422, []string{"/webAddress format"}},
		"web address of a bad IP":    {change, `{"webAddress":"https://127.0.0.256/"}`, 422, []string{"/webAddress format"}},
		"web address with %zz":       {change, `{"webAddress":"https://nordlicht.example/%zz"}`, 422, []string{"/webAddress format"}},
		"long web address":           {change, `{"webAddress":"https://nordlicht.example/` + strings.Repeat("x", 175) + `"}`, 422, []string{"/webAddress format"}},
		"EORI with a long s":         {change, ids("eori", "DEſ123"), 422, []string{"/identifiers/eori format"}},
		"VAT of 17 characters":       {change, ids("vat", "CHE123456788MWSTX"), 422, []string{"/identifiers/vat format"}},
		"VAT without country":        {change, ids("vat", "123456789"), 422, []string{"/identifiers/vat format"}},
		"EUID without a dot":         {change, ids("euid", "DEK1101RHRB116737"), 422, []string{"/identifiers/euid format"}},
		"long address":               {change, `{"address":{"city":"` + strings.Repeat("x", 201) + `"}}`, 422, []string{"/address/city format"}},
		"web address without scheme": {change, `{"webAddress":"nordlicht.example"}`, 422, []string{"/webAddress format"}},
		"own id as former id":        {change, `{"formerIds":["taken"]}`, 422, []string{"/formerIds/0 duplicate"}},
		"repeated former id":         {change, `{"formerIds":["a","a"]}`, 422, []string{"/formerIds/1 duplicate"}},
		"empty former id":            {change, `{"formerIds":["a",""]}`, 422, []string{"/formerIds/1 format"}},
		"former id of another":       {change, `{"formerIds":["a","Other GmbH"]}`, 409, []string{"/formerIds/1 duplicate"}},
		"id of another as former id": {change, `{"formerIds":["other"]}`, 409, []string{"/formerIds/0 duplicate"}},
		"eleven former ids":          {change, `{"formerIds":["a","b","c","d","e","f","g","h","i","j","k"]}`, 422, []string{"/formerIds range"}},
		"no such organisation":       {"GET " + organisations + "/%00", "", 404, nil},
		"forged cursor":              {"GET " + organisations + "?cursor=AAAAAAAAAAAAAAAAAAAAAAAA", "", 400, []string{"query:cursor format"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(c.route, admin.Token, c.body).WantProblem(c.status, c.errors...)
		})
	}
	var got organisation.Organisation
	s.Call("PATCH "+organisations+"/other", admin.Token, `{"identifiers":{"vat":"CHE-123.456.788 MWST","gln":"95 21000-00106 0","eori":"de 123","lei":"9521 00nordlicht00050"},"address":{"country":"XK"},"webAddress":"HTTPS://Nordlicht.example"}`).Want(200, &got)
	want := organisation.Identifiers{VAT: "CHE123456788MWST", GLN: "9521000001060", EORI: "DE123", LEI: "952100NORDLICHT00050"}
	if got.Identifiers != want || got.Address.Country != "XK" || got.WebAddress != "HTTPS://Nordlicht.example" {
		t.Errorf("got %+v, want %+v, XK and the web address", got, want)
	}
	for _, country := range []string{"ZZ", "AN", "AA", "EU", "UN", "SU", "UK", "DEU", "276", "De", "D"} {
		s.Call(change, admin.Token, `{"address":{"country":"`+country+`"}}`).WantProblem(422, "/address/country format")
	}
	// A refused change claims nothing: its first former id can still be the id of an
	// organisation, and its second a former id of another one.
	const refused = `{"formerIds":["first","second","Other GmbH"]}`
	s.Call(change, admin.Token, refused).WantProblem(409, "/formerIds/2 duplicate")
	s.organisation(admin, "first")
	s.Call("PATCH "+organisations+"/first", admin.Token, `{"formerIds":["second"]}`).Want(200, nil)
	s.Call(change, admin.Token, refused).WantProblem(409, "/formerIds/0 duplicate")
	s.Call(change, admin.Token, `{"formerIds":["second"]}`).WantProblem(409, "/formerIds/0 duplicate")
}

// TestListTenThousandOrganisations lists each organisation once.
func TestListTenThousandOrganisations(t *testing.T) {
	const n = 10_000
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		s := start(t, cfg)
		admin := s.register("root@x.example", "admin")
		made := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
		writes := make([]store.Write[organisation.Record], n)
		for i := range writes {
			o := organisation.Organisation{ID: fmt.Sprintf("o-%05d", i), Name: "O", CreatedAt: made.Add(time.Duration(i) * time.Second)}
			writes[i] = store.Write[organisation.Record]{ID: o.ID, Doc: organisation.Record{Organisation: o}}
		}
		if _, err := store.Open(openStore(t, cfg), organisation.Schema()).InsertMany(t.Context(), writes); err != nil {
			t.Fatal(err)
		}
		next := n
		for cursor := ""; next > 0; {
			var page struct {
				Items      []organisation.Organisation
				NextCursor string
			}
			s.Call("GET "+organisations+"?limit=200"+cursor, admin.Token, nil).Want(200, &page)
			for _, o := range page.Items {
				if next--; o.ID != fmt.Sprintf("o-%05d", next) {
					t.Fatalf("got %s, want number %d", o.ID, next)
				}
			}
			if cursor = "&cursor=" + page.NextCursor; page.NextCursor == "" {
				break
			}
		}
		if next != 0 {
			t.Errorf("%d organisations are missing in the list", next)
		}
	})
}

// TestOrganisationIsReadByItsMembers: members read their organisation, also after it was
// renamed; for everybody else it does not exist.
func TestOrganisationIsReadByItsMembers(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin, ann, bob := s.register("root@x.example", "admin"), s.register("ann@x.example", ""), s.register("bob@x.example", "")
	one, other := "GET "+organisations+"/"+s.organisation(admin, "nordlicht"), "GET "+organisations+"/"+s.organisation(admin, "other")
	s.Call("PATCH "+organisations+"/nordlicht", admin.Token, `{"name":"Nordlicht SE","identifiers":{"lei":"952100NORDLICHT00050"},"formerIds":["NL"]}`).Want(200, nil)
	s.assign(admin, ann.User.ID, "nordlicht")
	s.assign(admin, bob.User.ID, "other")
	ann, bob = s.refreshed(ann.RefreshToken), s.refreshed(bob.RefreshToken)
	var got organisation.Organisation
	a := s.Call(one, ann.Token, nil)
	if a.Want(200, &got); got.Name != "Nordlicht SE" || got.Identifiers.LEI == "" || a.Header.Get("ETag") != `"2"` {
		t.Errorf("a member reads %+v with ETag %s", got, a.Header.Get("ETag"))
	}
	for _, route := range []string{other, "GET " + organisations + "/absent"} { // the same response for both
		_, id, _ := strings.Cut(route, organisations+"/")
		a := s.Call(route, ann.Token, nil)
		if a.WantProblem(404); !strings.Contains(a.Text, `"detail":"organisation \"`+id+`\" not found"`) {
			t.Errorf("%s = %s", route, a.Text)
		}
	}
	s.Call(one, bob.Token, nil).WantProblem(404)
	s.Call("GET "+organisations+"/NL", ann.Token, nil).WantProblem(404) // a former id is not the id
	s.assign(admin, ann.User.ID, "")
	s.Call(one, s.refreshed(ann.RefreshToken).Token, nil).WantProblem(404)
}

package authd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestNamesAreNormalized: two names that look the same are stored as the same text.
func TestNamesAreNormalized(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin := s.register("root@x.example", "admin")
	s.organisation(admin, "angstrom")
	want := organisation.Organisation{Name: "Ångström Süd", Address: organisation.Address{StreetAddress: "Höhe 1", PostalCode: "1 A", City: "Köln"}}
	for _, change := range []string{
		`{"name":"Ångström Süd","address":{"streetAddress":"Höhe 1","postalCode":"1 A","city":"Köln"}}`,
		`{"name":"A\u030angstro\u0308m  Su\u0308d","address":{"streetAddress":"Ho\u0308he 1","postalCode":"1\u2003A","city":"Ko\u0308ln"}}`,
		`{"name":"\u212bngstr\u00f6m\u00a0S\u00fcd","address":{"streetAddress":"H\u00f6he\u3000 1","postalCode":"1\u00a0\u00a0A","city":"K\u00f6ln"}}`,
	} {
		var got organisation.Organisation
		s.Call("PATCH "+organisations+"/angstrom", admin.Token, change).Want(200, &got)
		if got.Name != want.Name || got.Address != want.Address {
			t.Errorf("after %s: %+q, %+q", change, got.Name, got.Address)
		}
	}
	var created organisation.Organisation
	s.Call("POST "+organisations, admin.Token, `{"id":"new","name":"Su\u0308d"}`).Want(201, &created)
	if created.Name != "Süd" {
		t.Errorf("created name = %+q", created.Name)
	}
}

// TestStoredTextsCanStay: an organisation of an earlier release, which accepted more characters
// and other web addresses, can still be changed.
func TestStoredTextsCanStay(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db)
	admin := s.register("root@x.example", "admin")
	s.organisation(admin, "nordlicht")
	s.stop()
	stored := store.Open(openStore(t, db), organisation.Schema())
	if _, err := stored.Update(t.Context(), "nordlicht", func(o *organisation.Record) (store.Change, error) {
		o.Name, o.Address.City, o.FormerIDs, o.WebAddress = "Nord\u034flicht", "Ko\ufe0fln", []string{"Nord\u3164licht"}, "http://nordlicht.example:0"
		return store.Change{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	s = start(t, db)
	var got organisation.Organisation
	for _, change := range []string{`{"address":{"postalCode":"50667"}}`, `{"address":{"postalCode":"50667"},"webAddress":"http://nordlicht.example:0"}`} {
		s.Call("PATCH "+organisations+"/nordlicht", admin.Token, change).Want(200, &got)
		if got.Name != "Nord\u034flicht" || got.WebAddress != "http://nordlicht.example:0" || got.Address.PostalCode != "50667" {
			t.Errorf("after %s: %+v", change, got)
		}
	}
	s.Call("PATCH "+organisations+"/nordlicht", admin.Token, `{"webAddress":"http://nordlicht.example:1"}`).WantProblem(422, "/webAddress format")
	s.Call("PATCH "+organisations+"/nordlicht", admin.Token, `{"webAddress":"https://nordlicht.example/`+strings.Repeat("a", 200)+`"}`).WantProblem(422, "/webAddress format")
	s.Call("PATCH "+organisations+"/nordlicht", admin.Token, `{"webAddress":"https://nordlicht.example"}`).Want(200, nil)
}

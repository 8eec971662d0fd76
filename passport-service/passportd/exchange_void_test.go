package passportd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestVoidedPassportsInExportsAndImports exports a passport that an admin has voided in each format, and imports the file
// for its owner, whose battery has no valid passport any more.
func TestVoidedPassportsInExportsAndImports(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker, admin, stranger := s.as(auth.Operator, "nordlicht"), s.as(auth.Admin, ""), s.as(auth.Operator, "x")
	void := func(p apiPassport) {
		t.Helper()
		s.Call("POST /api/passports/"+p.ID+"/publish", maker, nil).Want(200, nil)
		s.Call("POST /api/passports/"+p.ID+"/void", admin, `{"reason":"not the maker"}`).Want(200, nil)
	}
	p := s.create(maker, sample(t, "ev-nmc-complete.json"))
	void(p)
	formats := map[string]string{"aasx": "application/asset-administration-shell-package"}
	for _, name := range formatNames(t) {
		formats[name] = "application/json"
	}
	for name, mediaType := range fileTypes {
		formats[name] = mediaType
	}
	for name, mediaType := range formats {
		path := "GET /api/passports/" + p.ID + "/export?format=" + name
		file := s.Call(path, maker, nil).Want(200, nil).Text
		s.Call(path, stranger, nil).WantProblem(410)
		s.Call("GET /api/public/passports/"+p.ID+"/export?format="+name, "", nil).WantProblem(410)
		query := "?format=" + name
		if name == "aasx" {
			query = ""
		}
		lines, sum := s.importFile(maker, query, mediaType, file)
		if len(lines) != 1 || lines[0].Status != "created" || lines[0].ID == p.ID {
			t.Fatalf("%s: %s %+v, want a new draft", name, brief(lines), sum)
		}
		if again, _ := s.importFile(maker, query, mediaType, file); len(again) != 1 || again[0].Status != "unchanged" || again[0].ID != lines[0].ID {
			t.Errorf("%s again: %s, want the draft to be found", name, brief(again))
		}
		if strings.HasPrefix(name, "en18223") && !strings.Contains(strings.ToLower(file), "invalid") {
			t.Errorf("%s: the header does not say that the passport is invalid: %.300s", name, file)
		}
		s.Call("DELETE /api/passports/"+lines[0].ID, maker, nil).Want(204, nil)
	}
	for path, want := range map[string]int{"?state=voided": 1, "?state=active": 0, "?ids=" + p.ID: 1, "": 1} {
		if text := s.Call("GET /api/passports/export"+path, maker, nil).Want(200, nil).Text; strings.Count(text, `"state":"voided"`) != want {
			t.Errorf("export%s: %.300s, want %d voided passports", path, text, want)
		}
	}
	if text := s.Call("GET /api/passports/export", stranger, nil).Want(200, nil).Text; text != "" {
		t.Errorf("export of another organisation: %.300s", text)
	}
}

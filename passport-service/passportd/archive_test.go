package passportd_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/archive/archivetest"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const zipType = "application/zip"

// TestArchiveOfDocuments imports all samples in each format from an archive with a file for each document.
func TestArchiveOfDocuments(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "maker")
	for _, name := range []string{"ev-nmc-complete.json", "lmt-ebike.json", "industrial-stationary-lfp.json"} {
		s.create(maker, sample(t, name))
	}
	for _, format := range append(formatNames(t), "ndjson") {
		var files []string
		for line := range strings.Lines(s.Call("GET /api/passports/export?format="+format, maker, nil).Want(200, nil).Text) {
			files = append(files, fmt.Sprint("folder/", len(files), ".json"), line)
		}
		files = append(files, "__MACOSX/x", "", ".DS_Store", "", `__MACOSX\._a.json`, "", `a\.DS_Store`, "", "folder/", "", "readme.txt", "hello", "broken.json", "{")
		lines, sum := s.importFile(s.as(auth.Operator, "of-"+format), "?format="+format, zipType, archivetest.Zip(t, files...))
		if sum.Created != 3 || sum.Invalid != 2 || !sum.Complete {
			t.Errorf("%s: %+v, %+v", format, sum, lines)
		}
		for i, name := range map[int]string{3: "readme.txt", 4: "broken.json"} {
			if l := lines[i]; l.Row != i+1 || l.Status != "invalid" || !strings.Contains(l.Errors[0].Message, name) {
				t.Errorf("%s: %+v, want an error with the name %s", format, l, name)
			}
		}
	}
	rows := archivetest.Zip(t, "a.ndjson", draft("https://a.example/1")+"\n"+draft("https://a.example/2"), "b.json", "["+draft("https://a.example/3")+"]")
	if lines, _ := s.importFile(s.as(auth.Operator, "rows"), "", zipType, rows); brief(lines) != "1 created v1 draft; 2 created v1 draft; 3 created v1 draft" {
		t.Errorf("got %s", brief(lines))
	}
}

// TestPackageOfShell exports a passport as AASX and imports it.
func TestPackageOfShell(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "maker")
	p := s.create(maker, sample(t, "ev-nmc-complete.json"))
	response := s.Call("GET /api/passports/"+p.ID+"/export?format=aasx", maker, nil).Want(200, nil)
	if got := response.Header.Get("Content-Type"); got != aasx.MediaType {
		t.Errorf("Content-Type %s", got)
	}
	environment := s.Call("GET /api/passports/"+p.ID+"/export?format=idta-02035", maker, nil).Want(200, nil).Text
	for i, query := range []string{"", "?format=idta-02035"} {
		other := s.as(auth.Operator, fmt.Sprint("other", i))
		if lines, _ := s.importFile(other, query, aasx.MediaType, response.Text); brief(lines) != "1 created v1 draft" {
			t.Fatalf("got %s", brief(lines))
		}
		var back string
		for line := range strings.Lines(s.Call("GET /api/passports/export?format=idta-02035", other, nil).Want(200, nil).Text) {
			back = strings.TrimSpace(line)
		}
		// The service sets the times of versions.
		if a, b := strings.Split(environment, "lastUpdate"), strings.Split(back, "lastUpdate"); len(a) < 2 || a[0][:1000] != b[0][:1000] || len(a[0]) != len(b[0]) {
			t.Errorf("got  %.500s\nwant %.500s", back, environment)
		}
	}
	if got := s.Call("GET /api/passports/"+p.ID+"/export?format=aasx&report=true", maker, nil).Want(200, nil).Text; !strings.Contains(got, `"format":"idta-02035"`) {
		t.Errorf("report %.200s", got)
	}
	s.Call("GET /api/passports/export?format=aasx", maker, nil).WantProblem(422, "query:format enum")
}

// TestPackageOfSeveralShells imports an environment with the shells of three batteries. Each is a row.
func TestPackageOfSeveralShells(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "maker")
	names := []string{"ev-nmc-complete.json", "lmt-ebike.json", "industrial-stationary-lfp.json"}
	for _, name := range names {
		s.create(maker, sample(t, name))
	}
	merged := map[string][]any{}
	for line := range strings.Lines(s.Call("GET /api/passports/export?format=idta-02035", maker, nil).Want(200, nil).Text) {
		var environment map[string][]any
		if err := json.Unmarshal([]byte(line), &environment); err != nil {
			t.Fatal(err)
		}
		for member, items := range environment {
			merged[member] = append(merged[member], items...)
		}
	}
	document, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	aasxFile, err := aasx.Pack(document)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ query, mediaType, file string }{{"", aasx.MediaType, string(aasxFile)}, {"?format=idta-02035", "application/json", string(document)}} {
		one, all := s.as(auth.Operator, fmt.Sprint("one", i)), s.as(auth.Operator, fmt.Sprint("all", i))
		lines, _ := s.importFile(all, c.query, c.mediaType, c.file)
		if brief(lines) != "1 created v1 draft; 1 created v1 draft; 1 created v1 draft" {
			t.Fatalf("%s: got %s", c.mediaType, brief(lines))
		}
		s.importFile(one, "?format=idta-02035", ndjson, s.Call("GET /api/passports/export?format=idta-02035", maker, nil).Want(200, nil).Text)
		if got, want := s.dataOf(all), s.dataOf(one); len(want) != len(names) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the data differs from that of documents with one shell: %d, %d", c.mediaType, len(got), len(want))
		}
	}
}

// TestPackageInXML imports a package of another program, with a picture.
func TestPackageInXML(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	const xml = `<environment xmlns="https://admin-shell.io/aas/3/0"><submodels><submodel><id>s</id><idShort>BatteryNameplate</idShort><submodelElements>` +
		`<property><idShort>URIOfTheProduct</idShort><valueType>xs:anyURI</valueType><value>https://a.example/xml</value></property></submodelElements></submodel></submodels></environment>`
	relationship := func(kind, target string) string {
		return `<Relationships><Relationship Id="a" Type="http://admin-shell.io/aasx/relationships/` + kind + `" Target="` + target + `"/></Relationships>`
	}
	file := archivetest.Zip(t, "_rels/.rels", relationship("aasx-origin", "/aasx/aasx-origin"), "aasx/aasx-origin", "", "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "/aasx/data.xml"),
		"aasx/data.xml", xml, "aasx/files/picture.png", "x")
	lines, _ := s.importFile(s.as(auth.Operator, "a"), "", aasx.MediaType, file)
	if len(lines) != 1 || lines[0].Status != "created" || lines[0].BatteryIdentifier != "https://a.example/xml" || lines[0].Warnings[0].Path != "/aasx/files/picture.png" {
		t.Errorf("got %+v", lines)
	}
}

// TestHostileArchives imports archives that must be refused.
func TestHostileArchives(t *testing.T) {
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, MaxImportBytes: 8 << 20}, authtest.New(t))
	operator := s.as(auth.Operator, "a")
	external := `<Relationships><Relationship Id="a" Type="http://admin-shell.io/aasx/relationships/aasx-origin" Target="https://a.example/x" TargetMode="External"/></Relationships>`
	for name, c := range map[string]struct{ mediaType, file string }{
		"no archive":            {zipType, "hello"},
		"parent folder":         {zipType, archivetest.Zip(t, "../a.json", "{}")},
		"package without parts": {aasx.MediaType, archivetest.Zip(t, "a.json", "{}")},
		"external relationship": {aasx.MediaType, archivetest.Zip(t, "_rels/.rels", external)},
		"entities":              {aasx.MediaType, archivetest.Zip(t, "_rels/.rels", `<!DOCTYPE a [<!ENTITY b "c">]>`+external)},
	} {
		if got := s.Call("POST /api/passports/import", operator, c.file, "Content-Type", c.mediaType); got.Status != 400 {
			t.Errorf("%s: %d %s, want 400", name, got.Status, got.Text)
		}
	}
	for _, c := range []struct{ format, mediaType string }{{"json", zipType}, {"csv", zipType}, {"ndjson", aasx.MediaType}, {"json", aasx.MediaType}, {"en18223", aasx.MediaType}} {
		got := s.Call("POST /api/passports/import?format="+c.format, operator, archivetest.Zip(t, "a.json", "{}"), "Content-Type", c.mediaType)
		if got.WantProblem(415, "header:Content-Type enum"); !strings.Contains(got.Text, "the format "+c.format+" cannot be read from the Content-Type "+c.mediaType) {
			t.Errorf("got %s", got.Text)
		}
	}
	bomb := archivetest.Zip(t, "a.json", "["+draft("https://a.example/1")+"]", "b.ndjson", strings.Repeat(strings.Repeat(" ", 1<<20)+"\n", 16), "c.json", "["+draft("https://a.example/2")+"]")
	lines, sum := s.importFile(operator, "", zipType, bomb)
	if len(lines) != 1 || sum.Complete || sum.Error == nil || !strings.Contains(sum.Error.Message, "too large when it is unpacked") {
		t.Errorf("bomb of %d bytes: %+v %+v", len(bomb), lines, sum)
	}
}

// TestArchiveNeedsConstantMemory imports an archive with many documents of a foreign format into a service in a process of its
// own.
func TestArchiveNeedsConstantMemory(t *testing.T) {
	if hasRaceDetector() {
		t.Skip("the race detector needs several times the memory")
	}
	const documents = 500
	issuer := authtest.New(t)
	token := issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "a"})
	url, pid, kill := childWithPid(t, issuer, connect.Config{Dir: t.TempDir()})
	defer kill()
	s := &service{Client: resttest.Client{T: t, URL: url}}
	p := s.create(token, sample(t, "ev-nmc-complete.json"))
	document := s.Call("GET /api/passports/"+p.ID+"/export?format=idta-02035", token, nil).Want(200, nil).Text
	var files []string
	for i := range documents {
		files = append(files, fmt.Sprint(i, ".json"), strings.NewReplacer("21/NB7K2Q9X", fmt.Sprint("21/", i), "6a2f6c1e", fmt.Sprintf("%08x", i)).Replace(document))
	}
	file := archivetest.Zip(t, files...)
	idle := memory(t, pid, "VmRSS")
	if _, sum := s.importFile(token, "?format=idta-02035", zipType, file); sum.Created != documents || !sum.Complete {
		t.Errorf("%+v", sum)
	}
	if peak := memory(t, pid, "VmHWM"); peak-idle > maxImportMemory {
		t.Errorf("peak %d MiB, idle %d MiB, want at most %d MiB more", peak>>20, idle>>20, maxImportMemory>>20)
	} else {
		t.Logf("%d documents of %d bytes: idle %d MiB, peak %d MiB", documents, len(document), idle>>20, peak>>20)
	}
}

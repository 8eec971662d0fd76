package aasx_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/archive"
	"github.com/battery-passport/suite/passport-service/internal/archive/archivetest"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
)

func open(t *testing.T, data string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(strings.NewReader(data), int64(len(data)), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func relationship(kind, target, more string) string {
	return `<Relationships><Relationship Id="a" Type="http://www.admin-shell.io/aasx/relationships/` + kind + `" Target="` + target + `" ` + more + `/></Relationships>`
}

// many returns relationships of a type to targets.
func many(kind string, targets ...string) string {
	var all string
	for _, target := range targets {
		all += relationship(kind, target, "")
	}
	return "<a>" + all + "</a>"
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("/", i))
	}
	return names
}

func TestPackAndSpecs(t *testing.T) {
	data, err := aasx.Pack([]byte(`{"submodels":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, string(data))
	files, err := aasx.Specs(a)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	r, err := a.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != `{"submodels":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSpecsOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string // files, or the error
	}{
		"relative":         {[]string{"_rels/.rels", relationship("aasx-origin", "aasx/aasx-origin", ""), "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "data.xml", ""), "aasx/data.xml", "x"}, "aasx/data.xml"},
		"absolute":         {[]string{"_rels/.rels", relationship("aasx-origin", "/aasx/aasx-origin", `TargetMode="Internal"`), "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "/x/data.json", ""), "x/data.json", "x"}, "x/data.json"},
		"percent encoding": {[]string{"_rels/.rels", relationship("aasx-origin", "/aasx/aasx-origin", ""), "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "/aasx/My%20File.json", ""), "aasx/My File.json", "x"}, "aasx/My File.json"},
		"external":         {[]string{"_rels/.rels", relationship("aasx-origin", "/aasx/aasx-origin", ""), "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "https://a.example/data.xml", `TargetMode="External"`)}, "is external"},
		"external picture": {[]string{"_rels/.rels", relationship("thumbnail", "https://a.example/x.png", `TargetMode="External"`)}, "is external"},
		"file address":     {[]string{"_rels/.rels", relationship("aasx-origin", "file:///etc/passwd", "")}, "is external"},
		"outside":          {[]string{"_rels/.rels", relationship("aasx-origin", "../../etc/passwd", "")}, "not allowed"},
		"missing":          {[]string{"_rels/.rels", relationship("aasx-origin", "/aasx/aasx-origin", ""), "aasx/_rels/aasx-origin.rels", relationship("aas-spec", "/x", "")}, "missing"},
		"no relationships": {[]string{"data.json", "{}"}, "missing"},
		"none":             {[]string{"_rels/.rels", "<Relationships/>"}, "0 environments"},
		"entities":         {[]string{"_rels/.rels", `<!DOCTYPE a [<!ENTITY b "c">]>` + relationship("aasx-origin", "/&b;", "")}, "not allowed"},
		"twice":            {[]string{"_rels/.rels", many("aasx-origin", "/aasx/aasx-origin", "/AASX/aasx-origin"), "aasx/_rels/aasx-origin.rels", many("aas-spec", "/x.json", "/X.json", "x.json", "/aasx/x.json"), "x.json", "x", "aasx/X.json", "x"}, "x.json aasx/X.json"},
		"two origins":      {[]string{"_rels/.rels", many("aasx-origin", "/a", "/b")}, "aasx-origin to more than 1 files"},
		"many specs":       {[]string{"_rels/.rels", relationship("aasx-origin", "/a", ""), "_rels/a.rels", many("aas-spec", numbered(1001)...) + "<"}, "aas-spec to more than 1000 files"},
		"broken":           {[]string{"_rels/.rels", "<Relationships"}, "not valid XML"},
	} {
		files, err := aasx.Specs(open(t, archivetest.Zip(t, c.files...)))
		var names []string
		for _, f := range files {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestXML(t *testing.T) {
	const begin = `<?xml version="1.0" encoding="UTF-8"?><aas:environment xmlns:aas="https://admin-shell.io/aas/3/0">`
	const end = `</aas:environment>`
	for text, want := range map[string]string{
		begin + end: `{}`,
		begin + `<aas:submodels><aas:submodel><aas:id>s</aas:id><aas:semanticId><aas:type>ExternalReference</aas:type><aas:keys><aas:key><aas:type>GlobalReference</aas:type><aas:value>u</aas:value></aas:key></aas:keys></aas:semanticId>` +
			`<aas:submodelElements><aas:property><aas:idShort>a</aas:idShort><aas:valueType>xs:string</aas:valueType><aas:value> &lt;1 </aas:value></aas:property>` +
			`<aas:multiLanguageProperty><aas:idShort>b</aas:idShort><aas:value><aas:langStringTextType><aas:language>de</aas:language><aas:text>x</aas:text></aas:langStringTextType></aas:value></aas:multiLanguageProperty>` +
			`<aas:submodelElementCollection><aas:idShort>c</aas:idShort><aas:value><aas:file><aas:idShort>d</aas:idShort><aas:value/><aas:contentType>image/png</aas:contentType></aas:file></aas:value></aas:submodelElementCollection>` +
			`<aas:submodelElementList><aas:value/></aas:submodelElementList><aas:property/></aas:submodelElements></aas:submodel></aas:submodels>` + end: `{"submodels":[{"modelType":"Submodel","id":"s","semanticId":{"type":"ExternalReference","keys":[{"type":"GlobalReference","value":"u"}]},` +
			`"submodelElements":[{"modelType":"Property","idShort":"a","valueType":"xs:string","value":" \u003c1 "},` +
			`{"modelType":"MultiLanguageProperty","idShort":"b","value":[{"language":"de","text":"x"}]},` +
			`{"modelType":"SubmodelElementCollection","idShort":"c","value":[{"modelType":"File","idShort":"d","value":"","contentType":"image/png"}]},` +
			`{"modelType":"SubmodelElementList","value":[]},{"modelType":"Property"}]}]}`,
		begin + `<aas:assetAdministrationShells><aas:assetAdministrationShell><aas:id>a</aas:id><aas:submodels><aas:reference><aas:type>ModelReference</aas:type></aas:reference></aas:submodels></aas:assetAdministrationShell></aas:assetAdministrationShells>` + end: `{"assetAdministrationShells":[{"modelType":"AssetAdministrationShell","id":"a","submodels":[{"type":"ModelReference"}]}]}`,
	} {
		if got, err := aasx.ToJSON(strings.NewReader(text), 1<<20); err != nil || string(got) != want {
			t.Errorf("got %s, %v\nwant %s", got, err, want)
		}
	}
	for text, want := range map[string]string{
		`<!DOCTYPE a [<!ENTITY b "c">]>` + begin + end:              "entities are not allowed",
		begin + `<aas:submodels><!DOCTYPE a></aas:submodels>` + end: "entities are not allowed",
		begin + `<aas:submodels>&b;</aas:submodels>` + end:          "not valid",
		"<a/>":                                   "root element",
		"":                                       "not valid",
		begin:                                    "not valid",
		begin + strings.Repeat("<a>", 1000):      "nested",
		begin + "<a>" + strings.Repeat("b", 200): "not valid",
		begin + "<a>" + strings.Repeat("b", 20_000) + "</a>" + end: "larger than 10000 bytes",
		begin + "<a>" + strings.Repeat("b", 9<<20) + "</a>" + end:  "larger than",
	} {
		if _, err := aasx.ToJSON(strings.NewReader(text), 10_000); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got %v, want %s", text, err, want)
		}
	}
}

package page

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"html"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// sample returns the part of a sample passport that the classes may read.
func sample(t testing.TB, name string, classes ruleset.Classes) *ruleset.Document {
	t.Helper()
	data, err := fs.ReadFile(samples.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Data json.RawMessage }
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	sets := ruleset.Embedded()
	rs := sets[len(sets)-1]
	return rs.ParseCanonical(rs.Project(rs.Parse(wire.Value(body.Data)).Canonicalize(), classes))
}

const largest = "ev-nmc-complete.json"

func render(t testing.TB, l locale.Language, p Passport) string {
	t.Helper()
	body, err := Render(l, p)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func passportFor(d *ruleset.Document, r Reader) Passport {
	return Passport{Document: d, DataURL: "/api/public/passports/1", Reader: r, State: Active, QR: []byte("<svg></svg>")}
}

// TestPageHasEveryFieldThatTheReaderMayRead compares the page of each reader with all
// fields of the largest samples. The catalogue has the readers of each field.
func TestPageHasEveryFieldThatTheReaderMayRead(t *testing.T) {
	for _, name := range []string{largest, "industrial-repurposed.json", "lmt-ebike-waste.json", "ev-lfp-in-use.json"} {
		full := sample(t, name, ruleset.AllClasses)
		for reader, classes := range map[Reader]ruleset.Classes{
			Public: ruleset.Anyone.Classes(), LegitimateInterest: ruleset.WithLegitimateInterest.Classes(), Authority: ruleset.MarketSurveillance.Classes(), Owner: ruleset.AllClasses,
		} {
			page := render(t, "en", passportFor(sample(t, name, classes), reader))
			all := strings.Join(regexp.MustCompile(`(?s)<div><dt>.*?</div>`).FindAllString(page, -1), "\n")
			readable := map[string]bool{}
			texts := textsIn("en")
			pair := func(v ruleset.Value) (string, string) {
				a := v.Attribute()
				return html.EscapeString(texts.Name(a.Path)), html.EscapeString(texts.show(v, a).Text)
			}
			for v := range full.Values() {
				if a := v.Attribute(); a != nil && !v.IsObject() && !v.IsArray() && a.Type != ruleset.Localized && full.Rules.CanRead(a.Path, classes) {
					label, text := pair(v)
					readable[label+text] = true
					if !strings.Contains(all, label+"</dt>") || !strings.Contains(all, text) {
						t.Errorf("%s for %s: %s with %q is not on the page", name, reader, v.Path(), text)
					}
				}
			}
			for v := range full.Values() {
				a := v.Attribute()
				if a == nil || v.IsObject() || v.IsArray() || a.Type == ruleset.Localized || full.Rules.CanRead(a.Path, classes) {
					continue
				}
				label, text := pair(v)
				row := regexp.MustCompile(regexp.QuoteMeta(label) + `</dt><dd>[^\n]*` + regexp.QuoteMeta(">"+text+"<"))
				if !readable[label+text] && len(text) > 3 && row.MatchString(all) {
					t.Errorf("%s for %s: %s is on the page", name, reader, v.Path())
				}
			}
		}
	}
}

// TestPagesAreSmall: the first visit needs one response of at most 30 kB.
func TestPagesAreSmall(t *testing.T) {
	for _, l := range locale.Languages() {
		for _, classes := range []ruleset.Classes{ruleset.Anyone.Classes(), ruleset.AllClasses} {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write([]byte(render(t, l, passportFor(sample(t, largest, classes), Public))))
			z.Close()
			if b.Len() > 30_000 {
				t.Errorf("%s: got %d bytes", l, b.Len())
			}
		}
	}
}

// TestPageAsksNobodyElse: no address of another host, except in links that people follow.
func TestPageAsksNobodyElse(t *testing.T) {
	page := render(t, "en", passportFor(sample(t, largest, ruleset.AllClasses), Owner))
	for _, attribute := range regexp.MustCompile(`(?:src|srcset|action|xlink:href|poster)=|url\(|@import|<(?:script|iframe|object|embed|form|link rel="(?:stylesheet|preload|preconnect))`).FindAllString(page, -1) {
		t.Errorf("the page has %q", attribute)
	}
}

// TestMessagesAreComplete compares the messages of each language with the English ones:
// the same messages, placeholders and, for the language, all plural forms.
func TestMessagesAreComplete(t *testing.T) {
	read := func(l locale.Language) (all map[string]any) {
		data, err := messageFiles.ReadFile("messages/" + string(l) + ".json")
		if err == nil {
			err = json.Unmarshal(data, &all)
		}
		if err != nil {
			t.Errorf("%s: %v", l, err)
		}
		return all
	}
	same := readSameAsEnglish(t)
	placeholders := regexp.MustCompile(`{{\.\w+}}`)
	english := read("en")
	for _, l := range locale.Languages() {
		own := read(l)
		for id, text := range english {
			switch text := text.(type) {
			case string:
				got, _ := own[id].(string)
				if strings.TrimSpace(got) == "" || id != "about" && !slices.Equal(placeholders.FindAllString(got, -1), placeholders.FindAllString(text, -1)) {
					t.Errorf("%s: %s: got %q", l, id, got)
				}
				if l != "en" && got == text && !slices.Contains(same[string(l)], got) {
					t.Errorf("%s: %s is the English text", l, id)
				}
			default:
				forms, _ := own[id].(map[string]any)
				for form, text := range forms {
					if s, _ := text.(string); !strings.Contains(s, "{{.Count}}") {
						t.Errorf("%s: %s.%s: got %q", l, id, form, text)
					}
				}
				texts := textsIn(l)
				for _, n := range []int{0, 1, 2, 3, 5, 8, 11, 21, 100} {
					if got := texts.count(id, n); !strings.Contains(got, texts.Number(float64(n))) {
						t.Errorf("%s: %s for %d: got %q", l, id, n, got)
					}
				}
			}
		}
		if l != "en" && !strings.Contains(own["about"].(string), "No native speaker has reviewed") {
			t.Errorf("%s: about does not say that no native speaker has reviewed the texts", l)
		}
	}
}

func readSameAsEnglish(t *testing.T) (same map[string][]string) {
	t.Helper()
	data, err := os.ReadFile("../labels/testdata/same-as-english.json")
	if err == nil {
		err = json.Unmarshal(data, &same)
	}
	if err != nil {
		t.Fatal(err)
	}
	return same
}

// TestEveryMessageIsUsed: templates and code have the ids of all messages.
func TestEveryMessageIsUsed(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"*.go", "assets/*.html"} {
		names, _ := fs.Glob(os.DirFS("."), pattern)
		for _, name := range names {
			data, _ := os.ReadFile(name)
			source.Write(data)
		}
	}
	for id := range messages["en"].plain {
		used := strings.Contains(source.String(), `"`+id+`"`) || strings.HasPrefix(id, "kind.") || strings.HasSuffix(id, "Title") || id == "about"
		if !used {
			t.Errorf("message %s is not used", id)
		}
	}
}

func TestValuesAreShownInTheFormOfTheLanguage(t *testing.T) {
	set := ruleset.Embedded()[0]
	for _, c := range []struct {
		language           locale.Language
		path, value, shown string
	}{
		{"en", "generalInformation.manufacturingDate", `"2026-09"`, "September 2026"},
		{"en", "generalInformation.manufacturingDate", `"2026-09-05"`, "5 September 2026"},
		{"en", "generalInformation.warrantyPeriod", `"P96M"`, "8 years"},
		{"en", "generalInformation.warrantyPeriod", `"P1Y6M"`, "18 months"},
		{"en", "generalInformation.warrantyPeriod", `"P1M"`, "1 month"},
		{"en", "generalInformation.warrantyPeriod", `"P2W"`, "14 days"},
		{"en", "performanceAndDurability.expectedLifetimeCycles", `1500`, "1,500"},
		{"en", "supplyChainDueDiligence.reportYear", `2027`, "2027"},
		{"en", "generalInformation.batteryMass", `493.125`, "493.125\u00a0kg"},
		{"en", "generalInformation.isRechargeable", `true`, "Yes"},
		{"en", "generalInformation.manufacturingFacility.country", `"DE"`, "Germany"},
		{"en", "batteryCondition.stateOfHealth.measuredAt", `"2026-11-15T10:00:00+02:00"`, "15 November 2026, 08:00 UTC"},
		{"en", "carbonFootprint.studyUrl", `"https://a.example/x/study.pdf"`, "a.example/…/study.pdf"},
		{"en", "generalInformation.batteryStatus", `"re-used"`, "Re-used"},
		{"de", "labelsAndConformity.labelMeanings[].symbol", `"separateCollection"`, "Symbol für die getrennte Sammlung"},
		{"de", "labelsAndConformity.labelMeanings[].symbol", `"Pb"`, "Pb"},
		{"en", "generalInformation.warrantyPeriod", `"forever"`, "forever"},
		{"de", "performanceAndDurability.ratedCapacityAh", `1234.5`, "1.234,5\u00a0Ah"},
		{"pl", "performanceAndDurability.expectedLifetimeCycles", `1500`, "1500"},
	} {
		name := strings.Split(c.path, ".")
		slices.Reverse(name)
		document := c.value
		for _, n := range name {
			n, isList := strings.CutSuffix(n, "[]")
			if isList {
				document = "[" + document + "]"
			}
			document = `{"` + n + `":` + document + "}"
		}
		v := set.Parse(wire.Value(document)).First(c.path)
		if got := textsIn(c.language).show(v, v.Attribute()).Text; got != c.shown {
			t.Errorf("%s: %s = %s: got %q, want %q", c.language, c.path, c.value, got, c.shown)
		}
	}
}

func TestMessagePages(t *testing.T) {
	for name, body := range map[string]func() ([]byte, error){
		"This battery is not known here": func() ([]byte, error) { return RenderMessage("en", NotFound, "") },
		"&lt;b&gt;":                      func() ([]byte, error) { return RenderMessage("en", Invalid, "<b>") },
		"It ended on 5 September 2026.":  func() ([]byte, error) { return RenderGone("en", time.Date(2026, 9, 5, 23, 0, 0, 0, time.UTC)) },
		"Its model is known":             func() ([]byte, error) { return RenderModel("en", Model{"A", "B", "C"}, true) },
	} {
		if got, err := body(); err != nil || !strings.Contains(string(got), name) {
			t.Errorf("%v: %s is not on the page", err, name)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	p := passportFor(sample(b, largest, ruleset.Anyone.Classes()), Public)
	b.ReportAllocs()
	for b.Loop() {
		render(b, "en", p)
	}
}

package page

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// TestTemplatesAreFilledInForEachLanguage: pages have the parts of their language, and the
// style that the CSP permits.
func TestTemplatesAreFilledInForEachLanguage(t *testing.T) {
	for _, l := range locale.Languages() {
		page := render(t, l, passportFor(sample(t, largest, ruleset.Anyone.Classes()), Public))
		for _, text := range []string{`<html lang="` + string(l) + `">`, "<style>" + style + "</style>", textsIn(l).T("textsAsEntered"), "/2023/1542/" + lawCodes[l] + `"`} {
			if !strings.Contains(page, text) {
				t.Errorf("%s: %.80s is not on the page", l, text)
			}
		}
		if strings.Contains(page, "[[") || strings.Contains(page, "]]") {
			t.Errorf("%s: the page has a part that was not filled in", l)
		}
	}
}

// TestSectionsBeginWithTheirOwnRows: after a group, a row would look like a part of it.
func TestSectionsBeginWithTheirOwnRows(t *testing.T) {
	page := render(t, "en", passportFor(sample(t, largest, ruleset.AllClasses), Owner))
	for row, group := range map[string]string{
		"<dt>Commercial warranty for the calendar life": "<h3>Manufacturing plant",
		"<dt>Public study":                "<h3>Carbon footprint by life cycle stage 1",
		"<dt>Ratio of power to energy":    "<h3>Temperature range of the voltages",
		"<dt>Share of renewable content":  "<h3>Recycled content",
		"<dt>Critical raw materials</dt>": "<h3>Hazardous substances 1",
	} {
		if at, after := strings.Index(page, row), strings.Index(page, group); at < 0 || after < at {
			t.Errorf("%s is at %d, and must be before %s at %d", row, at, group, after)
		}
	}
}

func TestSafetyCardSaysWhatItsRowsAre(t *testing.T) {
	card, err := RenderSafetyCard("en", passportFor(sample(t, largest, ruleset.Anyone.Classes()), Public))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"<dt>Impact of substances on the environment and human health</dt><dd><bdi>Substances released",
		"<dt>Hazardous substances · Lithium hexafluorophosphate</dt><dd><bdi>Acute Tox. 3, Skin Corr. 1A, STOT RE 1 · H301, H314, H372 · electrolyte</bdi></dd></div>",
		"Not shown to you: detailed composition, spare parts, dismantling and safety measures – for persons",
		`href="?view=safety&amp;lang=fi"`,
	} {
		if !strings.Contains(string(card), text) {
			t.Errorf("%s is not on the card", text)
		}
	}
}

// TestBeginningShowsTheStatus: readers with a legitimate interest see that a battery is not
// in its first life.
func TestBeginningShowsTheStatus(t *testing.T) {
	for _, c := range []struct {
		file    string
		classes ruleset.Classes
		kind    string
	}{
		{"industrial-repurposed.json", ruleset.AllClasses, "Industrial battery · Repurposed"},
		{"industrial-repurposed.json", ruleset.Anyone.Classes(), "Industrial battery"},
		{"lmt-ebike-waste.json", ruleset.AllClasses, "Battery for light means of transport · Waste"},
		{largest, ruleset.AllClasses, "Electric vehicle battery"},
	} {
		page := render(t, "en", passportFor(sample(t, c.file, c.classes), Owner))
		if want := `<p class="kind">` + c.kind + "</p>"; !strings.Contains(page, want) {
			t.Errorf("%s: no %s", c.file, want)
		}
	}
}

package labels

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// sameAsEnglish are the labels that may be equal to the English ones: abbreviations,
// symbols, and words that the languages share.
var sameAsEnglish = map[string]bool{}

func init() {
	data, err := os.ReadFile("testdata/same-as-english.json")
	if err != nil {
		panic(err)
	}
	var list map[string][]string
	if err := json.Unmarshal(data, &list); err != nil {
		panic(err)
	}
	for language, texts := range list {
		for _, text := range texts {
			sameAsEnglish[language+" "+text] = true
		}
	}
}

// texts returns all texts of l by a key.
func texts(l *Labels) map[string]string {
	all := map[string]string{}
	for group, labels := range map[string]map[string]Label{"section": l.Sections, "shared": l.Shared, "label": l.Names} {
		for name, label := range labels {
			all[group+" "+name] = label.Text
		}
	}
	for attribute, values := range l.Values {
		for value, text := range values {
			all["value "+attribute+" "+value] = text
		}
	}
	for unit, text := range l.Units {
		all["unit "+unit] = text
	}
	return all
}

// lineAt320 is how many characters fit on a line of a screen that is 320 px wide.
const lineAt320 = 32

func TestAllLanguagesAreComplete(t *testing.T) {
	english := In(locale.English)
	want := texts(english)
	for _, language := range locale.Languages() {
		l := In(language)
		if l == nil {
			t.Errorf("%s: no labels", language)
			continue
		}
		got := texts(l)
		for key, text := range want {
			switch own := got[key]; {
			case strings.TrimSpace(own) == "":
				t.Errorf("%s: %s is missing", language, key)
			case own == text && language != locale.English && !sameAsEnglish[string(language)+" "+own]:
				t.Errorf("%s: %s is the English text %q", language, key, own)
			case utf8.RuneCountInString(own) > max(utf8.RuneCountInString(text)*16/10, lineAt320):
				t.Errorf("%s: %s is longer than 1.6 times the English text: %q", language, key, own)
			}
		}
		for key := range got {
			if want[key] == "" {
				t.Errorf("%s: %s is unknown", language, key)
			}
		}
		checkForm(t, language, l, got)
	}
}

// checkForm checks script, sources and the statement about the author.
func checkForm(t *testing.T, language locale.Language, l *Labels, texts map[string]string) {
	t.Helper()
	if language != locale.English && !strings.Contains(l.About, "No native speaker has reviewed") {
		t.Errorf("%s: about does not say that no native speaker has reviewed the texts", language)
	}
	for _, labels := range []map[string]Label{l.Sections, l.Shared, l.Names} {
		for name, label := range labels {
			if !slices.Contains([]Source{Law, Own, EU}, label.Source) {
				t.Errorf("%s: %s has the source %q", language, name, label.Source)
			}
		}
	}
	script := map[locale.Language]*unicode.RangeTable{"bg": unicode.Cyrillic, "el": unicode.Greek}[language]
	if script == nil {
		script = unicode.Latin
	}
	abbreviation := func(word string) bool {
		return word == strings.ToUpper(word) || strings.ContainsAny(word, "0123456789-") || word == "kWh"
	}
	for key, text := range texts {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' }) {
			if !abbreviation(word) && strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(script, r) }) {
				t.Errorf("%s: %s has a word of another script: %q", language, key, word)
			}
		}
	}
}

// TestEveryAttributeHasALabel reads the catalogue, so that a new attribute needs a label.
func TestEveryAttributeHasALabel(t *testing.T) {
	l := In(locale.English)
	for _, set := range ruleset.Embedded() {
		for _, section := range set.Sections() {
			if l.Section(section.Name) == "" {
				t.Errorf("section %s has no label", section.Name)
			}
		}
		for _, a := range set.Attributes() {
			if l.Name(a.Path) == "" {
				t.Errorf("%s has no label", a.Path)
			}
			for _, value := range a.AllowedValues {
				if l.Value(a.Path, value) == value && !slices.Contains([]string{"Cd", "Pb", "kg CO2e"}, value) {
					t.Errorf("%s: value %s has no label", a.Path, value)
				}
			}
		}
	}
}

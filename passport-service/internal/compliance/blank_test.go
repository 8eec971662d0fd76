package compliance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// TestBlankTextIsMissing replaces texts by texts without a visible character.
func TestBlankTextIsMissing(t *testing.T) {
	e := engine(t)
	evaluate := func(base, patch string) compliance.Report {
		return e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, base, patch)), Now: now, AsOf: ruleset.DateOf(now)})
	}
	for _, text := range []string{"", " ", "\t\r\n", "\u00a0\u2003\u3000", "\u200b\ufeff", "\u2800\u3164"} {
		blank := strconv.QuoteToASCII(text)
		for _, c := range []struct{ base, path, want string }{
			{ev, general + "manufacturerInformation/manufacturerName", "required"},
			{ev, general + "manufacturerInformation/postalAddress/city", "required"},
			{ev, general + "batteryIdentifier", "required"},
			{ev, general + "manufacturingDate", "required"},
			{ev, labels + "euDeclarationOfConformity/documentUrl", "required"},
			{ev, labels + "testReports/0/title", "required"},
			{ev, circle + "dismantlingInformation/disassemblySequence/0", "required"},
		} {
			report := evaluate(c.base, changes(set(c.path, blank)))
			if got := found(report, compliance.Error); !slices.Contains(got, c.path+" "+c.want) || report.Complete || report.Score.Percent == 100 {
				t.Errorf("%s = %q: got errors %q, score %+v, want %s", c.path, text, got, report.Score, c.want)
			}
		}
		for _, c := range []struct{ base, patch, want string }{
			{minimum, changes(set(matter+"substanceImpact", `{"text":`+blank+`}`)), matter + "substanceImpact required"},
			{minimum, changes(set(circle+"spareParts/0/webAddress", blank)), circle + "spareParts/0 required"},
			{second, changes(set(life+"previousPassports/0/batteryPassportIdentifier", blank)), life + "previousPassports/0/batteryPassportIdentifier required"},
			{ev, changes(set(labels+"labelMeanings/0/meaning", `{"en":`+blank+`}`)), labels + "labelMeanings/0/meaning required"},
			{ev, changes(set(labels+"labelMeanings/0/meaning", `{}`)), labels + "labelMeanings/0/meaning required"},
		} {
			if got := found(evaluate(c.base, c.patch), compliance.Error); !slices.Contains(got, c.want) {
				t.Errorf("%s: got errors %q, want %s", c.patch, got, c.want)
			}
		}
		optional := evaluate(ev, changes(set(general+"manufacturerInformation/webAddress", blank)))
		if got := found(optional, compliance.Warning); !optional.Complete || !slices.Contains(got, general+"manufacturerInformation/webAddress format") {
			t.Errorf("optional text %q: got complete %v, warnings %q, want true and a warning", text, optional.Complete, got)
		}
	}
}

// TestControlCharactersAreErrors puts characters into texts that no screen shows and XML
// does not allow. Line breaks and tabs are allowed.
func TestControlCharactersAreErrors(t *testing.T) {
	e := engine(t)
	for _, path := range []string{
		general + "manufacturerInformation/manufacturerName", general + "batterySerialNumber", general + "manufacturerInformation/emailAddress",
		labels + "labelMeanings/0/meaning/en", circle + "dismantlingInformation/disassemblySequence/0",
	} {
		for text, refused := range map[string]bool{
			"A\x00B": true, "A\x07B": true, "A\x1b[2JB": true, "A\x7fB": true, "A\u0085B": true, "A\ufffeB": true,
			"A\tB\r\nC": false, "A\u2028B": false, "Łódź नमस्ते 🔋": false,
		} {
			report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, changes(set(path, quoteJSON(t, text))))), Now: now, AsOf: ruleset.DateOf(now)})
			i := slices.IndexFunc(report.Findings, func(f compliance.Finding) bool {
				return f.Path == path && f.Severity == compliance.Error && strings.Contains(f.Message, "control character")
			})
			if refused != (i >= 0) {
				t.Errorf("%s = %q: got a finding: %v, want %v", path, text, i >= 0, refused)
			}
		}
	}
}

// TestPlaceholdersAreWarnings puts texts into mandatory attributes in place of a
// missing value.
func TestPlaceholdersAreWarnings(t *testing.T) {
	e := engine(t)
	for path, pattern := range map[string]string{
		general + "manufacturerInformation/manufacturerName": "%s", general + "batterySerialNumber": "%s",
		labels + "labelMeanings/0/meaning": `{"en":%s,"de":"-"}`, circle + "dismantlingInformation/disassemblySequence": "[%s]",
	} {
		for text, warned := range map[string]bool{
			"n/a": true, "N.A.": true, "-": true, "--": true, "?": true, "TBD": true, "(tbd)": true, "unknown": true, "to be defined": true, "not available": true, "…": true,
			"k. A.": true, "s.o.": true, "nie dotyczy": true, "Sans objet": true, "test": true, "entfällt": true,
			"Na": false, "KA": false, "SO": false, "A": false, "0": false, "Unknown Motors Ltd": false, "TBD-7731": false, "+": false,
		} {
			report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, changes(set(path, fmt.Sprintf(pattern, quoteJSON(t, text)))))), Now: now, AsOf: ruleset.DateOf(now)})
			got := slices.ContainsFunc(report.Findings, func(f compliance.Finding) bool {
				return f.Path == path && f.Severity == compliance.Warning && strings.Contains(f.Message, "placeholder")
			})
			if got != warned {
				t.Errorf("%s = %q: got a warning: %v, want %v", path, text, got, warned)
			}
		}
	}
}

// TestNoneIsAPlaceholder except in lists that can have nothing to state.
func TestNoneIsAPlaceholder(t *testing.T) {
	e := engine(t)
	for path, want := range map[string]bool{
		matter + "hazardousSubstances/0/hazardClasses": true, circle + "dismantlingInformation/disassemblySequence": true,
		circle + "dismantlingInformation/tools": false, circle + "dismantlingInformation/damageWarnings": false,
	} {
		for _, text := range []string{"none", "Keine", "aucun"} {
			report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, changes(set(path, `["`+text+`"]`)))), Now: now, AsOf: ruleset.DateOf(now)})
			got := slices.ContainsFunc(report.Findings, func(f compliance.Finding) bool { return f.Path == path && strings.Contains(f.Message, "placeholder") })
			if got != want {
				t.Errorf("%s: [%q]: got a warning: %v, want %v", path, text, got, want)
			}
		}
	}
}

func quoteJSON(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted)
}

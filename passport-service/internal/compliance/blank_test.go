package compliance_test

import (
	"slices"
	"strconv"
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

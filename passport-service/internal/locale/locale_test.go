package locale

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestFormatsAreThoseOfIntl compares the formats with those of Node.js, whose figures of
// CLDR come from ICU.
func TestFormatsAreThoseOfIntl(t *testing.T) {
	const script = `
		const tag = l => ({pt: 'pt-PT', en: 'en-IE'}[l] ?? l)
		const out = {}
		for (const l of JSON.parse(process.argv[1]).languages) {
			const {numbers, days} = JSON.parse(process.argv[1])
			const number = new Intl.NumberFormat(tag(l), {maximumFractionDigits: 20})
			const date = new Intl.DateTimeFormat(tag(l), {dateStyle: 'long', timeZone: 'UTC'})
			const month = new Intl.DateTimeFormat(tag(l), {year: 'numeric', month: 'long', timeZone: 'UTC'})
			const size = unit => new Intl.NumberFormat(tag(l), {style: 'unit', unit})
			out[l] = [size('kilobyte').format(12), size('megabyte').format(3.4), ...numbers.map(n => number.format(n)), ...days.flatMap(d => [date.format(new Date(d)), month.format(new Date(d))])]
		}
		console.log(JSON.stringify(out))`
	numbers := []float64{0, 1, -1, 0.5, 12.75, 999, 1000, 1234.5, 12345, 123456.789, 1e6, -9876543.21}
	days := []string{"2027-02-18", "2026-12-01", "1999-05-31", "2030-08-09"}
	input, _ := json.Marshal(map[string]any{"languages": Languages(), "numbers": numbers, "days": days})
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed")
	}
	output, err := exec.CommandContext(t.Context(), node, "-e", script, string(input)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want map[Language][]string
	if err := json.Unmarshal(output, &want); err != nil {
		t.Fatal(err)
	}
	for _, l := range Languages() {
		got := []string{l.FileSize(12_000), l.FileSize(3_400_000)}
		for _, n := range numbers {
			got = append(got, l.Number(n))
		}
		for _, day := range days {
			d, _ := time.Parse(time.DateOnly, day)
			got = append(got, l.Date(d), l.Month(d))
		}
		for i := range got {
			// ICU writes some narrow spaces of CLDR as spaces, and minus signs as hyphens.
			same := strings.NewReplacer("-", "\u2212", "\u202f", " ", "\u00a0", " ")
			if same.Replace(got[i]) != same.Replace(want[l][i]) {
				t.Errorf("%s: got %q, want %q", l, got[i], want[l][i])
			}
		}
	}
}

func TestParse(t *testing.T) {
	for tag, want := range map[string]Language{
		"de": "de", "DE": "de", "de-AT": "de", "de_AT": "de", "DE-latn-ch-1996": "de", "de-XX": "de", "deu": "de", "pt-BR": "pt", "iw": "", "no": "",
		"": "", "xx": "", "und": "", "und-DE": "", "*": "", "de;q=1": "", "deutsch": "", "de" + strings.Repeat("-abcdefgh", 100_000): "",
	} {
		if got, ok := Parse(tag); ok != (want != "") || ok && got != want {
			t.Errorf("Parse(%.40q) = %s, %v, want %q", tag, got, ok, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for header, want := range map[string]Language{
		"": English, "*": English, "de": "de", "de-AT,en;q=0.5": "de", "xx, mt;q=0.3": "mt", "ja, zh;q=0.9": English, "pt-BR": "pt", "no": "da",
		"en;q=0.1, el": "el", ";;;q": English, strings.Repeat("xx,", 500) + "de": English, "fr;q=0, en": English,
	} {
		if got := Match(header); got != want {
			t.Errorf("Match(%.40q) = %s, want %s", header, got, want)
		}
	}
}

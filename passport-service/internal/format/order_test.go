package format_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// TestOrderOfLanguagesHasNoMeaning decodes documents whose texts are not sorted by their language. Nothing is lost.
func TestOrderOfLanguagesHasNoMeaning(t *testing.T) {
	data := `{"labelsAndConformity":{"labelMeanings":[{"meaning":{"de":"Blei","en":"lead"},"symbol":"Pb"}]}}`
	for _, name := range []string{"en18223", "en18223-full"} {
		f := registry(t)[name]
		document, losses, err := f.Encode([]byte(data), format.Header{})
		if err != nil || len(losses) > 0 {
			t.Fatal(name, losses, err)
		}
		reversed := strings.NewReplacer(`"de"`, `"en"`, `"en"`, `"de"`, "Blei", "lead", "lead", "Blei").Replace(string(document))
		if reversed == string(document) || !json.Valid([]byte(reversed)) {
			t.Fatal(name, reversed)
		}
		back, losses, err := f.Decode([]byte(reversed))
		if err != nil || string(back[0]) != data || len(losses) > 0 {
			t.Errorf("%s: got %s, %v, %v, want %s without losses", name, back, losses, err, data)
		}
	}
}

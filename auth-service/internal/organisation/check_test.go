package organisation

import "testing"

// TestCountriesAreThoseOfISO3166 fails if an update of x/text adds a region that
// isCountry has to exclude.
func TestCountriesAreThoseOfISO3166(t *testing.T) {
	n := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if isCountry(string([]rune{a, b})) {
				n++
			}
		}
	}
	if n != 250 {
		t.Errorf("got %d countries, want the 249 assigned codes and XK", n)
	}
}

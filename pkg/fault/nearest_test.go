package fault_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
)

func TestNearest(t *testing.T) {
	names := []string{"file", "passportId", "kind", "accessClass"}
	for name, want := range map[string]string{
		"File": "file", "passport_id": "passportId", "PASSPORTID": "passportId", "kinds": "kind", "access-class": "accessClass",
		"": "", "x": "", "document": "", strings.Repeat("a", 100_000): "",
	} {
		if got := fault.Nearest(name, names); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}

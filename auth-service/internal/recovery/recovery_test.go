package recovery_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/recovery"
)

// TestCodes: ten different codes of 120 bits, stored as hashes. Each works once, as people type it.
func TestCodes(t *testing.T) {
	codes, hashes := recovery.New()
	others, _ := recovery.New()
	seen := map[string]bool{}
	for i, code := range append(codes, others...) {
		if !regexp.MustCompile(`^([A-Z2-7]{4}-){5}[A-Z2-7]{4}$`).MatchString(code) || seen[code] || !recovery.IsCode(code) {
			t.Errorf("code %d = %s", i, code)
		}
		seen[code] = true
	}
	if len(codes) != recovery.Count || len(hashes) != recovery.Count || len(hashes[0]) != 32 || strings.Contains(fmt.Sprintf("%s", hashes), codes[0][:4]) {
		t.Errorf("%d codes, hashes %x", len(codes), hashes)
	}
	before := hashes
	for i, code := range codes {
		for _, wrong := range []string{others[i], code[1:], "x" + code, ""} {
			if hashes.Use(wrong) {
				t.Errorf("%q is accepted", wrong)
			}
		}
		typed := []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " "), strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace(code)}[i%5]
		if !hashes.Use(typed) || hashes.Use(code) {
			t.Errorf("code %d, typed %q, does not work once", i, typed)
		}
	}
	if len(hashes) != 0 || len(before) != recovery.Count {
		t.Errorf("%d hashes are left, %d in an earlier copy", len(hashes), len(before))
	}
	for _, text := range []string{"492039", "492 039", "", strings.Repeat("A", 25)} {
		if recovery.IsCode(text) {
			t.Errorf("%q has the form of a recovery code", text)
		}
	}
}

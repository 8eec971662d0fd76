package account_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestCommonPasswords: the list has 3,000 passwords of sufficient length. Each is refused
// on registration, in upper case too, and on a password change.
func TestCommonPasswords(t *testing.T) {
	text, err := os.ReadFile("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, _, _ := open(t)
	ann, err := s.Register(t.Context(), "ann@x.example", "correct horse", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, seen := auth.NewContext(t.Context(), auth.Principal{UserID: ann.ID}), map[string]bool{}
	for line := range strings.Lines(string(text)) {
		password := strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(password) < 8 || seen[password] {
			t.Errorf("%q is too short or listed twice", password)
		}
		seen[password] = true
		_, err := s.Register(t.Context(), "eve@x.example", password, "")
		wantCommon(t, err, password, "/password")
		_, err = s.Register(t.Context(), "eve@x.example", strings.ToUpper(password), "")
		wantCommon(t, err, password, "/password")
		_, err = s.ChangePassword(ctx, "correct horse", password)
		wantCommon(t, err, password, "/newPassword")
	}
	if len(seen) != 3000 {
		t.Errorf("got %d passwords, want 3000", len(seen))
	}
}

func wantCommon(t *testing.T, err error, password, path string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Details) != 1 || f.Details[0].Path != path || f.Details[0].Code != "common" {
		t.Errorf("password %q: got %v, want code common", password, err)
	}
}

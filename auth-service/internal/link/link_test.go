package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/fault"
)

const owner = "01a22c6c-997b-7802-ba9b-3d464b83798f"

// TestTokensOfLinks issues tokens of two requests: those of the newer one are valid, until they
// expire or the link is closed.
func TestTokensOfLinks(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var l link.Link
	issue := func(request string) string {
		t.Helper()
		token, err := l.Issue(owner, request, now, time.Hour, 5)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := link.Owner(token); id != owner || err != nil {
			t.Fatalf("Owner = %s, %v", id, err)
		}
		return token
	}
	replaced, first, again := issue("1"), issue("2"), issue("2")
	for _, c := range []struct {
		name, token string
		at          time.Duration
		valid       bool
	}{
		{"the first mail of the request", first, 0, true}, {"the mail that was sent again", again, time.Hour - 1, true},
		{"an earlier request", replaced, 0, false}, {"expired", again, time.Hour, false}, {"truncated", again[:len(again)-1], 0, false},
		{"two tokens", first + again, 0, false}, {"another secret", again[:40] + strings.Repeat("A", 24), 0, false}, {"empty", "", 0, false},
	} {
		if err := l.Check(c.token, now.Add(c.at)); (err == nil) != c.valid {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	issue("2")
	if _, err := l.Issue(owner, "3", now, time.Hour, 4); !fault.Is(err, fault.TooMany) {
		t.Errorf("the fifth mail of a day: %v", err)
	}
	if l.Check(again, now) != nil {
		t.Error("the limit closed the link")
	}
	l.Close()
	if l.Check(again, now) == nil {
		t.Error("a closed link is valid")
	}
	now = now.Add(24 * time.Hour)
	issue("4")
}

func TestTokensThatNoLinkHas(t *testing.T) {
	for _, token := range []string{"", "a", strings.Repeat("A", 63), strings.Repeat("A", 65), strings.Repeat("A", 63) + "=", strings.Repeat("A", 63) + "+", strings.Repeat("é", 32), owner} {
		if _, err := link.Owner(token); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

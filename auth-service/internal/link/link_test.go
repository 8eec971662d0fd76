package link_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/fault"
)

const owner = "01a22c6c-997b-7802-ba9b-3d464b83798f"

// TestTokensOfLinks issues tokens of two requests: all are valid until they expire or the link
// is closed.
func TestTokensOfLinks(t *testing.T) {
	l := &links{T: t, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	earlier := l.issue("1")
	l.now = l.now.Add(time.Minute)
	first, second := l.issue("2"), l.issue("2")
	for _, c := range []struct {
		name, token string
		at          time.Duration
		valid       bool
	}{
		{"an earlier request", earlier, 59*time.Minute - 1, true}, {"an earlier request, expired", earlier, 59 * time.Minute, false},
		{"the first mail of the request", first, 0, true}, {"the mail that was sent again", second, time.Hour - 1, true},
		{"expired", second, time.Hour, false}, {"truncated", second[:len(second)-1], 0, false},
		{"two tokens", first + second, 0, false}, {"another secret", second[:40] + strings.Repeat("A", 24), 0, false}, {"empty", "", 0, false},
	} {
		if err := l.Check(c.token, l.now.Add(c.at)); (err == nil) != c.valid {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	before := l.Link
	l.Close()
	for _, token := range []string{earlier, first, second} {
		if l.Check(token, l.now) == nil {
			t.Error("a closed link is valid")
		}
		if err := before.Check(token, l.now); err != nil {
			t.Errorf("Close changed the copy of a record: %v", err)
		}
	}
}

// TestLimitOfRequests: five requests in a day, then one per hour. Mails that are sent again do
// not count, and more requests end no link.
func TestLimitOfRequests(t *testing.T) {
	l := &links{T: t, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	for i := range 20 {
		l.issue(fmt.Sprint(i % 5)) // an outage of the mail server
	}
	refused := func() {
		t.Helper()
		if _, err := l.Issue(owner, "refused", l.now, time.Hour, 5); !fault.Is(err, fault.TooMany) {
			t.Errorf("a request above the limit at %v: %v", l.now, err)
		}
	}
	refused()
	l.Close()
	refused()
	first := l.issue("0")
	for i := range 30 {
		l.now = l.now.Add(time.Hour - 1)
		refused()
		if err := l.Check(first, l.now); i == 0 && err != nil {
			t.Error(err)
		}
		l.now = l.now.Add(1)
		l.issue(fmt.Sprint("hourly ", i))
	}
	if n := len(l.Requests); n > 24 {
		t.Errorf("%d requests are stored, want those of a day", n)
	}
	l.now = l.now.Add(24 * time.Hour)
	for i := range 5 {
		l.issue(fmt.Sprint("next day ", i))
	}
	refused()
}

type links struct {
	*testing.T
	link.Link
	now time.Time
}

func (l *links) issue(request string) string {
	l.Helper()
	token, err := l.Issue(owner, request, l.now, time.Hour, 5)
	if err != nil {
		l.Fatal(err)
	}
	if id, err := link.Owner(token); id != owner || err != nil {
		l.Fatalf("Owner = %s, %v", id, err)
	}
	return token
}

func TestTokensThatNoLinkHas(t *testing.T) {
	for _, token := range []string{"", "a", strings.Repeat("A", 63), strings.Repeat("A", 65), strings.Repeat("A", 63) + "=", strings.Repeat("A", 63) + "+", strings.Repeat("é", 32), owner} {
		if _, err := link.Owner(token); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

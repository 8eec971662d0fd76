package notificationd_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
)

// TestChangesOfMailSettingsAreAudited: an account turns its mail on and off many times. The audit
// has one entry for each hour, with the settings after the last change. A request that changes
// nothing is not recorded, and the notifications that admins send can be listed alone.
func TestChangesOfMailSettingsAreAudited(t *testing.T) {
	var ahead atomic.Int64
	ahead.Store(int64(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + time.Minute)))) // the test must not end in another hour
	s := startBounded(t, 10, &ahead)
	admin, ann, bob := s.person(auth.Admin), s.person(auth.User), s.person(auth.User)
	change := func(p person, passport, document, account bool) string {
		t.Helper()
		res := s.Call("PUT /api/notifications/settings", p.token, fmt.Sprintf(`{"mail":{"passport":%t,"document":%t,"account":%t}}`, passport, document, account))
		res.Want(200, nil)
		return res.Header.Get("X-Request-Id")
	}
	want := func(query string, entries ...string) {
		t.Helper()
		var all struct {
			Items []struct {
				Action, By, From, RequestID, Title string
				Count                              int
				At, LastAt                         time.Time
				Mail                               *struct{ Passport, Document, Account bool }
			}
		}
		s.Call("GET /api/notifications/audit?"+query, admin.token, nil).Want(200, &all)
		var got []string
		for _, e := range all.Items {
			text := fmt.Sprintf("%s by %s from %s in %s: %s", e.Action, e.By, e.From, e.RequestID, e.Title)
			if e.Mail != nil {
				text += fmt.Sprintf("%+v, %d changes", *e.Mail, e.Count)
			}
			if e.LastAt.Before(e.At) && e.Count > 0 {
				t.Errorf("the last of %d changes was at %v, before the first at %v", e.Count, e.LastAt, e.At)
			}
			got = append(got, text)
		}
		if strings.Join(got, "\n") != strings.Join(entries, "\n") {
			t.Errorf("audit:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(entries, "\n"))
		}
	}
	change(ann, true, false, true) // the default
	want("")
	var request string
	for i := range 9 {
		request = change(ann, i%2 == 1, false, true)
	}
	change(ann, false, false, true)
	first := fmt.Sprintf("mailSettingsChanged by %s from 127.0.0.1 in %s: {Passport:false Document:false Account:true}, 9 changes", ann.id, request)
	want("", first)

	sent := s.Call(route, admin.token, object("type", "info", "eventType", "general.info", "title", "To Ann", "message", "m", "recipient", ann.id))
	sent.Want(201, nil)
	notification := fmt.Sprintf("notificationSent by %s from 127.0.0.1 in %s: To Ann", admin.id, sent.Header.Get("X-Request-Id"))
	ahead.Add(int64(time.Hour))
	second := fmt.Sprintf("mailSettingsChanged by %s from 127.0.0.1 in %s: {Passport:true Document:true Account:true}, 1 changes", ann.id, change(ann, true, true, true))
	other := fmt.Sprintf("mailSettingsChanged by %s from 127.0.0.1 in %s: {Passport:false Document:false Account:false}, 1 changes", bob.id, change(bob, false, false, false))
	want("", other, second, notification, first)
	want("action=notificationSent", notification)
	want("by="+ann.id, second, first)
	want("action=mailSettingsChanged&by="+bob.id, other)
	s.Call("GET /api/notifications/audit?action=no", admin.token, nil).WantProblem(422, "query:action enum")
	s.Call("GET /api/notifications/audit", ann.token, nil).WantProblem(403)
}

// TestFirstChangesOfMailSettingsStay: a thief turns mail off and on again, and then changes the
// settings many times. The audit entry of the hour has the first 20 changes, and the latest.
func TestFirstChangesOfMailSettingsStay(t *testing.T) {
	var ahead atomic.Int64
	ahead.Store(int64(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + time.Minute)))) // the test must not end in another hour
	s := startBounded(t, 10, &ahead)
	admin, ann := s.person(auth.Admin), s.person(auth.User)
	type change struct {
		At              time.Time
		From, RequestID string
		Mail            struct{ Passport, Document, Account bool }
	}
	var want []change
	for i := range 25 {
		body := fmt.Sprintf(`{"mail":{"passport":%t,"document":false,"account":true}}`, i%2 == 1)
		res := s.Call("PUT /api/notifications/settings", ann.token, body)
		res.Want(200, nil)
		c := change{From: "127.0.0.1", RequestID: res.Header.Get("X-Request-Id")}
		c.Mail.Passport, c.Mail.Account = i%2 == 1, true
		want = append(want, c)
	}
	var page struct {
		Items []struct {
			change
			LastAt  time.Time
			Count   int
			Changes []change
		}
	}
	s.Call("GET /api/notifications/audit", admin.token, nil).Want(200, &page)
	if len(page.Items) != 1 {
		t.Fatalf("%d entries, want 1", len(page.Items))
	}
	e := page.Items[0]
	if len(e.Changes) != 20 || !e.Changes[0].At.Equal(e.At) || e.Changes[19].At.After(e.LastAt) {
		t.Errorf("%d changes from %v to %v: %+v", len(e.Changes), e.At, e.LastAt, e.Changes)
	}
	for i, c := range e.Changes {
		if c.At = (time.Time{}); c != want[i] {
			t.Errorf("change %d is %+v, want %+v", i, c, want[i])
		}
	}
	if e.Count != 25 || e.RequestID != want[24].RequestID || e.Mail != want[24].Mail {
		t.Errorf("%d changes, the latest is %+v, want %+v", e.Count, e.change, want[24])
	}
}

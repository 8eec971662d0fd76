package notificationd_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestSendComesAgain: everybody is told once, in one text file.
func TestSendComesAgain(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, nil)
	cfg.Kafka.Brokers = ownBroker(t)
	s := startWith(t, cfg, authtest.New(t))
	admin, ann := s.person(auth.Admin), s.person(auth.User)
	body := object("type", "info", "eventType", "general.info", "title", "Once", "message", "m", "metadata", `{"b":1,"a":2}`)
	var mu sync.Mutex
	var wg sync.WaitGroup
	ids := map[string]int{}
	send := func(body string) {
		a := s.Call(route, admin.token, body, "Idempotency-Key", "k")
		var n struct{ ID string }
		a.Want(201, &n)
		mu.Lock()
		defer mu.Unlock()
		ids[n.ID]++
	}
	for range 8 {
		wg.Go(func() { send(body) })
	}
	wg.Wait()
	send(strings.Replace(body, `{"b":1,"a":2}`, `{ "a": 2, "b": 1 }`, 1))
	if len(ids) != 1 {
		t.Errorf("made %v", ids)
	}
	a := s.Call(route, admin.token, body, "Idempotency-Key", "k").Want(201, nil)
	if a.Header.Get("Idempotency-Replayed") != "true" || strings.Contains(a.Text, `"request"`) {
		t.Errorf("%v, %s", a.Header, a.Text)
	}
	s.Call(route, admin.token, strings.Replace(body, "Once", "Twice", 1), "Idempotency-Key", "k").WantProblem(422, "header:Idempotency-Key reused")
	for name, who := range map[string]person{"admin": admin, "ann": ann} {
		n := 0
		for _, row := range s.rows(who, "") {
			if row.Title == "Once" {
				n++
			}
			if row.Title == "Twice" {
				t.Errorf("%s is told what was refused", name)
			}
		}
		if n != 1 {
			t.Errorf("%s is told %d times", name, n)
		}
	}
	s.until(func() bool { return len(s.files("Title: Once")) > 0 }, func() string { return "no text file" })
	if files := s.files("Title: Once"); len(files) != 1 {
		t.Errorf("%d text files", len(files))
	}
}

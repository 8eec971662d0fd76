package notificationd_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestRepeatedCreateSendsOnce: with a key, concurrent and repeated requests create one
// notification per user and one text file.
func TestRepeatedCreateSendsOnce(t *testing.T) {
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
		t.Errorf("got the ids %v, want one", ids)
	}
	a := s.Call(route, admin.token, body, "Idempotency-Key", "k").Want(201, nil)
	if a.Header.Get("Idempotency-Replayed") != "true" || strings.Contains(a.Text, `"request"`) {
		t.Errorf("%v, %s", a.Header, a.Text)
	}
	s.Call(route, admin.token, strings.Replace(body, "Once", "Twice", 1), "Idempotency-Key", "k").WantProblem(422, "header:Idempotency-Key reused")
	for name, user := range map[string]person{"admin": admin, "ann": ann} {
		n := 0
		for _, row := range s.rows(user, "") {
			if row.Title == "Once" {
				n++
			}
			if row.Title == "Twice" {
				t.Errorf("%s has the notification of a rejected request", name)
			}
		}
		if n != 1 {
			t.Errorf("%s has %d notifications, want 1", name, n)
		}
	}
	s.until(func() bool { return len(s.files("Title: Once")) > 0 }, func() string { return "no text file" })
	if files := s.files("Title: Once"); len(files) != 1 {
		t.Errorf("%d text files, want 1", len(files))
	}
}

// TestIdempotencyKeyBelongsToOneDraft: a key is rejected for another draft, even with another
// recipient. Two callers may use the same key.
func TestIdempotencyKeyBelongsToOneDraft(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, nil)
	cfg.Kafka.Brokers = ownBroker(t)
	s := startWith(t, cfg, authtest.New(t))
	admin, other, ann, bob := s.person(auth.Admin), s.person(auth.Admin), s.person(auth.User), s.person(auth.User)
	draft := func(title, to string) string {
		members := []string{"type", "info", "eventType", "general.info", "title", title, "message", "m"}
		if to != "" {
			members = append(members, "recipient", to)
		}
		return object(members...)
	}
	send := func(caller person, body string) (id string, replayed bool) {
		t.Helper()
		a := s.Call(route, caller.token, body, "Idempotency-Key", "k")
		var n struct{ ID string }
		a.Want(201, &n)
		return n.ID, a.Header.Get("Idempotency-Replayed") == "true"
	}
	id, replayed := send(admin, draft("T", ann.id))
	if replayed {
		t.Error("the first request is reported as repeated")
	}
	for name, body := range map[string]string{
		"another recipient": draft("T", bob.id), "everybody": draft("T", ""), "another title": draft("U", ann.id),
		"mail": object("type", "email", "eventType", "general.info", "title", "T", "message", "m", "recipientEmail", "x@x.example"),
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(route, admin.token, body, "Idempotency-Key", "k").WantProblem(422, "header:Idempotency-Key reused")
		})
	}
	if same, replayed := send(admin, draft("T", ann.id)); same != id || !replayed {
		t.Errorf("repeated: id %s, want %s; replayed %v", same, id, replayed)
	}
	if otherID, replayed := send(other, draft("T", ann.id)); otherID == id || replayed {
		t.Errorf("another admin: id %s, replayed %v", otherID, replayed)
	}
	for name, v := range map[string]struct {
		who  person
		want int
	}{"ann": {ann, 2}, "bob": {bob, 0}, "the admin": {admin, 0}} {
		n := 0
		for _, row := range s.rows(v.who, "") {
			if row.EventType == "general.info" {
				n++
			}
		}
		if n != v.want {
			t.Errorf("%s has %d notifications, want %d", name, n, v.want)
		}
	}
}

// TestKeySurvivesCrash kills the service after it has stored the key of a request, and repeats
// the request with a new process. The notification is created once.
func TestKeySurvivesCrash(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, nil)
	cfg.Kafka.Brokers = ownBroker(t)
	issuer := authtest.New(t)
	admin := auth.Principal{UserID: "root", Role: auth.Admin}
	token := issuer.Token(t, admin)
	db, err := connect.Open(t.Context(), cfg.Store, notificationd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	records := store.Open(db, notification.Schema())
	for round := range 5 {
		key := fmt.Sprint("k", round)
		body := object("type", "info", "eventType", "general.info", "title", key, "message", "m")
		address := resttest.UnusedAddress(t)
		kill := startChild(t, cfg, "PORT="+address[strings.LastIndex(address, ":")+1:], "AUTH_SERVICE_URL="+issuer.URL)
		stopped := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(stopped)
			for status := 0; status != 201 && ctx.Err() == nil; { // until the service is ready
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/notifications", strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
				if res, err := http.DefaultClient.Do(req); err == nil {
					status = res.StatusCode
					res.Body.Close()
				}
			}
		}()
		waittest.Success(t, "the key is stored", func() error {
			_, err := records.Get(t.Context(), idempotency.ID("notification", admin.UserID, key))
			return err
		})
		kill()
		cancel()
		<-stopped
		s := startWith(t, cfg, issuer)
		a := s.Call(route, token, body, "Idempotency-Key", key).Want(201, nil)
		if a.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: the request is not reported as repeated", key)
		}
		notifications := 0
		for _, row := range s.rows(person{id: admin.UserID, token: token}, "") {
			if row.Title == key {
				notifications++
			}
		}
		s.until(func() bool { return len(s.files("Title: "+key)) > 0 }, func() string { return "no text file" })
		if files := s.files("Title: " + key); notifications != 1 || len(files) != 1 {
			t.Errorf("%s: %d notifications and %d text files, want 1 of each", key, notifications, len(files))
		}
		s.stop()
	}
}

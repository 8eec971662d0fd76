package notificationd_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
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

// TestKeyIsForOneRequest: a key is the caller's, and for one draft, to whomever
// another goes.
func TestKeyIsForOneRequest(t *testing.T) {
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
	send := func(who person, body string) (id string, again bool) {
		t.Helper()
		a := s.Call(route, who.token, body, "Idempotency-Key", "k")
		var n struct{ ID string }
		a.Want(201, &n)
		return n.ID, a.Header.Get("Idempotency-Replayed") == "true"
	}
	id, again := send(admin, draft("T", ann.id))
	if again {
		t.Error("the first came again")
	}
	for name, body := range map[string]string{
		"another recipient": draft("T", bob.id), "everybody": draft("T", ""), "another title": draft("U", ann.id),
		"mail": object("type", "email", "eventType", "general.info", "title", "T", "message", "m", "recipientEmail", "x@x.example"),
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(route, admin.token, body, "Idempotency-Key", "k").WantProblem(422, "header:Idempotency-Key reused")
		})
	}
	if same, again := send(admin, draft("T", ann.id)); same != id || !again {
		t.Errorf("%s, again %v, want %s", same, again, id)
	}
	if theirs, again := send(other, draft("T", ann.id)); theirs == id || again {
		t.Errorf("of another admin: %s, again %v", theirs, again)
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
			t.Errorf("%s is told %d times, want %d", name, n, v.want)
		}
	}
}

// TestKilledBeforeItsAnswer kills the service when it has stored which draft a
// key is for, or what became of it, and sends the draft again to the next one.
func TestKilledBeforeItsAnswer(t *testing.T) {
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
		lost := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(lost)
			for status := 0; status != 201 && ctx.Err() == nil; { // it does not listen yet, or has no keys
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
		for deadline := time.Now().Add(patience); ; {
			if _, err := records.Get(t.Context(), idempotency.ID("notification", admin.UserID, key)); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nothing is stored")
			}
		}
		kill()
		cancel()
		<-lost
		s := startWith(t, cfg, issuer)
		a := s.Call(route, token, body, "Idempotency-Key", key).Want(201, nil)
		if a.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s came for the first time", key)
		}
		told := 0
		for _, row := range s.rows(person{id: admin.UserID, token: token}, "") {
			if row.Title == key {
				told++
			}
		}
		s.until(func() bool { return len(s.files("Title: "+key)) > 0 }, func() string { return "no text file" })
		if files := s.files("Title: " + key); told != 1 || len(files) != 1 {
			t.Errorf("%s: told %d times, in %d text files", key, told, len(files))
		}
		s.stop()
	}
}

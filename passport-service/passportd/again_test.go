package passportd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const childEnv = "PASSPORTD_TEST_CHILD" // the configuration of a child, as JSON

// runChild runs a service and says where.
func runChild(config string) error {
	var cfg passportd.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.HTTP.Listener = l
	fmt.Println("http://" + l.Addr().String())
	return passportd.Run(context.Background(), cfg, slog.New(slog.DiscardHandler))
}

// again creates with a key, and returns the id and whether it came again.
func (s *service) again(token, key, body string) (id string, again bool) {
	s.T.Helper()
	a := s.Call("POST /api/passports", token, body, "Idempotency-Key", key)
	var p struct{ ID string }
	a.Want(201, &p)
	return p.ID, a.Header.Get("Idempotency-Replayed") == "true"
}

func TestCreateComesAgain(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann, bob := s.as(auth.Operator, "A"), s.as(auth.Operator, "B")
		const body = `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryMass":2.50}}}`
		id, again := s.again(ann, "k1", body)
		if again || len(id) != 36 || id[14] != '8' {
			t.Errorf("first: %s, again %v", id, again)
		}
		for name, same := range map[string]string{
			"the same": body, "in another form": ` {"data": {"generalInformation": {"batteryMass": 2.5, "batteryIdentifier": "https://a.example/1"}}}`,
		} {
			if second, again := s.again(ann, "k1", same); second != id || !again {
				t.Errorf("%s: %s, again %v, want %s", name, second, again, id)
			}
		}
		// It is answered as it is now.
		s.Call("PATCH /api/passports/"+id, ann, `{"data":{"generalInformation":{"batteryMass":3}}}`).Want(200, nil)
		a := s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k1").Want(201, nil)
		if !strings.Contains(a.Text, `"batteryMass":3`) || a.Header.Get("ETag") != `"2"` || a.Header.Get("Location") != "/api/passports/"+id {
			t.Errorf("changed since: %s, %v", a.Text, a.Header)
		}
		if strings.Contains(a.Text, `"request"`) {
			t.Error("the sum of the request is told")
		}
		// Another body, and other keys and callers.
		s.Call("POST /api/passports", ann, `{"data":{}}`, "Idempotency-Key", "k1").WantProblem(422, "header:Idempotency-Key reused")
		s.Call("POST /api/passports", ann, strings.TrimSuffix(body, "}")+`,"reason":"new"}`, "Idempotency-Key", "k1").WantProblem(422, "header:Idempotency-Key reused")
		s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k2").WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		s.Call("POST /api/passports", bob, body, "Idempotency-Key", "k1").WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		if other, again := s.again(bob, "k1", `{"data":{}}`); other == id || again {
			t.Errorf("of another caller: %s, again %v", other, again)
		}
		// What failed has used no key.
		s.Call("POST /api/passports", ann, `{"data":{"x":1}}`, "Idempotency-Key", "k3").Want(422, nil)
		if _, again := s.again(ann, "k3", `{"data":{}}`); again {
			t.Error("what failed came again")
		}
		for _, key := range []string{"a b", "ü", strings.Repeat("x", 256)} {
			s.Call("POST /api/passports", ann, `{"data":{}}`, "Idempotency-Key", key).Want(422, nil)
		}
		if got := eventsOf(t, db, id); got != 2 { // created, updated
			t.Errorf("%d events of the passport", got)
		}
		// What is deleted may be made again.
		s.Call("DELETE /api/passports/"+id, ann, nil).Want(204, nil)
		a = s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k1")
		if a.Status == 409 {
			a.WantProblem(409, "header:Idempotency-Key duplicate") // its events wait yet
		} else {
			a.Want(201, nil)
		}
	})
}

// TestCreateAtOnce comes many times at once: one makes it.
func TestCreateAtOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann := s.as(auth.Operator, "A")
		s.Call("GET /api/passports", ann, nil).Want(200, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, first := map[string]int{}, 0
		for range 30 {
			wg.Go(func() {
				id, again := s.again(ann, "k", `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1"}}}`)
				mu.Lock()
				defer mu.Unlock()
				if ids[id]++; !again {
					first++
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 || first != 1 {
			t.Errorf("%v, made %d times", ids, first)
		}
		for id := range ids {
			if got := eventsOf(t, db, id); got != 1 {
				t.Errorf("%d events", got)
			}
		}
	})
}

// eventsOf counts the events that wait of a passport.
func eventsOf(t *testing.T, cfg connect.Config, id string) int {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports := store.Open(db, passport.Schema())
	if _, err := passports.Get(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return len(storetest.WaitingEvents(t, passports.Outbox(), id))
}

// TestKilledBeforeItsAnswer kills the service when it has stored a passport, and
// sends the request again to the next one.
func TestKilledBeforeItsAnswer(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	issuer := authtest.New(t)
	person := auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "A"}
	token := issuer.Token(t, person)
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports := store.Open(db, passport.Schema())
	for round := range 20 {
		key := fmt.Sprint("k", round)
		id := idempotency.ID("passport", person.UserID, key)
		body := fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`, round)
		url, kill := startChild(t, cfg, issuer)
		lost := make(chan struct{})
		go func() {
			defer close(lost)
			req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/api/passports", strings.NewReader(body))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Idempotency-Key", key)
			if res, err := http.DefaultClient.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		for {
			if _, err := passports.Get(t.Context(), id); err == nil {
				break
			}
		}
		kill()
		<-lost
		s := startWith(t, cfg, issuer)
		if got, again := s.again(token, key, body); got != id || !again {
			t.Errorf("%s: %s, again %v, want %s", key, got, again, id)
		}
		if n := eventsOf(t, cfg, id); n != 1 {
			t.Errorf("%s: %d events", key, n)
		}
		s.stop()
	}
}

// startChild runs a service in a process of its own, until it is killed.
func startChild(t *testing.T, db connect.Config, issuer *authtest.Issuer) (url string, kill func()) {
	t.Helper()
	config, err := json.Marshal(map[string]any{"Store": db, "Auth": map[string]string{"URL": issuer.URL}})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), childEnv+"="+string(config))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
		resttest.CloseIdle()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), kill
}

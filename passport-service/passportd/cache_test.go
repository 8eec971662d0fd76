package passportd_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestCachedResponsesEqualUncachedResponses compares the responses of two instances, one
// with a cache: for passports in each state, to each reader, in both orders, so that each
// class is read before and after each other one.
func TestCachedResponsesEqualUncachedResponses(t *testing.T) {
	issuer, db := authtest.New(t), connect.Config{Dir: t.TempDir()}
	cached := startConfigured(t, passportd.Config{Store: db, Now: sampleClock, CacheBytes: 8 << 20}, issuer)
	uncached := startConfigured(t, passportd.Config{Store: db, Now: sampleClock}, issuer)
	owner := cached.as(auth.Operator, "A")
	passports := map[string]apiPassport{"draft": cached.create(owner, draft("https://a.example/draft")), "active": cached.publish(owner, sample(t, fullSample))}
	for action, file := range map[string]string{"archive": "lmt-ebike.json", "void": "industrial-stationary-lfp.json"} {
		p := cached.publish(owner, sample(t, file))
		cached.Call("POST /api/passports/"+p.ID+"/"+action, cached.as(auth.Admin, ""), `{"reason":"x"}`).Want(200, nil)
		passports[action] = p
	}
	order := slices.Clone(readers)
	for range 3 {
		for state, p := range passports {
			for _, r := range order {
				token := "none"
				if r.role != "" {
					token = cached.as(r.role, r.organisation)
				}
				for _, path := range []string{"/api/passports/", "/api/public/passports/", "/p/"} {
					for _, tag := range []string{`"x"`, "*", `"2"`} {
						route, headers := "GET "+path+p.ID, []string{"Accept-Encoding", "gzip", "If-None-Match", tag}
						got, want := stableResponse(cached, route, token, headers), stableResponse(uncached, route, token, headers)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Fatalf("passport %s, %s by %s (-without cache +with cache)\n%s", state, route, r.name, diff)
						}
					}
				}
			}
		}
		slices.Reverse(order)
	}
}

// stableResponse returns the parts of a response that two instances have in common.
func stableResponse(s *service, route, token string, headers []string) string {
	a := s.Call(route, token, nil, headers...)
	text := withoutRequestID(a)
	for _, name := range []string{"Date", "X-Request-Id", "Ratelimit"} {
		a.Header.Del(name)
	}
	var header strings.Builder
	a.Header.Write(&header)
	return fmt.Sprint(a.Status, "\n", header.String(), text)
}

// TestResponsesAreNeverOlderThanAcknowledgedWrites changes a passport at two instances in turn,
// while readers with all classes read it at both of them.
func TestResponsesAreNeverOlderThanAcknowledgedWrites(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		issuer := authtest.New(t)
		cfg := passportd.Config{Store: db, CacheBytes: 8 << 20}
		instances := []*service{startConfigured(t, cfg, issuer), startConfigured(t, cfg, issuer)}
		owner := instances[0].as(auth.Operator, "A")
		p := instances[0].publish(owner, with(t, fullSample, `{"op":"replace","path":"/data/generalInformation/batteryMass","value":485}`))
		var acknowledged atomic.Int64
		done := make(chan struct{})
		var wg sync.WaitGroup
		for _, r := range readers[1:] {
			wg.Go(func() {
				token := instances[0].as(r.role, r.organisation)
				for n := 0; n < 8 || !isClosed(done); n++ {
					route := []string{"GET /api/passports/", "GET /api/public/passports/"}[n/2%2] + p.ID
					least := acknowledged.Load()
					var got struct {
						Data struct {
							GeneralInformation struct{ BatteryMass float64 }
						}
					}
					instances[n%2].Call(route, token, nil).Want(200, &got)
					if mass := got.Data.GeneralInformation.BatteryMass; mass < float64(least) {
						t.Errorf("%s by %s: got mass %v after %d was acknowledged", route, r.name, mass, least)
					}
				}
			})
		}
		for mass := int64(486); mass < 502; mass++ { // in the range that the masses of the materials allow
			body := fmt.Sprintf(`{"reason":"weighed","data":{"generalInformation":{"batteryMass":%d}}}`, mass)
			instances[mass%2].Call("PATCH /api/passports/"+p.ID, owner, body).Want(200, nil)
			acknowledged.Store(mass)
		}
		close(done)
		wg.Wait()
	})
}

// TestReadersOfDraftsSeeItPublished reads a draft at one instance, which then remembers that it
// is a draft, and publishes or deletes it at another one.
func TestReadersOfDraftsSeeItPublished(t *testing.T) {
	issuer, db := authtest.New(t), connect.Config{Dir: t.TempDir()}
	cfg := passportd.Config{Store: db, Now: sampleClock, CacheBytes: 8 << 20}
	reading, writing := startConfigured(t, cfg, issuer), startConfigured(t, cfg, issuer)
	owner, authority := reading.as(auth.Operator, "A"), reading.as(auth.Authority, "")
	published, deleted := writing.create(owner, sample(t, fullSample)), writing.create(owner, draft("https://a.example/deleted"))
	for range 2 {
		for _, id := range []string{published.ID, deleted.ID} {
			reading.Call("GET /api/passports/"+id, owner, nil).Want(200, nil)
			reading.Call("GET /api/passports/"+id, authority, nil).Want(404, nil)
		}
	}
	writing.Call("POST /api/passports/"+published.ID+"/publish", owner, nil).Want(200, nil)
	writing.Call("DELETE /api/passports/"+deleted.ID, owner, nil).Want(204, nil)
	for range 2 {
		for _, token := range []string{owner, authority} {
			var p apiPassport
			if reading.Call("GET /api/passports/"+published.ID, token, nil).Want(200, &p); p.State != "active" {
				t.Errorf("got state %s after the draft was published", p.State)
			}
			reading.Call("GET /api/passports/"+deleted.ID, token, nil).Want(404, nil)
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestDraftWithTheIDOfADeletedDraftIsNotInTheCache creates a draft with an idempotency key,
// reads and deletes it, and creates another one with the same key after the first one was
// removed: it has the same id and version.
func TestDraftWithTheIDOfADeletedDraftIsNotInTheCache(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		issuer := authtest.New(t)
		s := startConfigured(t, passportd.Config{Store: db, CacheBytes: 8 << 20}, issuer)
		operator := s.as(auth.Operator, "A")
		var ids [2]string
		for i := range ids {
			body := draft(fmt.Sprint("https://a.example/", i))
			ids[i], _ = s.createWithKey(operator, "key", body)
			for range 2 {
				var got, want struct{ Data json.RawMessage }
				s.Call("GET /api/passports/"+ids[i], operator, nil).Want(200, &got)
				if err := json.Unmarshal([]byte(body), &want); err != nil || canonical(t, got.Data) != canonical(t, want.Data) {
					t.Errorf("draft %d: got %s, want %s", i, got.Data, want.Data)
				}
			}
			if i == 0 {
				s.Call("DELETE /api/passports/"+ids[i], operator, nil).Want(204, nil)
				s.Call("GET /api/passports/"+ids[i], operator, nil).WantProblem(404)
				passports, _ := s.open(t)
				for _, e := range storetest.WaitingEvents(t, passports.Outbox(), ids[i]) {
					if err := passports.Outbox().Acknowledge(t.Context(), []outbox.Published{{ID: ids[i], Event: e.ID}}); err != nil {
						t.Fatal(err)
					}
				}
				sweeper := startConfigured(t, passportd.Config{Store: db, Now: func() time.Time { return time.Now().Add(2 * time.Minute) }}, issuer)
				waitUntilRemoved(t, sweeper)
				sweeper.stop()
			}
		}
		if ids[0] != ids[1] {
			t.Errorf("got ids %v, want the same one twice", ids)
		}
	})
}

package authd_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
)

// variable matches what differs between two responses: ids, times and the organisation of the caller.
var variable = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|"organisation":"[a-z]+"`)

// TestKnownAndUnknownAddressesLookTheSame sends each request with 200 addresses that have an account
// and 200 that have none, in turn; 20 and 20 with the race detector, which makes hashes ten times slower. All responses are the same, and leave the same tasks. The log has
// the medians of the times, for people: a test that runs at the same time as others cannot compare
// them. auth-service/internal/account.TestSameWorkForEveryAddress compares the work instead.
func TestKnownAndUnknownAddressesLookTheSame(t *testing.T) {
	addresses := 200
	if isRace {
		addresses = 20
	}
	db := connect.Config{Dir: t.TempDir()}
	c := newCompany(start(t, db))
	for i := range addresses {
		c.register(fmt.Sprintf("known%d@nlb.example", i), "")
	}
	c.stop()
	m := withMail(t, db, verify)
	managers := []string{m.eventuallyLogin("mia@x.example", "correct horse").Token, m.eventuallyLogin("max@x.example", "correct horse").Token}
	for _, r := range []struct {
		name, route, body string
		token             func(i int) string
	}{ // the registration is the last, because it creates the accounts
		{"login", "POST /api/auth/login", `{"email":"EMAIL","password":"battery staple"}`, nil},
		{"reset", "POST /api/auth/password-resets", `{"email":"EMAIL"}`, nil},
		// An organisation sends 200 invitations in a day.
		{"invite", "POST /api/auth/invitations", `{"email":"EMAIL","role":"user"}`, func(i int) string { return managers[i*len(managers)/addresses] }},
		{"register", "POST /api/auth/register", `{"email":"EMAIL","password":"battery staple"}`, nil},
	} {
		times, responses := map[string][]time.Duration{}, map[string]string{}
		for i := range addresses {
			for _, kind := range []string{"known", "unknown"} {
				token, email := "", fmt.Sprintf("%s%d@nlb.example", kind, i)
				if r.token != nil {
					token = r.token(i)
				}
				begin := time.Now()
				response := m.Call(r.route, token, strings.Replace(r.body, "EMAIL", email, 1))
				times[kind] = append(times[kind], time.Since(begin))
				responses[visible(response, email)] = email
			}
		}
		if len(responses) != 1 {
			t.Errorf("%s: %d different responses (by one of their addresses): %q", r.name, len(responses), responses)
		}
		t.Logf("%s: median %v with an account, %v without", r.name, median(times["known"]), median(times["unknown"]))
	}
	for kind, n := range tasksOf(t, db) {
		if want := map[string]int{"known": addresses, "unknown": addresses}; !cmp.Equal(n, want) {
			t.Errorf("tasks %s by kind of address: %v, want %v", kind, n, want)
		}
	}
}

// visible returns a response as a client sees it, without the parts that differ in each.
func visible(r resttest.Response, email string) string {
	var names []string
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Sprint(r.Status, " ", names, " ", variable.ReplaceAllString(strings.ReplaceAll(r.Text, email, "EMAIL"), "…"))
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// tasksOf counts the tasks that the requests have enqueued, by kind and by kind of address.
func tasksOf(t *testing.T, db connect.Config) map[string]map[string]int {
	t.Helper()
	counts, tasks := map[string]map[string]int{}, store.Open(openStore(t, db), task.Schema())
	for _, kind := range []string{"account.registration", "account.resetMail"} {
		counts[kind] = map[string]int{}
		for row, err := range tasks.All(t.Context(), store.Query{Scopes: []string{kind}, Limit: store.MaxLimit}) {
			if err != nil {
				t.Fatal(err)
			}
			address, _, _ := strings.Cut(strings.TrimPrefix(string(row.Doc.Data), `{"email":"`), "@")
			counts[kind][strings.TrimRight(address, "0123456789")]++
		}
	}
	return counts
}

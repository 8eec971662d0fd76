package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	overload = 3   // times as many logins come as can be hashed
	underWay = 128 // of them at most: the clients are on the same machine

	flooded = "flood@bench.example" // the account
)

// loginBody is what somebody sends who logs in.
func loginBody(email, password string) string {
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		panic(err) // of two strings
	}
	return string(body)
}

// measureFlood has more logins come than the most that can be hashed in a second,
// half of them with a wrong password, while others ask at fixed rates for what
// hashes nothing.
func measureFlood(ctx context.Context, f *fleet, t *table, most float64) error {
	others, err := f.others(ctx)
	if err != nil {
		return err
	}
	quiet, err := askAll(ctx, f.load, others)
	if err != nil {
		return err
	}
	perSecond := int(math.Ceil(overload * most))
	var came answers
	var g errgroup.Group
	g.Go(func() (err error) { came, err = f.flood(ctx, perSecond); return err })
	failed := make([]atomic.Int64, len(others)) // which the flood may bring about
	meanwhile := slices.Clone(others)
	for i, o := range others {
		meanwhile[i].ask = func(ctx context.Context) error {
			if o.ask(ctx) != nil {
				failed[i].Add(1)
			}
			return nil
		}
	}
	busy, err := askAll(ctx, f.load, meanwhile)
	if err := errors.Join(err, g.Wait()); err != nil {
		return err
	}
	t.add(fmt.Sprintf("logins that come at %d/s, %d × what can be hashed, every other with a wrong password", perSecond, overload), "%s", came)
	for i, o := range others {
		times := ratio(busy[i].at(99), quiet[i].at(99))
		text := fmt.Sprintf("%v, %.1f × (p50 %v, %.1f ×), %d failed", busy[i].at(99).Round(1e4), times,
			busy[i].at(50).Round(1e4), ratio(busy[i].at(50), quiet[i].at(50)), failed[i].Load())
		if failed[i].Load() > 0 {
			times = math.Inf(1)
		}
		t.most(fmt.Sprintf("%s at a fixed %d/s meanwhile, p99", o.what, o.perSecond), "≤ 2 × without", times, 2, "%s", text)
	}
	return nil
}

// answers tells how many of a flood had which status, until the last was answered.
type answers struct {
	by     map[int]int
	unsent int
	took   time.Duration
}

func (a answers) String() string {
	n := func(status int) float64 { return float64(a.by[status]) / a.took.Seconds() }
	text := fmt.Sprintf("%.1f/s are 200, %.1f/s 401; of all %d are 429 and %d 503", n(http.StatusOK), n(http.StatusUnauthorized), a.by[http.StatusTooManyRequests], a.by[http.StatusServiceUnavailable])
	if a.unsent > 0 {
		text += fmt.Sprintf("; %d not sent, with %d under way", a.unsent, underWay)
	}
	return text
}

// flood sends logins on schedule, but for those that would be too many at once.
func (f *fleet) flood(ctx context.Context, perSecond int) (answers, error) {
	came := answers{by: map[int]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	room := make(chan struct{}, underWay)
	begin := time.Now()
	for i := range int(f.load.Seconds() * float64(perSecond)) {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		select {
		case room <- struct{}{}:
		default:
			came.unsent++
			continue
		}
		wg.Go(func() {
			defer func() { <-room }()
			body := loginBody(flooded, password)
			if i%2 == 1 {
				body = loginBody(flooded, "not the password")
			}
			status, err := f.tryLogin(ctx, body)
			mu.Lock()
			defer mu.Unlock()
			came.by[status]++
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	came.took = time.Since(begin)
	return came, failed
}

func (f *fleet) tryLogin(ctx context.Context, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", f.auth.url+"/api/auth/login", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = read(res)
	return res.StatusCode, err
}

// other is what somebody asks for beside, so many times a second.
type other struct {
	what      string
	perSecond int
	ask       ask
}

func (f *fleet) others(ctx context.Context) ([]other, error) {
	id, err := f.create(ctx, `{"data":{}}`)
	if err != nil {
		return nil, err
	}
	refresh, err := f.refreshes(ctx, 8)
	return []other{
		{"the own profile", 100, asking("GET", f.auth.url+"/api/auth/profile", "", f.token, http.StatusOK)},
		{"refresh", 20, refresh},
		{"reads of a passport", 100, asking("GET", f.passport.url+"/api/passports/"+id, "", f.token, http.StatusOK)},
	}, err
}

// refreshes logs in so often, and returns what goes on with one of these logins
// that nobody else is going on with: a token is good for once.
func (f *fleet) refreshes(ctx context.Context, logins int) (ask, error) {
	if _, err := f.login(ctx, flooded, ""); err != nil {
		return nil, err
	}
	free := make(chan string, logins)
	next := func(ctx context.Context, path, body string) (string, error) {
		data, err := f.call(ctx, "POST", f.auth.url+"/api/auth/"+path, body, http.StatusOK)
		var session struct{ RefreshToken string }
		err = errors.Join(err, json.Unmarshal(data, &session))
		return session.RefreshToken, err
	}
	err := together(ctx, runtime.NumCPU(), logins, func(ctx context.Context) error {
		token, err := next(ctx, "login", loginBody(flooded, password))
		free <- token
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		token := <-free
		newer, err := next(ctx, "refresh", fmt.Sprintf(`{"refreshToken":%q}`, token))
		if err == nil {
			token = newer
		}
		free <- token
		return err
	}, nil
}

// askAll has all go on at their rates at the same time.
func askAll(ctx context.Context, d time.Duration, all []other) ([]latencies, error) {
	took := make([]latencies, len(all))
	var g errgroup.Group
	for i, o := range all {
		g.Go(func() (err error) { took[i], err = open(ctx, o.perSecond, d, o.ask); return err })
	}
	return took, g.Wait()
}

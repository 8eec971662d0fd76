package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// latencies are times, in order once sorted.
type latencies []time.Duration

func (l latencies) at(percent int) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(len(l)-1, len(l)*percent/100)]
}

// open sends requests on schedule, whether those before are answered or not, and
// takes the time of each from when it was due.
func open(ctx context.Context, perSecond int, d time.Duration, do ask) (latencies, error) {
	n := int(d.Seconds() * float64(perSecond))
	took := make(latencies, n)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	begin := time.Now()
	for i := range n {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		wg.Go(func() {
			if err := do(ctx); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	slices.Sort(took)
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return took, nil
}

// closed has so many clients ask, each when the one before is answered, and
// returns how many were answered in a second.
func closed(ctx context.Context, clients int, d time.Duration, do func(ctx context.Context, client int) error) (float64, error) {
	deadline := time.Now().Add(d)
	var wg sync.WaitGroup
	var n atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	for c := range clients {
		wg.Go(func() {
			for time.Now().Before(deadline) && failed.Load() == nil {
				if err := do(ctx, c); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / time.Since(begin).Seconds(), nil
}

// measureLoad reads at a fixed rate, and as fast as it goes.
func measureLoad(ctx context.Context, f *fleet, t *table) error {
	id, err := f.create(ctx, `{"data":{}}`)
	if err != nil {
		return err
	}
	read := asking("GET", f.passport.url+"/api/passports/"+id, "", f.token, http.StatusOK)
	for _, rate := range []int{500, 2000} {
		took, err := open(ctx, rate, f.load, read)
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("reads at a fixed %d/s", rate), "p50 %v, p99 %v", took.at(50).Round(1e4), took.at(99).Round(1e4))
	}
	perSecond, err := closed(ctx, 32, f.load, func(ctx context.Context, _ int) error { return read(ctx) })
	t.add("reads, 32 clients as fast as it goes", "%.0f/s, the clients on the same cores", perSecond)
	return err
}

// measureLogins has people log in who know their passwords, each again when it is
// done.
func measureLogins(ctx context.Context, f *fleet, t *table) error {
	crowd, err := f.crowd(ctx, 2*runtime.NumCPU())
	if err != nil {
		return err
	}
	perSecond, err := crowd(ctx, f.load)
	if err != nil {
		return err
	}
	const cost = 12 // by default
	most := float64(runtime.NumCPU()) / hashTime(cost).Seconds()
	t.least("logins", "≥ 90 % of cores ÷ hash time", perSecond/most, 0.9, "%.1f/s, %.0f %% of %.1f/s", perSecond, 100*perSecond/most, most)
	return measureFlood(ctx, f, t, most)
}

// crowd makes accounts, and returns what has all of them log in again and again,
// and tells how many did in a second.
func (f *fleet) crowd(ctx context.Context, n int) (func(context.Context, time.Duration) (float64, error), error) {
	bodies := make([]string, n)
	for i := range bodies {
		email := fmt.Sprintf("login%d@bench.example", i)
		if _, err := f.login(ctx, email, ""); err != nil {
			return nil, err
		}
		bodies[i] = loginBody(email, password)
	}
	return func(ctx context.Context, d time.Duration) (float64, error) {
		return closed(ctx, n, d, func(ctx context.Context, c int) error {
			_, err := f.call(ctx, "POST", f.auth.url+"/api/auth/login", bodies[c], http.StatusOK)
			return err
		})
	}, nil
}

// hashTime is how long a hash takes on a core by itself.
func hashTime(cost int) time.Duration {
	var took []time.Duration
	for range 5 {
		begin := time.Now()
		if _, err := bcrypt.GenerateFromPassword([]byte(password), cost); err != nil {
			panic(err) // of a cost that is out of range
		}
		took = append(took, time.Since(begin))
	}
	return median(took)
}

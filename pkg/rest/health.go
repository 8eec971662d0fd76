package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	checkTimeout = 2 * time.Second
	// How long an answer counts for all who ask: one that something is missing
	// not for long, as those ask again and again who wait for it.
	checkedFor = time.Second
	missingFor = 100 * time.Millisecond
)

// Check asks for a part that the service depends on. Without a vital part the
// service is not ready; without another it works on, and says so.
type Check struct {
	Name  string
	Vital bool
	Probe func(context.Context) error
}

// Readiness is what /readyz answers.
type Readiness struct {
	Status string        `json:"status" enum:"ready,degraded,not ready,stopping"`
	Checks []CheckResult `json:"checks"`
}

// CheckResult is what came of a Check.
type CheckResult struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Vital  bool   `json:"vital" doc:"the service is not ready without it"`
	Detail string `json:"detail,omitempty"`
}

type readinessOutput struct {
	Status int
	Body   Readiness
}

type aliveOutput struct {
	Body struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Version string `json:"version" doc:"dev where it is no release"`
		Commit  string `json:"commit,omitempty"`
	}
}

func (a *API) health(o Options) {
	alive := func(context.Context, *struct{}) (*aliveOutput, error) {
		out := &aliveOutput{}
		out.Body.Message, out.Body.Status = o.Title+" is running", "OK"
		out.Body.Version, out.Body.Commit = boot.Version().Number, boot.Version().Commit
		return out, nil
	}
	checks := &checks{all: o.Checks}
	Handle(a, "GET /health", Probe, alive, "Tell that the service runs")
	Handle(a, "GET /livez", Probe, alive, "Tell that the process is alive", NoAccessLog)
	Handle(a, "GET /readyz", Probe, func(ctx context.Context, _ *struct{}) (*readinessOutput, error) {
		return a.readiness(checks.results(ctx)), nil
	}, "Tell whether requests can be served", Description("Names the part that is missing."), NoAccessLog)
}

// checks are done for all who ask at a time: each opens connections, and anybody
// may ask. It is safe for concurrent use.
type checks struct {
	all []Check

	mu    sync.Mutex
	came  []CheckResult // not changed any more
	until time.Time
}

func (c *checks) results(ctx context.Context) []CheckResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.came
	}
	ctx = context.WithoutCancel(ctx) // others get it too
	came := make([]CheckResult, len(c.all))
	var wg sync.WaitGroup
	for i, check := range c.all {
		wg.Go(func() { came[i] = check.run(ctx) })
	}
	wg.Wait()
	c.came, c.until = came, time.Now().Add(checkedFor)
	if slices.ContainsFunc(came, func(r CheckResult) bool { return !r.OK }) {
		c.until = time.Now().Add(missingFor)
	}
	return came
}

func (a *API) readiness(came []CheckResult) *readinessOutput {
	out := &readinessOutput{Status: http.StatusOK, Body: Readiness{Status: "ready", Checks: came}}
	for _, c := range came {
		switch {
		case c.OK:
		case c.Vital:
			out.Status, out.Body.Status = http.StatusServiceUnavailable, "not ready"
		case out.Status == http.StatusOK:
			out.Body.Status = "degraded"
		}
	}
	if a.draining.Load() {
		out.Status, out.Body.Status = http.StatusServiceUnavailable, "stopping"
	}
	return out
}

func (c Check) run(ctx context.Context) CheckResult {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := c.Probe(ctx)
	r := CheckResult{Name: c.Name, OK: err == nil, Vital: c.Vital}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		r.Detail = f.Message
	} else if err != nil {
		r.Detail = "does not answer"
	}
	return r
}

package rest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	checkTimeout = 2 * time.Second
	// readinessRate is how often a network may ask in a minute: each answer opens
	// connections to the dependencies, and everyone may ask.
	readinessRate = 1200
)

// Check probes a dependency of the service. Without a vital one the service is
// not ready; without another it is degraded.
type Check struct {
	Name  string
	Vital bool
	Probe func(context.Context) error
}

// Readiness is the body of /readyz.
type Readiness struct {
	Status string        `json:"status" enum:"ready,degraded,not ready,stopping"`
	Checks []CheckResult `json:"checks"`
}

// CheckResult is the result of a Check.
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
		out.Body.Version, out.Body.Commit = boot.CurrentBuild().Version, boot.CurrentBuild().Commit
		return out, nil
	}
	readiness := Probe
	readiness.RateLimit.PerMinute = readinessRate
	Handle(a, "GET /health", Probe, alive, "getHealth", "Check that the service is running")
	Handle(a, "GET /livez", Probe, alive, "getLiveness", "Check that the process is alive", NoAccessLog)
	Handle(a, "GET /readyz", readiness, func(ctx context.Context, _ *struct{}) (*readinessOutput, error) {
		return a.readiness(ctx, o.Checks), nil
	}, "getReadiness", "Check whether the service can handle requests", Description("Names the part that is missing."), NoAccessLog)
}

func (a *API) readiness(ctx context.Context, checks []Check) *readinessOutput {
	out := &readinessOutput{Status: http.StatusOK, Body: Readiness{Status: "ready", Checks: make([]CheckResult, len(checks))}}
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { out.Body.Checks[i] = check.run(ctx) })
	}
	wg.Wait()
	for _, c := range out.Body.Checks {
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

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

const checkTimeout = 2 * time.Second

// Check tests a dependency. If a vital dependency fails, the service is not ready; if
// another fails, it is degraded.
type Check struct {
	Name  string
	Vital bool
	Probe func(context.Context) error
}

// Readiness is the response body of /readyz.
type Readiness struct {
	Status string        `json:"status" enum:"ready,degraded,not ready,stopping" doc:"ready; degraded: a dependency that is not vital fails; not ready: a vital dependency fails; stopping: the service shuts down"`
	Checks []CheckResult `json:"checks" doc:"result for each dependency"`
}

// CheckResult is the result of a Check.
type CheckResult struct {
	Name   string `json:"name" doc:"name of the dependency"`
	OK     bool   `json:"ok" doc:"whether the dependency works"`
	Vital  bool   `json:"vital" doc:"whether the service needs this dependency to be ready"`
	Detail string `json:"detail,omitempty" doc:"why the dependency does not work"`
}

type readinessOutput struct {
	Status int
	Body   Readiness
}

// Health is the response body of /health and /livez.
type Health struct {
	Message string `json:"message" doc:"text for people, such as Auth Service is running"`
	Status  string `json:"status" doc:"always OK"`
	Version string `json:"version" doc:"version of the service; dev for a development build"`
	Commit  string `json:"commit,omitempty" doc:"Git commit of the build"`
}

type healthOutput struct{ Body Health }

func (a *API) health(o Options) {
	alive := func(context.Context, *struct{}) (*healthOutput, error) {
		build := boot.CurrentBuild()
		return &healthOutput{Health{o.Document.Title + " is running", "OK", build.Version, build.Commit}}, nil
	}
	if o.HTTP.Production {
		o.Checks = append(slices.Clone(o.Checks), Check{Name: "proxies", Probe: a.proxies.check})
	}
	ready := func(ctx context.Context, _ *struct{}) (*readinessOutput, error) {
		return a.readiness(ctx, o.Checks), nil
	}
	register := func(path string, options ...Option) {
		name := o.Document.Name
		Handle(a, "GET "+path+"/health", Probe, alive, "get"+name+"Health", "Check that the service is running", append(options, Description("Returns the version of the service."))...)
		Handle(a, "GET "+path+"/livez", Probe, alive, "get"+name+"Liveness", "Check that the process is alive", append(options, NoAccessLog, Description("Fails only if the process must be restarted."))...)
		Handle(a, "GET "+path+"/readyz", Probe, ready, "get"+name+"Readiness", "Check whether the service can handle requests", append(options, NoAccessLog, Description("Lists the dependencies and whether they work."))...)
	}
	group := Group(o.Document.Title)
	if o.Document.Path == "" {
		register("", group)
		return
	}
	register("", hidden)
	register(o.Document.Path, group) // behind a gateway, all services have one host
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
		r.Detail = "does not respond"
	}
	return r
}

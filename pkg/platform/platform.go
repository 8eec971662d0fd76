// Package platform opens the parts that every service needs: the port, metrics, the
// store and the token verifier.
package platform

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

var ageGauge = prometheus.NewDesc("revocations_age_seconds", "Time since the revocations of tokens were read; above REVOCATION_MAX_AGE, writes and admin routes are answered with 503.", nil, nil)

// Config is the part of a service's configuration that Open uses.
type Config struct {
	Port    rest.Port
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Auth    *token.Config    // nil in the auth-service, which verifies tokens with its own keys
	Now     func() time.Time // time.Now if nil

	// Resource is token.Verifier.Resource.
	Resource string
}

// Platform holds the open parts of a service. Checks and background functions must be
// added before Serve.
type Platform struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Store    store.DB
	Verifier *token.Verifier
	Now      func() time.Time

	http       rest.Config
	listener   net.Listener
	checks     []rest.Check
	background []func(context.Context) error
	close      []func()
}

// Open opens the platform of a service. It opens the port first, so that a port in use
// is detected before anything is written. The database and the auth-service may still
// be down. The caller must close the platform.
func Open(ctx context.Context, service string, cfg Config, log *slog.Logger) (*Platform, error) {
	p := &Platform{Log: log, Now: cfg.Now, http: cfg.HTTP}
	p.http.Production = p.http.Production || boot.IsProduction()
	if p.Now == nil {
		p.Now = time.Now
	}
	if err := p.open(ctx, service, cfg); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Platform) open(ctx context.Context, service string, cfg Config) (err error) {
	if p.listener, err = cfg.HTTP.Listen(cfg.Port, "PORT"); err != nil {
		return err
	}
	p.close = append(p.close, func() { p.listener.Close() })
	m, err := metrics.Open(service, cfg.Metrics, p.Log)
	if err != nil {
		return err
	}
	p.Metrics, p.close = m.Registry, append(p.close, m.Close)
	p.Background(m.Serve)
	if p.Store, err = connect.Open(ctx, cfg.Store, service); err != nil {
		return err
	}
	p.close = append(p.close, func() { p.Store.Close(context.WithoutCancel(ctx)) })
	p.Check("store", true, p.Store.Ping)
	if cfg.Auth == nil {
		return nil
	}
	if p.Verifier, err = token.NewVerifier(ctx, *cfg.Auth, p.Log); err != nil {
		return err
	}
	p.Verifier.Resource = cfg.Resource
	p.Check("keys", true, p.Verifier.CheckKeys)
	p.AddVerifier(p.Verifier)
	return nil
}

// AddVerifier makes v distinguish reads from writes, updates its revocations, and exports
// their age as a check and a metric.
func (p *Platform) AddVerifier(v *token.Verifier) {
	v.IsRead = rest.IsRead
	p.Check("revocations", false, v.CheckRevocations)
	p.Background(v.Run)
	metrics.RegisterGauges(p.Metrics, p.Log, []*prometheus.Desc{ageGauge}, func(context.Context) ([]prometheus.Metric, error) {
		return []prometheus.Metric{prometheus.MustNewConstMetric(ageGauge, prometheus.GaugeValue, v.Age().Seconds())}, nil
	})
}

// Check adds a dependency to /readyz. The service is not ready while the probe of a
// vital dependency fails.
func (p *Platform) Check(name string, vital bool, probe func(context.Context) error) {
	p.checks = append(p.checks, rest.Check{Name: name, Vital: vital, Probe: probe})
}

// Background adds functions that run until the last response has been sent.
func (p *Platform) Background(fs ...func(context.Context) error) {
	p.background = append(p.background, fs...)
}

// Serve serves the operations added by register until ctx is done or a background
// function fails.
func (p *Platform) Serve(ctx context.Context, document rest.Document, register func(*rest.API)) error {
	api := rest.New(rest.Options{
		Document: document, Log: p.Log, User: auth.UserID, Group: group, Metrics: p.Metrics, HTTP: p.http, Checks: p.checks,
	})
	register(api)
	return rest.Serve(ctx, p.listener, api, p.http.Drain, p.background...)
}

// group returns the group whose members share a part of the slots for requests.
func group(ctx context.Context) string {
	caller := auth.Caller(ctx)
	if caller.Organisation == "" && caller.Role == auth.User {
		return rest.SelfRegistered
	}
	return caller.Organisation
}

// Close closes the parts in reverse order.
func (p *Platform) Close() {
	for i := len(p.close) - 1; i >= 0; i-- {
		p.close[i]()
	}
}

// NewID returns a UUID that sorts by time (version 7).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Package metrics counts what a service does, and tells Prometheus.
package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/battery-passport/suite/pkg/boot"
)

// What is counted, by labels.
type (
	Counter   = prometheus.CounterVec
	Gauge     = prometheus.Gauge
	Histogram = prometheus.HistogramVec
)

const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 15 * time.Second
	sampleTimeout = 2 * time.Second // of what is asked for at each scrape
)

// seconds are the buckets of durations: from an answer out of memory to the
// longest that a client is kept waiting.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Config says where metrics are told.
type Config struct {
	Addr string `envconfig:"METRICS_ADDR" desc:"host:port where Prometheus reads /metrics, of all addresses without a host; empty: nowhere, as with make run"`

	// Listener is used instead of an address where it is set.
	Listener net.Listener
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.Addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return errors.New("  METRICS_ADDR: is not as host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("  METRICS_ADDR: %q is no port", port)
	}
	return nil
}

// Registry is what one service counts. It is safe for concurrent use. A nil
// Registry is one that nobody asks.
type Registry struct {
	registry *prometheus.Registry
	listener net.Listener
	log      *slog.Logger
}

// Open returns a registry with what is to be known of every process, and opens
// its port. Serve serves it, and closes it.
func Open(service string, cfg Config, log *slog.Logger) (*Registry, error) {
	r := &Registry{registry: prometheus.NewRegistry(), listener: cfg.Listener, log: log}
	if cfg.Addr != "" && r.listener == nil {
		l, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be used; set METRICS_ADDR to another: %w", cfg.Addr, err)
		}
		r.listener = l
	}
	r.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "build_info", Help: "What runs; always 1."}, []string{"service", "version", "commit"})
	build.WithLabelValues(service, boot.Version().Number, cmp.Or(boot.Version().Commit, "unknown")).Set(1)
	r.registry.MustRegister(build)
	return r, nil
}

// Close closes the port of a registry that is not served.
func (r *Registry) Close() {
	if r.listener != nil {
		r.listener.Close()
	}
}

// Serve answers /metrics until ctx is done, where there is a port for it.
func (r *Registry) Serve(ctx context.Context) error {
	if r.listener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	r.log.InfoContext(ctx, "metrics", "addr", r.listener.Addr().String())
	if err := srv.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (r *Registry) register(c prometheus.Collector) {
	if r != nil {
		r.registry.MustRegister(c)
	}
}

// Counter adds a counter. A name is added once.
func (r *Registry) Counter(name, help string, labels ...string) *Counter {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.register(c)
	return c
}

// Gauge adds a value that goes up and down.
func (r *Registry) Gauge(name, help string) Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	r.register(g)
	return g
}

// Seconds adds a histogram of durations, in seconds.
func (r *Registry) Seconds(name, help string, labels ...string) *Histogram {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
	r.register(h)
	return h
}

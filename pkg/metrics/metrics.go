// Package metrics serves what a service measures to Prometheus.
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

const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 15 * time.Second
	sampleTimeout = 2 * time.Second
)

// DurationBuckets are the buckets of durations, from an answer out of memory to the
// longest that a client waits.
var DurationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Config says where metrics are served.
type Config struct {
	Addr string `envconfig:"METRICS_ADDR" desc:"host:port where Prometheus reads /metrics, of all addresses without a host; empty: nowhere, as with make run"`

	// Listener is used instead of an address where it is set.
	Listener net.Listener
}

// Validate returns what is wrong with c.
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

// Server serves one registry.
type Server struct {
	Registry *prometheus.Registry
	listener net.Listener // nil where nobody reads it
	log      *slog.Logger
}

// Open returns a server with the metrics of the process, and opens its port.
func Open(service string, cfg Config, log *slog.Logger) (*Server, error) {
	s := &Server{Registry: prometheus.NewRegistry(), listener: cfg.Listener, log: log}
	if cfg.Addr != "" && s.listener == nil {
		l, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be used; set METRICS_ADDR to another: %w", cfg.Addr, err)
		}
		s.listener = l
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "build_info", Help: "What runs; always 1."}, []string{"service", "version", "commit"})
	build.WithLabelValues(service, boot.CurrentBuild().Version, cmp.Or(boot.CurrentBuild().Commit, "unknown")).Set(1)
	s.Registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s, nil
}

// Close closes the port of a server that does not serve.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
}

// Serve answers /metrics until ctx is done.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	s.log.InfoContext(ctx, "metrics", "addr", s.listener.Addr().String())
	if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// RegisterGauges registers gauges whose values take returns at each scrape, within two
// seconds. An error is logged, and the values are missing. A nil r registers none.
func RegisterGauges(r prometheus.Registerer, log *slog.Logger, gauges []*prometheus.Desc, take func(context.Context) ([]prometheus.Metric, error)) {
	if r != nil {
		r.MustRegister(&sampled{gauges, take, log})
	}
}

type sampled struct {
	gauges []*prometheus.Desc
	take   func(context.Context) ([]prometheus.Metric, error)
	log    *slog.Logger
}

// Describe implements prometheus.Collector.
func (s *sampled) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range s.gauges {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (s *sampled) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), sampleTimeout)
	defer cancel()
	values, err := s.take(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "metrics are missing", "err", err)
	}
	for _, v := range values {
		metrics <- v
	}
}

// Package metrics serves the metrics of a service to Prometheus.
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

// DurationBuckets are histogram buckets in seconds, from a cached response to the
// longest time a client waits.
var DurationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Config configures where metrics are served.
type Config struct {
	Addr string `envconfig:"METRICS_ADDR" desc:"Address for /metrics as host:port. Without a host, all interfaces are used. Empty: metrics are not served."`

	// Listener is used instead of Addr if it is set.
	Listener net.Listener
}

// Validate returns an error if the address is invalid.
func (c Config) Validate() error {
	if c.Addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("  METRICS_ADDR: must be host:port with a port from 0 to 65535, got %q", c.Addr)
	}
	return nil
}

// Server serves the metrics of one registry.
type Server struct {
	Registry *prometheus.Registry
	listener net.Listener // nil if metrics are not served
	log      *slog.Logger
}

// Open returns a server with metrics about the Go process and the build, and opens its
// port. The caller calls Serve or Close.
func Open(service string, cfg Config, log *slog.Logger) (*Server, error) {
	s := &Server{Registry: prometheus.NewRegistry(), listener: cfg.Listener, log: log}
	if cfg.Addr != "" && s.listener == nil {
		l, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("cannot listen on METRICS_ADDR %s: %w", cfg.Addr, err)
		}
		s.listener = l
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "build_info", Help: "Version and commit of the service; always 1."}, []string{"service", "version", "commit"})
	build.WithLabelValues(service, boot.CurrentBuild().Version, cmp.Or(boot.CurrentBuild().Commit, "unknown")).Set(1)
	s.Registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s, nil
}

// Close closes the port if Serve was not called.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
}

// Serve serves /metrics until ctx is done.
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
	s.log.InfoContext(ctx, "serving metrics", "addr", s.listener.Addr().String())
	if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// RegisterGauges registers gauges whose values are read by take at each scrape, with a
// timeout of two seconds. If take fails, the error is logged and the values are
// missing from the scrape. A nil r registers nothing.
func RegisterGauges(r prometheus.Registerer, log *slog.Logger, gauges []*prometheus.Desc, take func(context.Context) ([]prometheus.Metric, error)) {
	if r != nil {
		r.MustRegister(&collector{gauges, take, log})
	}
}

type collector struct {
	gauges []*prometheus.Desc
	take   func(context.Context) ([]prometheus.Metric, error)
	log    *slog.Logger
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range c.gauges {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), sampleTimeout)
	defer cancel()
	values, err := c.take(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "metrics not collected", "err", err)
	}
	for _, v := range values {
		metrics <- v
	}
}

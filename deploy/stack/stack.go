// Package stack runs the suite in one process: the services as they are, and a
// Kafka broker for them where none is given.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/rest"
)

// Config says what to run.
type Config struct {
	AuthPort     int `envconfig:"AUTH_PORT" default:"4000" desc:"port of the auth-service"`
	PassportPort int `envconfig:"PASSPORT_PORT" default:"5000" desc:"port of the passport-service"`
	KafkaPort    int `envconfig:"KAFKA_PORT" default:"9092" desc:"port of the Kafka broker"`

	Auth     authd.Config
	Passport passportd.Config

	// Log makes the logger of a service.
	Log func(service string) *slog.Logger
}

// Stack is a suite that runs.
type Stack struct {
	AuthURL, PassportURL string
	Brokers              []string

	group  *errgroup.Group
	cancel context.CancelFunc
	end    func()
}

// Start starts the suite on this machine's loopback address and returns when
// all of it is ready. A port of 0 is a free one. It ends when ctx is done; Wait
// then waits for it.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{end: func() {}}
	ctx, s.cancel = context.WithCancel(ctx)
	if err := s.start(ctx, cfg); err != nil {
		s.cancel()
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, cfg Config) error {
	lock, err := Lock(cfg.Passport.Store.Dir)
	if err != nil {
		return err
	}
	s.onEnd(func() { lock.Unlock() })
	if cfg.Auth.HTTP.Listener, err = s.listen(cfg.AuthPort, "AUTH_PORT"); err != nil {
		return err
	}
	if cfg.Passport.HTTP.Listener, err = s.listen(cfg.PassportPort, "PASSPORT_PORT"); err != nil {
		return err
	}
	s.AuthURL = "http://" + cfg.Auth.HTTP.Listener.Addr().String()
	s.PassportURL = "http://" + cfg.Passport.HTTP.Listener.Addr().String()
	cfg.Passport.Auth.URL = s.AuthURL

	if s.Brokers = cfg.Passport.Kafka.Brokers; len(s.Brokers) == 0 {
		if err := s.startKafka(cfg); err != nil {
			return err
		}
		cfg.Auth.Kafka.Brokers, cfg.Passport.Kafka.Brokers = s.Brokers, s.Brokers
	}

	s.group, ctx = errgroup.WithContext(ctx)
	for _, service := range []struct {
		url string
		run func() error
	}{
		{s.AuthURL, func() error { return authd.Run(ctx, cfg.Auth, cfg.Log(authd.Name)) }},
		{s.PassportURL, func() error { return passportd.Run(ctx, cfg.Passport, cfg.Log(passportd.Name)) }},
	} {
		s.group.Go(service.run)
		if err := ready(ctx, service.url); err != nil {
			s.cancel()
			return errors.Join(err, s.group.Wait())
		}
	}
	return nil
}

// Stop ends the suite and waits for that.
func (s *Stack) Stop() error {
	s.cancel()
	return s.Wait()
}

// Wait waits until the services have ended, and then ends the rest.
func (s *Stack) Wait() error {
	err := s.group.Wait()
	s.cancel()
	s.end()
	return err
}

// onEnd adds to what is done at the end, last first.
func (s *Stack) onEnd(f func()) {
	before := s.end
	s.end = func() { f(); before() }
}

func (s *Stack) listen(port int, variable string) (net.Listener, error) {
	l, err := rest.Config{Host: "127.0.0.1"}.Listen(port, variable)
	if err == nil {
		s.onEnd(func() { l.Close() })
	}
	return l, err
}

// Lock keeps others out of a data folder. It is released when the process ends.
func Lock(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("another suite runs with the data in %s; stop it first, or set DATA_DIR to another folder", dir)
	}
	return lock, nil
}

// startTimeout is how long the suite may take to get ready.
const startTimeout = 30 * time.Second

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", url, context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

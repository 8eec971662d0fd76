// Package stack runs the suite in one process: the services as they are, and a
// Kafka broker, an S3 server and a mail server for them where none is given.
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

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/rest"
)

// Config says what to run.
type Config struct {
	AuthPort         rest.Port `envconfig:"AUTH_PORT" default:"4000" desc:"port of the auth-service"`
	PassportPort     rest.Port `envconfig:"PASSPORT_PORT" default:"5000" desc:"port of the passport-service"`
	DocumentPort     rest.Port `envconfig:"DOCUMENT_PORT" default:"5100" desc:"port of the document-service"`
	NotificationPort rest.Port `envconfig:"NOTIFICATION_PORT" default:"5200" desc:"port of the notification-service"`
	KafkaPort        rest.Port `envconfig:"KAFKA_PORT" default:"9092" desc:"port of the Kafka broker"`
	S3Port           rest.Port `envconfig:"S3_PORT" default:"9000" desc:"port of the S3 server"`
	MailPort         rest.Port `envconfig:"MAIL_PORT" default:"1025" desc:"port of the mail server"`

	Auth         authd.Config
	Passport     passportd.Config
	Document     documentd.Config
	Notification notificationd.Config

	// Log makes the logger of a service.
	Log func(service string) *slog.Logger
}

// Stack is a suite that runs.
type Stack struct {
	AuthURL, PassportURL, DocumentURL, NotificationURL string

	Brokers []string
	S3      string // URL
	Mails   string // folder where mail lands; empty: it goes out
	Files   string // folder of the text files

	group  *errgroup.Group
	cancel context.CancelFunc
	end    func()
}

// Start starts the suite on this machine's loopback address and returns when
// all of it is ready. A port of 0 is a free one. It ends when ctx is done; Wait
// then waits for it. There may be one in a process at a time, and it changes
// the working directory.
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
	dir, err := filepath.Abs(cfg.Passport.Store.Dir) // the S3 server changes the working directory
	if err != nil {
		return err
	}
	cfg.Auth.Store.Dir, cfg.Passport.Store.Dir, cfg.Document.Store.Dir, cfg.Notification.Store.Dir = dir, dir, dir, dir
	// The services of one process would have one port for their metrics.
	cfg.Auth.Metrics.Addr, cfg.Passport.Metrics.Addr, cfg.Document.Metrics.Addr, cfg.Notification.Metrics.Addr = "", "", "", ""
	release, err := lock(dir)
	if err != nil {
		return err
	}
	s.onEnd(release)
	if err := s.listenAll(&cfg); err != nil {
		return err
	}
	if cfg.Notification.Files == "" {
		cfg.Notification.Files = filepath.Join(dir, "notifications")
	}
	if s.Files, err = filepath.Abs(cfg.Notification.Files); err != nil {
		return err
	}
	cfg.Notification.Files = s.Files
	if err := s.startBackends(ctx, dir, &cfg); err != nil {
		return err
	}
	return s.run(ctx, cfg)
}

// listenAll opens the ports of the services, and tells them of each other.
func (s *Stack) listenAll(cfg *Config) error {
	for _, service := range []struct {
		port     rest.Port
		variable string
		http     *rest.Config
		url      *string
	}{
		{cfg.AuthPort, "AUTH_PORT", &cfg.Auth.HTTP, &s.AuthURL},
		{cfg.PassportPort, "PASSPORT_PORT", &cfg.Passport.HTTP, &s.PassportURL},
		{cfg.DocumentPort, "DOCUMENT_PORT", &cfg.Document.HTTP, &s.DocumentURL},
		{cfg.NotificationPort, "NOTIFICATION_PORT", &cfg.Notification.HTTP, &s.NotificationURL},
	} {
		l, err := s.listen(service.port, service.variable)
		if err != nil {
			return err
		}
		service.http.Listener, *service.url = l, "http://"+l.Addr().String()
	}
	cfg.Passport.Auth.URL, cfg.Document.Auth.URL, cfg.Notification.Auth.URL = s.AuthURL, s.AuthURL, s.AuthURL
	return nil
}

// startBackends starts what the services need and nobody names.
func (s *Stack) startBackends(ctx context.Context, dir string, cfg *Config) error {
	if s.Brokers = cfg.Passport.Kafka.Brokers; len(s.Brokers) == 0 {
		if err := s.startKafka(dir, cfg.KafkaPort); err != nil {
			return err
		}
	}
	cfg.Auth.Kafka.Brokers, cfg.Passport.Kafka.Brokers = s.Brokers, s.Brokers
	cfg.Document.Kafka.Brokers, cfg.Notification.Kafka.Brokers = s.Brokers, s.Brokers
	if s.S3 = cfg.Document.S3.Endpoint; s.S3 == "" {
		if err := s.startS3(ctx, dir, cfg); err != nil {
			return err
		}
	}
	if cfg.Notification.Mail.Host == "" {
		return s.startMail(dir, cfg)
	}
	return nil
}

// run starts the services, each when the one before is ready.
func (s *Stack) run(ctx context.Context, cfg Config) error {
	s.group, ctx = errgroup.WithContext(ctx)
	for _, service := range []struct {
		url string
		run func() error
	}{
		{s.AuthURL, func() error { return authd.Run(ctx, cfg.Auth, cfg.Log(authd.Name)) }},
		{s.PassportURL, func() error { return passportd.Run(ctx, cfg.Passport, cfg.Log(passportd.Name)) }},
		{s.DocumentURL, func() error { return documentd.Run(ctx, cfg.Document, cfg.Log(documentd.Name)) }},
		{s.NotificationURL, func() error { return notificationd.Run(ctx, cfg.Notification, cfg.Log(notificationd.Name)) }},
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

func (s *Stack) listen(port rest.Port, variable string) (net.Listener, error) {
	l, err := rest.Config{Host: "127.0.0.1"}.Listen(port, variable)
	if err == nil {
		s.onEnd(func() { l.Close() })
	}
	return l, err
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

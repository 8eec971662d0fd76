// Package stack runs the suite in one process: the four services, and a Kafka broker, an
// S3 server and a mail server unless the configuration has the addresses of others.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/rest"
)

// Config holds the settings of the suite.
type Config struct {
	AuthPort         rest.Port `envconfig:"AUTH_PORT" default:"4000" desc:"Port of the auth-service."`
	PassportPort     rest.Port `envconfig:"PASSPORT_PORT" default:"5000" desc:"Port of the passport-service."`
	DocumentPort     rest.Port `envconfig:"DOCUMENT_PORT" default:"5100" desc:"Port of the document-service."`
	NotificationPort rest.Port `envconfig:"NOTIFICATION_PORT" default:"5200" desc:"Port of the notification-service."`
	KafkaPort        rest.Port `envconfig:"KAFKA_PORT" default:"9092" desc:"Port of the Kafka broker."`
	S3Port           rest.Port `envconfig:"S3_PORT" default:"9000" desc:"Port of the S3 server."`
	MailPort         rest.Port `envconfig:"MAIL_PORT" default:"1025" desc:"Port of the mail server."`

	Auth         authd.Config
	Passport     passportd.Config
	Document     documentd.Config
	Notification notificationd.Config

	// Log returns the logger of a service.
	Log func(service string) *slog.Logger
}

// Stack is a running suite.
type Stack struct {
	AuthURL, PassportURL, DocumentURL, NotificationURL string

	Brokers         []string
	S3              string // URL
	MailDir         string // folder of the mails; empty if they are sent by SMTP
	NotificationDir string // folder of the text files

	group  *errgroup.Group
	cancel context.CancelFunc
	end    func()
}

// Start starts the suite on the loopback address and returns when it is ready. Port 0
// selects a free port. The suite stops when ctx is done; Wait waits for that. Start
// changes the working directory, so a process can run only one suite at a time.
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
	// All four services would use the same METRICS_ADDR.
	cfg.Auth.Metrics.Addr, cfg.Passport.Metrics.Addr, cfg.Document.Metrics.Addr, cfg.Notification.Metrics.Addr = "", "", "", ""
	release, err := lock(dir)
	if err != nil {
		return err
	}
	s.onEnd(release)
	if err := cfg.checkPorts(); err != nil {
		return err
	}
	if err := s.listenAll(&cfg); err != nil {
		return err
	}
	if cfg.Notification.Files == "" {
		cfg.Notification.Files = filepath.Join(dir, "notifications")
	}
	if s.NotificationDir, err = filepath.Abs(cfg.Notification.Files); err != nil {
		return err
	}
	cfg.Notification.Files = s.NotificationDir
	if err := s.startBackends(ctx, dir, &cfg); err != nil {
		return err
	}
	return s.run(ctx, cfg)
}

// listenAll opens the ports of the services and sets their URLs.
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
	documentAPIs(s, cfg)
	cfg.Passport.DocumentURL = s.DocumentURL
	cfg.Passport.BaseURL = cmp.Or(cfg.Passport.BaseURL, s.PassportURL)
	cfg.Auth.AppURL = cmp.Or(cfg.Auth.AppURL, s.AuthURL)
	cfg.Notification.PublicURL = cmp.Or(cfg.Notification.PublicURL, s.NotificationURL)
	cfg.Passport.Auth.URL, cfg.Document.Auth.URL, cfg.Notification.Auth.URL = s.AuthURL, s.AuthURL, s.AuthURL
	return nil
}

// documentAPIs lists the OpenAPI documents of all services in the menu of /docs, unless they
// are configured, and lets that page call all services.
func documentAPIs(s *Stack, cfg *Config) {
	var documents rest.DocumentURLs
	var origins rest.Origins
	for _, service := range []struct{ name, url string }{
		{"Auth Service", s.AuthURL}, {"Battery Passport Service", s.PassportURL}, {"Document Service", s.DocumentURL}, {"Notification Service", s.NotificationURL},
	} {
		documents = append(documents, rest.DocumentURL{Name: service.name, URL: service.url + "/openapi.json"})
		origins = append(origins, service.url)
	}
	for _, http := range []*rest.Config{&cfg.Auth.HTTP, &cfg.Passport.HTTP, &cfg.Document.HTTP, &cfg.Notification.HTTP} {
		if http.Documents == nil {
			http.Documents = documents
			http.Origins = append(slices.Clone(http.Origins), origins...)
		}
	}
}

// run starts the services one after another and waits until each is ready.
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

// Stop stops the suite and waits until it has ended.
func (s *Stack) Stop() error {
	s.cancel()
	return s.Wait()
}

// Wait waits until the services have ended, then stops the back ends.
func (s *Stack) Wait() error {
	err := s.group.Wait()
	s.cancel()
	s.end()
	return err
}

// onEnd adds a function to run at the end. The functions run in reverse order.
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

// startTimeout is the longest time until a service is ready.
const startTimeout = 2 * time.Minute

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			if res.Body.Close(); res.StatusCode == http.StatusOK {
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

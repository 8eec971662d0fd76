package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/document-service/s3local"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest"
)

// Access key of the S3 server, which listens only on 127.0.0.1.
const (
	S3KeyID  = "local"
	S3Secret = "local-secret"
)

// checkPorts returns an error that names every port that cannot be opened.
func (c *Config) checkPorts() error {
	ports := map[string]rest.Port{"AUTH_PORT": c.AuthPort, "PASSPORT_PORT": c.PassportPort, "DOCUMENT_PORT": c.DocumentPort, "NOTIFICATION_PORT": c.NotificationPort}
	if len(c.Passport.Kafka.Brokers) == 0 {
		ports["KAFKA_PORT"] = c.KafkaPort
	}
	if c.Document.S3.Endpoint == "" {
		ports["S3_PORT"] = c.S3Port
	}
	if c.Notification.Mail.Server.Host == "" {
		ports["MAIL_PORT"] = c.MailPort
	}
	var errs []error
	for _, variable := range slices.Sorted(maps.Keys(ports)) {
		l, err := rest.Config{Host: "127.0.0.1"}.Listen(ports[variable], variable)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Close()
	}
	return errors.Join(errs...)
}

// startBackends starts the back ends for which cfg has no address.
func (s *Stack) startBackends(ctx context.Context, dir string, cfg *Config) error {
	if s.Brokers = cfg.Passport.Kafka.Brokers; len(s.Brokers) == 0 {
		if err := s.startKafka(filepath.Join(dir, "kafka"), cfg.KafkaPort); err != nil {
			return err
		}
	}
	cfg.Auth.Kafka.Brokers, cfg.Passport.Kafka.Brokers = s.Brokers, s.Brokers
	cfg.Document.Kafka.Brokers, cfg.Notification.Kafka.Brokers = s.Brokers, s.Brokers
	if s.S3 = cfg.Document.S3.Endpoint; s.S3 == "" {
		if err := s.startS3(ctx, filepath.Join(dir, "s3"), cfg); err != nil {
			return err
		}
	}
	if cfg.Notification.Mail.Server.Host == "" {
		return s.startMail(filepath.Join(dir, "mail"), cfg)
	}
	return nil
}

// startKafka starts a broker that stores its topics in dir.
func (s *Stack) startKafka(dir string, port rest.Port) error {
	l, err := s.listen(port, "KAFKA_PORT")
	if err != nil {
		return err
	}
	broker, err := kfake.NewCluster(
		kfake.Ports(l.Addr().(*net.TCPAddr).Port), kfake.DataDir(dir),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return l, nil }), // the port is already open
	)
	if err != nil {
		return fmt.Errorf("broker with data in %s: %w", dir, err)
	}
	s.onEnd(broker.Close)
	s.Brokers = broker.ListenAddrs()
	return nil
}

// startS3 starts an S3 server that stores its objects in dir. It ignores the access key
// in cfg, which belongs to another server.
func (s *Stack) startS3(ctx context.Context, dir string, cfg *Config) error {
	addr := "127.0.0.1:0"
	if cfg.S3Port != 0 {
		l, err := s.listen(cfg.S3Port, "S3_PORT") // fails when the port is taken
		if err != nil {
			return err
		}
		addr = l.Addr().String()
		l.Close() // the server opens its port itself
	}
	c := &cfg.Document.S3
	c.KeyID, c.Secret, c.Session, c.PathStyle = S3KeyID, S3Secret, "", true
	server, err := s3local.Start(ctx, s3local.Config{Dir: dir, Addr: addr, KeyID: c.KeyID, Secret: c.Secret, Region: c.Region})
	if err != nil {
		return err
	}
	s.onEnd(func() { server.Close() })
	c.Endpoint = "http://" + server.Addr
	s.S3 = c.Endpoint
	return nil
}

// mailPerHour is the limit in configurations that do not come from the environment.
const mailPerHour = 10

// startMail starts a mail server that stores each mail as a file in dir.
func (s *Stack) startMail(dir string, cfg *Config) error {
	l, err := s.listen(cfg.MailPort, "MAIL_PORT")
	if err != nil {
		return err
	}
	sink, err := mailsink.Start(mailsink.Options{Listener: l, Folder: dir})
	if err != nil {
		return err
	}
	s.onEnd(func() { sink.Close() })
	s.MailDir = dir
	c := &cfg.Notification.Mail.Server
	c.Host, c.Port, c.TLS = "127.0.0.1", l.Addr().(*net.TCPAddr).Port, "none"
	c.FromEmail = cmp.Or(c.FromEmail, "no-reply@battery-passport.example")
	cfg.Auth.Mail = *c
	cfg.Notification.Mail.Enabled = true
	cfg.Notification.Mail.PerHour = cmp.Or(cfg.Notification.Mail.PerHour, mailPerHour)
	return nil
}

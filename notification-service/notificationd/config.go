package notificationd

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config is the configuration of the notification-service.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5200" desc:"Port of the HTTP server."`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config
	Mail    MailConfig
	Group   string `envconfig:"KAFKA_GROUP" default:"notification-group" desc:"Kafka consumer group; instances of a group share the events."`
	Files   string `envconfig:"NOTIFICATION_LOG_PATH" desc:"Folder for one text file per event. Empty: no text files."`
	// PublicURL is the base of links in mails.
	PublicURL string                 `envconfig:"NOTIFICATION_PUBLIC_URL" desc:"URL at which mail programs and browsers reach the notification-service, such as https://notifications.example, for the link in its mails that turns them off. Mail programs show a button for it (RFC 8058) if it is https. Empty: mails have no such link."`
	Dates     notification.DateStyle `envconfig:"DATE_STYLE" default:"iso" desc:"Style of dates and times in notifications, mails and text files. iso: ISO 8601, such as 2026-11-30T07:30:00Z; us: that of the original project, such as 11/30/2026, 7:30:00 AM. Times are in UTC."`

	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// MailConfig is the configuration of the mail channel.
type MailConfig struct {
	Enabled bool `envconfig:"ENABLE_EMAIL_NOTIFICATIONS" default:"false" desc:"Send notifications by mail; requires SMTP_HOST."`
	PerHour int  `envconfig:"MAIL_PER_HOUR" default:"10" desc:"Mails to a mailbox in any hour, 1 to 1000, counting all spellings of its address. Further notifications are sent in one digest, an hour after the last mail."`
	Workers int  `envconfig:"SMTP_CONNECTIONS" default:"8" desc:"Mails that are sent at the same time, each on a connection of its own, 1 to 100. Some mail servers allow only a few connections."`
	Server  mail.Config
}

// Validate returns an error with a line for each invalid setting.
func (c MailConfig) Validate() error {
	var errs []error
	if c.PerHour < 1 || c.PerHour > 1000 {
		errs = append(errs, fmt.Errorf("  MAIL_PER_HOUR: must be a number from 1 to 1000, got %d", c.PerHour))
	}
	if c.Workers < 1 || c.Workers > 100 {
		errs = append(errs, fmt.Errorf("  SMTP_CONNECTIONS: must be a number from 1 to 100, got %d", c.Workers))
	}
	if c.Enabled && c.Server.Host == "" {
		errs = append(errs, errors.New("  SMTP_HOST: is missing; it is required if ENABLE_EMAIL_NOTIFICATIONS is true"))
	}
	return errors.Join(errs...)
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	var errs []error
	if c.Group == "" {
		errs = append(errs, errors.New("  KAFKA_GROUP: must not be empty"))
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		errs = append(errs, fmt.Errorf("  NOTIFICATION_PUBLIC_URL: must be an http or https URL without query and fragment, got %q", c.PublicURL))
	}
	if c.Dates != notification.ISO && c.Dates != notification.US {
		errs = append(errs, fmt.Errorf("  DATE_STYLE: must be iso or us, got %q", c.Dates))
	}
	return errors.Join(errs...)
}

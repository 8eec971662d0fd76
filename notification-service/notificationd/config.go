package notificationd

import (
	"errors"
	"fmt"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/mail"
	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
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
	Mail    mail.Config
	Group   string                 `envconfig:"KAFKA_GROUP" default:"notification-group" desc:"Kafka consumer group; instances of a group share the events."`
	Files   string                 `envconfig:"NOTIFICATION_LOG_PATH" desc:"Folder for one text file per event. Empty: no text files."`
	Dates   notification.DateStyle `envconfig:"DATE_STYLE" default:"iso" desc:"Style of dates and times in notifications, mails and text files. iso: ISO 8601, such as 2026-11-30T07:30:00Z; us: that of the original project, such as 11/30/2026, 7:30:00 AM. Times are in UTC."`

	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	var errs []error
	if c.Group == "" {
		errs = append(errs, errors.New("  KAFKA_GROUP: must not be empty"))
	}
	if c.Dates != notification.ISO && c.Dates != notification.US {
		errs = append(errs, fmt.Errorf("  DATE_STYLE: must be iso or us, got %q", c.Dates))
	}
	return errors.Join(errs...)
}

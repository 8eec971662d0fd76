package notificationd

import (
	"errors"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/mail"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config is what the notification-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5200" desc:"port of the HTTP server"`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config
	Mail    mail.Config
	Group   string `envconfig:"KAFKA_GROUP" default:"notification-group" desc:"consumer group; those of one group share the events"`
	Files   string `envconfig:"NOTIFICATION_LOG_PATH" desc:"folder where each event is written to a text file; empty: none is"`

	// Now is the clock, time.Now where it is nil.
	Now func() time.Time
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	if c.Group == "" {
		return errors.New("  KAFKA_GROUP: is empty")
	}
	return nil
}

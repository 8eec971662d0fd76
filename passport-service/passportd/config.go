package passportd

import (
	"errors"
	"time"

	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config is what the passport-service reads from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5000" desc:"port of the HTTP server"`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config

	// Now is the clock, time.Now where it is nil.
	Now func() time.Time

	PublicRate int `envconfig:"PUBLIC_RATE_LIMIT" default:"600" desc:"requests a minute that one address may send to /api/public; 0 is any number"`
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	if c.PublicRate < 0 {
		return errors.New("  PUBLIC_RATE_LIMIT: is less than nothing")
	}
	return nil
}

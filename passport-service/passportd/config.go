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

// Config contains the settings of the passport-service, read from the environment.
type Config struct {
	Port    rest.Port `envconfig:"PORT" default:"5000" desc:"Port of the HTTP server."`
	HTTP    rest.Config
	Metrics metrics.Config
	Store   connect.Config
	Kafka   kafka.Config
	Auth    token.Config
	Now     func() time.Time // clock for tests; nil: time.Now

	PublicRate int `envconfig:"PUBLIC_RATE_LIMIT" default:"600" desc:"Requests per minute that a client network may send to /api/public. 0: unlimited."`
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	if c.PublicRate < 0 {
		return errors.New("  PUBLIC_RATE_LIMIT: must be at least 0")
	}
	return nil
}

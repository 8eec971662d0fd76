package documentd

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// defaultUploads is the limit of a zero Config, which tests use.
const defaultUploads = 4

// Config holds the settings that the document-service reads from the environment.
type Config struct {
	Port       rest.Port     `envconfig:"PORT" default:"5100" desc:"Port of the HTTP server."`
	MaxBytes   int64         `envconfig:"MAX_UPLOAD_BYTES" default:"10485760" desc:"Largest size of an uploaded file in bytes."`
	MaxUploads int           `envconfig:"MAX_UPLOADS" default:"4" desc:"Maximum number of concurrent uploads, at most half of them by one user; each needs up to 15 MB of memory, so raise GOMEMLIMIT (96MiB in the image) too; further uploads wait two seconds, then fail with 503."`
	SweepAfter time.Duration `envconfig:"SWEEP_AFTER" default:"24h" desc:"Age after which the remains of failed uploads are deleted; must be longer than any upload takes."`
	HTTP       rest.Config
	Metrics    metrics.Config
	Store      connect.Config
	S3         s3store.Config
	Kafka      kafka.Config
	Auth       token.Config
}

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBytes < 1 || c.MaxBytes > s3store.MaxBytes {
		errs = append(errs, fmt.Errorf("  MAX_UPLOAD_BYTES: must be from 1 to %d, got %d", int64(s3store.MaxBytes), c.MaxBytes))
	}
	if c.MaxUploads < 1 {
		errs = append(errs, fmt.Errorf("  MAX_UPLOADS: must be at least 1, got %d", c.MaxUploads))
	}
	if c.SweepAfter <= 0 {
		errs = append(errs, fmt.Errorf("  SWEEP_AFTER: must be greater than 0, got %v", c.SweepAfter))
	}
	return errors.Join(errs...)
}

func (c Config) uploads() int { return cmp.Or(c.MaxUploads, defaultUploads) }

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

// defaultUploads is for a zero Config, as in tests.
const defaultUploads = 4

// Config is what the document-service reads from the environment.
type Config struct {
	Port       rest.Port     `envconfig:"PORT" default:"5100" desc:"port of the HTTP server"`
	MaxBytes   int64         `envconfig:"MAX_UPLOAD_BYTES" default:"10485760" desc:"size of the largest file in bytes"`
	MaxUploads int           `envconfig:"MAX_UPLOADS" default:"4" desc:"concurrent uploads, at most half of them by one user; each needs up to 15 MB of memory (raise GOMEMLIMIT, 96MiB in the image, with it); more wait two seconds and are then answered 503"`
	SweepAfter time.Duration `envconfig:"SWEEP_AFTER" default:"24h" desc:"age after which what an upload left behind is removed; longer than any upload takes"`
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
		errs = append(errs, fmt.Errorf("  MAX_UPLOAD_BYTES: has to be from 1 to %d", int64(s3store.MaxBytes)))
	}
	if c.MaxUploads < 1 {
		errs = append(errs, errors.New("  MAX_UPLOADS: has to be at least 1"))
	}
	if c.SweepAfter <= 0 {
		errs = append(errs, errors.New("  SWEEP_AFTER: has to be longer than nothing"))
	}
	return errors.Join(errs...)
}

func (c Config) uploads() int { return cmp.Or(c.MaxUploads, defaultUploads) }

package documentd

import (
	"errors"
	"fmt"
	"time"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// Config holds the settings that the document-service reads from the environment.
type Config struct {
	Port       rest.Port     `envconfig:"PORT" default:"5100" desc:"Port of the HTTP server."`
	MaxBytes   int64         `envconfig:"MAX_UPLOAD_BYTES" default:"10485760" desc:"Largest size of an uploaded file in bytes."`
	Types      []string      `envconfig:"ALLOWED_TYPES" default:"default" desc:"Media types of docs/api.md that may be uploaded, separated by commas; default means the default ones, so default,video/mp4 adds a type."`
	MaxUploads int           `envconfig:"MAX_UPLOADS" default:"4" min:"1" desc:"Maximum number of concurrent uploads, at most half of them of one organisation or user, and an eighth, but at least one, of all self-registered accounts without an organisation; each needs memory for its file, but at most about 6 MB, so raise GOMEMLIMIT (96MiB in the image) for more than 8. While an upload waits for a slot, the slowest one below 256 KiB/s is cancelled; after five seconds the response is 503."`
	SweepAfter time.Duration `envconfig:"SWEEP_AFTER" default:"24h" desc:"Age after which the remains of failed uploads are deleted; must be longer than any upload takes."`
	OrgBytes   int64         `envconfig:"MAX_STORAGE_PER_ORGANISATION" default:"10737418240" min:"0" desc:"Largest total size of the documents of an organisation in bytes; uploads beyond it fail with 507. 0: unlimited."`
	OrgFiles   int64         `envconfig:"MAX_FILES_PER_ORGANISATION" default:"100000" min:"0" desc:"Maximum number of documents of an organisation; further uploads fail with 507. 0: unlimited."`
	UserBytes  int64         `envconfig:"MAX_STORAGE_PER_USER" default:"104857600" min:"0" desc:"Largest total size of the documents of an account that belongs to no organisation, in bytes; uploads beyond it fail with 507. Documents of members count for their organisation. 0: unlimited."`
	UserFiles  int64         `envconfig:"MAX_FILES_PER_USER" default:"100" min:"0" desc:"Maximum number of documents of an account that belongs to no organisation; further uploads fail with 507. 0: unlimited."`
	AllBytes   int64         `envconfig:"MAX_STORAGE_OF_ALL_USERS" default:"10737418240" min:"0" desc:"Largest total size of the documents of all accounts that belong to no organisation, in bytes: anyone can register such accounts. Uploads beyond it fail with 507. 0: unlimited."`
	AllFiles   int64         `envconfig:"MAX_FILES_OF_ALL_USERS" default:"100000" min:"0" desc:"Maximum number of documents of all accounts that belong to no organisation; further uploads fail with 507. 0: unlimited."`
	Group      string        `envconfig:"DOCUMENT_KAFKA_GROUP" default:"document-service" desc:"Kafka consumer group in which the document-service learns the owners of passports; instances that share a database must have the same, others a different one."`
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
	if _, err := document.ParseTypes(c.Types); err != nil {
		errs = append(errs, fmt.Errorf("  ALLOWED_TYPES: %w", err))
	}
	if c.SweepAfter <= 0 {
		errs = append(errs, fmt.Errorf("  SWEEP_AFTER: must be greater than 0, got %v", c.SweepAfter))
	}
	if c.Group == "" {
		errs = append(errs, errors.New("  DOCUMENT_KAFKA_GROUP: must not be empty"))
	}
	return errors.Join(errs...)
}

func (c Config) quotas() document.Quotas {
	return document.Quotas{
		Organisation: document.Quota{Bytes: c.OrgBytes, Files: c.OrgFiles}, User: document.Quota{Bytes: c.UserBytes, Files: c.UserFiles},
		AllUsers: document.Quota{Bytes: c.AllBytes, Files: c.AllFiles},
	}
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/boot"
)

// config says what to do to which suite.
type config struct {
	Target   string
	Duration time.Duration // of the load in a cycle
	Pace     time.Duration // from one fault to the next
	Pause    time.Duration // of a worker between two requests, on average
	Settle   time.Duration // longest wait for more of what is on its way, after the faults
	Cycles   int
	Workers  int // organisations, each with a writer, two updaters, an uploader and a login
	Seed     uint64
	Keep     bool

	Environment environment
}

// environment says where a suite is that runs already, and who its admin.
type environment struct {
	AuthURL         string        `envconfig:"AUTH_URL" desc:"where the auth-service answers"`
	PassportURL     string        `envconfig:"PASSPORT_URL" desc:"where the passport-service answers"`
	DocumentURL     string        `envconfig:"DOCUMENT_URL" desc:"where the document-service answers"`
	NotificationURL string        `envconfig:"NOTIFICATION_URL" desc:"where the notification-service answers"`
	AdminEmail      string        `envconfig:"ADMIN_EMAIL" default:"admin@nordlicht.example" desc:"address of an admin; the first account where there is none"`
	AdminPassword   string        `envconfig:"ADMIN_PASSWORD" default:"correct horse battery" desc:"password of that admin"`
	MongoURI        string        `envconfig:"MONGODB_URI" desc:"MongoDB of the services that are started; empty: SQLite"`
	Brokers         []string      `envconfig:"KAFKA_BROKERS" desc:"Kafka brokers as host:port, separated by commas"`
	S3Endpoint      string        `envconfig:"S3_ENDPOINT" desc:"URL of the S3 server"`
	S3Bucket        string        `envconfig:"S3_BUCKET_NAME" default:"battery-passport-documents" desc:"bucket of the files"`
	S3Region        string        `envconfig:"AWS_REGION" default:"us-east-1" desc:"region of the bucket"`
	S3KeyID         string        `envconfig:"AWS_ACCESS_KEY_ID" default:"battery-passport" desc:"key id for S3"`
	S3Secret        string        `envconfig:"AWS_SECRET_ACCESS_KEY" default:"demo-minio-password" desc:"secret of the key"`
	SweepAfter      time.Duration `envconfig:"SWEEP_AFTER" default:"24h" desc:"age after which the document-service that runs removes what an upload left behind"`
	Files           string        `envconfig:"NOTIFICATION_LOG_PATH" desc:"folder of the text files of the suite that runs"`
}

const (
	localTarget     = "local"
	processesTarget = "processes"
	composeTarget   = "compose"
	noTarget        = "none"
)

var targets = []string{localTarget, processesTarget, composeTarget, noTarget}

// configOf reads the command line and the environment.
func configOf(args []string) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&cfg.Target, "target", localTarget, "what is hurt: "+strings.Join(targets, ", "))
	flags.DurationVar(&cfg.Duration, "duration", 5*time.Minute, "how long a cycle writes and hurts")
	flags.IntVar(&cfg.Cycles, "cycles", 1, "how often it does, each time with what was there before, and compares")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "decides order and kind of the faults and of the requests; 0: one is made up")
	flags.IntVar(&cfg.Workers, "workers", 2, "organisations that write, each with five who do at once")
	flags.DurationVar(&cfg.Pace, "pace", 6*time.Second, "from one fault to the next")
	flags.DurationVar(&cfg.Pause, "pause", 150*time.Millisecond, "of each worker between two requests, on average")
	flags.DurationVar(&cfg.Settle, "settle", 90*time.Second, "longest wait after the faults in which nothing more arrives of what is on its way")
	flags.BoolVar(&cfg.Keep, "keep", false, "keep the folder of the data and the logs, also after a good end")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	if err := errors.Join(cfg.check(flags.Args()), boot.Load(&cfg.Environment)); err != nil {
		return config{}, fmt.Errorf("chaos cannot start.\n%w", err)
	}
	return cfg, nil
}

// check tells all that is wrong with the command line.
func (c config) check(rest []string) error {
	var errs []error
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("  "+format, args...))
		}
	}
	add(len(rest) > 0, "%q is no flag: they begin with a dash", rest)
	add(!slices.Contains(targets, c.Target), "-target: has to be one of %s", strings.Join(targets, ", "))
	add(c.Duration <= 0, "-duration: has to be longer than nothing")
	add(c.Cycles < 1, "-cycles: has to be 1 at least")
	add(c.Workers < 1, "-workers: has to be 1 at least")
	add(c.Pace <= 0, "-pace: has to be longer than nothing")
	add(c.Pause < 0 || c.Settle < 0, "-pause, -settle: cannot be less than nothing")
	return errors.Join(errs...)
}

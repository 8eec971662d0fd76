// Chaos checks that the suite keeps what it acknowledges. It writes and reads
// through the public API while services, back ends and the network fail in an
// order that a seed fixes. Then it compares what is stored with what was
// acknowledged, and judges the reads that were in flight.
//
//	chaos                   each service and each back end as a process; needs only Go
//	chaos -target compose   the Docker Compose project that runs in this folder
//
// With MONGODB_URI, KAFKA_BROKERS or S3_ENDPOINT set, the processes use those
// servers, through proxies. A request without an answer is in doubt: it may
// have taken effect or not, but completely and once.
//
// The exit code is 1 when an invariant is violated or cannot be checked, and 2
// when the command line or the environment is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/battery-passport/suite/pkg/boot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if name := os.Getenv(backendVariable); name != "" {
		if err := runBackend(ctx, name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	cfg, err := parseConfig(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	v, err := run(ctx, cfg, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || len(v.Violations) > 0 {
		os.Exit(1)
	}
}

// config says what to do to which suite.
type config struct {
	Target      string
	Duration    time.Duration // of load and faults
	Seed        uint64
	Environment environment

	Pause  time.Duration // mean time between two requests of a worker
	Settle time.Duration // how long to wait without progress for what is on its way
	Teams  int           // organisations, each with six workers
}

// environment holds the servers to use and the account of the administrator.
type environment struct {
	MongoURI      string   `envconfig:"MONGODB_URI" desc:"MongoDB of the services; empty: SQLite"`
	Brokers       []string `envconfig:"KAFKA_BROKERS" desc:"Kafka broker as host:port; empty: an embedded one"`
	S3Endpoint    string   `envconfig:"S3_ENDPOINT" desc:"URL of the S3 server; empty: an embedded one"`
	S3KeyID       string   `envconfig:"AWS_ACCESS_KEY_ID" desc:"key id for S3"`
	S3Secret      string   `envconfig:"AWS_SECRET_ACCESS_KEY" desc:"secret of the key"`
	S3Region      string   `envconfig:"AWS_REGION" default:"us-east-1" desc:"region of the bucket"`
	AdminEmail    string   `envconfig:"ADMIN_EMAIL" default:"admin@nordlicht.example" desc:"email of an administrator; it becomes the first account where there is none"`
	AdminPassword string   `envconfig:"ADMIN_PASSWORD" default:"correct horse battery" desc:"password of that administrator"`
}

// parseConfig reads the command line and the environment.
func parseConfig(args []string) (config, error) {
	cfg := config{Pause: 150 * time.Millisecond, Settle: 90 * time.Second, Teams: 2}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&cfg.Target, "target", "processes", "what fails: processes or compose")
	flags.DurationVar(&cfg.Duration, "duration", 5*time.Minute, "duration of load and faults")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "fixes the plan of faults; 0: random")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	var errs []error
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("  %q is not allowed: chaos takes only flags", flags.Args()))
	}
	if cfg.Target != "processes" && cfg.Target != "compose" {
		errs = append(errs, fmt.Errorf("  -target must be processes or compose, got %q", cfg.Target))
	}
	if cfg.Duration <= 0 {
		errs = append(errs, fmt.Errorf("  -duration must be greater than 0, got %v", cfg.Duration))
	}
	if err := errors.Join(append(errs, boot.Load(&cfg.Environment))...); err != nil {
		return config{}, fmt.Errorf("chaos cannot start.\n%w", err)
	}
	return cfg, nil
}

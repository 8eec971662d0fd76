// Chaos checks that the suite keeps acknowledged writes. It writes and reads through
// the public API while services, back ends and the network fail according to a plan
// that a seed determines. Then it compares the stored data with the responses.
//
//	chaos                   each service and each back end as a process; needs only Go
//	chaos -target compose   the Docker Compose project that runs in this folder
//
// With MONGODB_URI, KAFKA_BROKERS or S3_ENDPOINT set, the processes use those
// servers, through proxies. A request without a response is in doubt: it takes
// effect completely and once, or not at all.
//
// The exit code is 1 when an invariant is violated or cannot be checked, and 2
// when the command line or the environment is wrong.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/boot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if name := os.Getenv(programVariable); name != "" {
		os.Exit(runProgram(ctx, name))
	}
	cfg, err := parseConfig(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if v, err := run(ctx, cfg, os.Stdout); err != nil || len(v.violations) > 0 {
		fmt.Fprintln(os.Stderr, "chaos:", cmp.Or(err, errors.New("an invariant is violated")))
		os.Exit(1)
	}
}

// config comes from the command line and the environment.
type config struct {
	target   string
	duration time.Duration // of load and faults
	seed     uint64
	pause    time.Duration // mean time between two requests of a worker
	settle   time.Duration // longest wait for violations to disappear, without progress
	teams    int           // organisations; each has six workers

	MongoURI      string `envconfig:"MONGODB_URI" desc:"URI of the MongoDB server; empty: SQLite"`
	Broker        string `envconfig:"KAFKA_BROKERS" desc:"Kafka broker as host:port; empty: an embedded broker"`
	S3Endpoint    string `envconfig:"S3_ENDPOINT" desc:"URL of the S3 server; empty: an embedded server"`
	S3KeyID       string `envconfig:"AWS_ACCESS_KEY_ID" desc:"key id for S3"`
	S3Secret      string `envconfig:"AWS_SECRET_ACCESS_KEY" desc:"secret key for S3"`
	S3Region      string `envconfig:"AWS_REGION" default:"us-east-1" desc:"region of the bucket"`
	AdminEmail    string `envconfig:"ADMIN_EMAIL" default:"admin@nordlicht.example" desc:"email of an administrator; registered if it is the first account"`
	AdminPassword string `envconfig:"ADMIN_PASSWORD" default:"correct horse battery" desc:"password of the administrator"`
}

var targets = map[string]func(context.Context, config) (*target, error){"processes": startProcesses, "compose": openCompose}

func parseConfig(args []string) (config, error) {
	cfg := config{pause: 150 * time.Millisecond, settle: 90 * time.Second, teams: 2}
	flags := flag.NewFlagSet("chaos", flag.ExitOnError)
	flags.StringVar(&cfg.target, "target", "processes", "what fails: processes or compose")
	flags.DurationVar(&cfg.duration, "duration", 5*time.Minute, "duration of load and faults")
	flags.Uint64Var(&cfg.seed, "seed", uint64(rand.Uint32()), "determines the plan of faults; random if not given")
	boot.ParseFlags(flags, args, "Chaos writes and reads through the API while services, back ends and the network fail, and checks that no data is lost.")
	errs := []error{boot.Load(&cfg)}
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("  "+format, args...))
		}
	}
	must(targets[cfg.target] != nil, "-target must be processes or compose, got %q", cfg.target)
	must(cfg.duration > 0, "-duration must be greater than 0, got %v", cfg.duration)
	must(!strings.Contains(cfg.Broker, ","), "KAFKA_BROKERS must name one broker, got %q", cfg.Broker)
	if err := errors.Join(errs...); err != nil {
		return config{}, fmt.Errorf("chaos cannot start.\n%w", err)
	}
	return cfg, nil
}

// Invariants.
const (
	durable      = "acknowledged writes are kept"
	chained      = "version histories are intact"
	linearizable = "reads are linearizable"
	checksum     = "files have their checksums"
	published    = "each change has its event"
	ordered      = "events are in order"
	once         = "nothing happens twice or unrequested"
	notified     = "each event is notified once"
	textFiles    = "each event has one complete text file"
	objects      = "objects belong to documents"
	expected     = "responses are as expected"
	readable     = "stored data can be read"
)

type violation struct{ invariant, subject, text string }

// verdict is the result of a run.
type verdict struct {
	violations []violation
	counts     map[string]int // of compared items
}

func (v *verdict) fail(invariant, subject, format string, args ...any) {
	v.violations = append(v.violations, violation{invariant, subject, fmt.Sprintf(format, args...)})
}

func (v *verdict) print(out io.Writer) {
	fmt.Fprintf(out, "compared: %v\n", v.counts)
	slices.SortFunc(v.violations, func(a, b violation) int { return cmp.Compare(a.invariant, b.invariant) })
	for _, one := range v.violations {
		fmt.Fprintf(out, "VIOLATED: %s: %s %s\n", one.invariant, one.subject, one.text)
	}
	fmt.Fprintf(out, "verdict: %d violations\n", len(v.violations))
}

// run starts the target, injects faults under load, and compares. It deletes the
// data and logs of processes unless something is wrong.
func run(ctx context.Context, cfg config, out io.Writer) (v verdict, err error) {
	fmt.Fprintf(out, "chaos: target %s, seed %d, %v\n", cfg.target, cfg.seed, cfg.duration)
	t, err := targets[cfg.target](ctx, cfg)
	if err == nil {
		v, err = runOn(ctx, cfg, t, out)
	}
	for _, end := range slices.Backward(t.closers) {
		end()
	}
	if err == nil && len(v.violations) == 0 {
		return v, os.RemoveAll(t.dir)
	}
	fmt.Fprintln(out, "data and logs:", t.dir)
	return v, err
}

// runOn injects faults into a target under load, and compares.
func runOn(ctx context.Context, cfg config, t *target, out io.Writer) (verdict, error) {
	s, err := setUp(ctx, t.place, cfg)
	if err != nil {
		return verdict{}, err
	}
	defer s.http.CloseIdleConnections()
	s.http.Timeout = loadTimeout
	g, loading := errgroup.WithContext(ctx)
	g.Go(func() error {
		return carryOut(loading, newPlan(rand.New(rand.NewPCG(cfg.seed, 0)), t.faults, cfg.duration), out)
	})
	s.load(ctx, loading, cfg)
	if err := cmp.Or(g.Wait(), ctx.Err()); err != nil {
		return verdict{}, err
	}
	for _, f := range t.faults { // kfake never expires a consumer whose connection is cut while it joins its group, but forgets it in a restart
		if cfg.target == "processes" && f.name == "stop kafka" {
			if err := cmp.Or(f.inject(ctx), f.heal(ctx)); err != nil {
				return verdict{}, err
			}
		}
	}
	fmt.Fprintln(out, "comparing")
	s.http.Timeout = requestTimeout
	v := (&checker{suite: s}).settle(ctx, cfg.settle)
	v.print(out)
	return v, ctx.Err()
}

// until reports whether a condition becomes true in time.
func until(ctx context.Context, patience time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) || !wait(ctx, 100*time.Millisecond) {
			return false
		}
	}
	return true
}

// wait reports false if ctx is done before d has passed.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return ctx.Err() == nil
	}
}

// Package boot is the shell of a service: environment, logger, signals, exit
// codes.
package boot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/battery-passport/suite/pkg/trace"
)

// LogConfig says how to log.
type LogConfig struct {
	Level slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"least level that is logged: debug, info, warn, error"`
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2 // the environment or the arguments are wrong
)

// Main runs a service until SIGINT or SIGTERM; a second one ends it at once. It
// exits 0 when run returns nil, 1 when it fails, and 2, having named every wrong
// variable, when the environment does not fill C.
//
// The argument "health" asks the service that runs with this environment whether
// it is ready; "-version" prints the version.
func Main[C any](service string, run func(context.Context, C, *slog.Logger) error) {
	os.Exit(code(service, os.Args[1:], run))
}

func code[C any](service string, args []string, run func(context.Context, C, *slog.Logger) error) int {
	if len(args) > 1 || len(args) == 1 && args[0] != "health" && args[0] != "-version" {
		fmt.Fprintf(os.Stderr, "usage: %[1]s            serve, as the environment says\n       %[1]s health     exit 0 if the one that serves here is ready\n       %[1]s -version   tell what this is\n", service)
		return exitUsage
	}
	if len(args) == 1 && args[0] == "-version" {
		fmt.Println(service, CurrentBuild())
		return 0
	}
	var cfg struct {
		Environment Environment
		Log         LogConfig
		Service     C
	}
	if err := Load(&cfg); err != nil {
		fmt.Fprintf(os.Stderr, "%s cannot start.\n%v\n", service, err)
		return exitUsage
	}
	if len(args) == 1 {
		if err := checkHealth(&cfg.Service); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitFailed
		}
		return 0
	}
	log := NewLogger(os.Stdout, service, cfg.Log)
	slog.SetDefault(log) // also for libraries that use package log
	ctx, stop := untilSignal()
	defer stop()
	log.Info("starting", "version", CurrentBuild().Version, "commit", CurrentBuild().Commit)
	if err := run(ctx, cfg.Service, log); err != nil {
		log.Error("stopped", "err", err)
		return exitFailed
	}
	log.Info("stopped")
	return 0
}

// untilSignal returns a context that is done at the first signal; a second one
// ends the process.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// NewLogger returns a logger of JSON lines that name the service, and the trace of
// the context they are written with.
func NewLogger(w io.Writer, service string, cfg LogConfig) *slog.Logger {
	return slog.New(trace.Handler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level}))).With("service", service)
}

// version and commit are set when a release is built, by
// -ldflags "-X github.com/battery-passport/suite/pkg/boot.version=…".
var version, commit string

// A Build is what a program was built from.
type Build struct {
	Version string // of the release; dev where it is none
	Commit  string // empty where it is unknown
}

func (b Build) String() string {
	if b.Commit == "" {
		return b.Version
	}
	return b.Version + " (" + b.Commit + ")"
}

// CurrentBuild returns what this program was built from: what the linker was told, or
// else the checkout.
var CurrentBuild = sync.OnceValue(func() Build {
	b := Build{Version: cmp.Or(version, "dev"), Commit: commit}
	if info, ok := debug.ReadBuildInfo(); ok && b.Commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
})

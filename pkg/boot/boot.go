// Package boot runs the process of a service: settings from the environment, logger,
// signals and exit codes.
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
	"slices"
	"sync"
	"syscall"

	"github.com/battery-passport/suite/pkg/trace"
)

// LogConfig configures the logger.
type LogConfig struct {
	Level slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"Lowest level of log messages that are written: debug, info, warn or error."`
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2 // invalid settings or arguments
)

// Main loads the configuration C from the environment and calls run. At the first
// SIGINT or SIGTERM it cancels the context of run; a second signal kills the process.
// The exit code is 0 when run returns nil, 1 when it returns an error, and 2 when a
// setting is invalid; all invalid settings are printed.
//
// With the argument "health" it checks the readiness of the service that runs with
// the same environment; with "-version" it prints the version, and with "-h" the usage. With the
// name of a command and its argument it runs the command instead of run.
func Main[C any](service string, run func(context.Context, C, *slog.Logger) error, commands ...Command[C]) {
	os.Exit(exitCode(service, os.Args[1:], run, commands))
}

func exitCode[C any](service string, args []string, run func(context.Context, C, *slog.Logger) error, commands []Command[C]) int {
	if len(args) == 1 && slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
		printUsage(os.Stdout, service, commands)
		return 0
	}
	command := findCommand(commands, args)
	if command == nil && (len(args) > 1 || len(args) == 1 && args[0] != "health" && args[0] != "-version") {
		printUsage(os.Stderr, service, commands)
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
		fmt.Fprintf(os.Stderr, "%s cannot start, invalid settings:\n%v\n", service, err)
		return exitUsage
	}
	if len(args) == 1 {
		return printError(checkHealth(&cfg.Service))
	}
	ctx, stop := untilSignal()
	defer stop()
	if command != nil {
		return printError(command.Run(ctx, cfg.Service, args[1], NewLogger(os.Stderr, service, cfg.Log)))
	}
	log := NewLogger(os.Stdout, service, cfg.Log)
	slog.SetDefault(log) // also for libraries that use package log
	log.Info("starting", "version", CurrentBuild().Version, "commit", CurrentBuild().Commit)
	return logExit(log, run(ctx, cfg.Service, log))
}

// logExit logs the end of a service and returns its exit code.
func logExit(log *slog.Logger, err error) int {
	if err != nil {
		log.Error("stopped", "err", err)
		return exitFailed
	}
	log.Info("stopped")
	return 0
}

// untilSignal returns a context that is canceled by the first SIGINT or SIGTERM. A
// second signal kills the process.
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

// NewLogger returns a logger that writes JSON lines with the name of the service and
// the trace id of the context.
func NewLogger(w io.Writer, service string, cfg LogConfig) *slog.Logger {
	return slog.New(trace.Handler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level}))).With("service", service)
}

// version and commit are set in release builds by
// -ldflags "-X github.com/battery-passport/suite/pkg/boot.version=…".
var version, commit string

// Build describes the source of the running program.
type Build struct {
	Version string // of the release, or "dev"
	Commit  string // empty if unknown
}

func (b Build) String() string {
	if b.Commit == "" {
		return b.Version
	}
	return b.Version + " (" + b.Commit + ")"
}

// CurrentBuild returns the build of the running program, from the linker flags or from
// the build information of the Go toolchain.
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

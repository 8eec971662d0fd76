// Local runs the suite on one machine: all services in one process on the loopback
// address, with SQLite, a Kafka broker, an S3 server and a mail server.
//
//	local          runs the suite
//	local reset    deletes its data
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/trace"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errEnvironment) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

var errEnvironment = errors.New("the suite cannot start")

func run(args []string) error {
	var cfg struct {
		Environment boot.Environment
		Log         boot.LogConfig
		Stack       stack.Config
	}
	if err := boot.Load(&cfg); err != nil {
		return fmt.Errorf("%w.\n%w", errEnvironment, err)
	}
	dir, err := filepath.Abs(cfg.Stack.Passport.Store.Dir)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "reset" {
		return reset(dir)
	}
	logs := slog.New(trace.Handler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.Log.Level})))
	cfg.Stack.Log = func(service string) *slog.Logger { return logs.With("service", service) }

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills the process
	s, err := stack.Start(ctx, cfg.Stack)
	if err != nil {
		return err
	}
	fmt.Print(banner(dir, s))
	err = s.Wait()
	fmt.Println("The suite has stopped. Its data was not deleted.")
	return err
}

func reset(dir string) error {
	if err := stack.Reset(dir); err != nil {
		return err
	}
	fmt.Println("Deleted the data in", dir)
	return nil
}

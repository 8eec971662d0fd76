// Local runs the suite on one machine: all services in one process on the loopback
// address, with SQLite, a Kafka broker, an S3 server and a mail server.
//
//	local          runs the suite
//	local reset    deletes its data
package main

import (
	"context"
	"errors"
	"flag"
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
	command := boot.ParseFlags(flag.CommandLine, os.Args[1:], about, "reset")
	if err := run(command == "reset"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errEnvironment) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

const about = "Local runs the suite on this machine, with its data in ./data (DATA_DIR). reset deletes the data.\nSettings are environment variables, see docs/configuration.md."

var errEnvironment = errors.New("the suite cannot start")

func run(deleteData bool) error {
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
	if deleteData {
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

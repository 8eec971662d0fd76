// Local is the suite on a laptop: all services in one process, with SQLite and
// a Kafka broker of their own, on the loopback address.
//
//	local          runs it
//	local reset    deletes its data
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var cfg struct {
		Log   boot.Log
		Stack stack.Config
	}
	if err := boot.Load(&cfg); err != nil {
		return fmt.Errorf("the suite cannot start.\n%w", err)
	}
	dir, err := filepath.Abs(cfg.Stack.Passport.Store.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "reset" {
		return reset(dir)
	}
	logs := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.Log.Level}))
	cfg.Stack.Log = func(service string) *slog.Logger { return logs.With("service", service) }

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := stack.Start(ctx, cfg.Stack)
	if err != nil {
		return err
	}
	fmt.Printf(banner, dir, s.AuthURL, s.PassportURL, s.Brokers[0])
	return s.Wait()
}

func reset(dir string) error {
	lock, err := stack.Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return os.RemoveAll(dir)
}

const banner = `
The battery passport suite runs. Its data is in %[1]s; Ctrl-C stops it, make reset starts anew.

  auth-service      %[2]s   %[2]s/docs
  passport-service  %[3]s   %[3]s/docs
  Kafka             %[4]s          make events shows what is on its topics

The first account may be the admin. In another terminal, in this folder:

  curl -s %[2]s/api/auth/register -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery","role":"admin"}'
  TOKEN=$(curl -s %[2]s/api/auth/login -H 'Content-Type: application/json' -d '{"email":"admin@nordlicht.example","password":"correct horse battery"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d @passport-service/samples/readme-sample.json
  curl -s %[3]s/api/passports -H "Authorization: Bearer $TOKEN"

`

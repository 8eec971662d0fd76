package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// part is what fails by itself: a process or a container. Each of its methods
// returns when it is done.
type part interface {
	Name() string
	Kill(context.Context) error   // SIGKILL
	Stop(context.Context) error   // SIGTERM, and its end
	Start(context.Context) error  // after Kill and Stop
	Pause(context.Context) error  // nothing of it runs, and its connections stay
	Resume(context.Context) error // after Pause
}

// place says where a suite answers, and where what it writes can be looked at.
type place struct {
	Auth, Passport, Document, Notification string // URLs

	AdminEmail, AdminPassword string // of an admin, or of the first account where there is none

	Brokers    []string
	S3         storage
	SweepAfter time.Duration
	Files      string // folder of the text files; empty: it cannot be looked at
}

// storage is the S3 server of a suite. Without an endpoint it is not looked at.
type storage struct {
	Endpoint, Bucket, Region, KeyID, Secret string
}

// target is a suite that can be hurt.
type target struct {
	place
	parts []part
	logs  string // folder; empty: they are elsewhere
	close func()
}

// open has the suite of the configuration run.
func open(ctx context.Context, cfg config, out io.Writer) (*target, error) {
	switch e := cfg.Environment; cfg.Target {
	case localTarget:
		return startLocal(ctx, cfg)
	case processesTarget:
		return startProcesses(ctx, cfg)
	case composeTarget:
		return openCompose(ctx, e, out)
	case noTarget:
		if len(e.Brokers) == 0 {
			return nil, errors.New("-target none: set KAFKA_BROKERS to the brokers of the suite that runs")
		}
		return &target{place: e.place(), close: func() {}}, nil
	}
	return nil, fmt.Errorf("there is no target %s", cfg.Target)
}

// place is that of a suite which runs already.
func (e environment) place() place {
	return place{
		Auth: cmp.Or(e.AuthURL, "http://127.0.0.1:4000"), Passport: cmp.Or(e.PassportURL, "http://127.0.0.1:5000"),
		Document: cmp.Or(e.DocumentURL, "http://127.0.0.1:5100"), Notification: cmp.Or(e.NotificationURL, "http://127.0.0.1:5200"),
		AdminEmail: e.AdminEmail, AdminPassword: e.AdminPassword, Brokers: e.Brokers,
		S3:         storage{Endpoint: e.S3Endpoint, Bucket: e.S3Bucket, Region: e.S3Region, KeyID: e.S3KeyID, Secret: e.S3Secret},
		SweepAfter: e.SweepAfter, Files: e.Files,
	}
}

// restart stops a part and starts it at once.
func restart(ctx context.Context, p part) error {
	return errors.Join(p.Stop(ctx), p.Start(ctx))
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// composeParts are the services of docker-compose.yml that may fail. Those that
// run once at the start are none.
var composeParts = []string{"mongo", "kafka", "minio", "mailpit", "auth-service", "passport-service", "document-service", "notification-service"}

// openCompose finds the parts of the project of docker compose that runs in this
// folder, and reads in its settings where they answer.
func openCompose(ctx context.Context, e environment, out io.Writer) (*target, error) {
	said, err := docker(ctx, "compose", "config", "--format", "json")
	if err != nil {
		return nil, err
	}
	var p project
	if err := json.Unmarshal([]byte(said), &p); err != nil {
		return nil, fmt.Errorf("docker compose config: %w", err)
	}
	at, err := p.place(e)
	if err != nil {
		return nil, err
	}
	t := &target{place: at, close: func() {}}
	for _, name := range composeParts {
		id, err := docker(ctx, "compose", "ps", "-q", name)
		if err != nil {
			return nil, err
		}
		if id = strings.TrimSpace(id); id == "" || strings.Contains(id, "\n") {
			fmt.Fprintf(out, "%s does not run in one container, and is left alone\n", name)
			continue
		}
		t.parts = append(t.parts, container{name, id})
	}
	if len(t.parts) == 0 {
		return nil, errors.New("no service of docker compose runs in this folder; start them with docker compose up -d --wait")
	}
	return t, nil
}

// project is what docker compose config says of one.
type project struct {
	Services map[string]struct {
		Environment map[string]string
		Ports       []struct {
			HostIP    string `json:"host_ip"`
			Target    int
			Published string
		}
		Volumes []struct{ Source, Target string }
	}
}

// place is where the project answers, unless the environment says otherwise.
func (p project) place(e environment) (place, error) {
	at := func(service string, port int) string {
		for _, published := range p.Services[service].Ports {
			if published.Target == port {
				host := published.HostIP
				if host == "" || host == "0.0.0.0" {
					host = "127.0.0.1"
				}
				return host + ":" + published.Published
			}
		}
		return ""
	}
	is := e.place()
	is.Auth = cmp.Or(e.AuthURL, "http://"+at("auth-service", 4000))
	is.Passport = cmp.Or(e.PassportURL, "http://"+at("passport-service", 5000))
	is.Document = cmp.Or(e.DocumentURL, "http://"+at("document-service", 5100))
	is.Notification = cmp.Or(e.NotificationURL, "http://"+at("notification-service", 5200))
	if broker := at("kafka", 9094); len(is.Brokers) == 0 && broker != "" {
		is.Brokers = []string{broker}
	}
	own := p.Services["document-service"].Environment
	is.S3 = storage{
		Endpoint: cmp.Or(e.S3Endpoint, "http://"+at("minio", 9000)), Bucket: own["S3_BUCKET_NAME"], Region: own["AWS_REGION"],
		KeyID: own["AWS_ACCESS_KEY_ID"], Secret: own["AWS_SECRET_ACCESS_KEY"],
	}
	folder := p.Services["notification-service"].Environment["NOTIFICATION_LOG_PATH"]
	for _, v := range p.Services["notification-service"].Volumes {
		if v.Target == folder {
			is.Files = cmp.Or(e.Files, v.Source)
		}
	}
	accounts := p.Services["auth-service"].Environment
	is.AdminEmail, is.AdminPassword = cmp.Or(accounts["ADMIN_EMAIL"], is.AdminEmail), cmp.Or(accounts["ADMIN_PASSWORD"], is.AdminPassword)
	var err error
	if is.SweepAfter, err = time.ParseDuration(own["SWEEP_AFTER"]); err != nil {
		return place{}, fmt.Errorf("SWEEP_AFTER of the document-service: %w", err)
	}
	return is, nil
}

// container is one of docker compose. It is started by itself, not by compose:
// that would start what it depends on too, which may be killed for a reason.
type container struct{ name, id string }

var _ part = container{}

// Name implements part.
func (c container) Name() string { return c.name }

// Kill implements part.
func (c container) Kill(ctx context.Context) error { return c.do(ctx, "kill") }

// Stop implements part.
func (c container) Stop(ctx context.Context) error { return c.do(ctx, "stop") }

// Start implements part.
func (c container) Start(ctx context.Context) error { return c.do(ctx, "start") }

// Pause implements part.
func (c container) Pause(ctx context.Context) error { return c.do(ctx, "pause") }

// Resume implements part.
func (c container) Resume(ctx context.Context) error { return c.do(ctx, "unpause") }

// do waits for a container that Docker restarts by itself: one that cannot do
// without what has just been killed ends, and is started again.
func (c container) do(ctx context.Context, verb string) error {
	for deadline := time.Now().Add(startTimeout); ; {
		_, err := docker(ctx, verb, c.id)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || !c.restarts(ctx) {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		wait(ctx, 500*time.Millisecond)
	}
}

func (c container) restarts(ctx context.Context) bool {
	state, err := docker(ctx, "inspect", "-f", "{{.State.Restarting}}", c.id)
	return err == nil && strings.TrimSpace(state) == "true"
}

// docker runs it and returns what it says.
func docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	var said, complained strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complained.String()))
	}
	return said.String(), nil
}

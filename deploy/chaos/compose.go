package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// What docker-compose.yml publishes, where the environment says nothing else.
const (
	composeBroker  = "127.0.0.1:9094"
	composeStorage = "http://127.0.0.1:9000"
	composeFiles   = "notifications"
)

// composeParts are the services of docker-compose.yml that may fail. Those that
// run once at the start are none.
var composeParts = []string{"mongo", "kafka", "minio", "mailpit", "auth-service", "passport-service", "document-service", "notification-service"}

// openCompose finds the parts of the project of docker compose that runs in this
// folder.
func openCompose(ctx context.Context, e environment, out io.Writer) (*target, error) {
	names, err := compose(ctx, "ps", "--services", "--status", "running")
	if err != nil {
		return nil, err
	}
	t := &target{place: e.place(), close: func() {}}
	running := strings.Fields(names)
	for _, name := range composeParts {
		if slices.Contains(running, name) {
			t.parts = append(t.parts, container(name))
		} else {
			fmt.Fprintf(out, "%s does not run, and is left alone\n", name)
		}
	}
	if len(t.parts) == 0 {
		return nil, fmt.Errorf("no service of docker compose runs in this folder; start them with docker compose up -d --wait")
	}
	if len(t.Brokers) == 0 {
		t.Brokers = []string{composeBroker}
	}
	if t.S3.Endpoint == "" {
		t.S3.Endpoint = composeStorage
	}
	if t.Files == "" {
		t.Files = composeFiles
	}
	return t, nil
}

// container is a service of docker compose.
type container string

var _ part = container("")

// Name implements part.
func (c container) Name() string { return string(c) }

// Kill implements part.
func (c container) Kill(ctx context.Context) error { return c.do(ctx, "kill", "-s", "SIGKILL") }

// Stop implements part.
func (c container) Stop(ctx context.Context) error { return c.do(ctx, "stop") }

// Start implements part.
func (c container) Start(ctx context.Context) error { return c.do(ctx, "start") }

// Pause implements part.
func (c container) Pause(ctx context.Context) error { return c.do(ctx, "pause") }

// Resume implements part.
func (c container) Resume(ctx context.Context) error { return c.do(ctx, "unpause") }

func (c container) do(ctx context.Context, args ...string) error {
	_, err := compose(ctx, append(args, string(c))...)
	return err
}

// compose runs docker compose and returns what it says.
func compose(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose"}, args...)...)
	var said, complained strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker compose %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complained.String()))
	}
	return said.String(), nil
}

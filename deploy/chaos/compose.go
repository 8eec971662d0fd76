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
var composeParts = append([]string{"mongo", "kafka", "minio", "mailpit"}, serviceNames...)

// openCompose finds the containers of the Docker Compose project in this folder,
// and reads from its configuration where they answer.
func openCompose(ctx context.Context, cfg config, out io.Writer) (*target, error) {
	text, err := docker(ctx, "compose", "config", "--format", "json")
	if err != nil {
		return nil, err
	}
	var p project
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("docker compose config: %w", err)
	}
	at, err := p.place(cfg.Environment)
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
			fmt.Fprintf(out, "%s does not run in exactly one container and is left alone\n", name)
			continue
		}
		c := container{name, id}
		if name == "mongo" || name == "kafka" || name == "minio" {
			t.parts = append(t.parts, machinePart(name, c.do, c.partition()))
		} else {
			t.parts = append(t.parts, machinePart(name, c.do))
		}
	}
	if len(t.parts) == 0 {
		return nil, errors.New("no service of Docker Compose runs in this folder; start them with docker compose up -d --wait")
	}
	return t, nil
}

// project is the part of a Compose configuration that chaos needs.
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

func (p project) address(service string, port int) string {
	for _, published := range p.Services[service].Ports {
		if published.Target == port {
			return strings.Replace(cmp.Or(published.HostIP, "127.0.0.1"), "0.0.0.0", "127.0.0.1", 1) + ":" + published.Published
		}
	}
	return ""
}

func (p project) place(e environment) (place, error) {
	accounts, files := p.Services["auth-service"].Environment, p.Services["document-service"].Environment
	at := place{
		Auth: "http://" + p.address("auth-service", 4000), Passport: "http://" + p.address("passport-service", 5000),
		Document: "http://" + p.address("document-service", 5100), Notification: "http://" + p.address("notification-service", 5200),
		AdminEmail: cmp.Or(accounts["ADMIN_EMAIL"], e.AdminEmail), AdminPassword: cmp.Or(accounts["ADMIN_PASSWORD"], e.AdminPassword),
		Brokers: []string{p.address("kafka", 9094)},
		S3: storage{
			Endpoint: "http://" + p.address("minio", 9000), Bucket: files["S3_BUCKET_NAME"], Region: files["AWS_REGION"],
			KeyID: files["AWS_ACCESS_KEY_ID"], Secret: files["AWS_SECRET_ACCESS_KEY"],
		},
	}
	notifications := p.Services["notification-service"]
	for _, v := range notifications.Volumes {
		if v.Target == notifications.Environment["NOTIFICATION_LOG_PATH"] {
			at.Files = v.Source
		}
	}
	sweep, err := time.ParseDuration(files["SWEEP_AFTER"])
	if err != nil {
		return place{}, fmt.Errorf("SWEEP_AFTER of the document-service: %w", err)
	}
	at.SweepSoon = sweep <= time.Minute
	return at, nil
}

// container is one of Docker Compose. It is started by itself: Compose would
// also start what it depends on, which may be down for a reason.
type container struct{ name, id string }

// do implements machine. A pause stops the main process by a signal: its connections
// swallow all data, they are half-open. docker pause would also freeze a health check
// that is being started, and docker unpause could then wait for ever.
func (c container) do(ctx context.Context, verb string) error {
	switch verb {
	case "pause":
		return c.docker(ctx, "kill", "--signal", "STOP", c.id)
	case "unpause":
		return c.docker(ctx, "kill", "--signal", "CONT", c.id)
	}
	return c.docker(ctx, verb, c.id)
}

// partition takes the container out of its networks.
func (c container) partition() disruption {
	var networks []string
	return disruption{
		kind: "partition",
		inject: func(ctx context.Context) error {
			text, err := docker(ctx, "inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", c.id)
			networks = strings.Fields(text)
			for _, network := range networks {
				err = errors.Join(err, c.docker(ctx, "network", "disconnect", network, c.id))
			}
			return err
		},
		heal: func(ctx context.Context) (err error) {
			for _, network := range networks {
				err = errors.Join(err, c.docker(ctx, "network", "connect", "--alias", c.name, network, c.id))
			}
			return err
		},
	}
}

// docker tries again while Docker restarts the container by itself: one that cannot
// do without what was just killed ends, and is started again.
func (c container) docker(ctx context.Context, args ...string) error {
	for deadline := time.Now().Add(startTimeout); ; {
		_, err := docker(ctx, args...)
		if err == nil {
			return nil
		}
		state, _ := docker(ctx, "inspect", "-f", "{{.State.Restarting}}", c.id)
		if strings.TrimSpace(state) != "true" || time.Now().After(deadline) {
			return err
		}
		wait(ctx, 500*time.Millisecond)
	}
}

// docker returns the output of a command, or fails when it takes too long.
func docker(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

package boot_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/boot"
)

type server struct {
	Port int    `envconfig:"TEST_PORT" default:"4000" desc:"port of the server"`
	Name string `envconfig:"TEST_NAME" required:"true" desc:"name of the server"`
}

func (s server) Validate() error {
	if s.Port == 1 {
		return errors.New("  TEST_PORT: is 1")
	}
	return nil
}

type config struct {
	Server server
	At     struct {
		Port   int    `envconfig:"PORT" default:"4000" desc:"port"`
		Host   string `envconfig:"HOST" default:"127.0.0.1" desc:"address"`
		Secret string `envconfig:"TEST_SECRET" secret:"true" desc:"secret"`
		URI    string `envconfig:"TEST_URI" secret:"true" desc:"URI with a password"`
	}
	Drain time.Duration `envconfig:"TEST_DRAIN" default:"10s" desc:"longest wait"`
	List  []string      `envconfig:"TEST_LIST" desc:"things"`
	Left  func()        // no variable
}

func (c config) Validate() error {
	if c.Drain < 0 {
		return errors.New("  TEST_DRAIN: is below zero")
	}
	return nil
}

func setenv(t *testing.T, env map[string]string) {
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestLoad(t *testing.T) {
	setenv(t, map[string]string{"TEST_NAME": "ann", "TEST_LIST": "a,b"})
	var c config
	if err := boot.Load(&c); err != nil {
		t.Fatal(err)
	}
	want := config{At: c.At, Server: server{Port: 4000, Name: "ann"}, Drain: 10 * time.Second, List: []string{"a", "b"}}
	if diff := cmp.Diff(want, c, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Left" }, cmp.Ignore())); diff != "" {
		t.Errorf("Load (-want +got)\n%s", diff)
	}
	var names []string
	for _, f := range boot.Variables(&c) {
		names = append(names, f.Tag.Get("envconfig"))
	}
	if diff := cmp.Diff([]string{"TEST_PORT", "TEST_NAME", "PORT", "HOST", "TEST_SECRET", "TEST_URI", "TEST_DRAIN", "TEST_LIST"}, names); diff != "" {
		t.Errorf("Variables (-want +got)\n%s", diff)
	}
}

func TestLoadTellsAllProblems(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"parsing":    {map[string]string{"TEST_PORT": "80a", "TEST_DRAIN": "soon"}, []string{`TEST_PORT: "80a"`, "port of the server", "TEST_NAME: is not set", `TEST_DRAIN: "soon"`}},
		"validation": {map[string]string{"TEST_PORT": "1", "TEST_NAME": "x", "TEST_DRAIN": "-1s"}, []string{"TEST_PORT: is 1", "TEST_DRAIN: is below zero"}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, c.env)
			err := boot.Load(&config{})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Load = %v\nlacks %q", err, want)
				}
			}
		})
	}
}

// TestMain is also the service that TestProcess starts.
func TestMain(m *testing.M) {
	if os.Getenv("BOOT_TEST_SERVICE") == "" {
		goleak.VerifyTestMain(m) // exits
	}
	boot.Main("test-service", func(ctx context.Context, c config, log *slog.Logger) error {
		log.Info("runs", "name", c.Server.Name)
		if c.Server.Name == "fails" {
			return errors.New("broken")
		}
		<-ctx.Done()
		if c.Server.Name == "hangs" {
			fmt.Println("told")
			select {}
		}
		return nil
	})
}

// process returns a run of the service.
func process(t *testing.T, args []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), append(env, "BOOT_TEST_SERVICE=1")...)
	return cmd
}

func TestProcess(t *testing.T) {
	for name, c := range map[string]struct {
		env     string
		signals int
		code    int
		output  string
	}{
		"SIGTERM":           {"TEST_NAME=ann", 1, 0, `"service":"test-service"`},
		"two signals":       {"TEST_NAME=hangs", 2, -1, "told"},
		"failure":           {"TEST_NAME=fails", 0, 1, `"err":"broken"`},
		"wrong environment": {"TEST_PORT=x", 0, 2, "TEST_NAME: is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := process(t, nil, c.env)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = cmd.Stdout
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for lines, sent := bufio.NewScanner(out), 0; lines.Scan(); {
				fmt.Fprintln(&text, lines.Text())
				if sent < c.signals && !strings.Contains(lines.Text(), `"starting"`) { // one for each line it says
					sent++
					if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
			}
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(text.String(), c.output) {
				t.Errorf("exit code %d, want %d; output lacks %q:\n%s", cmd.ProcessState.ExitCode(), c.code, c.output, text.String())
			}
		})
	}
}

func TestProductionRefusesDemoSecrets(t *testing.T) {
	secrets := map[string]string{"TEST_NAME": "ann", "TEST_SECRET": "demo-secret", "TEST_URI": "mongodb://root:demo-password@mongo/?x=y"}
	own := map[string]string{"TEST_NAME": "demo-ann", "TEST_SECRET": "my demo-secret", "TEST_URI": "mongodb://demo-user:x@demo-cluster/"}
	for name, c := range map[string]struct {
		env, values map[string]string
		refused     int
	}{
		"production":             {map[string]string{"APP_ENV": "production"}, secrets, 2},
		"production, as Node":    {map[string]string{"NODE_ENV": "production"}, secrets, 2},
		"APP_ENV before Node's":  {map[string]string{"APP_ENV": "test", "NODE_ENV": "production"}, secrets, 0},
		"development":            {nil, secrets, 0},
		"production, own values": {map[string]string{"APP_ENV": "production"}, own, 0},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, c.values)
			setenv(t, c.env)
			err := boot.Load(&config{})
			if got := strings.Count(fmt.Sprint(err), "holds a demo secret"); got != c.refused || (err != nil) != (c.refused > 0) {
				t.Errorf("Load = %v, want %d refused", err, c.refused)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("APP_ENV", "prod")
	if err := boot.Load(&boot.Environment{}); err == nil || !strings.Contains(err.Error(), "APP_ENV: has to be") {
		t.Errorf("Load = %v", err)
	}
}

func TestArguments(t *testing.T) {
	var ready atomic.Bool
	ready.Store(true)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "store does not answer")
		}
	}))
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, c := range []struct {
		args   string
		port   string
		ready  bool
		code   int
		output string
	}{
		{"health", port, true, 0, ""},
		{"health", port, false, 1, "503 Service Unavailable store does not answer"},
		{"health", "1", true, 1, "connection refused"},
		{"health", "x", true, 2, "PORT"},
		{"-version", "x", true, 0, "test-service dev"},
		{"serve", port, true, 2, "usage"},
		{"health now", port, true, 2, "usage"},
	} {
		ready.Store(c.ready)
		cmd := process(t, strings.Fields(c.args), "TEST_NAME=ann", "HOST=0.0.0.0", "PORT="+c.port)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.output) {
			t.Errorf("%s of port %s: exit code %d, want %d; output lacks %q:\n%s", c.args, c.port, cmd.ProcessState.ExitCode(), c.code, c.output, out)
		}
	}
}

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

type serverConfig struct {
	Port int    `envconfig:"TEST_PORT" default:"4000" desc:"port of the server"`
	Name string `envconfig:"TEST_NAME" required:"true" desc:"name of the server"`
}

func (s serverConfig) Validate() error {
	if s.Port == 1 {
		return errors.New("  TEST_PORT: must not be 1")
	}
	return nil
}

type config struct {
	Server  serverConfig
	Address struct {
		Port   int    `envconfig:"PORT" default:"4000" desc:"port"`
		Host   string `envconfig:"HOST" default:"127.0.0.1" desc:"address"`
		Secret string `envconfig:"TEST_SECRET" secret:"true" desc:"secret"`
		URI    string `envconfig:"TEST_URI" secret:"true" desc:"URI with a password"`
	}
	Drain   time.Duration `envconfig:"TEST_DRAIN" default:"10s" min:"0" desc:"longest wait"`
	Count   int64         `envconfig:"TEST_COUNT" default:"1" min:"1" desc:"things"`
	List    []string      `envconfig:"TEST_LIST" desc:"things"`
	Ignored func()        // not set by a variable
}

func setenv(t *testing.T, env map[string]string) {
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestLoadFillsNestedStructs(t *testing.T) {
	setenv(t, map[string]string{"TEST_NAME": "ann", "TEST_LIST": "a,b"})
	var c config
	if err := boot.Load(&c); err != nil {
		t.Fatal(err)
	}
	want := config{Address: c.Address, Server: serverConfig{Port: 4000, Name: "ann"}, Drain: 10 * time.Second, Count: 1, List: []string{"a", "b"}}
	if diff := cmp.Diff(want, c, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Ignored" }, cmp.Ignore())); diff != "" {
		t.Errorf("Load (-want +got)\n%s", diff)
	}
	var names []string
	for _, f := range boot.Variables(&c) {
		names = append(names, f.Tag.Get("envconfig"))
	}
	if diff := cmp.Diff([]string{"TEST_PORT", "TEST_NAME", "PORT", "HOST", "TEST_SECRET", "TEST_URI", "TEST_DRAIN", "TEST_COUNT", "TEST_LIST"}, names); diff != "" {
		t.Errorf("Variables (-want +got)\n%s", diff)
	}
}

func TestLoadReportsAllErrors(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"parsing":    {map[string]string{"TEST_PORT": "80a", "TEST_DRAIN": "soon"}, []string{`TEST_PORT: must be a number, got "80a"`, "port of the server", "TEST_NAME: is not set", `TEST_DRAIN: must be a duration such as 90s or 1h30m, got "soon"`}},
		"validation": {map[string]string{"TEST_PORT": "1", "TEST_NAME": "x", "TEST_DRAIN": "-1s", "TEST_COUNT": "0"}, []string{"TEST_PORT: must not be 1", "TEST_DRAIN: must be at least 0, got -1s", "TEST_COUNT: must be at least 1, got 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, c.env)
			err := boot.Load(&config{})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Load = %v\nwant it to contain %q", err, want)
				}
			}
		})
	}
}

// TestMain also runs the test binary as the service that process starts.
func TestMain(m *testing.M) {
	if os.Getenv("BOOT_TEST_SERVICE") == "" {
		goleak.VerifyTestMain(m) // exits
	}
	boot.Main("test-service", func(ctx context.Context, c config, log *slog.Logger) error {
		log.Info("running", "name", c.Server.Name)
		if c.Server.Name == "fails" {
			return errors.New("broken")
		}
		<-ctx.Done()
		if c.Server.Name == "hangs" {
			fmt.Println("ignoring the signal")
			select {}
		}
		return nil
	})
}

// process returns a command that runs the service in a process of its own.
func process(t *testing.T, args []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), append(env, "BOOT_TEST_SERVICE=1")...)
	return cmd
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		env     string
		signals int
		code    int
		output  string
	}{
		"SIGTERM":           {"TEST_NAME=ann", 1, 0, `"service":"test-service"`},
		"two signals":       {"TEST_NAME=hangs", 2, -1, "ignoring the signal"},
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
				if sent < c.signals && !strings.Contains(lines.Text(), `"starting"`) { // one signal for each line of output
					sent++
					if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
			}
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(text.String(), c.output) {
				t.Errorf("exit code %d, want %d; output must contain %q, got:\n%s", cmd.ProcessState.ExitCode(), c.code, c.output, text.String())
			}
		})
	}
}

func TestProductionRefusesDemoSecrets(t *testing.T) {
	secrets := map[string]string{"TEST_NAME": "ann", "TEST_SECRET": "demo-secret", "TEST_URI": "mongodb://root:demo-password@mongo/?x=y"}
	ownValues := map[string]string{"TEST_NAME": "demo-ann", "TEST_SECRET": "my demo-secret", "TEST_URI": "mongodb://demo-user:x@demo-cluster/"}
	for name, c := range map[string]struct {
		env, values map[string]string
		refused     int
	}{
		"production":                 {map[string]string{"APP_ENV": "production"}, secrets, 2},
		"NODE_ENV production":        {map[string]string{"NODE_ENV": "production"}, secrets, 2},
		"APP_ENV overrides NODE_ENV": {map[string]string{"APP_ENV": "test", "NODE_ENV": "production"}, secrets, 0},
		"development":                {nil, secrets, 0},
		"production, own values":     {map[string]string{"APP_ENV": "production"}, ownValues, 0},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, c.values)
			setenv(t, c.env)
			err := boot.Load(&config{})
			if got := strings.Count(fmt.Sprint(err), "contains a demo secret"); got != c.refused || (err != nil) != (c.refused > 0) {
				t.Errorf("Load = %v, want %d variables refused", err, c.refused)
			}
		})
	}
}

func TestUnknownEnvironmentIsRefused(t *testing.T) {
	t.Setenv("APP_ENV", "prod")
	if err := boot.Load(&boot.Environment{}); err == nil || !strings.Contains(err.Error(), "APP_ENV: must be") {
		t.Errorf("Load = %v, want an error about APP_ENV", err)
	}
}

func TestHealthAndVersionArguments(t *testing.T) {
	var ready atomic.Bool
	ready.Store(true)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "store is down")
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
		{"health", port, false, 1, "503 Service Unavailable store is down"},
		{"health", "1", true, 1, "connection refused"},
		{"health", "x", true, 2, "PORT"},
		{"-version", "x", true, 0, "test-service dev"},
		{"-h", "x", true, 0, "usage"},
		{"serve", port, true, 2, "usage"},
		{"health extra", port, true, 2, "usage"},
	} {
		ready.Store(c.ready)
		cmd := process(t, strings.Fields(c.args), "TEST_NAME=ann", "HOST=0.0.0.0", "PORT="+c.port)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.output) {
			t.Errorf("%s with port %s: exit code %d, want %d; output must contain %q, got:\n%s", c.args, c.port, cmd.ProcessState.ExitCode(), c.code, c.output, out)
		}
	}
}

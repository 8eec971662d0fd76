package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/deploy/kafkausers/acl"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

const passwordCheck = "check-passwords"

// TestComposeRefusesPublishedPasswords runs the check that all containers wait for.
func TestComposeRefusesPublishedPasswords(t *testing.T) {
	environment := map[string]string{}
	published := map[string]bool{} // by name of the variable in .env
	for name, value := range compose(t).Services[passwordCheck].Environment {
		m := reference.FindStringSubmatch(value)
		if m == nil || m[1] != name {
			t.Fatalf("%s: %s, want the variable of the same name", name, value)
		}
		environment[name], published[name] = m[2], strings.HasPrefix(m[2], "demo-")
	}
	for name, value := range compose(t).defaults(t) {
		if strings.HasPrefix(value, "demo-") && !published[name] {
			t.Errorf("%s does not check %s", passwordCheck, name)
		}
	}
	own := map[string]string{}
	for name := range published {
		if published[name] {
			own[name] = "not-a-demo-password"
		}
	}
	partly := maps.Clone(own)
	delete(partly, "GRAFANA_PASSWORD")
	for name, c := range map[string]struct {
		set     map[string]string
		refused int
	}{
		"defaults":                  {nil, 0},
		"another loopback address":  {map[string]string{"BIND_ADDRESS": "127.0.0.2"}, 0},
		"IPv6 loopback":             {map[string]string{"BIND_ADDRESS": "[::1]"}, 0},
		"all addresses":             {map[string]string{"BIND_ADDRESS": "0.0.0.0"}, len(own)},
		"all IPv6 addresses":        {map[string]string{"BIND_ADDRESS": "[::]"}, len(own)},
		"an address of the network": {map[string]string{"BIND_ADDRESS": "192.168.1.20"}, len(own)},
		"production":                {map[string]string{"APP_ENV": "production"}, len(own)},
		"only one is published":     {with(partly, "APP_ENV", "production"), 1},
		"own passwords":             {with(own, "BIND_ADDRESS", "0.0.0.0"), 0},
		"own, in production":        {with(own, "APP_ENV", "production"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "deploy/passwords/check.sh"))
			cmd.Dir, cmd.Env = root, []string{"PATH=" + os.Getenv("PATH")}
			all := maps.Clone(environment)
			maps.Copy(all, c.set)
			for name, value := range all {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			out, err := cmd.CombinedOutput()
			if (err != nil) != (c.refused > 0) || err == nil && len(out) > 0 {
				t.Errorf("got %v, want %d passwords refused:\n%s", err, c.refused, out)
			}
			for name := range own {
				if named := strings.Contains(string(out), "\n  "+name+"\n"); named != (err != nil && strings.HasPrefix(all[name], "demo-")) {
					t.Errorf("%s is named: %t\n%s", name, named, out)
				}
			}
		})
	}
}

// TestSeedRefusesReachableSuites: seed creates accounts, one of them an admin, with a
// published password.
func TestSeedRefusesReachableSuites(t *testing.T) {
	for setting, refused := range map[string]bool{
		"APP_ENV=production": true, "BIND_ADDRESS=0.0.0.0": true, "BIND_ADDRESS=[::]": true, "BIND_ADDRESS=192.168.1.20": true,
		"BIND_ADDRESS=127.0.0.1": false, "BIND_ADDRESS=[::1]": false,
	} {
		cmd := exec.CommandContext(t.Context(), "go", "run", "./deploy/seed")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "AUTH_SERVICE_URL=http://127.0.0.1:1", setting)
		out, err := cmd.CombinedOutput()
		if got := strings.Contains(string(out), "creates accounts with a public password"); err == nil || got != refused {
			t.Errorf("%s is refused: %t, want %t: %v\n%s", setting, got, refused, err, out)
		}
	}
}

func with(m map[string]string, name, value string) map[string]string {
	m = maps.Clone(m)
	m[name] = value
	return m
}

// TestEveryContainerWaitsForThePasswordCheck follows the dependencies in
// docker-compose.yml.
func TestEveryContainerWaitsForThePasswordCheck(t *testing.T) {
	services := compose(t).Services
	var waits func(string) bool
	waits = func(service string) bool {
		return services[service].DependsOn[passwordCheck].Condition == "service_completed_successfully" ||
			slices.ContainsFunc(slices.Collect(maps.Keys(services[service].DependsOn)), waits)
	}
	for service := range services {
		if service != passwordCheck && !waits(service) {
			t.Errorf("%s starts without %s", service, passwordCheck)
		}
	}
}

// TestBackEndsHaveNoSharedUsers checks that no service has the login of an administrator
// of Kafka, MongoDB or MinIO, or that of another service.
func TestBackEndsHaveNoSharedUsers(t *testing.T) {
	services, seen := compose(t).Services, map[string]string{}
	for service := range configs() {
		set := services[service].Environment
		if set["KAFKA_USERNAME"] != service || set["KAFKA_SASL_MECHANISM"] != "scram-sha-512" {
			t.Errorf("%s is user %q with mechanism %q in Kafka", service, set["KAFKA_USERNAME"], set["KAFKA_SASL_MECHANISM"])
		}
		if want := services["kafka-users"].Environment["KAFKA_"+strings.ToUpper(strings.TrimSuffix(service, "-service"))+"_PASSWORD"]; set["KAFKA_PASSWORD"] != want {
			t.Errorf("%s has password %s, kafka-users creates %s", service, set["KAFKA_PASSWORD"], want)
		}
		for _, name := range []string{"KAFKA_PASSWORD", "AWS_SECRET_ACCESS_KEY"} {
			if other, ok := seen[set[name]]; ok && set[name] != "" {
				t.Errorf("%s and %s have the same %s", service, other, name)
			}
			seen[set[name]] = service
		}
		for name, value := range set {
			if strings.Contains(value, "MINIO_ROOT") || strings.Contains(value, "MONGO_PASSWORD") {
				t.Errorf("%s has %s of an administrator", service, name)
			}
		}
	}
	for service := range configs() { // the volume with its connection string to MongoDB, and no other
		own := "mongo-" + strings.TrimSuffix(service, "-service")
		if !slices.Contains(services["mongo-users"].Volumes, own+":/users/"+service) || !slices.Contains(services[service].Volumes, own+":/run/mongodb:ro") {
			t.Errorf("%s does not mount the volume %s", service, own)
		}
		for _, volume := range services[service].Volumes {
			if strings.HasPrefix(volume, "mongo-") && volume != own+":/run/mongodb:ro" {
				t.Errorf("%s mounts %s", service, volume)
			}
		}
	}
	if kafkaPasswords()[acl.Reader] == kafkaPasswords()[acl.Auth] {
		t.Error("the reader has the password of a service")
	}
}

// TestBucketUserIsLimitedToItsBucket starts a document-service with the key of another
// one, whose bucket is BUCKET_OF_USER, and its own bucket. The key is that of the
// running docker compose, for example.
func TestBucketUserIsLimitedToItsBucket(t *testing.T) {
	bucket := os.Getenv("BUCKET_OF_USER")
	if bucket == "" {
		t.Skip("BUCKET_OF_USER is not set")
	}
	for name, want := range map[string]string{bucket: "", "stolen-" + bucket: "the object storage refuses the access key of this service"} {
		cfg := documentd.Config{HTTP: rest.Config{Host: "127.0.0.1", Drain: time.Second}, Store: connect.Config{Dir: t.TempDir()}, MaxBytes: 10 << 20, SweepAfter: 24 * time.Hour}
		if err := boot.Load(&cfg.S3); err != nil {
			t.Fatal(err)
		}
		cfg.Auth.URL, cfg.S3.Bucket, cfg.S3.PathStyle = "http://127.0.0.1:1", name, true
		listener, err := cfg.HTTP.Listen(0, "PORT")
		if err != nil {
			t.Fatal(err)
		}
		cfg.HTTP.Listener = listener
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- documentd.Run(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), nil))) }()
		waittest.Success(t, "bucket "+name, func() error {
			var ready rest.Readiness
			resttest.Client{T: t, URL: "http://" + listener.Addr().String()}.Do("GET /readyz", "").Want(http.StatusServiceUnavailable, &ready) // without keys
			i := slices.IndexFunc(ready.Checks, func(c rest.CheckResult) bool { return c.Name == "storage" })
			if got := ready.Checks[i]; got.OK != (want == "") || !strings.Contains(got.Detail, want) {
				return fmt.Errorf("got %+v, want %q", got, want)
			}
			return nil
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// configs returns a new configuration of each service with all its settings.
func configs() map[string]any {
	return map[string]any{
		authd.Name: &struct {
			boot.Environment
			boot.LogConfig
			authd.Config
		}{},
		passportd.Name: &struct {
			boot.Environment
			boot.LogConfig
			passportd.Config
		}{},
		documentd.Name: &struct {
			boot.Environment
			boot.LogConfig
			documentd.Config
		}{},
		notificationd.Name: &struct {
			boot.Environment
			boot.LogConfig
			notificationd.Config
		}{},
	}
}

// notInCompose are the settings that docker-compose.yml does not set: those with a default
// in the image, and those for TLS to back ends.
var notInCompose = []string{
	"PORT", "HOST", "DATA_DIR", "MONGODB_URI", "TLS_CERT_FILE", "TLS_KEY_FILE", "S3_CA_FILE", "AWS_SESSION_TOKEN",
	"KAFKA_TLS", "KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_KEY_FILE",
}

// otherInCompose are the settings with another default in docker-compose.yml than in the service.
var otherInCompose = []string{"TRUSTED_PROXIES", "ENABLE_EMAIL_NOTIFICATIONS", "SMTP_PORT", "SMTP_TLS"}

type composeFile struct {
	Settings map[string]string `yaml:"x-settings"`
	Services map[string]struct {
		Environment map[string]string
		Volumes     []string
		Networks    any
		Ports       []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	}
	Networks map[string]struct {
		IPAM struct{ Config []map[string]string }
	}
	text string
}

func compose(t *testing.T) composeFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	file := composeFile{text: string(data)}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// defaults returns the variables of docker-compose.yml and their defaults.
func (f composeFile) defaults(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range reference.FindAllStringSubmatch(f.text, -1) {
		m[2] = expand(m[2])
		if before, ok := all[m[1]]; ok && before != m[2] && m[1] != "ADMIN_EMAIL" && m[1] != "ADMIN_PASSWORD" { // seed has its own defaults
			t.Errorf("%s has two defaults, %q and %q", m[1], before, m[2])
		} else if !ok {
			all[m[1]] = m[2]
		}
	}
	if loose := regexp.MustCompile(`\$\{?\w+[^:\w]`).FindString(reference.ReplaceAllString(f.text, "")); loose != "" {
		t.Errorf("%s has no default", loose)
	}
	return all
}

// TestComposeSetsExactlyTheSettings also compares the defaults in docker-compose.yml with
// those of the services.
func TestComposeSetsExactlyTheSettings(t *testing.T) {
	file := compose(t)
	for service, cfg := range configs() {
		set := file.Services[service].Environment
		var read []string
		for _, f := range boot.Variables(cfg) {
			name := f.Tag.Get("envconfig")
			read = append(read, name)
			value, ok := set[name]
			if ok == slices.Contains(notInCompose, name) {
				t.Errorf("%s: %s is set: %t, want the opposite, see notInCompose", service, name, ok)
			}
			if m := reference.FindStringSubmatch(value); m != nil && m[0] == value && m[1] == name {
				if d := f.Tag.Get("default"); d != "" && d != m[2] && !slices.Contains(otherInCompose, name) {
					t.Errorf("%s: default of %s is %q, but %q in the service", service, name, m[2], d)
				}
			}
			if secret := expand(value); f.Tag.Get("secret") != "" && secret != "" && !strings.Contains(secret, "demo-") {
				t.Errorf("%s: default of %s must begin with demo-, so that it is refused in production", service, name)
			}
		}
		for name := range set {
			if !slices.Contains(read, name) {
				t.Errorf("%s has no setting %s", service, name)
			}
		}
	}
}

// TestComposeEnvironmentIsValid loads the environment of each service, also with
// APP_ENV=production, where demo secrets must be refused.
func TestComposeEnvironmentIsValid(t *testing.T) {
	unset(t)
	demo := map[string][]string{
		authd.Name: {"KAFKA_PASSWORD"}, passportd.Name: {"KAFKA_PASSWORD"},
		documentd.Name: {"AWS_SECRET_ACCESS_KEY", "KAFKA_PASSWORD"}, notificationd.Name: {"KAFKA_PASSWORD"},
	}
	for _, production := range []bool{false, true} {
		for service, cfg := range configs() {
			t.Run(fmt.Sprintf("%s production=%t", service, production), func(t *testing.T) {
				for name, value := range compose(t).Services[service].Environment {
					t.Setenv(name, expand(value))
				}
				var want []string
				if production {
					t.Setenv("APP_ENV", "production")
					want = demo[service]
				}
				err := boot.Load(cfg)
				var refused []string
				for _, m := range regexp.MustCompile(`(?m)^  (\w+): contains a demo secret`).FindAllStringSubmatch(fmt.Sprint(err), -1) {
					refused = append(refused, m[1])
				}
				if !slices.Equal(refused, want) || (err != nil) != (want != nil) {
					t.Errorf("Load = %v, want %v refused", err, want)
				}
			})
		}
	}
}

// TestEnvExample checks that .env.example has the settings of docker-compose.yml and the services.
func TestEnvExample(t *testing.T) {
	path, want := filepath.Join(root, ".env.example"), envExample(t)
	if *resttest.Update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf(".env.example is out of date, run make golden (-want +got)\n%s", diff)
	}
}

const envHead = `# Settings of the suite. For docker compose, copy this file to .env and remove the # from the settings that you change.
# All settings have defaults. Secrets that begin with demo- are public and are refused with APP_ENV=production.
`

const envRest = `
# docker-compose.yml sets the following itself or leaves the defaults. Use them when you run the services in another
# way: export them, or set them in the configuration of your platform.
`

func envExample(t *testing.T) string {
	file := compose(t)
	defaults, b, written := file.defaults(t), strings.Builder{}, map[string]bool{}
	line := func(name, meaning, value string) {
		written[name] = true
		fmt.Fprintf(&b, "\n# %s\n#%s=%s\n", meaning, name, value)
	}
	b.WriteString(envHead)
	all := settings(t)
	for _, s := range all {
		if value, ok := defaults[s.variable]; ok {
			line(s.variable, s.meaning, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if written[name] {
			continue
		}
		if file.Settings[name] == "" {
			t.Errorf("x-settings in docker-compose.yml has no description of %s", name)
		}
		line(name, file.Settings[name], defaults[name])
	}
	for name := range file.Settings {
		if _, ok := defaults[name]; !ok {
			t.Errorf("x-settings in docker-compose.yml describes %s, which is not used", name)
		}
	}
	b.WriteString(envRest)
	for _, s := range all {
		if !written[s.variable] && s.readers[0] != "make run" {
			line(s.variable, s.meaning, strings.Join(s.defaults, ", "))
		}
	}
	return b.String()
}

// renderFile is what render.yaml sets.
type renderFile struct {
	EnvVarGroups []struct {
		EnvVars []renderVariable `yaml:"envVars"`
	} `yaml:"envVarGroups"`
	Services []struct {
		DockerfilePath string           `yaml:"dockerfilePath"`
		EnvVars        []renderVariable `yaml:"envVars"`
	}
}

type renderVariable struct {
	Key, Value string
	FromGroup  string `yaml:"fromGroup"`
}

func render(t *testing.T) (file renderFile) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "render.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &file); err != nil || len(file.Services) != 4 || len(file.EnvVarGroups) != 1 {
		t.Fatalf("%v: %+v", err, file)
	}
	return file
}

// TestRenderSetsOnlyValidSettings also checks that render.yaml contains no secrets.
func TestRenderSetsOnlyValidSettings(t *testing.T) {
	unset(t)
	file := render(t)
	for _, s := range file.Services {
		service := filepath.Base(filepath.Dir(s.DockerfilePath))
		cfg := configs()[service]
		if cfg == nil {
			t.Fatalf("service %s is unknown", service)
		}
		t.Run(service, func(t *testing.T) {
			read := map[string]string{} // by setting: its secret tag
			for _, f := range boot.Variables(cfg) {
				read[f.Tag.Get("envconfig")] = f.Tag.Get("secret")
			}
			for _, v := range append(file.EnvVarGroups[0].EnvVars, s.EnvVars...) {
				if v.FromGroup != "" {
					continue
				}
				if secret, ok := read[v.Key]; !ok || secret != "" && v.Value != "" {
					t.Errorf("%s is a setting: %t, secret: %q; want a setting without a secret value", v.Key, ok, secret)
				}
				if v.Value != "" {
					t.Setenv(v.Key, v.Value)
				}
			}
			t.Setenv("KAFKA_USERNAME", "suite") // set by the user, like the next ones
			t.Setenv("KAFKA_PASSWORD", "a password")
			if service == notificationd.Name {
				t.Setenv("SMTP_HOST", "smtp.example")
				t.Setenv("FROM_EMAIL", "no-reply@nlb.example")
			}
			if err := boot.Load(cfg); err != nil {
				t.Errorf("Load = %v", err)
			}
		})
	}
}

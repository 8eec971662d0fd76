package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

const (
	tableBegin = "<!-- settings, by make golden -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// A setting is an environment variable with the names of the services that read it.
type setting struct {
	variable, meaning string
	readers, defaults []string
}

// settings returns the settings of all services, in the order of their structs.
func settings(t *testing.T) []*setting {
	t.Helper()
	var all []*setting
	for _, reader := range []struct {
		name string
		cfg  any
	}{
		{"each", new(boot.Environment)}, {"each", new(boot.LogConfig)}, {"auth", new(authd.Config)}, {"passport", new(passportd.Config)}, {"document", new(documentd.Config)},
		{"notification", new(notificationd.Config)}, {"make run", new(struct{ stack.Config })},
	} {
		for _, f := range boot.Variables(reader.cfg) {
			name, value, meaning := f.Tag.Get("envconfig"), f.Tag.Get("default"), f.Tag.Get("desc")
			if meaning == "" {
				t.Errorf("%s has no description", name)
			}
			i := slices.IndexFunc(all, func(s *setting) bool { return s.variable == name })
			if i < 0 {
				all = append(all, &setting{variable: name, meaning: meaning})
				i = len(all) - 1
			}
			s := all[i]
			if reader.name == "make run" && s.readers != nil {
				continue // make run passes the settings of the services on
			}
			if s.readers = append(s.readers, reader.name); !slices.Contains(s.defaults, value) {
				s.defaults = append(s.defaults, value)
			}
			if s.meaning != meaning {
				t.Errorf("%s has two meanings: %s, and %s", name, s.meaning, meaning)
			}
		}
	}
	return all
}

func table(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| variable | default | read by | meaning |\n| --- | --- | --- | --- |\n")
	for _, s := range settings(t) {
		readers := strings.Join(s.readers, ", ")
		switch readers {
		case "auth, passport, document, notification":
			readers = "each"
		case "passport, document, notification":
			readers = "all but auth"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.variable, strings.Join(s.defaults, ", "), readers, s.meaning)
	}
	return b.String()
}

// TestSettings requires the table in docs/configuration.md to match the settings
// that the services read.
func TestSettings(t *testing.T) {
	const name = "docs/configuration.md"
	text := page(t, name)
	before, rest, ok := strings.Cut(text, tableBegin)
	got, after, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		t.Fatalf("%s has no table of settings", name)
	}
	want := table(t)
	if *resttest.Update {
		if err := os.WriteFile(filepath.Join(root, name), []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run make golden to update %s (-want +got)\n%s", name, diff)
	}
}

// TestOriginalSettings checks that each service still reads the settings that it had in
// the original product.
func TestOriginalSettings(t *testing.T) {
	original := map[string][]string{
		"auth":         {"PORT", "MONGODB_URI", "JWT_SECRET", "JWT_EXPIRES_IN"},
		"passport":     {"PORT", "MONGODB_URI", "JWT_SECRET", "AUTH_SERVICE_URL", "KAFKA_BROKERS"},
		"document":     {"PORT", "MONGODB_URI", "JWT_SECRET", "AUTH_SERVICE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "S3_BUCKET_NAME", "S3_ENDPOINT", "S3_FORCE_PATH_STYLE"},
		"notification": {"PORT", "MONGODB_URI", "JWT_SECRET", "AUTH_SERVICE_URL", "KAFKA_BROKERS", "SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASS", "FROM_EMAIL", "FROM_NAME", "ENABLE_EMAIL_NOTIFICATIONS", "NOTIFICATION_LOG_PATH"},
	}
	read := map[string][]string{}
	for _, s := range settings(t) {
		read[s.variable] = s.readers
	}
	for reader, variables := range original {
		for _, v := range variables {
			if !slices.Contains(read[v], reader) {
				t.Errorf("the %s-service does not read %s", reader, v)
			}
		}
	}
	if len(read) < 30 {
		t.Errorf("only %d variables were found", len(read))
	}
}

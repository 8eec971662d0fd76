package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/battery-passport/suite/deploy/kafkausers/acl"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestSuiteWorksWithItsKafkaRules runs the services with their own users: events reach
// the notification-service and all topics exist.
func TestSuiteWorksWithItsKafkaRules(t *testing.T) {
	onSecuredBrokers(t, func(t *testing.T, secured kafka.Config) {
		cfg := config(t)
		cfg.Passport.Kafka.Brokers = secured.Brokers
		run := "-" + uuid.NewString()
		cfg.Notification.Group, cfg.Document.Group = notificationGroup+run, documentGroup+run
		for user, security := range map[string]*kafka.Security{
			acl.Auth: &cfg.Auth.Kafka.Security, acl.Passport: &cfg.Passport.Kafka.Security, acl.Document: &cfg.Document.Kafka.Security, acl.Notification: &cfg.Notification.Kafka.Security,
		} {
			*security = as(secured, user).Security
		}
		skipEvents(t, cfg, as(secured, acl.Document), as(secured, acl.Notification))
		s := start(t, cfg)
		admin := s.register("admin"+run+"@nordlicht.example", "admin")
		var p passport
		s.passport.Call("POST /api/passports", admin.Token, sample(t, "readme-sample.json")).Want(http.StatusCreated, &p)
		s.waitForNotification(admin, event.PassportCreated{}.Topic(), p.ID)
		waittest.Until(s.t, "all services are ready", func() bool {
			return !slices.ContainsFunc([]resttest.Client{s.auth, s.passport, s.document, s.notification}, func(service resttest.Client) bool {
				var r rest.Readiness
				service.Call("GET /readyz", "", nil).Want(http.StatusOK, &r)
				return slices.ContainsFunc(r.Checks, func(c rest.CheckResult) bool { return c.Name == "kafka" && !c.OK })
			})
		})
	})
}

// TestKafkaRulesNameTheServices compares the rules with the services and with the
// commands in docs/operations.md.
func TestKafkaRulesNameTheServices(t *testing.T) {
	services, consumed := map[string]bool{acl.Reader: false}, []string{}
	for service := range configs() {
		services[service] = false
	}
	var commands strings.Builder
	for _, rule := range acl.Rules("notification-group", "document-service") {
		if _, ok := services[rule.User]; !ok {
			t.Errorf("%s is not a service", rule.User)
		}
		services[rule.User] = true
		if rule.User == acl.Notification && slices.Equal(rule.Operations, []kadm.ACLOperation{kadm.OpRead}) {
			consumed = append(consumed, rule.Topics...)
		}
		fmt.Fprintln(&commands, rule.Command())
	}
	if slices.Contains(slices.Collect(maps.Values(services)), false) {
		t.Errorf("a service has no rule: %v", services)
	}
	if want := notificationd.Topics(); !slices.Equal(slices.Sorted(slices.Values(consumed)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the notification-service may read %v, want %v", consumed, want)
	}
	const begin, end = "<!-- Kafka rules, by make golden -->\n```\n", "```\n<!-- end of Kafka rules -->\n"
	text := page(t, "docs/operations.md")
	before, rest, ok := strings.Cut(text, begin)
	documented, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("docs/operations.md has no Kafka rules")
	}
	if *resttest.Update {
		if err := os.WriteFile(filepath.Join(root, "docs/operations.md"), []byte(before+begin+commands.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if documented != commands.String() {
		t.Errorf("run make golden to update docs/operations.md: it has\n%swant\n%s", documented, commands.String())
	}
}

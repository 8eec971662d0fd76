package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// startWithMetrics starts a suite and returns the metrics address of each service.
func startWithMetrics(t *testing.T) (*suite, map[string]string) {
	cfg, addrs := config(t), map[string]string{}
	for service, m := range map[string]*metrics.Config{
		authd.Name: &cfg.Auth.Metrics, passportd.Name: &cfg.Passport.Metrics, documentd.Name: &cfg.Document.Metrics, notificationd.Name: &cfg.Notification.Metrics,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m.Listener, addrs[service] = l, l.Addr().String()
	}
	return start(t, cfg), addrs
}

// scrape returns the metrics at an address and checks them with promlint.
func scrape(t *testing.T, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%s: %v, %v", addr, problems, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value returns the sum of the counters, gauges and histogram counts with the given
// labels, which are alternating names and values.
func value(family *dto.MetricFamily, labels ...string) float64 {
	var sum float64
	for _, m := range family.GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		if fits {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func TestMetrics(t *testing.T) {
	s, addrs := startWithMetrics(t)
	before := scrape(t, addrs[notificationd.Name]) // rates need counters that start at 0
	for family, outcome := range map[string]string{"events_handled_total": "dead_letter", "deliveries_total": "failed"} {
		if !strings.Contains(before[family].String(), outcome) || value(before[family], "outcome", outcome) != 0 {
			t.Errorf("%s does not start at 0: %v", family, before[family])
		}
	}
	admin := s.register("admin@nordlicht.example", "admin")
	ann := s.newAccount(admin, "operator", "nordlicht-battery")
	var p passport
	s.passport.Call("POST /api/passports", ann.Token, sample(t, "readme-sample.json")).Want(201, &p)
	for range 3 {
		s.passport.Call("GET /api/passports/"+p.ID, ann.Token, nil).Want(200, nil)
	}
	s.passport.Call("GET /api/passports/"+uuid.NewString(), ann.Token, nil).Want(404, nil)
	s.passport.Do("GET /nowhere/"+uuid.NewString(), "").Want(404, nil)
	s.passport.Do("BREW /api/passports", "").Want(405, nil)
	s.upload(ann.Token, "a.txt").Want(201, nil)
	s.waitForNotification(ann, "document.uploaded", "a.txt")
	s.waitForFile(s.stack.MailDir, "New Battery Passport Created")
	waittest.Until(s.t, "all events are read", func() bool {
		lag := scrape(t, addrs[notificationd.Name])["kafka_consumer_lag_messages"]
		return lag != nil && value(lag) == 0
	})

	found := map[string]map[string]*dto.MetricFamily{}
	for service, addr := range addrs {
		found[service] = scrape(t, addr)
		if value(found[service]["build_info"], "service", service) != 1 || found[service]["go_goroutines"] == nil {
			t.Errorf("%s has no build_info or no Go metrics", service)
		}
	}
	for _, c := range []struct {
		service, family string
		labels          []string
		want            float64
	}{
		{passportd.Name, "http_request_duration_seconds", []string{"method", "GET", "route", "/api/passports/{id}", "code", "200"}, 3},
		{passportd.Name, "http_request_duration_seconds", []string{"route", "/api/passports/{id}", "code", "404"}, 1},
		{passportd.Name, "http_request_duration_seconds", []string{"method", "any", "route", "none", "code", "404"}, 1},
		{passportd.Name, "http_request_duration_seconds", []string{"method", "any", "code", "405"}, 1},
		{passportd.Name, "events_published_total", []string{"topic", "passport.created", "outcome", "ok"}, 1},
		{passportd.Name, "outbox_waiting_events", nil, 0},
		{authd.Name, "events_published_total", []string{"topic", "user.registered", "outcome", "ok"}, 2},
		{documentd.Name, "s3_operation_duration_seconds", []string{"operation", "PutObject", "outcome", "ok"}, 1},
		{documentd.Name, "s3_operation_duration_seconds", []string{"operation", ""}, 0},
		{notificationd.Name, "events_handled_total", []string{"topic", "passport.created", "outcome", "ok"}, 1},
		{notificationd.Name, "kafka_consumer_lag_messages", nil, 0},
	} {
		waittest.Success(s.t, c.service+": "+c.family, func() error {
			found[c.service] = scrape(t, addrs[c.service])
			family := found[c.service][c.family]
			if got := value(family, c.labels...); got != c.want || family == nil {
				return fmt.Errorf("%v = %v, want %v", c.labels, got, c.want)
			}
			return nil
		})
	}
	for _, c := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		c.Do("GET /metrics", "", "Authorization", "Bearer "+admin.Token).Want(404, nil) // not even for an admin
	}
	for _, channel := range []string{"mail", "file"} {
		if value(found[notificationd.Name]["deliveries_total"], "channel", channel, "outcome", "sent") == 0 {
			t.Errorf("deliveries_total has no sent %s", channel)
		}
	}
	someID := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}|@|nowhere`)
	for service, families := range found {
		for name, f := range families {
			for _, m := range f.GetMetric() {
				if text := m.String(); someID.MatchString(text) && name != "build_info" {
					t.Errorf("%s: %s has an unbounded label: %s", service, name, text)
				}
			}
		}
	}
	for where, query := range queries(t) {
		for _, name := range names(query) {
			if !slices.ContainsFunc(slices.Collect(maps.Values(found)), func(f map[string]*dto.MetricFamily) bool {
				return f[name] != nil || f[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] != nil
			}) {
				t.Errorf("%s queries %s, which no service exports: %s", where, name, query)
			}
		}
	}
}

// TestOutboxBacklogMetrics checks the metrics of waiting events without a broker.
func TestOutboxBacklogMetrics(t *testing.T) {
	cfg := config(t)
	cfg.Passport.Now = nil // ages need the system clock
	cfg.Passport.Kafka.Brokers = []string{resttest.UnusedAddress(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Passport.Metrics.Listener = l
	s := start(t, cfg)
	admin := s.register("admin@nordlicht.example", "admin")
	for range 3 {
		s.passport.Call("POST /api/passports", admin.Token, `{"data":{}}`).Want(201, nil)
	}
	waittest.Until(s.t, "the metrics show the waiting events", func() bool {
		f := scrape(t, l.Addr().String())
		return value(f["outbox_waiting_events"]) == 3 && value(f["outbox_oldest_age_seconds"]) > 0 &&
			value(f["events_published_total"], "outcome", "failed") > 0
	})
}

// queries returns the queries of the alert rules and dashboards by their titles.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	data, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(data, &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			all[r.Alert] = r.Expr
		}
	}
	for service := range configs() {
		data, err := os.ReadFile(filepath.Join(root, "deploy/grafana/dashboards", service+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(data, &dashboard); err != nil || len(dashboard.Panels) < 7 {
			t.Fatalf("%s: %v, %d panels", service, err, len(dashboard.Panels))
		}
		for _, p := range dashboard.Panels {
			all[service+" "+p.Title] = p.Targets[0].Expr
		}
	}
	return all
}

var (
	labelSets = regexp.MustCompile(`\{[^}]*\}|\[\w+\]|\b(by|on) \([^)]*\)`)
	words     = regexp.MustCompile(`[a-zA-Z_]\w*`)
	language  = []string{"sum", "max", "rate", "increase", "histogram_quantile", "unless", "up"} // functions and the built-in metric up
)

// names returns the metrics in a query.
func names(query string) []string {
	var all []string
	for _, word := range words.FindAllString(labelSets.ReplaceAllString(query, " "), -1) {
		if !slices.Contains(language, word) {
			all = append(all, word)
		}
	}
	return all
}

// TestAlertRulesAreValid checks the configuration with promtool.
func TestAlertRulesAreValid(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT TESTED: promtool is not installed")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "config", filepath.Join(root, "deploy/prometheus/prometheus.yml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "11 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
}

package e2e

import (
	"encoding/json"
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
)

// measured starts a suite whose services tell their metrics, and returns where.
func measured(t *testing.T) (*suite, map[string]string) {
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

// scrape reads the metrics at an address, which have to be as Prometheus wants
// them.
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

// value adds up the counters, gauges or counts of a family whose labels are as
// given, as names and values in turn.
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
	s, addrs := measured(t)
	before := scrape(t, addrs[notificationd.Name]) // of a counter that begins with 1 no rate tells
	for family, outcome := range map[string]string{"events_handled_total": "dead_letter", "deliveries_total": "failed"} {
		if !strings.Contains(before[family].String(), outcome) || value(before[family], "outcome", outcome) != 0 {
			t.Errorf("%s does not begin with 0: %v", family, before[family])
		}
	}
	admin := s.register("admin@nordlicht.example", "admin")
	ann := s.person(admin, "operator", "nordlicht-battery")
	var p answer
	s.passport.Call("POST /api/passports", ann.Token, sample(t, "readme-sample.json")).Want(201, &p)
	for range 3 {
		s.passport.Call("GET /api/passports/"+p.ID, ann.Token, nil).Want(200, nil)
	}
	s.passport.Call("GET /api/passports/"+uuid.NewString(), ann.Token, nil).Want(404, nil)
	s.passport.Do("GET /nowhere/"+uuid.NewString(), "").Want(404, nil)
	s.passport.Do("BREW /api/passports", "").Want(405, nil)
	s.upload(ann.Token, "a.txt").Want(201, nil)
	s.told(ann, "document.uploaded", "a.txt")
	s.landed(s.stack.Mails, "New Battery Passport Created")

	found := map[string]map[string]*dto.MetricFamily{}
	for service, addr := range addrs {
		found[service] = scrape(t, addr)
		if value(found[service]["build_info"], "service", service) != 1 || found[service]["go_goroutines"] == nil {
			t.Errorf("%s does not tell what it is", service)
		}
	}
	for _, c := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		c.Do("GET /metrics", "", "Authorization", "Bearer "+admin.Token).Want(404, nil) // nor to an admin
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
		family := found[c.service][c.family]
		if got := value(family, c.labels...); got != c.want || family == nil {
			t.Errorf("%s: %s%v = %v, want %v", c.service, c.family, c.labels, got, c.want)
		}
	}
	for _, channel := range []string{"mail", "file"} {
		if value(found[notificationd.Name]["deliveries_total"], "channel", channel, "outcome", "sent") == 0 {
			t.Errorf("no %s is counted", channel)
		}
	}
	someID := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}|@|nowhere`)
	for service, families := range found {
		for name, f := range families {
			for _, m := range f.GetMetric() {
				if text := m.String(); someID.MatchString(text) && name != "build_info" {
					t.Errorf("%s: %s has labels without end: %s", service, name, text)
				}
			}
		}
	}
	for where, query := range queries(t) {
		for _, name := range names(query) {
			if !slices.ContainsFunc(slices.Collect(maps.Values(found)), func(f map[string]*dto.MetricFamily) bool {
				return f[name] != nil || f[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] != nil
			}) {
				t.Errorf("%s asks for %s, which no service has: %s", where, name, query)
			}
		}
	}
}

// TestBacklogIsMeasured takes the broker away.
func TestBacklogIsMeasured(t *testing.T) {
	cfg := config(t)
	cfg.Passport.Now = nil // by which ages are told
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
	s.eventually("the events are seen to wait", func() bool {
		f := scrape(t, l.Addr().String())
		return value(f["outbox_waiting_events"]) == 3 && value(f["outbox_oldest_age_seconds"]) > 0 &&
			value(f["events_published_total"], "outcome", "failed") > 0
	})
}

// queries returns what the alert rules and the dashboards ask Prometheus, by
// where it stands.
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
	language  = []string{"sum", "max", "rate", "increase", "histogram_quantile", "unless", "up"} // and what Prometheus has itself
)

// names returns the metrics that a query asks for.
func names(query string) []string {
	var all []string
	for _, word := range words.FindAllString(labelSets.ReplaceAllString(query, " "), -1) {
		if !slices.Contains(language, word) {
			all = append(all, word)
		}
	}
	return all
}

// TestRulesLoad has Prometheus itself read what is written for it.
func TestRulesLoad(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT TESTED: there is no promtool")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "config", filepath.Join(root, "deploy/prometheus/prometheus.yml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "10 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
}

package passportd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

var importKills = flag.Int("kills", 3, "how often TestKilledImportIsCompleted kills the service")

// TestTwoImportsOfOneFile imports the same file from two accounts at once.
func TestTwoImportsOfOneFile(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		file, done := manyRows(300), make(chan importSummary)
		for _, user := range []string{"ann", "bob"} {
			token := s.issuer.Token(t, auth.Principal{UserID: user, Role: auth.Operator, Organisation: "a"})
			go func() {
				_, sum := s.importFile(token, "", ndjson, file)
				done <- sum
			}()
		}
		a, b := <-done, <-done
		if a.Created+b.Created != 300 || a.Unchanged+b.Unchanged != 300 {
			t.Errorf("got %+v and %+v, want each passport created once", a, b)
		}
	})
}

// outcome returns the effects of an import on a store: data hashes of versions and types of events,
// by battery identifier.
func outcome(t *testing.T, cfg connect.Config) map[string]string {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports, versions := store.Open(db, passport.Schema()), store.Open(db, passport.VersionSchema())
	all := map[string]string{}
	for row, err := range passports.All(t.Context(), store.Query{Scopes: []string{store.All}, Limit: store.MaxLimit}) {
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(row.Version, row.Doc.Head.State)
		if row.Doc.Head.Number == 1 {
			text += row.Doc.Head.DataHash
		}
		old, err := versions.List(t.Context(), store.Query{Scopes: []string{row.ID}, Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range old.Rows {
			text += fmt.Sprint(" ", v.Doc.Number, v.Doc.DataHash)
		}
		for _, e := range storetest.WaitingEvents(t, passports.Outbox(), row.ID) {
			var payload struct{ ImportID string }
			if err := json.Unmarshal(e.Data, &payload); err != nil || payload.ImportID == "" {
				t.Errorf("event %s has no importId, %v", e.Data, err)
			}
			text += fmt.Sprint(" ", e.Type, e.Sequence)
		}
		if all[row.Doc.BatteryIdentifier] != "" {
			t.Errorf("%s has two passports", row.Doc.BatteryIdentifier)
		}
		all[row.Doc.BatteryIdentifier] = text
	}
	return all
}

// TestKilledImportIsCompleted kills the service while it imports and publishes a file, and
// sends the file again, until an import is complete. The result must be the same as that of
// an import that was not interrupted.
func TestKilledImportIsCompleted(t *testing.T) {
	issuer := authtest.New(t)
	token := issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "a"})
	complete := regexp.MustCompile(`"batteryPassportIdentifier":"[^"]*",`).ReplaceAllString(compact(t, "lmt-ebike.json"), "")
	var file strings.Builder
	rows := max(400, 50**importKills)
	for i := range rows {
		if i%2 == 0 {
			file.WriteString(draft(fmt.Sprintf("https://a.example/battery/%d", i)) + "\n")
			continue
		}
		file.WriteString(strings.ReplaceAll(complete, "V4E10077", fmt.Sprintf("V4E%05d", i)) + "\n")
	}
	const path = "/api/passports/import?publish=true"
	all := strings.SplitAfter(file.String(), "\n")
	reference := startWithIssuer(t, connect.Config{Dir: t.TempDir()}, issuer)
	lines, sum := reference.importFile(token, "?publish=true", ndjson, file.String())
	if int(sum.Published) != rows/2 || int(sum.Created) != rows {
		t.Fatalf("reference: %+v %s", sum, brief(lines[:2]))
	}
	reference.stop()
	want := outcome(t, reference.db)

	random := rand.New(rand.NewPCG(18, 0))
	cfg := connect.Config{Dir: t.TempDir()}
	for k := range *importKills {
		answers := rows*k/(*importKills) + random.IntN(rows / *importKills - 25)
		url, kill := resttest.StartChild(t, childEnv, map[string]any{"Store": cfg, "Auth": map[string]string{"URL": issuer.URL}, "ImportLease": time.Millisecond}, nil)
		s := &service{Client: reference.Client}
		s.URL = url
		body, sent := io.Pipe() // so that the service is not far ahead of the answers
		go io.WriteString(sent, strings.Join(all[:min(rows, answers+20)], ""))
		res, err := s.post(t.Context(), path, token, body)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(res.Body)
		for range answers + 1 {
			if _, err := in.ReadString('\n'); err != nil {
				break
			}
		}
		kill()
		sent.Close()
		res.Body.Close()
	}
	last := startConfigured(t, passportd.Config{Store: cfg, ImportLease: time.Millisecond}, issuer)
	_, sum = last.importFile(token, "?publish=true", ndjson, file.String())
	last.stop()
	if !sum.Complete || sum.Created == 0 || sum.Unchanged == 0 || sum.Conflict+sum.Invalid > 0 {
		t.Errorf("last import: %+v, want it to write the rest of the rows", sum)
	}
	got := outcome(t, cfg)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %d kills, %d of %d passports (-want +got)\n%.3000s", *importKills, len(got), len(want), diff)
	}
	t.Logf("the last import: %+v; %d passports", sum, len(slices.Collect(maps.Keys(got))))
	checkFinished(t, cfg, "ann", rows)
}

// checkFinished checks the events of the imports of a user: one for each import that was
// killed, with the rows that it had counted, and one for the last one.
func checkFinished(t *testing.T, cfg connect.Config, user string, rows int) {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	events := storetest.WaitingEvents(t, store.Open(db, exchange.Schema()).Outbox(), user)
	counted, ids := 0, map[string]bool{}
	for i, e := range events {
		var sum importSummary
		if err := json.Unmarshal(e.Data, &sum); err != nil || sum.Complete != (i == *importKills) || sum.Complete && int(sum.Rows) != rows {
			t.Errorf("event %d of imports: %s, %v", i, e.Data, err)
		}
		ids[sum.ImportID] = true
		counted += int(sum.Created)
	}
	if want := *importKills + 1; len(events) != want || len(ids) != want || counted == 0 {
		t.Errorf("%d events of %d imports that created %d passports, want %d", len(events), len(ids), counted, want)
	}
}

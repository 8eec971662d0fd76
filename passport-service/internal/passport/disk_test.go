package passport

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/wire"
)

// smallBody returns a body of 715 bytes with a battery of its own.
func smallBody(i int) wire.Value {
	return wire.Value(fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://nlb.example/01/09521100000116/21/NB%06d","batterySerialNumber":"NB%06d",`+
		`"batteryCategory":"EV","batteryMass":493,"manufacturingDate":"2026-10","batteryModel":{"id":"NLB-96","modelName":"NLB 96"},"manufacturingPlace":"%s"},`+
		`"performanceAndDurability":{"ratedCapacityAh":240,"ratedEnergyKwh":84.5}}}`, i, i, strings.Repeat("Brandenburg ", 30)))
}

// TestSizeOnDisk measures a draft of 715 bytes in SQLite after its event was published.
func TestSizeOnDisk(t *testing.T) {
	const drafts, goal = 1_000, 3_500
	dir := t.TempDir()
	_, s := newServiceIn(t, dir)
	ctx := auth.NewContext(t.Context(), auth.Principal{UserID: uuid.NewString(), Role: auth.Operator, Organisation: "nordlicht-batterie"})
	var ids []string
	for i := range drafts {
		p, _, err := s.Create(ctx, smallBody(i), NoIdentifier, "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	waiting, err := s.Passports.Outbox().Waiting(ctx, ids, drafts)
	if err != nil {
		t.Fatal(err)
	}
	var published []outbox.Published
	for id, events := range waiting {
		published = append(published, outbox.Published{ID: id, Event: events[0].ID})
	}
	if err := s.Passports.Outbox().Acknowledge(ctx, published); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "passports.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name, sum(pgsize) FROM dbstat WHERE name LIKE '%passports%' AND name NOT LIKE '%outbox%' AND name NOT LIKE '%due%' GROUP BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	total := 0
	for rows.Next() {
		var name string
		var size int
		if err := rows.Scan(&name, &size); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes per draft", name, size/drafts)
		total += size / drafts
	}
	if t.Logf("total: %d bytes, goal %d", total, goal); total == 0 || total > goal {
		t.Errorf("a draft takes %d bytes, want at most %d", total, goal)
	}
}

package passport

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/wire"
)

// newService returns a service on an empty store, and a context with an operator as
// the caller.
func newService(t testing.TB) (context.Context, *Service) {
	t.Helper()
	return newServiceIn(t, t.TempDir())
}

func newServiceIn(t testing.TB, dir string) (context.Context, *Service) {
	t.Helper()
	db, err := connect.Open(t.Context(), connect.Config{Dir: dir}, "passports")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{
		Passports: store.Open(db, Schema()), Versions: store.Open(db, VersionSchema()), Engines: engines,
		Namespaces: &namespace.Service{Namespaces: store.Open(db, namespace.Schema()), Claims: store.Open(db, namespace.ClaimsSchema()), Now: time.Now, NewID: uuid.NewString},
		Now:        time.Now, NewID: uuid.NewString,
	}
	return auth.NewContext(t.Context(), auth.Principal{UserID: "u", Role: auth.Operator, Organisation: "a"}), s
}

// TestMain fails if a test leaves goroutines running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoredFormMatchesGoldenFiles(t *testing.T) {
	storetest.CheckStoredForm(t, Schema())
	storetest.CheckStoredForm(t, VersionSchema())
}

func TestNextTimeIsAfterThePreviousVersion(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]time.Time{at.Add(time.Second): at.Add(time.Second), at: at.Add(time.Millisecond), at.Add(-time.Hour): at.Add(time.Millisecond)} {
		if got := nextTime(now, at); got != want {
			t.Errorf("nextTime(%v) = %v, want %v", now, got, want)
		}
	}
}

// TestHistoryRecordOfFailedWriteIsNotListed stores the history record of a write
// that fails before it updates the head.
func TestHistoryRecordOfFailedWriteIsNotListed(t *testing.T) {
	ctx, s := newService(t)
	p, _, err := s.Create(ctx, wire.Value(`{"data":{}}`), NoIdentifier, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Versions.Insert(ctx, p.Head.id(), p.Head); err != nil {
		t.Fatal(err)
	}
	page, err := s.History(ctx, p.ID, "", 10)
	if err != nil || len(page.Versions) != 1 || page.Versions[0].Number != 1 {
		t.Errorf("got %d versions, %v, want version 1 only once", len(page.Versions), err)
	}
}

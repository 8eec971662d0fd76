package account_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/auth-service/internal/password"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/task"
)

// recordingDB records the reads and writes of a database.
type recordingDB struct {
	store.DB
	work *[]string
}

func (d recordingDB) Table(name string, unique []string) store.Table {
	return recordingTable{d.DB.Table(name, unique), name, d.work}
}

type recordingTable struct {
	store.Table
	name string
	work *[]string
}

func (t recordingTable) Insert(ctx context.Context, records ...store.Insertion) ([]error, error) {
	*t.work = append(*t.work, fmt.Sprint("insert ", len(records), " ", t.name))
	return t.Table.Insert(ctx, records...)
}

func (t recordingTable) Get(ctx context.Context, id string) (store.Record, error) {
	*t.work = append(*t.work, "get "+t.name)
	return t.Table.Get(ctx, id)
}

func (t recordingTable) GetBy(ctx context.Context, index, value string) (store.Record, error) {
	*t.work = append(*t.work, "get "+t.name+" by "+index)
	return t.Table.GetBy(ctx, index, value)
}

func (t recordingTable) List(ctx context.Context, q store.ListQuery) ([]store.Record, error) {
	*t.work = append(*t.work, "list "+t.name)
	return t.Table.List(ctx, q)
}

// recordingHasher records the hashes that are computed.
type recordingHasher struct {
	account.Hasher
	work *[]string
}

func (h recordingHasher) Hash(ctx context.Context, c account.Client, password string) (string, error) {
	*h.work = append(*h.work, "hash")
	return h.Hasher.Hash(ctx, c, password)
}

func (h recordingHasher) Compare(ctx context.Context, c account.Client, hash, password string) (bool, error) {
	*h.work = append(*h.work, "compare")
	return h.Hasher.Compare(ctx, c, hash, password)
}

// services are those that handle the requests.
type services struct {
	*account.Service
	invitations *invitation.Service
}

// recorded returns services that must confirm addresses, and their record of work.
func recorded(tb testing.TB) (services, *[]string) {
	tb.Helper()
	db, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "auth.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close(context.Background()) })
	work := &[]string{}
	recording, log := recordingDB{db, work}, slog.New(slog.DiscardHandler)
	key := func() ([]byte, error) { return []byte("key"), nil }
	accounts := &account.Service{
		Accounts: store.Open(recording, account.Schema()), Audit: audit.New(recording, time.Now, log), Throttle: throttle.New(0, 0, time.Now),
		Passwords: recordingHasher{password.New(4, key, 8), work}, Mails: task.NewQueue(recording, time.Now), VerifyEmails: true,
		Now: time.Now, NewID: uuid.NewString, Log: log,
	}
	organisations := &organisation.Service{
		Organisations: store.Open(recording, organisation.Schema()), Claims: store.Open(recording, organisation.IDClaimSchema()), Audit: accounts.Audit, Now: time.Now,
	}
	if _, err := organisations.Create(tb.Context(), organisation.Organisation{ID: nordlicht, Name: "Nordlicht"}); err != nil {
		tb.Fatal(err)
	}
	return services{accounts, &invitation.Service{
		Invitations: store.Open(recording, invitation.Schema()), Accounts: accounts, Organisations: organisations, Audit: accounts.Audit,
		Mails: accounts.Mails, Now: time.Now, NewID: uuid.NewString,
	}}, work
}

const nordlicht = "nordlicht"

// requests must not reveal whether an address has an account.
var requests = map[string]func(context.Context, services, string) error{
	"register": func(ctx context.Context, s services, email string) error {
		return s.RequestRegistration(ctx, email, "battery staple", auth.User)
	},
	"reset": func(ctx context.Context, s services, email string) error { return s.RequestReset(ctx, email) },
	"login": func(ctx context.Context, s services, email string) error {
		if _, err := s.Authenticate(ctx, email, "battery staple", session.Device{}); err == nil {
			return fmt.Errorf("%s logged in", email)
		}
		return nil
	},
	"invite": func(ctx context.Context, s services, email string) error {
		manager := account.Administrator{Organisations: []string{nordlicht}}
		_, err := s.invitations.Create(ctx, manager, invitation.Invitation{Email: email, Role: auth.User})
		return err
	},
}

// TestSameWorkForEveryAddress compares the hashes, reads and writes of requests with addresses that have
// an account and that have none: if they are the same, so is the time.
func TestSameWorkForEveryAddress(t *testing.T) {
	s, work := recorded(t)
	if _, err := s.Register(t.Context(), "known@nlb.example", "correct horse", auth.User); err != nil {
		t.Fatal(err)
	}
	for name, request := range requests {
		done := map[string][]string{}
		for _, email := range []string{"known@nlb.example", "unknown@nlb.example"} {
			*work = nil
			if err := request(t.Context(), s, email); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			done[email] = *work
		}
		if diff := cmp.Diff(done["known@nlb.example"], done["unknown@nlb.example"]); diff != "" || len(done["known@nlb.example"]) == 0 {
			t.Errorf("%s: the work differs (-known +unknown)\n%s", name, diff)
		}
	}
}

// BenchmarkEnumeration measures each request with known and unknown addresses in turn, and reports the
// medians, for people. An organisation sends 200 invitations in a day, so run at most 100 times:
// go test -run - -bench Enumeration -benchtime 100x ./auth-service/internal/account
func BenchmarkEnumeration(b *testing.B) {
	for name, request := range requests {
		b.Run(name, func(b *testing.B) {
			s, _ := recorded(b)
			times := map[string][]time.Duration{}
			for i := range b.N {
				if _, err := s.Register(b.Context(), fmt.Sprintf("known%d@nlb.example", i), "correct horse", auth.User); err != nil {
					b.Fatal(err)
				}
			}
			for i := range b.N {
				for _, kind := range []string{"known", "unknown"} {
					begin := time.Now()
					if err := request(b.Context(), s, fmt.Sprintf("%s%d@nlb.example", kind, i)); err != nil {
						b.Fatal(err)
					}
					times[kind] = append(times[kind], time.Since(begin))
				}
			}
			for kind, all := range times {
				b.ReportMetric(float64(median(all).Microseconds()), kind+"-µs")
			}
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

package account_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// steps runs functions between the steps of an assignment and of a deletion, once
// each.
type steps struct {
	account.Organisations
	organisation.Members
	at map[string]func()
}

func (s *steps) run(step string) {
	if f := s.at[step]; f != nil {
		delete(s.at, step)
		f()
	}
}

func (s *steps) Confirm(ctx context.Context, id string) error {
	s.run("before confirm")
	defer s.run("after confirm")
	return s.Organisations.Confirm(ctx, id)
}

func (s *steps) EnsureEmpty(ctx context.Context, organisations ...string) error {
	s.run("before ensureEmpty")
	defer s.run("after ensureEmpty")
	return s.Members.EnsureEmpty(ctx, organisations...)
}

func openWithOrganisations(t *testing.T) (*account.Service, *organisation.Service, *steps) {
	accounts, _, _ := open(t)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "organisations.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	organisations := &organisation.Service{
		Organisations: store.Open(db, organisation.Schema()), Claims: store.Open(db, organisation.IDClaimSchema()), Now: time.Now,
		Audit: audit.New(db, time.Now, slog.New(slog.DiscardHandler)),
	}
	s := &steps{Organisations: organisations, Members: accounts, at: map[string]func(){}}
	accounts.Organisations, organisations.Members, accounts.NewID, accounts.Log = s, []organisation.Members{s}, uuid.NewString, slog.New(slog.DiscardHandler)
	return accounts, organisations, s
}

// TestAssignmentOrDeletionFails runs one operation between two steps of the other: an
// account never belongs to a deleted organisation.
func TestAssignmentOrDeletionFails(t *testing.T) {
	for _, c := range []struct{ first, at, then string }{
		{"assign", "before confirm", "delete"},
		{"assign", "after confirm", "delete"},
		{"delete", "before ensureEmpty", "assign"},
		{"delete", "after ensureEmpty", "assign"},
	} {
		t.Run(c.first+", "+c.at+" "+c.then, func(t *testing.T) {
			r := newRace(t)
			do := map[string]func(){"assign": r.assign, "delete": r.remove}
			r.steps.at[c.at] = do[c.then]
			do[c.first]()
			if r.check(); (r.assigned == nil) == (r.deleted == nil) {
				t.Errorf("assignment = %v, deletion = %v, want one to fail", r.assigned, r.deleted)
			}
		})
	}
}

// TestSecondAssignmentDoesNotCompleteFirst: a deletion cancels an assignment, which must
// not succeed by the mark of a second assignment.
func TestSecondAssignmentDoesNotCompleteFirst(t *testing.T) {
	r := newRace(t)
	marked, resume, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.steps.at["after confirm"] = func() {
		r.steps.at["after ensureEmpty"] = func() {
			r.steps.at["before confirm"] = func() { close(marked); <-resume }
			go func() {
				defer close(done)
				_, _ = r.accounts.Change(context.Background(), account.Administrator{All: true}, r.account, account.Change{Organisation: &r.organisation})
			}()
			<-marked
		}
		r.remove()
	}
	r.assign()
	r.check()
	close(resume)
	<-done
	if r.check(); r.deleted != nil || r.assigned == nil {
		t.Errorf("assignment = %v, deletion = %v, want only the deletion to succeed", r.assigned, r.deleted)
	}
}

// TestInterruptedAssignmentBlocksNothing: the mark of an interrupted assignment prevents
// neither the deletion of the organisation nor a new assignment.
func TestInterruptedAssignmentBlocksNothing(t *testing.T) {
	for name, next := range map[string]func(*race) error{
		"deleted":  func(r *race) error { r.remove(); return r.deleted },
		"assigned": func(r *race) error { r.assign(); return r.assigned },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRace(t)
			r.steps.at["after confirm"] = func() { panic("interrupted") }
			func() {
				defer func() { _ = recover() }()
				r.assign()
			}()
			if err := next(r); err != nil {
				t.Error(err)
			}
			r.check()
		})
	}
}

// race assigns an account to an organisation and deletes that organisation.
type race struct {
	t                     *testing.T
	accounts              *account.Service
	organisations         *organisation.Service
	steps                 *steps
	account, organisation string
	assigned, deleted     error
}

func newRace(t *testing.T) *race {
	t.Helper()
	r := &race{t: t, organisation: "nordlicht"}
	r.accounts, r.organisations, r.steps = openWithOrganisations(t)
	ann, err := r.accounts.Register(t.Context(), "ann@x.example", "correct horse", "")
	if err == nil {
		_, err = r.organisations.Create(t.Context(), organisation.Organisation{ID: r.organisation, Name: "N"})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.account = ann.ID
	return r
}

func (r *race) assign() {
	_, r.assigned = r.accounts.Change(r.t.Context(), account.Administrator{All: true}, r.account, account.Change{Organisation: &r.organisation})
}

func (r *race) remove() { r.deleted = r.organisations.Delete(r.t.Context(), r.organisation) }

// check fails the test if the account belongs to an organisation that does not exist.
func (r *race) check() {
	r.t.Helper()
	_, missing := r.organisations.Get(r.t.Context(), r.organisation)
	row, err := r.accounts.Accounts.Get(r.t.Context(), r.account)
	if err != nil {
		r.t.Fatal(err)
	}
	if missing != nil && row.Doc.Organisation != "" {
		r.t.Errorf("the account belongs to organisation %q, which does not exist", row.Doc.Organisation)
	}
}

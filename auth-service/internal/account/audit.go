package account

import (
	"context"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// An Action is what was done to an account.
type Action string

// The actions.
const (
	Registered      Action = "registered"
	Changed         Action = "changed"
	PasswordChanged Action = "passwordChanged"
	SessionsEnded   Action = "sessionsEnded"
	TokenReused     Action = "refreshTokenReused"
)

// Entry is the audit entry of one change of an account. The entries of an account
// are numbered from 1, without gaps.
type Entry struct {
	Account   string      `json:"account" doc:"id of the account that was changed"`
	Number    int64       `json:"number" doc:"of the change of this account, from 1 on"`
	Action    Action      `json:"action" enum:"registered,changed,passwordChanged,sessionsEnded,refreshTokenReused"`
	At        time.Time   `json:"at"`
	By        string      `json:"by,omitempty" doc:"id of the account that did it; none where the environment of the service did, or nobody knows who"`
	From      string      `json:"from,omitempty" doc:"address that the request came from"`
	RequestID string      `json:"requestId,omitempty" doc:"of the request, as in the log"`
	Changes   []FieldDiff `json:"changes,omitempty" doc:"what became of what; never a password"`
}

// FieldDiff is a changed field.
type FieldDiff struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Origin is where a request came from. It is empty for changes that the
// configuration of the service asks for.
type Origin struct {
	Address, RequestID string
	Network            string // of the address: what one client has at least
}

type originKey struct{}

// WithOrigin returns a context with the origin of the request.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// AuditSchema declares how audit entries are stored.
func AuditSchema() store.Schema[Entry] {
	return store.Schema[Entry]{
		Name: "audit", Version: 1,
		Indexes: func(e *Entry) store.Indexes {
			return store.Indexes{Scopes: []string{""}, Created: e.At, Filters: map[string]string{"account": e.Account, "by": e.By}}
		},
	}
}

// update changes an account by one of the changes below, and then appends its new
// audit entry to the audit.
func (s *Service) update(ctx context.Context, id string, change func(*Record) (store.Change, error)) (Record, error) {
	row, err := s.Accounts.Update(ctx, id, change)
	if err == nil {
		s.appendEntry(ctx, row.Doc.LastEntry)
	}
	return row.Doc, err
}

// rightsChange returns a change that revokes all access tokens of the account and
// records an audit entry. The revocation is stored before the change: a revocation
// without a change is harmless, a change without a revocation is not.
func (s *Service) rightsChange(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) store.Change {
	r.Rights++
	c := s.entryChange(ctx, r, action, diffs...)
	c.History = append(c.History, s.Tokens.Revocation(r.ID, r.Rights))
	return c
}

// entryChange returns a change that stores a new audit entry in the account and
// moves the previous one to the audit. So an entry is written together with its
// change or not at all, and none is lost.
func (s *Service) entryChange(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) (c store.Change) {
	if last := r.LastEntry; last.Number > 0 {
		c.History = []store.HistoryRecord{store.HistoryOf(s.Audit, last.id(), last)}
	}
	r.LastEntry = s.newEntry(ctx, r, action, diffs...)
	return c
}

func (s *Service) newEntry(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) Entry {
	o := originOf(ctx)
	return Entry{
		Account: r.ID, Number: r.LastEntry.Number + 1, Action: action, At: s.now(),
		By: auth.Caller(ctx).UserID, From: o.Address, RequestID: o.RequestID, Changes: diffs,
	}
}

func (e Entry) id() string { return fmt.Sprintf("%s/%d", e.Account, e.Number) }

// appendEntry appends the entry of a change to the audit early. If it fails, the
// next change of the account does it, or a query for the entries of the account.
func (s *Service) appendEntry(ctx context.Context, e Entry) {
	if err := s.ensureEntry(ctx, e); err != nil {
		s.Log.WarnContext(ctx, "audit entry not appended yet, will retry", "account", e.Account, "number", e.Number, "err", err)
	}
}

func (s *Service) ensureEntry(ctx context.Context, e Entry) error {
	if e.Number == 0 { // an account of a release without audit
		return nil
	}
	_, err := s.Audit.Insert(ctx, e.id(), e)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// EntryFilter selects audit entries; an empty member selects all.
type EntryFilter struct {
	Account string // that was changed
	By      string // account that changed it
}

// Entries returns a page of the audit, newest first. With a filter by account it
// is complete; without, the latest entry of an account may be missing if its
// writer died.
func (s *Service) Entries(ctx context.Context, f EntryFilter, cursor string, limit int) (store.Page[Entry], error) {
	if f.Account != "" && cursor == "" {
		row, err := s.Accounts.Get(ctx, f.Account)
		if err == nil {
			err = s.ensureEntry(ctx, row.Doc.LastEntry)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return store.Page[Entry]{}, err
		}
	}
	return s.Audit.List(ctx, store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit, Filters: map[string]string{"account": f.Account, "by": f.By}})
}

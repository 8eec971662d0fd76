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

// Entry tells of one change of an account. Entries of an account are numbered
// from 1 on, without gaps.
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

// FieldDiff is a field that has changed.
type FieldDiff struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Origin is where a request came from. What comes from nowhere was set going by
// the environment of the service.
type Origin struct {
	Address, RequestID string
	Network            string // of the address: what one client has at least
}

type originKey struct{}

// WithOrigin returns a context of a request that came from there.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// AuditKind declares how entries are stored.
func AuditSchema() store.Schema[Entry] {
	return store.Schema[Entry]{
		Name: "audit", Version: 1,
		Indexes: func(e *Entry) store.Indexes {
			return store.Indexes{Scopes: []string{""}, Created: e.At, Filters: map[string]string{"account": e.Account, "by": e.By}}
		},
	}
}

// record puts the entry of a change into the account, in the place of that of
// the last one, which stands in the audit by then. So an entry is written with
// its change or not at all, and none is lost.
func (s *Service) record(ctx context.Context, r *Record, action Action, at time.Time, changes ...FieldDiff) error {
	if err := s.file(ctx, r.LastEntry); err != nil {
		return err
	}
	o := originOf(ctx)
	r.LastEntry = Entry{
		Account: r.ID, Number: r.LastEntry.Number + 1, Action: action, At: at,
		By: auth.Caller(ctx).UserID, From: o.Address, RequestID: o.RequestID, Changes: changes,
	}
	return nil
}

// file puts an entry into the audit, where it may stand already: it is the same
// then.
func (s *Service) file(ctx context.Context, e Entry) error {
	if e.Number == 0 {
		return nil
	}
	_, err := s.Audit.Insert(ctx, fmt.Sprintf("%s/%d", e.Account, e.Number), e)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// filed files the entry of a change that was just made. Where that fails the
// next change does it, or whoever asks for the entries of the account.
func (s *Service) filed(ctx context.Context, e Entry) {
	if err := s.file(ctx, e); err != nil {
		s.Log.WarnContext(ctx, "an entry stands with its account, and not yet in the audit", "account", e.Account, "number", e.Number, "err", err)
	}
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
			err = s.file(ctx, row.Doc.LastEntry)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return store.Page[Entry]{}, err
		}
	}
	return s.Audit.List(ctx, store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit, Filters: map[string]string{"account": f.Account, "by": f.By}})
}

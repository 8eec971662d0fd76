package account

import (
	"context"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Action is the kind of a change of an account.
type Action string

// The actions.
const (
	Registered      Action = "registered"
	Changed         Action = "changed"
	PasswordChanged Action = "passwordChanged"
	SessionsEnded   Action = "sessionsEnded"
	TokenReused     Action = "refreshTokenReused"
)

// AuditEntry records one change of an account. The entries of an account are
// numbered from 1, without gaps.
type AuditEntry struct {
	Account   string      `json:"account" doc:"id of the account that was changed"`
	Number    int64       `json:"number" doc:"number of the entry among those of the account, from 1"`
	Action    Action      `json:"action" enum:"registered,changed,passwordChanged,sessionsEnded,refreshTokenReused" doc:"registered: the account was created; changed: an admin changed role, organisation or disabled; passwordChanged: the password was changed; sessionsEnded: the account logged out everywhere; refreshTokenReused: a refresh token was used twice, which ended its session"`
	At        time.Time   `json:"at" doc:"time of the change"`
	By        string      `json:"by,omitempty" doc:"id of the account that made the change; absent if the configuration of the service did, or if the caller is unknown"`
	From      string      `json:"from,omitempty" doc:"IP address of the client"`
	RequestID string      `json:"requestId,omitempty" doc:"id of the request, as in the log"`
	Changes   []FieldDiff `json:"changes,omitempty" doc:"changed fields with their old and new values; never a password"`
}

// FieldDiff is a changed field.
type FieldDiff struct {
	Field string `json:"field" doc:"name of the field: role, organisation or disabled"`
	Old   string `json:"old,omitempty" doc:"value before the change; absent if it was empty"`
	New   string `json:"new,omitempty" doc:"value after the change; absent if it is empty"`
}

// Origin describes the client of a request. It is empty for changes that the
// configuration of the service causes.
type Origin struct {
	Address, RequestID string
	Network            string // of Address: the smallest range of addresses that a client controls
}

type originKey struct{}

// WithOrigin returns a context that carries the origin of the request.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// AuditSchema declares how audit entries are stored.
func AuditSchema() store.Schema[AuditEntry] {
	return store.Schema[AuditEntry]{
		Name: "audit", Version: 1,
		Indexes: func(e *AuditEntry) store.Indexes {
			return store.Indexes{Scopes: []string{""}, Created: e.At, Filters: map[string]string{"account": e.Account, "by": e.By}}
		},
	}
}

// update changes an account and then appends the new audit entry to the audit. The
// change comes from entryChange or rightsChange.
func (s *Service) update(ctx context.Context, id string, change func(*Record) (store.Change, error)) (Record, error) {
	row, err := s.Accounts.Update(ctx, id, change)
	if err == nil {
		s.appendEntry(ctx, row.Doc.LastEntry)
	}
	return row.Doc, err
}

// rightsChange returns a change that revokes all access tokens of the account and
// records an audit entry. The revocation is stored before the change: a spurious
// revocation is harmless, a missing one is not.
func (s *Service) rightsChange(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) store.Change {
	r.Rights++
	c := s.entryChange(ctx, r, action, diffs...)
	c.History = append(c.History, s.Tokens.Revocation(r.ID, r.Rights))
	return c
}

// entryChange returns a change that stores a new audit entry in the account and
// moves the previous one to the audit. So the entry and its change are written
// together, and no entry is lost.
func (s *Service) entryChange(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) (c store.Change) {
	if last := r.LastEntry; last.Number > 0 {
		c.History = []store.HistoryRecord{store.HistoryOf(s.Audit, last.id(), last)}
	}
	r.LastEntry = s.newEntry(ctx, r, action, diffs...)
	return c
}

func (s *Service) newEntry(ctx context.Context, r *Record, action Action, diffs ...FieldDiff) AuditEntry {
	o := originOf(ctx)
	return AuditEntry{
		Account: r.ID, Number: r.LastEntry.Number + 1, Action: action, At: s.now(),
		By: auth.Caller(ctx).UserID, From: o.Address, RequestID: o.RequestID, Changes: diffs,
	}
}

func (e AuditEntry) id() string { return fmt.Sprintf("%s/%d", e.Account, e.Number) }

// appendEntry appends the newest entry to the audit at once. If that fails, the next
// change of the account or the next list of its entries does it.
func (s *Service) appendEntry(ctx context.Context, e AuditEntry) {
	if err := s.ensureEntry(ctx, e); err != nil {
		s.Log.WarnContext(ctx, "audit entry not appended yet, will retry", "account", e.Account, "number", e.Number, "err", err)
	}
}

func (s *Service) ensureEntry(ctx context.Context, e AuditEntry) error {
	if e.Number == 0 { // stored by a release without audit
		return nil
	}
	_, err := s.Audit.Insert(ctx, e.id(), e)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// AuditFilter selects audit entries; an empty member selects all.
type AuditFilter struct {
	Account string // id of the changed account
	By      string // id of the account that made the change
}

// ListAudit returns a page of the audit, newest first. With AuditFilter.Account the
// list is complete; without, the newest entry of an account is missing if the
// process was killed before appendEntry. It fails with fault.Malformed if the cursor
// belongs to another list.
func (s *Service) ListAudit(ctx context.Context, f AuditFilter, cursor string, limit int) (store.Page[AuditEntry], error) {
	if f.Account != "" && cursor == "" {
		row, err := s.Accounts.Get(ctx, f.Account)
		if err == nil {
			err = s.ensureEntry(ctx, row.Doc.LastEntry)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return store.Page[AuditEntry]{}, err
		}
	}
	return s.Audit.List(ctx, store.Query{Scopes: []string{store.All}, Cursor: cursor, Limit: limit, Filters: map[string]string{"account": f.Account, "by": f.By}})
}

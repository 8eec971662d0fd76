package client

import (
	"context"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Change is a change of a client. Nil members stay unchanged.
type Change struct {
	Name     *string `json:"name,omitempty" example:"ERP" doc:"new name for display"`
	Disabled *bool   `json:"disabled,omitempty" doc:"true disables the client and revokes its tokens; false enables it"`
}

// Change changes a client. It fails with fault.Invalid and, with versions, with fault.Stale
// unless the client has one of them.
func (s *Service) Change(ctx context.Context, by account.Administrator, id string, c Change, versions ...int64) (Record, error) {
	return s.update(ctx, by, id, versions, func(r *Record) (store.Change, error) {
		before := r.APIClient
		if c.Name != nil {
			if details := checkName(*c.Name); details != nil {
				return store.Change{}, fault.New(fault.Invalid, "the client is not valid").With(details...)
			}
			r.Name = *c.Name
		}
		if c.Disabled != nil {
			r.Disabled = *c.Disabled
		}
		var diffs []audit.FieldDiff
		if r.Name != before.Name {
			diffs = append(diffs, audit.FieldDiff{Field: "name", Old: before.Name, New: r.Name})
		}
		if r.Disabled != before.Disabled {
			diffs = append(diffs, audit.FieldDiff{Field: "disabled", Old: strconv.FormatBool(before.Disabled), New: strconv.FormatBool(r.Disabled)})
		}
		if diffs == nil {
			return store.Change{}, store.ErrNoChange
		}
		change := s.entry(ctx, r, audit.ClientChanged, diffs...)
		if r.Disabled && !before.Disabled {
			change.History = append(change.History, s.revoke(r))
		}
		return change, nil
	})
}

// revoke returns the record that revokes all access tokens of a client. It is stored before
// the change: a spurious revocation is harmless, a missing one is not.
func (s *Service) revoke(r *Record) store.HistoryRecord {
	r.Rights++
	return s.Tokens.Revocation(r.ID, r.Rights)
}

// Delete deletes a client and revokes its tokens. Its record stays, because it is the owner
// of data.
func (s *Service) Delete(ctx context.Context, by account.Administrator, id string) error {
	_, err := s.update(ctx, by, id, nil, func(r *Record) (store.Change, error) {
		r.Deleted, r.Hashes, r.Secrets = true, nil, nil
		change := s.entry(ctx, r, audit.ClientDeleted, audit.FieldDiff{Field: "name", Old: r.Name})
		change.History = append(change.History, s.revoke(r))
		return change, nil
	})
	return err
}

// AddSecret adds a secret and returns its id and value. The other secret stays valid. It fails
// with fault.Conflict if the client has two.
func (s *Service) AddSecret(ctx context.Context, by account.Administrator, id string) (added Secret, value string, err error) {
	r, err := s.update(ctx, by, id, nil, func(r *Record) (store.Change, error) {
		if len(r.Secrets) >= maxSecrets {
			return store.Change{}, fault.New(fault.Conflict, "the client has %d secrets; delete the unused one first", maxSecrets)
		}
		if r.Hashes == nil {
			r.Hashes = map[string][]byte{}
		}
		value = s.addSecret(r)
		return s.entry(ctx, r, audit.ClientSecretAdded, audit.FieldDiff{Field: "secrets", New: r.Secrets[len(r.Secrets)-1].ID}), nil
	})
	if err != nil {
		return Secret{}, "", err
	}
	return r.Secrets[len(r.Secrets)-1], value, nil
}

// RemoveSecret deletes a secret and revokes the tokens that were issued for it. Those of the
// other secret stay valid.
func (s *Service) RemoveSecret(ctx context.Context, by account.Administrator, id, secret string) error {
	_, err := s.update(ctx, by, id, nil, func(r *Record) (store.Change, error) {
		i := slices.IndexFunc(r.Secrets, func(have Secret) bool { return have.ID == secret })
		if i < 0 {
			return store.Change{}, fault.New(fault.NotFound, "secret %q of the client not found", secret)
		}
		r.Secrets = slices.Delete(r.Secrets, i, i+1)
		delete(r.Hashes, secret)
		change := s.entry(ctx, r, audit.ClientSecretRemoved, audit.FieldDiff{Field: "secrets", Old: secret})
		change.History = append(change.History, s.Tokens.Revocation(secret, 1))
		return change, nil
	})
	return err
}

// update changes a client that the administrator may see, and appends its audit entry.
func (s *Service) update(ctx context.Context, by account.Administrator, id string, versions []int64, change func(*Record) (store.Change, error)) (Record, error) {
	found := false
	row, err := s.Clients.Update(ctx, id, func(r *Record) (store.Change, error) {
		if found = r.visibleTo(by); !found {
			return store.Change{}, store.ErrNotFound(id)
		}
		if err := r.LastEntry.CheckVersion(versions); err != nil {
			return store.Change{}, err
		}
		last := r.LastEntry.Number
		c, err := change(r)
		if r.LastEntry.Number != last {
			r.UpdatedAt = s.now()
		}
		return c, err
	})
	if fault.Is(err, fault.NotFound) && !found {
		err = errNotFound(id)
	}
	if err == nil {
		s.Audit.Append(ctx, row.Doc.LastEntry)
	}
	return row.Doc, err
}

package notification

import (
	"context"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// lookup reads accounts, organisations and owners once for all events of a batch. It is not
// safe for concurrent use.
type lookup struct {
	*Service
	accounts      map[string]AccountProjection
	organisations map[string][]string              // ids by id
	lists         map[Audience][]AccountProjection // members
	owners        map[string]OwnerProjection       // by subject
}

func newLookup(s *Service) *lookup {
	return &lookup{
		Service: s, accounts: map[string]AccountProjection{}, organisations: map[string][]string{},
		lists: map[Audience][]AccountProjection{}, owners: map[string]OwnerProjection{},
	}
}

// loadOnce returns the value of a key, and reads it if it is not loaded.
func loadOnce[K comparable, V any](loaded map[K]V, key K, read func() (V, error)) (V, error) {
	v, ok := loaded[key]
	if ok {
		return v, nil
	}
	v, err := read()
	if err == nil {
		loaded[key] = v
	}
	return v, err
}

// account is Service.account.
func (l *lookup) account(ctx context.Context, id string) (AccountProjection, error) {
	return loadOnce(l.accounts, id, func() (AccountProjection, error) { return l.Service.account(ctx, id) })
}

// organisationIDs is Service.organisationIDs.
func (l *lookup) organisationIDs(ctx context.Context, id string) ([]string, error) {
	return loadOnce(l.organisations, id, func() ([]string, error) { return l.Service.organisationIDs(ctx, id) })
}

// list returns the accounts of an audience, which match the query and are not disabled.
func (l *lookup) list(ctx context.Context, a Audience, q store.Query) ([]AccountProjection, error) {
	return loadOnce(l.lists, a, func() (all []AccountProjection, _ error) {
		q.Scopes, q.Order, q.Limit = []string{store.All}, store.OldestFirst, store.MaxLimit
		for row, err := range l.Accounts.All(ctx, q) {
			if err != nil {
				return nil, err
			}
			all = append(all, row.Doc)
		}
		return all, nil
	})
}

// storeOwners stores the accounts that created or uploaded the subjects of events, because
// later events do not name them.
func (l *lookup) storeOwners(ctx context.Context, events []parsedEvent) error {
	var writes []store.Write[OwnerProjection]
	isNew := map[string]bool{}
	for _, e := range events {
		key := subjectKey(e.Type)
		owner, subject := e.payload.namedOwner(), subjectOf(key, e.payload)
		if owner.UserID == "" || key == "" || aboutAccounts(e.Type) || isNew[subject] {
			continue
		}
		isNew[subject] = true
		writes = append(writes, store.Write[OwnerProjection]{ID: subject, Doc: owner})
	}
	if len(writes) == 0 {
		return nil
	}
	return insertNew(ctx, l.Owners, writes)
}

func subjectOf(key string, p payload) string { return key + ":" + p.string(key) }

// namedOwner returns the owner that an event names, if it does.
func (p payload) namedOwner() OwnerProjection {
	return OwnerProjection{UserID: p.first(ownerKeys), Organisation: p.string("organisation")}
}

// owner returns the owner of the subject of an event.
func (l *lookup) owner(ctx context.Context, key string, p payload) (OwnerProjection, error) {
	named := p.namedOwner()
	if named.UserID != "" && key != "" {
		return named, nil
	}
	subject := subjectOf(key, p)
	o, err := loadOnce(l.owners, subject, func() (OwnerProjection, error) {
		row, err := l.Owners.Get(ctx, subject)
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return row.Doc, err
	})
	if named.Organisation != "" {
		o.Organisation = named.Organisation
	}
	return o, err
}

package passport

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Unique indexes of identifiers. Their values are keys of package batteryid. All published
// passports share one set of keys: the identifiers of an archived or ceased passport remain in
// use, those of a voided one are free. The drafts of each owner have their own set of keys, so
// a draft neither blocks the identifier for other owners nor reveals to them that it exists.
// The first owner to publish gets the identifier.
const (
	byIdentifier         = "batteryIdentifier"
	byPassportIdentifier = "batteryPassportIdentifier"
)

// uniqueAttribute is an identifier that no two published passports share.
type uniqueAttribute struct {
	index, path string
	key         func(identifier string) string
}

var uniqueAttributes = []uniqueAttribute{{byIdentifier, batteryIdentifier, batteryid.Key}, {byPassportIdentifier, passportIdentifier, batteryid.URIKey}}

// uniqueKeys returns the keys of a passport in the unique indexes.
func uniqueKeys(p *Passport) map[string]string {
	if p.Deleted || p.Head.State == Voided {
		return nil
	}
	keys := map[string]string{byIdentifier: batteryid.Key(p.BatteryIdentifier), byPassportIdentifier: batteryid.URIKey(p.identifier())}
	if p.Head.State == Draft {
		for index, key := range keys {
			keys[index] = draftKey(p.Head.Owner.scope(), key)
		}
	}
	return keys
}

// draftKey returns the unique key of a draft whose owner has the store scope.
func draftKey(scope, key string) string {
	if key == "" {
		return ""
	}
	return strconv.Quote(scope) + " " + key
}

// draftScopesOf returns the store scopes of the drafts that count as the caller's own.
func draftScopesOf(caller auth.Principal) (scopes []string) {
	for _, organisation := range caller.Organisations() {
		scopes = append(scopes, Owner{Organisation: organisation}.scope())
	}
	if len(scopes) == 0 {
		scopes = append(scopes, ownerOf(caller).scope())
	}
	return scopes
}

// draftScopes returns the store scopes of the drafts of the owner. For a caller who
// belongs to the owner these include former ids of the organisation.
func (o Owner) draftScopes(caller auth.Principal) []string {
	if o.includes(caller) {
		return draftScopesOf(caller)
	}
	return []string{o.scope()}
}

// organisations returns the ids of the organisation that owns a passport; for a caller who
// belongs to it these include its former ids.
func (o Owner) organisations(caller auth.Principal) []string {
	if o.includes(caller) {
		return caller.Organisations()
	}
	return []string{o.Organisation}
}

// uniqueValues returns the values that a passport with the identifier can have in the unique
// index: as a published passport, or as a draft in one of the scopes.
func (a uniqueAttribute) uniqueValues(identifier string, scopes []string) []string {
	key := a.key(identifier)
	if key == "" {
		return nil
	}
	values := []string{key}
	if identifier != key { // of a passport that Reindex has not reached
		values = append(values, identifier)
	}
	for _, scope := range scopes {
		values = append(values, draftKey(scope, key))
	}
	return values
}

// findIdentifier returns the passport with an identifier that was published or is a draft in
// one of the scopes. It fails with fault.NotFound, even if another owner has a draft with the
// identifier.
func (s *Service) findIdentifier(ctx context.Context, a uniqueAttribute, identifier string, scopes []string) (store.Row[Passport], error) {
	for _, value := range a.uniqueValues(identifier, scopes) {
		row, err := s.Passports.GetBy(ctx, a.index, value)
		otherOwner := err == nil && row.Doc.Head.State == Draft && !slices.Contains(scopes, row.Doc.Head.Owner.scope()) // Reindex has not reached it
		if !otherOwner && !fault.Is(err, fault.NotFound) {
			return row, err
		}
	}
	return store.Row[Passport]{}, errNotFound(identifier)
}

// checkIdentifiers checks the identifiers of a draft that a write changes. It fails with
// fault.Invalid if its owner may not use the namespace, and like checkUnique.
func (s *Service) checkIdentifiers(ctx context.Context, p *Passport, before, after *ruleset.Document) error {
	if _, err := checkNamespaces(ctx, s.Namespaces.WithCache(), p, before, after); err != nil {
		return err
	}
	return s.checkUnique(ctx, p.ID, before, after, p.Head.Owner.draftScopes(auth.Caller(ctx)), uniqueAttributes...)
}

// checkUnique fails with fault.Conflict if after has an identifier that before does not have,
// and that belongs to a published passport or to another draft in the scopes. The unique
// indexes reject identifiers that are taken concurrently.
func (s *Service) checkUnique(ctx context.Context, id string, before, after *ruleset.Document, scopes []string, attributes ...uniqueAttribute) error {
	for _, a := range attributes {
		identifier := after.Text(a.path)
		if key := a.key(identifier); key == "" || before != nil && key == a.key(before.Text(a.path)) {
			continue
		}
		ids, err := s.Passports.IDsBy(ctx, a.index, a.uniqueValues(identifier, scopes)) // one look-up instead of one for each value
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			continue
		}
		row, err := s.findIdentifier(ctx, a, identifier, scopes)
		if err == nil && row.ID != id {
			return errDuplicate(a.path, identifier)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// duplicates reports which identifiers in data belong to a published passport or to a
// draft in the scopes.
func (s *Service) duplicates(ctx context.Context, data *ruleset.Document, scopes []string) (facts compliance.StoreFacts, err error) {
	for i, isTaken := range []*bool{&facts.IdentifierTaken, &facts.PassportIdentifierTaken} {
		a := uniqueAttributes[i]
		identifier := data.Text(a.path)
		if a.key(identifier) == "" {
			continue
		}
		switch _, err := s.findIdentifier(ctx, a, identifier, scopes); {
		case err == nil:
			*isTaken = true
		case !fault.Is(err, fault.NotFound):
			return facts, err
		}
	}
	return facts, nil
}

// duplicateError converts the conflict of a unique index to an error that names the
// field of p with the duplicate value. It returns other errors unchanged.
func duplicateError(err error, p *Passport) error {
	switch index, _ := store.Duplicate(err); index {
	case byIdentifier:
		return errDuplicate(batteryIdentifier, p.BatteryIdentifier).Because(err)
	case byPassportIdentifier:
		return errDuplicate(passportIdentifier, p.identifier()).Because(err)
	case store.ID: // derived from the idempotency key
		return fault.New(fault.Conflict, "the resource created with this key was deleted").With(fault.Detail{
			Path: "idempotencyKey", Code: "duplicate", Message: "must be a new key to create the resource again",
		}).Because(err)
	}
	return err
}

// errDuplicate returns the fault for a duplicate identifier. It does not reveal whose passport
// has the identifier.
func errDuplicate(path, identifier string) *fault.Error {
	return fault.New(fault.Conflict, "a passport with this identifier already exists").
		With(newDetail(pointer(path), "duplicate", fmt.Sprintf("must be unique; a passport with %q already exists", identifier)))
}

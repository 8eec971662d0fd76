package document

import (
	"context"

	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/store"
)

// owner returns the owner of the document.
func (d *Document) owner() ownership.Owner {
	return ownership.Owner{Organisation: d.Organisation, Account: d.account()}
}

// setTrust sets FromPassportOwner in d.
func (s *Service) setTrust(ctx context.Context, d *Document) (err error) {
	if d.FromPassportOwner = false; d.PassportID != "" {
		d.FromPassportOwner, err = s.Owners.Owns(ctx, d.owner(), d.PassportID)
	}
	return err
}

// setTrustOf sets FromPassportOwner in the documents of a page. It looks up each owner and
// passport once.
func (s *Service) setTrustOf(ctx context.Context, rows []store.Row[Document]) error {
	type pair struct {
		owner    ownership.Owner
		passport string
	}
	known := map[pair]bool{}
	for i := range rows {
		d := &rows[i].Doc
		key := pair{d.owner(), d.PassportID}
		trust, ok := known[key]
		if !ok {
			if err := s.setTrust(ctx, d); err != nil {
				return err
			}
			trust = d.FromPassportOwner
			known[key] = trust
		}
		d.FromPassportOwner = trust
	}
	return nil
}

// scopesOfPassport returns the scopes of the documents that belong to the owner of a
// passport; scope is passportScope or publicScope.
func (s *Service) scopesOfPassport(ctx context.Context, passport string, scope func(string, ownership.Owner) string) ([]string, error) {
	owners, err := s.Owners.OwnersOf(ctx, passport)
	scopes := make([]string, len(owners))
	for i, owner := range owners {
		scopes[i] = scope(passport, owner)
	}
	return scopes, err
}

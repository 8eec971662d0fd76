package organisation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// IDClaim is the claim of an organisation to an id: its own id or a former id. The key
// of the record is that id, so only one organisation can claim it. An organisation
// claims its own id before it is stored, and never loses that claim. It claims a
// former id before it lists it in FormerIDs. Such a claim is valid only while the id
// is listed; otherwise another organisation can take it over.
type IDClaim struct {
	Organisation string    `json:"organisation"`
	CreatedAt    time.Time `json:"createdAt"`
}

// IDClaimSchema declares how claims are stored.
func IDClaimSchema() store.Schema[IDClaim] {
	return store.Schema[IDClaim]{Name: "organisation_former_ids", Version: 1}
}

// claimFormerIDs claims the former ids of o. It fails with fault.Conflict if one of
// them belongs to another organisation.
func (s *Service) claimFormerIDs(ctx context.Context, o Organisation) error {
	for i, id := range o.FormerIDs {
		path := fmt.Sprintf("/formerIds/%d", i)
		switch _, err := s.Organisations.Version(ctx, id); {
		case err == nil:
			return errDuplicate(path, "must not be the id of another organisation, existing or deleted, got %q", id)
		case !fault.Is(err, fault.NotFound):
			return err
		}
		if err := s.claim(ctx, o.ID, id, path); err != nil {
			return err
		}
	}
	return nil
}

// claim claims an id for an organisation. It fails with fault.Conflict if the claim of
// another organisation is valid.
func (s *Service) claim(ctx context.Context, organisation, id, path string) error {
	for {
		err := s.tryClaim(ctx, organisation, id, path)
		if !fault.Is(err, fault.Stale) {
			return err
		}
	}
}

// tryClaim is one attempt of claim. It fails with fault.Stale if the claim, or the
// organisation that loses it, changes at the same time. It raises the version of an
// existing claim, so that a concurrent call that has read it fails.
func (s *Service) tryClaim(ctx context.Context, organisation, id, path string) error {
	claim, err := s.Claims.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		if _, err = s.Claims.Insert(ctx, id, IDClaim{Organisation: organisation, CreatedAt: s.now()}); fault.Is(err, fault.Conflict) {
			return store.ErrStale(id)
		}
		return err
	}
	if err == nil && claim.Doc.Organisation != organisation {
		err = s.invalidateClaim(ctx, claim, path)
	}
	if err != nil {
		return err
	}
	_, err = s.Claims.Update(ctx, id, func(f *IDClaim) (store.Change, error) {
		f.Organisation = organisation
		return store.Change{}, nil
	}, store.IfVersion(claim.Version))
	return err
}

// invalidateClaim fails with fault.Conflict if a claim is valid. Otherwise it raises
// the version of the organisation that made it: a concurrent change that is about to
// list the id starts over and finds the claim taken.
func (s *Service) invalidateClaim(ctx context.Context, claim store.Row[IDClaim], path string) error {
	owner := claim.Doc.Organisation
	if owner == claim.ID {
		return errDuplicate(path, "must not be the id of another organisation, existing or deleted, got %q", claim.ID)
	}
	row, err := s.find(ctx, owner)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case slices.Contains(row.Doc.FormerIDs, claim.ID):
		return errDuplicate(path, "must not be a former id of organisation %q, got %q", owner, claim.ID)
	}
	_, err = s.Organisations.Update(ctx, owner, func(*Record) (store.Change, error) { return store.Change{}, nil }, store.IfVersion(row.Version))
	return err
}

// getByFormerID returns the organisation that has the former id, or fails with
// fault.NotFound.
func (s *Service) getByFormerID(ctx context.Context, id string) (store.Row[Record], error) {
	claim, err := s.Claims.Get(ctx, id)
	if err != nil {
		return store.Row[Record]{}, err
	}
	row, err := s.find(ctx, claim.Doc.Organisation)
	if err == nil && !slices.Contains(row.Doc.FormerIDs, id) {
		return store.Row[Record]{}, store.ErrNotFound(id)
	}
	return row, err
}

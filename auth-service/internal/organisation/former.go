package organisation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// FormerID is a claim: the organisation that has the id of the record, as its id
// or as a former id. So only one organisation can have it. An organisation claims
// its own id forever, before it is stored. It claims a former id before it lists
// it; the claim counts only while it does, and can be taken over otherwise.
type FormerID struct {
	Organisation string    `json:"organisation"`
	CreatedAt    time.Time `json:"createdAt"`
}

// FormerIDSchema declares how claims are stored.
func FormerIDSchema() store.Schema[FormerID] {
	return store.Schema[FormerID]{Name: "organisation_former_ids", Version: 1}
}

// claimFormerIDs stores the claims of o to its former ids. It fails with
// fault.Conflict if one of them belongs to another organisation.
func (s *Service) claimFormerIDs(ctx context.Context, o Organisation) error {
	for i, id := range o.FormerIDs {
		path := fmt.Sprintf("/formerIds/%d", i)
		switch _, err := s.Organisations.Version(ctx, id); {
		case err == nil:
			return taken(path, "is, or was, the id of another organisation: %q", id)
		case !fault.Is(err, fault.NotFound):
			return err
		}
		if err := s.claim(ctx, o.ID, id, path); err != nil {
			return err
		}
	}
	return nil
}

// claim stores the claim of an organisation to an id. It fails with fault.Conflict
// if the claim of another organisation counts.
func (s *Service) claim(ctx context.Context, organisation, id, path string) error {
	for {
		err := s.tryClaim(ctx, organisation, id, path)
		if !fault.Is(err, fault.Stale) {
			return err
		}
	}
}

// tryClaim fails with fault.Stale if the claim, or the organisation that it is
// taken over from, changes at the same time. It raises the version of a claim that
// exists, so that nobody who has read it before takes it over.
func (s *Service) tryClaim(ctx context.Context, organisation, id, path string) error {
	claim, err := s.FormerIDs.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		if _, err = s.FormerIDs.Insert(ctx, id, FormerID{Organisation: organisation, CreatedAt: s.now()}); fault.Is(err, fault.Conflict) {
			return store.ErrStale(id)
		}
		return err
	}
	if err == nil && claim.Doc.Organisation != organisation {
		err = s.refute(ctx, claim, path)
	}
	if err != nil {
		return err
	}
	_, err = s.FormerIDs.Update(ctx, id, func(f *FormerID) (store.Change, error) {
		f.Organisation = organisation
		return store.Change{}, nil
	}, store.IfVersion(claim.Version))
	return err
}

// refute fails with fault.Conflict if a claim counts. Otherwise it raises the
// version of the organisation that made it: a concurrent change, which may be about
// to list the id, starts over and finds the claim taken.
func (s *Service) refute(ctx context.Context, claim store.Row[FormerID], path string) error {
	owner := claim.Doc.Organisation
	if owner == claim.ID {
		return taken(path, "is, or was, the id of another organisation: %q", claim.ID)
	}
	row, err := s.find(ctx, owner)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case slices.Contains(row.Doc.FormerIDs, claim.ID):
		return taken(path, "belongs to organisation %q already: %q", owner, claim.ID)
	}
	_, err = s.Organisations.Update(ctx, owner, func(*Organisation) (store.Change, error) { return store.Change{}, nil }, store.IfVersion(row.Version))
	return err
}

// getByFormerID returns the organisation that has the former id, or fails with
// fault.NotFound.
func (s *Service) getByFormerID(ctx context.Context, id string) (store.Row[Organisation], error) {
	claim, err := s.FormerIDs.Get(ctx, id)
	if err != nil {
		return store.Row[Organisation]{}, err
	}
	row, err := s.find(ctx, claim.Doc.Organisation)
	if err == nil && !slices.Contains(row.Doc.FormerIDs, id) {
		return store.Row[Organisation]{}, store.ErrNotFound(id)
	}
	return row, err
}

package organisation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// FormerID is the claim of an organisation to a former id, which is the id of the
// record: so only one organisation can have it. A claim is stored before the
// organisation lists the former id and deleted after it no longer does.
type FormerID struct {
	Organisation string    `json:"organisation"`
	CreatedAt    time.Time `json:"createdAt"`
}

// FormerIDSchema declares how claims are stored.
func FormerIDSchema() store.Schema[FormerID] {
	return store.Schema[FormerID]{
		Name: "organisation_former_ids", Version: 1,
		Indexes: func(f *FormerID) store.Indexes {
			return store.Indexes{Scopes: []string{f.Organisation}, Created: f.CreatedAt}
		},
	}
}

// claim stores the claims of o and returns those it no longer needs. It raises the
// version of a claim that exists, so that release, which another change may have
// begun, does not delete it. It fails with fault.Conflict.
func (s *Service) claim(ctx context.Context, o Organisation) (obsolete []store.Row[FormerID], err error) {
	for i, id := range o.FormerIDs {
		path := fmt.Sprintf("/formerIds/%d", i)
		switch _, err := s.Organisations.Version(ctx, id); {
		case err == nil:
			return nil, taken(path, "is the id of another organisation: %q", id)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
		if err := s.claimOne(ctx, o.ID, id, path); err != nil {
			return nil, err
		}
	}
	claims, err := s.claimsOf(ctx, o.ID)
	return slices.DeleteFunc(claims, func(c store.Row[FormerID]) bool { return slices.Contains(o.FormerIDs, c.ID) }), err
}

func (s *Service) claimOne(ctx context.Context, organisation, id, path string) error {
	for {
		_, err := s.FormerIDs.Update(ctx, id, func(f *FormerID) (store.Change, error) {
			if f.Organisation != organisation {
				return store.Change{}, taken(path, "belongs to organisation %q already: %q", f.Organisation, id)
			}
			return store.Change{}, nil
		})
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		_, err = s.FormerIDs.Insert(ctx, id, FormerID{Organisation: organisation, CreatedAt: s.now()})
		if !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

func (s *Service) claimsOf(ctx context.Context, organisation string) ([]store.Row[FormerID], error) {
	page, err := s.FormerIDs.List(ctx, store.Query{Scopes: []string{organisation}, Limit: store.MaxLimit})
	return page.Rows, err
}

// release deletes claims that nobody has renewed since they were read.
func (s *Service) release(ctx context.Context, claims []store.Row[FormerID]) error {
	for _, c := range claims {
		if err := s.FormerIDs.Delete(ctx, c.ID, c.Version); err != nil && !fault.Is(err, fault.Stale) && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// getByFormerID returns the organisation that has the former id, or fails with
// fault.NotFound.
func (s *Service) getByFormerID(ctx context.Context, id string) (store.Row[Organisation], error) {
	claim, err := s.FormerIDs.Get(ctx, id)
	if err != nil {
		return store.Row[Organisation]{}, err
	}
	row, err := s.Organisations.Get(ctx, claim.Doc.Organisation)
	if err == nil && !slices.Contains(row.Doc.FormerIDs, id) { // the change that claimed it is not stored yet
		return store.Row[Organisation]{}, store.ErrNotFound(id)
	}
	return row, err
}

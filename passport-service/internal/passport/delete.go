package passport

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const sweepEvery = time.Minute

// Delete removes a draft with its versions. With versions given it fails with
// fault.Stale unless the passport has one of them.
//
// It is decided by the one write that puts the passport out of sight, tells of
// it, and frees its identifier. What is stored of it goes after that: versions
// first, so that none is left without its passport when the process dies in
// between; Sweep goes on then.
func (s *Service) Delete(ctx context.Context, id string, ifVersion ...int64) error {
	if err := s.seen(ctx, id, ifVersion); err != nil {
		return err
	}
	caller := auth.Caller(ctx)
	row, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := p.mayChange(caller); err != nil {
			return store.Change{}, err
		}
		if _, err := p.Head.State.after(Delete); err != nil {
			return store.Change{}, err
		}
		p.Deleted = true
		return store.Change{Events: []event.Envelope{p.deleted(caller.UserID, s.now())}}, nil
	}, store.IfVersion(ifVersion...))
	if fault.Is(err, fault.NotFound) {
		return notFound(id)
	}
	if err != nil {
		return err
	}
	if err := s.remove(ctx, row); err != nil {
		s.Log.WarnContext(ctx, "deleted passport is removed later", "passport", id, "err", err)
	}
	return nil
}

// remove removes what is stored of a deleted passport.
func (s *Service) remove(ctx context.Context, row store.Row[Passport]) error {
	for {
		page, err := s.Versions.List(ctx, store.Query{Scopes: []string{row.ID}, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 {
			return ignoreGone(s.Passports.Delete(ctx, row.ID, row.Version))
		}
		for _, v := range page.Rows {
			if err := ignoreGone(s.Versions.Delete(ctx, v.ID, v.Version)); err != nil {
				return err
			}
		}
	}
}

func ignoreGone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil // another sweep was quicker
	}
	return err
}

// unkeep removes a version that was kept for a write that then failed, if the
// passport was deleted meanwhile: the version may have come after its siblings
// were removed. Of a passport that lives on, others keep the same version.
func (s *Service) unkeep(ctx context.Context, id, version string) {
	row, err := s.Passports.Get(ctx, id)
	if err == nil && !row.Doc.Deleted {
		return
	}
	if ignoreGone(err) == nil {
		err = ignoreGone(s.Versions.Delete(ctx, version, 1))
	}
	if err != nil {
		s.Log.WarnContext(ctx, "version of a deleted passport is left", "version", version, "err", err)
	}
}

// Sweep ends the deletions that a process did not come to the end of, at once
// and every minute until ctx is done.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			s.Log.WarnContext(ctx, "deleted passports are not removed yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepEvery):
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	q := store.Query{Scopes: []string{deletedScope}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for {
		page, err := s.Passports.List(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if err := s.remove(ctx, row); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

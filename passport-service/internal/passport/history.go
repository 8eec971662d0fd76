package passport

import (
	"context"
	"sort"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Version returns one version of a passport, as far as the caller sees it.
func (s *Service) Version(ctx context.Context, id string, number int64) (VersionView, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return VersionView{}, err
	}
	v, err := s.visibleVersion(ctx, &p, access, number)
	return s.versionView(v, access), err
}

// visibleVersion is version for what the access covers.
func (s *Service) visibleVersion(ctx context.Context, p *Passport, access Access, number int64) (Version, error) {
	v, err := s.version(ctx, p, number)
	if err == nil && !access.Version(&v) {
		return Version{}, fault.New(fault.NotFound, "version %d of passport %s was not published", number, p.ID)
	}
	return v, err
}

// VersionView is the part of a version that an access covers.
type VersionView struct {
	Version
	Access Access
}

func (s *Service) versionView(v Version, access Access) VersionView {
	if v.Data != nil {
		v.Data = s.rules().Project(v.Data, access.Classes)
	}
	return VersionView{v, access}
}

func (s *Service) version(ctx context.Context, p *Passport, number int64) (Version, error) {
	if number == p.Head.Number {
		return p.Head, nil
	}
	if number < 1 || number > p.Head.Number {
		return Version{}, fault.New(fault.NotFound, "passport %s has the versions 1 to %d", p.ID, p.Head.Number)
	}
	row, err := s.Versions.Get(ctx, versionID(p.ID, number))
	return row.Doc, err
}

// At returns a passport as it was at a time, as far as the caller may see it now.
// It fails with fault.NotFound before its first version, and with fault.Invalid
// in the future.
func (s *Service) At(ctx context.Context, id string, at time.Time) (PassportView, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return PassportView{}, err
	}
	if at.After(s.Now()) {
		return PassportView{}, fault.New(fault.Invalid, `"at" must not be in the future`).
			With(fault.Detail{Path: "at", Code: "range", Message: "must not be in the future"})
	}
	// The first version that is newer, or the one after the last.
	newer := 1 + sort.Search(int(p.Head.Number), func(i int) bool {
		v, verr := s.version(ctx, &p, int64(i+1))
		if verr != nil {
			err = verr
		}
		return v.CreatedAt.After(at)
	})
	if err != nil {
		return PassportView{}, err
	}
	if newer == 1 {
		return PassportView{}, fault.New(fault.NotFound, "passport %s was created at %s", id, p.CreatedAt.Format(wire.TimeLayout))
	}
	if p.Head, err = s.visibleVersion(ctx, &p, access, int64(newer-1)); err != nil {
		return PassportView{}, err
	}
	p.BatteryIdentifier = p.text(batteryIdentifier)
	return s.viewFor(p, access), nil
}

// VersionPage is a page of the versions of a passport.
type VersionPage struct {
	Versions []VersionView
	Next     string
}

// History returns a page of the versions of a passport, the newest first.
func (s *Service) History(ctx context.Context, id, cursor string, limit int) (VersionPage, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return VersionPage{}, err
	}
	q := store.Query{Scopes: []string{id}, Cursor: cursor, Limit: limit}
	older, err := s.Versions.List(ctx, q)
	if err != nil {
		return VersionPage{}, err
	}
	var page VersionPage
	if cursor == "" {
		page.Versions = append(page.Versions, s.versionView(p.Head, access))
	}
	for _, row := range older.Rows {
		// A version is in the history before the newer one is the head.
		if row.Doc.Number < p.Head.Number && access.Version(&row.Doc) {
			page.Versions = append(page.Versions, s.versionView(row.Doc, access))
		}
	}
	page.Next = older.Next
	if len(page.Versions) > limit {
		page.Versions = page.Versions[:limit]
		last := page.Versions[limit-1]
		page.Next = q.CursorAfter(last.CreatedAt, last.id())
	}
	return page, nil
}

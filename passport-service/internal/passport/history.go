package passport

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Version returns the part of a version that the caller may read. It fails with
// fault.NotFound.
func (s *Service) Version(ctx context.Context, id string, number int64) (VersionView, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return VersionView{}, err
	}
	v, err := s.visibleVersion(ctx, &p, access, number)
	return s.versionView(v, access), err
}

// visibleVersion returns a version with all of its data. It fails with fault.NotFound
// if the access does not include the version.
func (s *Service) visibleVersion(ctx context.Context, p *Passport, access Access, number int64) (Version, error) {
	v, err := s.version(ctx, p, number)
	if err == nil && !access.CanReadVersion(&v) {
		return Version{}, fault.New(fault.NotFound, "version %d of passport %s is not published", number, p.ID)
	}
	return v, err
}

// VersionView is a version reduced to the data that an access covers.
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

// version returns a version with all of its data, without checking access.
func (s *Service) version(ctx context.Context, p *Passport, number int64) (Version, error) {
	if number == p.Head.Number {
		return p.Head, nil
	}
	if number < 1 || number > p.Head.Number {
		return Version{}, fault.New(fault.NotFound, "version %d of passport %s not found; the newest version is %d", number, p.ID, p.Head.Number)
	}
	row, err := s.Versions.Get(ctx, versionID(p.ID, number))
	return row.Doc, err
}

// At returns the part of a passport at a time in the past that the caller may read
// today. It fails with fault.NotFound before the first version, and with
// fault.Invalid in the future, with the tolerance of clocks.
func (s *Service) At(ctx context.Context, id string, at time.Time) (PassportView, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return PassportView{}, err
	}
	if now := s.Now(); at.After(now.Add(compliance.ClockTolerance)) {
		return PassportView{}, fault.New(fault.Invalid, `"at" must not be in the future`).
			With(fault.Detail{Path: "at", Code: "range", Message: fmt.Sprintf("must not be in the future, got %s (now: %s)", at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))})
	}
	// The number of the first version created after at; head number + 1 if no version is newer.
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
		return PassportView{}, fault.New(fault.NotFound, "passport %s did not exist yet; it was created at %s", id, p.CreatedAt.Format(wire.TimeLayout))
	}
	if p.Head, err = s.visibleVersion(ctx, &p, access, int64(newer-1)); err != nil {
		return PassportView{}, err
	}
	p.BatteryIdentifier = p.text(batteryIdentifier)
	return s.viewFor(p, access), nil
}

// VersionPage is a page of the versions of a passport. Next is the cursor of the next
// page, empty on the last.
type VersionPage struct {
	Versions []VersionView
	Next     string
}

// History returns a page of the versions of a passport that the caller may read,
// newest first. A page may have fewer versions than limit.
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
		// A write stores the head in the history before it replaces it. If it fails in
		// between, the history also contains the head.
		if row.Doc.Number < p.Head.Number && access.CanReadVersion(&row.Doc) {
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

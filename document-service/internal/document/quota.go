package document

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Quota limits the documents of one owner. 0 means no limit.
type Quota struct{ Bytes, Files int64 }

// Quotas are the quotas of an organisation, of an account without one, and of all such
// accounts together: anyone can create them.
type Quotas struct{ Organisation, User, AllUsers Quota }

// Usage counts the documents of an owner. A reservation counts a file whose document may
// not be ready: from the end of its transfer until the document is ready and Bytes and
// Files count it, and from the beginning of a deletion until the object is removed.
//
// If a process is killed between the write of a document and that of its usage, a
// reservation remains, or a deleted file is still counted: a usage may be too high, never
// too low. recount corrects it from the documents.
type Usage struct {
	ID           string                 `json:"id"` // owner
	Bytes        int64                  `json:"bytes"`
	Files        int64                  `json:"files"`
	Reservations map[string]Reservation `json:"reservations,omitempty"` // by id of the document
	CountedAt    time.Time              `json:"countedAt"`              // beginning of the last recount
	Recount      *Recount               `json:"recount,omitempty"`      // that is running, or whose process was killed
}

// Reservation is a file whose document may not be ready.
type Reservation struct {
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"`
}

// UsageSchema declares how usages are stored: in a list by the time of the last recount.
func UsageSchema() store.Schema[Usage] {
	return store.Schema[Usage]{Name: "document_usages", Version: 1, Indexes: func(u *Usage) store.Indexes {
		return store.Indexes{Scopes: []string{store.All}, Created: u.CountedAt}
	}}
}

// recountAge is the age of a usage at which a refused upload recounts it.
const recountAge = time.Minute

// total returns the bytes and files that count, including reservations.
func (u *Usage) total() Quota {
	sum := Quota{u.Bytes, u.Files + int64(len(u.Reservations))}
	for _, r := range u.Reservations {
		sum.Bytes += r.Bytes
	}
	return sum
}

func (u *Usage) reserve(document string, r Reservation) {
	if u.Reservations == nil {
		u.Reservations = map[string]Reservation{}
	}
	u.Reservations[document] = r
}

// account returns the owner of the document if the owner is an account, or "".
func (d *Document) account() string {
	if d.Organisation == "" {
		return d.UploadedBy
	}
	return ""
}

func usageOfAccount(id string) string      { return "user:" + id }
func usageOfOrganisation(id string) string { return "organisation:" + id }

// usageOfAll is the id of the usage of all accounts without an organisation.
const usageOfAll = "users"

// usageIDs returns the ids of the usages that count a document: that of its owner, by the
// current id of an organisation, and usageOfAll if the owner is an account.
func (s *Service) usageIDs(ctx context.Context, d *Document) ([]string, error) {
	if account := d.account(); account != "" {
		return []string{usageOfAccount(account), usageOfAll}, nil
	}
	id, err := s.Owners.CurrentID(ctx, d.Organisation)
	return []string{usageOfOrganisation(id)}, err
}

// quotaOf returns the quota of a usage, and the subject and the advice of errors about it.
func (s *Service) quotaOf(id string) (quota Quota, subject, advice string) {
	switch {
	case id == usageOfAll:
		return s.Quotas.AllUsers, "all accounts without an organisation together have", "join an organisation"
	case strings.HasPrefix(id, usageOfAccount("")):
		return s.Quotas.User, "your account has", "delete some, or join an organisation"
	}
	return s.Quotas.Organisation, "your organisation has", "delete some, or ask an admin for a higher quota"
}

// checkQuota fails with fault.QuotaExceeded if a file does not fit. size is the size of
// the file, or of the part that has been read; has qualifies it in the error.
func (s *Service) checkQuota(u *Usage, size int64, has string) error {
	quota, subject, advice := s.quotaOf(u.ID)
	used := u.total()
	var text string
	switch {
	case quota.Files > 0 && used.Files >= quota.Files:
		files := "files"
		if used.Files == 1 {
			files = "file"
		}
		text = fmt.Sprintf("%s %d %s, the maximum is %d: %s", subject, used.Files, files, quota.Files, advice)
	case quota.Bytes > 0 && used.Bytes+size > quota.Bytes:
		text = fmt.Sprintf("%s files of %s, the maximum is %s; the file has %s%s: %s", subject, sizeText(used.Bytes), sizeText(quota.Bytes), has, sizeText(size), advice)
	default:
		return nil
	}
	return fault.New(fault.QuotaExceeded, "%s", text).With(fault.Detail{Path: "/file", Code: "quota", Message: text})
}

// reserve reserves the file of a pending document, whose size is known. It fails with
// fault.QuotaExceeded if the file does not fit.
func (s *Service) reserve(ctx context.Context, d *Document, size int64) error {
	return s.withUsages(ctx, d, func(u *Usage) error {
		if err := s.checkQuota(u, size, ""); err != nil {
			return err
		}
		u.reserve(d.ID, Reservation{size, s.now()})
		return nil
	})
}

// precheck fails with fault.QuotaExceeded if the first bytes of a file do not fit.
func (s *Service) precheck(ctx context.Context, d *Document, size int64) error {
	return s.withUsages(ctx, d, func(u *Usage) error {
		if err := s.checkQuota(u, size, "at least "); err != nil {
			return err
		}
		return store.ErrNoChange
	})
}

// withUsages changes the usages that count a document. If one of the changes fails, the
// earlier ones stay; cancel undoes them.
func (s *Service) withUsages(ctx context.Context, d *Document, change func(*Usage) error) error {
	ids, err := s.usageIDs(ctx, d)
	for _, id := range ids {
		if err == nil {
			err = s.withUsage(ctx, id, change)
		}
	}
	return err
}

// withUsage changes a usage. It counts the documents first if that was never done, and again
// if change fails with fault.QuotaExceeded and the last count is not recent: the usage may be
// too high. That of all accounts is only recounted once a day, because strangers could cause
// many such counts.
func (s *Service) withUsage(ctx context.Context, id string, change func(*Usage) error) error {
	row, err := s.Usages.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		if row, err = s.Usages.Insert(ctx, id, Usage{ID: id}); fault.Is(err, fault.Conflict) {
			row, err = s.Usages.Get(ctx, id)
		}
	}
	if err == nil && row.Doc.CountedAt.IsZero() {
		err = s.recount(ctx, id, false)
	}
	if err != nil {
		return err
	}
	update := func() (row store.Row[Usage], err error) {
		return s.Usages.Update(ctx, id, func(u *Usage) (store.Change, error) { return store.Change{}, change(u) })
	}
	_, err = update()
	isRecent := row.Doc.CountedAt.After(s.Started) && s.now().Sub(row.Doc.CountedAt) < recountAge
	if !fault.Is(err, fault.QuotaExceeded) || isRecent || id == usageOfAll {
		return err
	}
	if err := s.recount(ctx, id, false); err != nil {
		return err
	}
	_, err = update()
	return err
}

// settle counts a ready document instead of its reservation.
func (s *Service) settle(ctx context.Context, d *Document) {
	s.changeUsages(ctx, d, func(u *Usage) error {
		if _, ok := u.Reservations[d.ID]; !ok {
			return store.ErrNoChange // a recount has counted it
		}
		delete(u.Reservations, d.ID)
		u.count(d, 1)
		return nil
	})
}

// reserveForDeletion counts a reservation instead of a document that will be deleted. cancel removes the
// reservation.
func (s *Service) reserveForDeletion(ctx context.Context, d *Document) {
	s.changeUsages(ctx, d, func(u *Usage) error {
		if _, ok := u.Reservations[d.ID]; ok {
			return store.ErrNoChange
		}
		u.count(d, -1)
		u.reserve(d.ID, Reservation{d.Size, s.now()})
		return nil
	})
}

// cancel removes the reservation of a document whose object was removed, if there is one.
func (s *Service) cancel(ctx context.Context, d *Document) {
	s.changeUsages(ctx, d, func(u *Usage) error {
		if _, ok := u.Reservations[d.ID]; !ok {
			return store.ErrNoChange
		}
		delete(u.Reservations, d.ID)
		u.count(d, 0)
		return nil
	})
}

// changeUsages changes the usages that count a document, even if ctx is cancelled. If that
// fails, a usage is too high until the next recount.
func (s *Service) changeUsages(ctx context.Context, d *Document, change func(*Usage) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	ids, err := s.usageIDs(ctx, d)
	var errs []error
	for _, id := range ids {
		if err == nil {
			_, err := s.Usages.Update(ctx, id, func(u *Usage) (store.Change, error) { return store.Change{}, change(u) })
			errs = append(errs, ignoreNotFound(err)) // without a usage, the first upload counts
		}
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		s.Log.WarnContext(ctx, "usage of storage not updated, a recount will correct it", "document", d.ID, "err", err)
	}
}

package passport

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Importer writes batches of rows. A battery identifier in a row selects the passport that
// the row creates or changes. It is for one caller, and not safe for concurrent use.
type Importer struct {
	service    *Service
	params     ImportParams
	usage      usage.Counter
	seed       maphash.Seed
	namespaces *namespace.Service // of the current batch
	now        time.Time          // at the start of the batch: its passports are listed in the order of their ids, which is that of the rows
	dryRun     *dryRun            // nil: the rows are written
}

// NewImporter returns an importer. It fails with fault.Forbidden if the caller may not create
// passports.
func (s *Service) NewImporter(ctx context.Context, params ImportParams) (*Importer, error) {
	if err := checkCanCreate(auth.Caller(ctx)); err != nil {
		return nil, err
	}
	im := &Importer{service: s, params: params, usage: s.Usage, seed: maphash.MakeSeed()}
	if params.DryRun {
		im.dryRun = newDryRun(s.Usage)
		im.usage = &im.dryRun.usage
	}
	return im, nil
}

// Import writes a batch of rows. Each row is stored whole or not at all. The result has
// one entry per row, in their order. Rows with an identifier of another row, or of its passport, are
// written one after the other, and all rows if they may exceed a quota. It fails with
// fault.Unavailable if the store does not respond; it can then be repeated with the same rows.
func (im *Importer) Import(ctx context.Context, rows []*Row) ([]RowResult, error) {
	rollback := im.dryRun.savepoint()
	results, err := im.importRows(ctx, rows)
	if err != nil {
		rollback()
	}
	return results, err
}

func (im *Importer) importRows(ctx context.Context, rows []*Row) ([]RowResult, error) {
	im.namespaces, im.now = im.service.Namespaces.WithCache(), im.service.now()
	all := make([]*pendingRow, len(rows))
	if err := inParallel(rows, im.Parse); err != nil {
		return nil, err
	}
	for i, row := range rows {
		r := *row.parsed
		all[i] = &r
	}
	valid := slices.DeleteFunc(slices.Clone(all), func(r *pendingRow) bool { return r.result.Status == RowInvalid })
	together, err := im.rowsTogether(ctx, valid)
	if err != nil {
		return nil, err
	}
	for rows := range slices.Chunk(valid, together) {
		if err := im.importValid(ctx, rows); err != nil {
			return nil, err
		}
	}
	results := make([]RowResult, len(all))
	for i, r := range all {
		results[i] = r.result
	}
	return results, nil
}

// importValid writes rows with valid structure.
func (im *Importer) importValid(ctx context.Context, rows []*pendingRow) error {
	for len(rows) > 0 {
		if err := im.lookUp(ctx, rows); err != nil {
			return err
		}
		var round []*pendingRow
		round, rows = nextRound(rows)
		if err := im.write(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

// nextRound splits rows into those that have no key in common and those to write after them.
// Rows with a common key stay in their order.
func nextRound(rows []*pendingRow) (round, rest []*pendingRow) {
	seen := map[uint64]bool{}
	for _, r := range rows {
		if slices.ContainsFunc(r.keys, func(k uint64) bool { return seen[k] }) {
			rest = append(rest, r)
		} else {
			round = append(round, r)
		}
		for _, k := range r.keys {
			seen[k] = true
		}
	}
	return round, rest
}

// inParallel calls f for each item. Most of the time goes to parsing and to look-ups. It fails
// with fault.Panic if f panics.
func inParallel[T any](items []T, f func(T)) error {
	var workers errgroup.Group
	workers.SetLimit(4 * runtime.GOMAXPROCS(0))
	for _, item := range items {
		workers.Go(func() (err error) {
			defer fault.Recover(&err)
			f(item)
			return nil
		})
	}
	return workers.Wait()
}

// Parse parses a row and checks its structure, unless that has been done. Import calls it for
// rows that a caller has not parsed while it writes other rows. It is safe for concurrent use.
func (im *Importer) Parse(row *Row) {
	if row.parsed != nil {
		return
	}
	row.id = im.service.NewID()
	row.parsed = &pendingRow{Row: row}
	im.parse(row.parsed)
}

func (im *Importer) parse(r *pendingRow) {
	if r.Body == nil {
		r.refuse(RowInvalid, r.Errors...)
		return
	}
	sub, err := parseRow(r.Body, im.service.rules())
	r.sub = sub
	if sub.data != nil {
		r.result.BatteryIdentifier = sub.data.Text(batteryIdentifier)
		r.key = batteryid.Key(r.result.BatteryIdentifier)
		r.passportKey = batteryid.URIKey(sub.data.Text(passportIdentifier))
	}
	if err == nil {
		err = canonicalize(sub.data, append(r.Errors, sub.details...))
	}
	if err == nil && r.key == "" {
		err = fault.New(fault.Invalid, "the row has no battery identifier").With(missingIdentifier(r))
	}
	r.fail(err)
}

// write writes rows of nextRound.
func (im *Importer) write(ctx context.Context, rows []*pendingRow) error {
	if err := errors.Join(inParallel(rows, func(r *pendingRow) { im.prepare(ctx, r) }), firstError(rows)); err != nil {
		return err
	}
	if err := im.insert(ctx, rows); err != nil {
		return err
	}
	return errors.Join(inParallel(rows, func(r *pendingRow) { im.finish(ctx, r) }), firstError(rows))
}

func firstError(rows []*pendingRow) error {
	for _, r := range rows {
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// prepare finds the passport of a row, or makes the draft to insert.
func (im *Importer) prepare(ctx context.Context, r *pendingRow) {
	if im.params.DryRun && im.repeat(ctx, r) {
		return
	}
	var found *Passport
	var err error
	if r.taken[byIdentifier] {
		found, err = im.find(ctx, r)
	}
	if err == nil && found == nil {
		err = im.newDraft(ctx, r)
	}
	if err != nil {
		r.fail(err)
		return
	}
	if found != nil {
		im.change(ctx, r, found)
	}
}

// find returns the passport of a row, or nil. It fails with fault.Conflict if it belongs to
// another owner.
func (im *Importer) find(ctx context.Context, r *pendingRow) (*Passport, error) {
	caller := auth.Caller(ctx)
	row, err := im.service.findIdentifier(ctx, uniqueAttributes[0], r.result.BatteryIdentifier, draftScopesOf(caller))
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if access, err := AccessOf(caller, &row.Doc); err != nil || !access.Owner {
		return nil, errDuplicate(batteryIdentifier, r.result.BatteryIdentifier)
	}
	return &row.Doc, nil
}

// newDraft creates the draft of a row. Its battery identifier is free.
func (im *Importer) newDraft(ctx context.Context, r *pendingRow) error {
	s, caller := im.service, auth.Caller(ctx)
	p, err := newDraft(caller, r.id, r.sub, im.now)
	if err != nil {
		return err
	}
	p.importID = im.params.ImportID
	if r.result.Warnings, err = checkNamespaces(ctx, im.namespaces, &p, nil, r.sub.data); err != nil {
		return err
	}
	if err := batteryid.Check(r.result.BatteryIdentifier); err != nil {
		r.result.Warnings = append(r.result.Warnings, newDetail(pointer(batteryIdentifier), "format", fmt.Sprintf("%v, got %.100q: the passport cannot be published", err, r.result.BatteryIdentifier)))
	}
	if err := im.checkPlanned(r); err != nil {
		return err
	}
	if r.taken[byPassportIdentifier] {
		if err := s.checkUnique(ctx, p.ID, nil, r.sub.data, p.Head.Owner.draftScopes(caller), uniqueAttributes[1]); err != nil {
			return err
		}
	}
	r.draft, r.stored = &p, &p
	return nil
}

// insert inserts the drafts of the rows. In a dry run it only checks the quota.
func (im *Importer) insert(ctx context.Context, rows []*pendingRow) error {
	var writes []store.Write[Passport]
	var inserted []*pendingRow
	var quotas []reservation
	for _, r := range rows {
		if r.draft == nil {
			continue
		}
		quota := reservation{usage: im.usage}
		if err := quota.take(ctx, &r.draft.Head); err != nil {
			r.draft = nil
			r.fail(err)
			continue
		}
		writes = append(writes, store.Write[Passport]{ID: r.id, Doc: *r.draft, Events: []event.Envelope{r.draft.created()}})
		inserted, quotas = append(inserted, r), append(quotas, quota)
	}
	if im.params.DryRun {
		return nil
	}
	errs, err := im.service.Passports.InsertMany(ctx, writes)
	for i, r := range inserted {
		r.err = errs[i]
		quotas[i].settle(ctx, errs[i])
	}
	return err
}

// hash returns the hash of the data of a row.
func (im *Importer) hash(text string) uint64 { return maphash.String(im.seed, text) }

// withPassportIdentifier returns the data of a row with the passport identifier of the
// stored data if it has none: publishing has set it.
func withPassportIdentifier(data, stored *ruleset.Document) *ruleset.Document {
	if identifier := stored.Text(passportIdentifier); identifier != "" && data.Text(passportIdentifier) == "" {
		data = data.Clone()
		data.SetText(passportIdentifier, identifier)
	}
	return data
}

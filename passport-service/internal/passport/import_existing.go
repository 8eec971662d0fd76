package passport

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// skipOrRefuse sets the result of a row that must not change its passport.
func (im *Importer) skipOrRefuse(r *pendingRow, reason string) {
	if im.params.OnExisting == SkipExisting {
		r.result.Status = RowUnchanged
		r.result.Warnings = append(r.result.Warnings, newDetail(pointer(batteryIdentifier), "skipped", "has a passport, which was not changed: "+reason))
		return
	}
	r.refuse(RowConflict, newDetail(pointer(batteryIdentifier), "exists", "has a passport already: "+reason+"; onExisting=update changes it, onExisting=skip leaves it as it is"))
}

// finish sets the result of a row whose draft was inserted, and publishes its passport if
// that has the data of the row.
func (im *Importer) finish(ctx context.Context, r *pendingRow) {
	switch err := r.err; {
	case r.draft == nil:
	case fault.Is(err, fault.Conflict):
		r.err = nil
		im.resolve(ctx, r, duplicateError(err, r.draft))
	case err == nil:
		im.setStored(r, RowCreated, r.draft)
	}
	if im.params.Publish && r.hasData && r.err == nil && r.result.State == Draft {
		im.publish(ctx, r)
	}
	if im.params.DryRun && (r.hasData || r.result.Status == RowUpdated) { // updated: by repeat
		im.plan(r)
	}
}

// setStored sets the result of a row whose data the passport has.
func (im *Importer) setStored(r *pendingRow, status RowStatus, p *Passport) {
	r.hasData = true
	im.setResult(r, status, p)
}

func (im *Importer) setResult(r *pendingRow, status RowStatus, p *Passport) {
	r.stored = p
	r.result.Status, r.result.Version, r.result.State = status, p.Head.Number, p.Head.State
	if !im.params.DryRun || status != RowCreated {
		r.result.ID = p.ID
	}
}

// resolve handles a row whose draft could not be inserted, because a passport with one of
// its identifiers was stored at the same time, or by an attempt whose result was lost.
func (im *Importer) resolve(ctx context.Context, r *pendingRow, conflict error) {
	found, err := im.find(ctx, r)
	switch {
	case err != nil:
		r.fail(err)
	case found == nil: // the passport identifier is in use
		r.fail(conflict)
	case found.ID == r.id:
		im.setStored(r, RowCreated, found)
	default:
		im.change(ctx, r, found)
	}
}

// change handles a row whose battery has a passport.
func (im *Importer) change(ctx context.Context, r *pendingRow, found *Passport) {
	if found.ID == r.id { // by an attempt whose result was lost
		im.setStored(r, RowCreated, found)
		return
	}
	im.setResult(r, RowUnchanged, found)
	stored := im.service.rules().ParseCanonical(found.Head.Data)
	data := im.dataOf(r, stored)
	if len(data.Violations()) == 0 && string(data.Canonicalize()) == string(found.Head.Data) {
		r.hasData = true
		return
	}
	if im.params.OnExisting != UpdateExisting {
		im.skipOrRefuse(r, "its data differs in "+summarize(ruleset.ChangedPaths(stored, data), maxChanged))
		return
	}
	if err := im.checkPlanned(r); err != nil {
		r.fail(err)
		return
	}
	sub := r.sub
	if sub.reason == "" {
		sub.reason = im.params.Reason
	}
	var removed []string
	e := im.service.dataEdit(ctx, Replace, sub, nil, func(before *ruleset.Document) *ruleset.Document {
		data := im.dataOf(r, before).Clone()
		removed = ruleset.RemovedPaths(before, data)
		return data
	})
	im.apply(ctx, r, found, e, func(err error) { r.fail(err) })
	if r.result.Status == RowUpdated && len(removed) > 0 {
		r.result.Warnings = append(r.result.Warnings, fault.Detail{Path: "/data", Code: "removed",
			Message: fmt.Sprintf("values that the row does not have were removed from the passport (%d): %s", len(removed), summarize(removed, maxRemoved))})
	}
}

// dataOf returns the data of a passport after an import of the row. It retains stored values
// that the format of the row cannot hold.
func (im *Importer) dataOf(r *pendingRow, stored *ruleset.Document) *ruleset.Document {
	data, rules := r.sub.data, im.service.rules()
	if r.RoundTrip != nil && data.Root().Raw() != stored.Root().Raw() {
		held := rules.Parse(r.RoundTrip(stored.Raw()))
		if len(held.Violations()) > 0 {
			held = rules.Parse(wire.Value("{}"))
		}
		held.Canonicalize()
		data = rules.Parse(ruleset.Retain(stored, held, data))
	}
	return withPassportIdentifier(data, stored)
}

// publish publishes the draft of a row. The errors that prevent it become warnings.
func (im *Importer) publish(ctx context.Context, r *pendingRow) {
	status := r.result.Status
	im.apply(ctx, r, r.stored, im.service.publishEdit(ctx, nil), func(err error) {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind == fault.Unavailable {
			r.err = err
			return
		}
		for _, d := range f.Details {
			d.Message = "not published: " + d.Message
			r.result.Warnings = append(r.result.Warnings, d)
		}
	})
	if status == RowCreated {
		r.result.Status = RowCreated
	}
}

// apply applies an edit to the passport of a row. In a dry run it only checks it.
func (im *Importer) apply(ctx context.Context, r *pendingRow, p *Passport, e edit, failed func(error)) {
	e.importID = im.params.ImportID
	before := r.result.Version
	var err error
	if im.params.DryRun {
		if _, err = im.service.apply(p, e, auth.Caller(ctx), im.service.now()); err == nil {
			err = (&reservation{usage: im.usage}).takeNext(ctx, &p.Head)
		}
	} else {
		var view PassportView
		view, err = im.service.change(ctx, p.ID, e)
		p = &view.Passport
	}
	switch {
	case err != nil && !errors.Is(err, store.ErrNoChange):
		failed(err)
	case err == nil && p.Head.Number > before:
		im.setStored(r, RowUpdated, p)
	default:
		r.hasData = true
	}
}

// Limits of the paths in a message.
const (
	maxChanged = 5
	maxRemoved = 20
)

func summarize(paths []string, limit int) string {
	text := strings.Join(paths[:min(len(paths), limit)], ", ")
	if more := len(paths) - limit; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

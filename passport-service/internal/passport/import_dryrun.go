package passport

import (
	"context"
	"slices"
	"sync"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/auth"
)

// dryRun describes the passports that the rows of a dry run would have stored. nil describes none.
type dryRun struct {
	usage      usage.DryRun
	mu         sync.Mutex
	planned    map[uint64]rowPlan // by hash of the key of the battery identifier
	identified map[uint64]uint64  // hash of the key of the battery, by that of its passport identifier
	undo       []func()           // each reverts a change of the current batch
}

// rowPlan describes the passport that a row would have stored.
type rowPlan struct {
	data       uint64 // hash
	identifier uint64 // hash of the passport identifier's key; 0: none of the rows had one
	version    int64
	state      State
}

func newDryRun(ledger *usage.Ledger) *dryRun {
	return &dryRun{usage: usage.DryRun{Ledger: ledger}, planned: map[uint64]rowPlan{}, identified: map[uint64]uint64{}}
}

// savepoint begins a batch. It returns a function that undoes the batch.
func (d *dryRun) savepoint() (rollback func()) {
	if d == nil {
		return func() {}
	}
	d.undo = nil
	forgetWrites := d.usage.Savepoint()
	return func() {
		for _, undo := range slices.Backward(d.undo) {
			undo()
		}
		forgetWrites()
	}
}

// identifiedBy returns the battery of an earlier row with a passport identifier, as hashes.
func (d *dryRun) identifiedBy(identifier uint64) (battery uint64, ok bool) {
	if d != nil {
		battery, ok = d.identified[identifier]
	}
	return battery, ok
}

// repeat sets the result of a row in a dry run if an earlier row has the same battery
// identifier.
func (im *Importer) repeat(ctx context.Context, r *pendingRow) bool {
	plan, ok := im.dryRun.planned[im.hash(r.key)]
	if !ok {
		return false
	}
	r.result.Version, r.result.State = plan.version, plan.state
	switch {
	case plan.data == im.hash(r.sub.data.Root().Raw()):
		r.result.Status = RowUnchanged // published if the row before it was
	case im.params.OnExisting == UpdateExisting:
		err := im.checkPlanned(r)
		if err == nil {
			next := Version{Number: plan.version + 1, Owner: ownerOf(auth.Caller(ctx)), Action: Replace, CreatedAt: im.service.now(), Data: r.sub.data.Canonicalize()}
			err = (&reservation{usage: im.usage}).takeNext(ctx, &next)
		}
		if err != nil {
			r.fail(err)
			return true
		}
		r.result.Status = RowUpdated
		r.result.Version++
	default:
		im.skipOrRefuse(r, "an earlier row has other data")
	}
	return true
}

// checkPlanned fails with fault.Conflict if an earlier row of a dry run gave the passport
// identifier of r to another battery.
func (im *Importer) checkPlanned(r *pendingRow) error {
	if battery, ok := im.dryRun.identifiedBy(im.hash(r.passportKey)); ok && battery != im.hash(r.key) {
		return errDuplicate(passportIdentifier, r.sub.data.Text(passportIdentifier))
	}
	return nil
}

// maxPlanned limits the batteries that a dry run remembers, so that its memory does not grow
// with the number of rows: 100,000 with passport identifiers need 15 MiB.
const maxPlanned = 100_000

// plan stores the result of a row in a dry run for later rows.
func (im *Importer) plan(r *pendingRow) {
	d, key := im.dryRun, im.hash(r.key)
	d.mu.Lock()
	defer d.mu.Unlock()
	previous, ok := d.planned[key]
	if !ok && len(d.planned) >= maxPlanned {
		return
	}
	identifier := previous.identifier // does not change if the row has none, or if the passport is published
	if r.passportKey != "" && (identifier == 0 || r.result.State == Draft) {
		delete(d.identified, previous.identifier)
		identifier = im.hash(r.passportKey)
		d.identified[identifier] = key
	}
	d.planned[key] = rowPlan{im.hash(r.sub.data.Root().Raw()), identifier, r.result.Version, r.result.State}
	d.undo = append(d.undo, func() {
		delete(d.identified, identifier)
		if previous.identifier != 0 {
			d.identified[previous.identifier] = key
		}
		if d.planned[key] = previous; !ok {
			delete(d.planned, key)
		}
	})
}

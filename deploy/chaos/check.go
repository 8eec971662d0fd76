package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"
)

// checker compares the stored data with the ledger.
type checker struct {
	*suite
	verdict
	events  []*logged
	effects map[string]int // notifications and text files
}

// stored is the state of an item after the load.
type stored struct {
	missing  bool
	head     resource
	readAt   int64
	verified resource
	versions []resource // the oldest first
}

// settle checks until all invariants hold, or until the number of violations has not
// decreased for as long as patience: work in progress may end violations.
func (c *checker) settle(ctx context.Context, patience time.Duration) verdict {
	for least, deadline := math.MaxInt, time.Now().Add(patience); ; {
		if err := c.check(ctx); err != nil {
			c.fail(readable, "suite", "%v", err)
		} else if n := len(c.violations); n < least {
			least, deadline = n, time.Now().Add(patience)
		}
		if len(c.violations) == 0 || time.Now().After(deadline) || !wait(ctx, 2*time.Second) {
			return c.verdict
		}
	}
}

// check reads everything and compares.
func (c *checker) check(ctx context.Context) error {
	c.verdict, c.effects = verdict{slices.Clone(c.failures.violations), map[string]int{}}, map[string]int{}
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, it := range c.items {
		g.Go(func() error { return c.readItem(reading, it) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, read := range []func(context.Context) error{c.readTopics, c.readNotifications, c.readFiles, c.checkObjects} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	for _, it := range c.items {
		c.checkItem(it)
		c.checkReads(it)
	}
	c.checkEvents()
	c.checkEffects()
	return nil
}

func (c *checker) readItem(ctx context.Context, it *item) (err error) {
	it.stored = stored{readAt: c.clock()}
	if it.id == "" && it.kind != accounts { // the idempotency key leads to the item that the load may have created
		var created resource
		res := c.send(ctx, it.create)
		if err := res.read(&created); res.inDoubt() {
			return fmt.Errorf("create %s again: %w", it.mark, err)
		}
		if it.id = created.id(); it.id == "" { // the creation was refused, which is a violation
			it.missing = true
			return nil
		}
	}
	r := c.read(it)
	r.retry = true // a login is refused while too many passwords are checked
	res := c.send(ctx, r)
	if it.missing = res.status == http.StatusNotFound || it.kind == accounts && res.status == http.StatusUnauthorized; it.missing {
		return nil
	}
	if err := res.read(&it.head); err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.url, err)
	}
	switch it.kind {
	case accounts:
		it.id, it.who.id = it.head.id(), it.head.id()
		it.who.token.Store(it.head.Token)
	case passports:
		it.versions, err = c.list(ctx, it.who, r.url+"/versions")
		slices.Reverse(it.versions)
		r.url += "/verify"
		err = cmp.Or(err, c.send(ctx, r).read(&it.verified))
	}
	return err
}

// checkItem compares an item with its acknowledged operations.
func (c *checker) checkItem(it *item) {
	name, deleted := cmp.Or(it.id, it.mark), it.operation(deletion)
	switch {
	case it.missing && deleted == nil && (it.id != "" || it.operations[0].acknowledged()):
		c.fail(durable, name, "was acknowledged or listed, but does not exist")
	case !it.missing && deleted.acknowledged():
		c.fail(durable, name, "was deleted, but exists")
	case it.missing:
		c.counts[it.kind+" deleted or not created"]++
	case it.kind == documents && it.head.SHA256 != it.operations[0].value:
		c.fail(checksum, name, "has the checksum %s, want %s", it.head.SHA256, it.operations[0].value)
	default:
		c.counts[it.kind]++
		c.checkVersions(it)
	}
}

// checkVersions compares the versions of a passport with the acknowledged writes.
func (c *checker) checkVersions(it *item) {
	if n := int64(len(it.versions)); it.kind == passports && (!it.verified.Intact || it.verified.Versions != n || it.head.Version != n) {
		c.fail(chained, it.id, "head has version %d, history has %d versions, %d are verified, version %d is broken: %s",
			it.head.Version, n, it.verified.Versions, it.verified.BrokenAt, it.verified.Reason)
	}
	previous, stored := "", map[*operation]int64{nil: 0}
	for i, v := range it.versions {
		if v.Version != int64(i+1) || v.PreviousHash != previous || v.DataHash != v.dataHash() {
			c.fail(chained, it.id, "version %d, at position %d, breaks the chain of hashes", v.Version, i+1)
		}
		o := it.operation(v.Reason)
		if v.Action == "publish" {
			o = it.operation(publication)
		}
		switch {
		case o == nil || o.action == refusal || o.gone:
			c.fail(once, it.id, "version %d was not requested, or was refused: %s, %q", v.Version, v.Action, v.Reason)
		case stored[o] > 0 || o.version > 0 && o.version != v.Version:
			c.fail(once, it.id, "%s %q was acknowledged as version %d, but is stored as %d and %d", o.action, o.mark, o.version, stored[o], v.Version)
		case v.Action != "publish" && o.value != v.value():
			c.fail(durable, it.id, "version %d holds %q, want %q", v.Version, v.value(), o.value)
		}
		previous, stored[o] = v.Hash, v.Version
	}
	for _, o := range it.operations {
		if it.kind == passports && o.acknowledged() && !o.gone && stored[o] == 0 && slices.Contains([]string{creation, change, publication}, o.action) {
			c.fail(durable, it.id, "%s %q was acknowledged as version %d, but is not stored", o.action, o.mark, o.version)
		}
	}
	c.counts["versions"] += len(it.versions)
}

// register is the state of an item: it is read and written as one register.
type register struct {
	version         int64
	value, dataHash string // the hash is empty until a response contains it
	published, gone bool
}

var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) { return state.(register).step(input.(operation)) },
}

// step reports whether an operation with its response is possible, and returns
// the state after it.
func (s register) step(o operation) (bool, register) {
	possible := !s.gone && (o.ifVersion == 0 || o.ifVersion == s.version)
	switch {
	case o.gone:
		return s.gone, s
	case o.action == refusal:
		return !possible, s
	case !possible:
		return !o.acknowledged(), s
	case o.action == deletion:
		s.gone = true
		return true, s
	case o.action == creation || o.action == change:
		s.version, s.value, s.dataHash = s.version+1, o.value, ""
	case o.action == publication && !s.published:
		s.version, s.published, s.dataHash = s.version+1, true, ""
	}
	if o.version != 0 && o.version != s.version || o.gotHash != "" && (o.gotValue != s.value || s.dataHash != "" && s.dataHash != o.gotHash) {
		return false, s
	}
	s.dataHash = cmp.Or(o.gotHash, s.dataHash)
	return true, s
}

// checkReads looks for an order of the operations on an item that explains all
// responses. If it finds none, it writes a page that shows the operations.
func (c *checker) checkReads(it *item) {
	operations := slices.Clone(it.operations)
	if !it.missing {
		operations = append(operations, &operation{action: reading, begin: it.readAt, end: it.readAt + 1,
			version: it.head.Version, gotValue: it.head.value(), gotHash: it.head.dataHash()})
	}
	var history []porcupine.Operation
	for i, o := range operations {
		if o.acknowledged() || o.action != reading {
			history = append(history, porcupine.Operation{ClientId: i, Input: *o, Call: o.begin, Return: cmp.Or(o.end, math.MaxInt64)})
		}
	}
	c.counts["operations judged"] += len(history)
	if result, info := porcupine.CheckOperationsVerbose(model, history, 10*time.Second); result != porcupine.Ok {
		page := filepath.Join(os.TempDir(), "chaos-"+it.id+".html")
		c.fail(linearizable, it.id, "%s: no order of %d operations explains their responses; see %s, %v", result, len(history), page, porcupine.VisualizePath(model, info, page))
	}
}

func sumOf(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

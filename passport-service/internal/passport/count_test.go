package passport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

const countedOwner = "organisation:a"

// counting is two instances on one database, with a clock and the tasks that count.
type counting struct {
	*testing.T
	ctx       context.Context
	instances [2]*Service
	usages    *store.Collection[usage.Usage]
	now       time.Time
	tasks     *task.Queue
	specs     []task.Spec // that were enqueued
}

func newCounting(t *testing.T, now time.Time) *counting {
	ctx, s := newService(t)
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "usages")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	c := &counting{T: t, ctx: ctx, usages: store.Open(db, usage.Schema()), now: now}
	clock := func() time.Time { return c.now }
	c.tasks = task.NewQueue(db, clock)
	for i := range c.instances {
		ledger := &usage.Ledger{Usages: c.usages, Now: clock, Log: slog.New(slog.DiscardHandler), Count: func(ctx context.Context, owner string, from time.Time) error {
			spec := NewCount(owner, from)
			added, err := c.tasks.Enqueue(ctx, spec)
			if added > 0 {
				c.specs = append(c.specs, spec)
			}
			return err
		}}
		c.instances[i] = &Service{Passports: s.Passports, Versions: s.Versions, Engines: s.Engines, Namespaces: s.Namespaces, Usage: ledger, Now: clock, NewID: s.NewID}
	}
	return c
}

func (c *counting) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *counting) create(s *Service) string {
	c.Helper()
	view, _, err := s.Create(c.ctx, wire.Value(`{"data":{}}`), NoIdentifier, "")
	c.must(err)
	return view.ID
}

func (c *counting) patch(s *Service, id string) {
	c.Helper()
	_, err := s.Patch(c.ctx, id, wire.Value(fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, c.now.UnixMilli())))
	c.must(err)
}

// refuse makes a write that exceeds a quota, which begins a count a day after the last one.
func (c *counting) refuse(s *Service) {
	c.Helper()
	s.Usage.Quotas.Organisation.Passports = 1
	_, _, err := s.Create(c.ctx, wire.Value(`{"data":{}}`), NoIdentifier, "")
	if s.Usage.Quotas.Organisation.Passports = 0; !fault.Is(err, fault.QuotaExceeded) {
		c.Fatalf("got %v, want the quota exceeded", err)
	}
}

// flush stores the usage that the instances have counted.
func (c *counting) flush() {
	c.Helper()
	stopped, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, s := range c.instances {
		c.must(s.Usage.Run(stopped))
	}
}

// runTasks runs the counts that are due.
func (c *counting) runTasks() {
	c.Helper()
	c.must(task.NewWorker(c.tasks, slog.New(slog.DiscardHandler), nil, c.instances[1].CountTask()).RunDue(c.ctx))
}

// sweep removes deleted passports, in both instances at the same time.
func (c *counting) sweep() {
	c.Helper()
	var wg sync.WaitGroup
	for _, s := range c.instances {
		wg.Go(func() {
			if err := s.removeDeleted(c.ctx); err != nil {
				c.Error(err)
			}
		})
	}
	wg.Wait()
}

// check compares the stored usage with the stored passports.
func (c *counting) check() {
	c.Helper()
	c.now = c.now.Add(2 * time.Hour) // counts that did not end are given up
	c.sweep()
	c.flush()
	row, err := c.usages.Get(c.ctx, countedOwner)
	c.must(err)
	s, want := c.instances[0], usage.Amount{}
	for p, err := range s.Passports.All(c.ctx, store.Query{Scopes: []string{countedOwner}, Limit: store.MaxLimit}) {
		c.must(err)
		versions, err := s.Versions.List(c.ctx, store.Query{Scopes: []string{p.ID}, Limit: store.MaxLimit})
		c.must(err)
		want = want.Plus(usage.Amount{Passports: 1, Versions: p.Doc.Head.Number, Bytes: int64(len(p.Doc.Head.Data))})
		for _, v := range versions.Rows {
			want.Bytes += int64(len(v.Doc.Data))
		}
	}
	if row.Doc.Total != want {
		c.Errorf("the usage is %+v, want %+v", row.Doc.Total, want)
	}
}

// TestCountDuringWrites makes writes at each step of a count, which reads several pages, and
// stores their usage at each later step: every write counts once.
func TestCountDuringWrites(t *testing.T) {
	c := newCounting(t, time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))
	c.fill(store.MaxLimit + 20)
	pauses := []time.Duration{70, 70, 5, 30, 70, 70, 70} // seconds before a step; Usage.CountFrom is after step 2
	for write := range pauses {
		for flush := write; flush < len(pauses); flush++ {
			var at countPosition
			for step, pause := range pauses {
				c.now = c.now.Add(pause * time.Second)
				c.step(step, &at)
				if step == write {
					c.writes()
				}
				if step == flush {
					c.flush()
				}
				c.sweep()
			}
			if c.check(); t.Failed() {
				t.Fatalf("writes at step %d, stored at step %d", write, flush)
			}
			c.now = c.now.Add(25 * time.Hour)
		}
	}
}

// step does a step of a count.
func (c *counting) step(step int, at *countPosition) {
	s := c.instances[0]
	switch step {
	case 1:
		c.specs = nil
		c.refuse(s)
		*at = c.specs[0].Data.(countPosition)
	case 4, 5: // a page, and the rest
		deadline := time.Now().Add(time.Hour)
		if step == 4 {
			deadline = time.Time{}
		}
		done, err := s.count(c.ctx, at, deadline)
		if c.must(err); done != (step == 5) {
			c.Fatalf("step %d: done is %v", step, done)
		}
	case 6:
		c.must(s.Usage.EndCount(c.ctx, at.Owner, at.From, at.Counted))
	}
}

// fill stores passports of an earlier release, and counts them.
func (c *counting) fill(n int) {
	s := c.instances[0]
	p, err := s.Get(c.ctx, c.create(s))
	c.must(err)
	c.now = c.now.Add(time.Second)
	var writes []store.Write[Passport]
	for i := range n {
		p := p.Passport
		p.ID = fmt.Sprintf("p%03d", i)
		p.Head.PassportID = p.ID
		writes = append(writes, store.Write[Passport]{ID: p.ID, Doc: p})
	}
	_, err = s.Passports.InsertMany(c.ctx, writes)
	c.must(err)
	c.now = c.now.Add(time.Minute)
	c.runTasks()
	c.check()
	c.now = c.now.Add(25 * time.Hour)
}

// writes creates, changes and deletes passports: old ones at the beginning and at the end of
// the list, and the new one.
func (c *counting) writes() {
	var visible []string
	for row, err := range c.instances[0].Passports.All(c.ctx, store.Query{Scopes: []string{countedOwner}, Limit: store.MaxLimit, Order: store.OldestFirst}) {
		c.must(err)
		visible = append(visible, row.ID)
	}
	n := len(visible)
	for i, s := range c.instances {
		created := c.create(s)
		for _, id := range []string{created, visible[i], visible[n-1-i], visible[4+i], visible[n-5-i]} {
			c.patch(s, id)
		}
		for _, id := range []string{visible[2+i], visible[4+i], visible[n-3-i], visible[n-5-i]} {
			c.must(s.Delete(c.ctx, id))
		}
		c.create(s)
		c.create(s)
		c.create(s)
	}
}

// TestCountsDoNotOverlap refuses writes in two instances before and after midnight: there is
// one count.
func TestCountsDoNotOverlap(t *testing.T) {
	c := newCounting(t, time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC))
	c.fill(3)
	c.now = time.Date(2026, 12, 1, 23, 59, 58, 0, time.UTC)
	c.specs = nil
	for _, s := range []*Service{c.instances[0], c.instances[1], c.instances[0]} {
		c.patch(s, "p000")
		c.refuse(s)
		c.patch(s, "p001")
		c.flush()
		c.now = c.now.Add(1500 * time.Millisecond)
	}
	c.runTasks() // too early
	c.now = c.now.Add(30 * time.Second)
	c.patch(c.instances[1], "p002")
	c.runTasks()
	c.runTasks()
	if c.check(); len(c.specs) != 1 {
		t.Errorf("got %d counts, want 1: %v", len(c.specs), c.specs)
	}
}

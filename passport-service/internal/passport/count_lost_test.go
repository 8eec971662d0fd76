package passport

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestLostCountIsRepeated begins a count that ends too late: the result of the next one stays,
// and deleted passports do not wait longer.
func TestLostCountIsRepeated(t *testing.T) {
	c := newCounting(t, time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))
	c.fill(3)
	s := c.instances[0]
	c.specs = nil
	c.refuse(s)
	c.patch(s, "p000")
	c.now = c.now.Add(time.Minute)
	c.must(s.Delete(c.ctx, "p001"))
	c.check() // hours later, it is removed
	c.must(s.Usage.EndCount(c.ctx, countedOwner, c.specs[0].Data.(countPosition).From, usage.Amount{Passports: 99}))
	c.check()
	c.refuse(s)
	c.must(s.Usage.EndCount(c.ctx, countedOwner, c.specs[0].Data.(countPosition).From, usage.Amount{Passports: 99}))
	c.patch(s, "p002")
	c.now = c.now.Add(time.Minute)
	c.runTasks()
	if c.check(); len(c.specs) != 2 {
		t.Errorf("got %d counts, want 2: %v", len(c.specs), c.specs)
	}
}

// TestCountIsGivenUpAnHourAfterItsLastRun lets time pass before the runs of a count, which read
// a page each: the whole count may take longer than an hour. The task of a count that was given
// up ends, and the next count is right.
func TestCountIsGivenUpAnHourAfterItsLastRun(t *testing.T) {
	for _, test := range []struct {
		minutes [3]time.Duration // before each run
		runs    int
		counted bool
	}{
		{[3]time.Duration{50, 50, 50}, 3, true},
		{[3]time.Duration{0, 61, 0}, 2, false},
	} {
		c := newCounting(t, time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))
		c.fill(2*store.MaxLimit + 20)
		s, runs := c.instances[0], 0
		before, err := c.usages.Get(c.ctx, countedOwner)
		c.must(err)
		c.refuse(s)
		c.now = c.now.Add(30 * time.Second)
		c.must(task.NewWorker(c.tasks, slog.New(slog.DiscardHandler), nil, task.Kind{Name: countKind, Run: func(ctx context.Context, t task.Task) error {
			var at countPosition
			c.must(wire.Unmarshal(t.Data, &at))
			c.now = c.now.Add(test.minutes[runs] * time.Minute)
			runs++
			return s.runCount(ctx, at, time.Time{})
		}}).RunDue(c.ctx))
		after, err := c.usages.Get(c.ctx, countedOwner)
		c.must(err)
		if counted := after.Doc.CountedAt.After(before.Doc.CountedAt); runs != test.runs || counted != test.counted {
			t.Errorf("pauses %v: got %d runs, counted %v, want %d runs, counted %v", test.minutes, runs, counted, test.runs, test.counted)
		}
		c.check()
		c.now = c.now.Add(25 * time.Hour)
		c.refuse(s)
		c.now = c.now.Add(time.Minute)
		c.runTasks()
		c.check()
	}
}

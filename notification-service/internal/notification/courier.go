package notification

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	poll        = time.Second      // how often Run looks for what is due
	againEvery  = 5 * time.Second  // how often it looks for what is to be tried again
	lease       = 30 * time.Second // how long a claim holds; longer than any channel's deadline
	minPause    = time.Second      // while the channel is away
	maxPause    = time.Minute
	minDelay    = time.Minute // after a refusal for now
	maxDelay    = time.Hour
	maxAttempts = 100 // three to four days
	maxReason   = 300 // bytes
)

// Courier brings what waits for one channel on its way. Couriers of several
// processes share the work: each claims a delivery before it hands it over, by
// moving the time of its next try. One that dies in between leaves it to be
// handed over again.
type Courier struct {
	Name    ChannelName
	Channel Channel
	Records *store.Collection[Record]
	People  *store.Collection[Person]
	Now     func() time.Time
	Log     *slog.Logger

	wake chan struct{}

	// Of the one goroutine that runs.
	outages     int       // in a row
	pausedUntil time.Time // the channel is away
	lookAgain   time.Time // for what is to be tried again
}

// NewCourier returns c, ready to run.
func NewCourier(c Courier) *Courier {
	c.wake = make(chan struct{}, 1)
	return &c
}

// Wake tells the courier that there is something new. It is safe for
// concurrent use.
func (c *Courier) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx is done, and finishes what is at hand.
func (c *Courier) Run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if err := c.Round(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			c.Log.ErrorContext(ctx, "deliveries stand still", "channel", c.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-tick.C:
		}
	}
}

// Round delivers what is due by now. While the channel is away it does nothing
// but try, after pauses that grow to a minute. It fails when the store does.
func (c *Courier) Round(ctx context.Context) error {
	now := c.Now()
	var lists []string
	if !now.Before(c.lookAgain) {
		lists = append(lists, dueScope(c.Name, true))
	}
	for _, list := range append(lists, dueScope(c.Name, false)) {
		if err := c.deliverAll(ctx, store.Query{Scopes: []string{list}, Order: store.OldestFirst, Limit: store.MaxLimit}); err != nil {
			return err
		}
	}
	if lists != nil && !now.Before(c.pausedUntil) {
		c.lookAgain = now.Add(againEvery)
	}
	return nil
}

func (c *Courier) deliverAll(ctx context.Context, q store.Query) error {
	for {
		if ctx.Err() != nil || c.Now().Before(c.pausedUntil) {
			return ctx.Err()
		}
		page, err := c.Records.List(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			now := c.Now()
			if ctx.Err() != nil || now.Before(c.pausedUntil) {
				return ctx.Err()
			}
			if d := row.Doc.delivery(c.Name); d == nil || now.Before(d.NextTry) {
				continue
			}
			if err := c.deliver(context.WithoutCancel(ctx), row.ID); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// deliver hands one message over, if no other courier does.
func (c *Courier) deliver(ctx context.Context, id string) error {
	r, claimed, err := c.claim(ctx, id)
	if err != nil || !claimed {
		return err
	}
	person, err := c.recipient(ctx, &r)
	if err != nil {
		return err
	}
	to := r.Address
	if to == "" {
		to = person.Email
	}
	switch {
	case c.Name == Mail && to == "":
		return c.await(ctx, r)
	case c.Name == Mail && r.Address == "" && person.Disabled:
		err = &Refusal{Final: true, Reason: "the account is disabled"}
	default:
		err = c.Channel.Deliver(ctx, Message{
			ID: r.ID, Event: r.Event, To: to, Type: r.Type, EventType: r.EventType, Priority: r.Priority,
			Title: r.Title, Text: r.Message, Metadata: r.Metadata, At: r.CreatedAt,
		})
	}
	return c.settle(ctx, id, err)
}

// recipient returns who is told, as far as that is known.
func (c *Courier) recipient(ctx context.Context, r *Record) (Person, error) {
	if r.Recipient == "" {
		return Person{}, nil
	}
	row, err := c.People.Get(ctx, r.Recipient)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return row.Doc, err
}

// claim takes a delivery for the time of a lease. It tells whether it could.
func (c *Courier) claim(ctx context.Context, id string) (Record, bool, error) {
	now, claimed := c.now(), false
	row, err := c.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
		d := r.delivery(c.Name)
		if claimed = d != nil && d.State == Pending && !now.Before(d.NextTry); !claimed {
			return store.Change{}, store.ErrNoChange
		}
		d.Attempts++
		d.NextTry = now.Add(lease)
		return store.Change{}, nil
	})
	return row.Doc, claimed, err
}

// await puts a mail aside until the address of its recipient is known. Who
// learns the address first looks for such mail after it is stored; so it is
// looked for the address once more after the mail is put aside.
func (c *Courier) await(ctx context.Context, r Record) error {
	_, err := c.Records.Update(ctx, r.ID, func(r *Record) (store.Change, error) {
		d := r.delivery(c.Name)
		d.Attempts, d.NextTry, d.Reason = 0, time.Time{}, "the address of the recipient is not known yet"
		r.AwaitsAddress = true
		return store.Change{}, nil
	})
	if err != nil {
		return err
	}
	person, err := c.recipient(ctx, &r)
	if err != nil || person.Email == "" {
		return err
	}
	return release(ctx, c.Records, r.Recipient)
}

// settle keeps what came of a delivery.
func (c *Courier) settle(ctx context.Context, id string, failure error) error {
	refusal, refused := errors.AsType[*Refusal](failure)
	c.report(ctx, failure, refused)
	now := c.now()
	_, err := c.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
		d := r.delivery(c.Name)
		switch {
		case failure == nil:
			d.State, d.SentAt, d.NextTry, d.Reason = Sent, now, time.Time{}, ""
		case !refused:
			d.Attempts, d.NextTry, d.Reason = d.Attempts-1, c.pausedUntil, cut(failure.Error())
		case refusal.Final || d.Attempts >= maxAttempts:
			d.State, d.NextTry, d.Reason = Failed, time.Time{}, cut(refusal.Reason)
		default:
			d.NextTry, d.Reason = now.Add(backoff(minDelay, maxDelay, d.Attempts-1)), cut(refusal.Reason)
		}
		r.tidy()
		return store.Change{}, nil
	})
	return err
}

// report notes whether the channel is away, and logs when that changes.
func (c *Courier) report(ctx context.Context, failure error, refused bool) {
	switch away := failure != nil && !refused; {
	case away:
		if c.outages == 0 {
			c.Log.WarnContext(ctx, "messages wait", "channel", c.Name, "err", failure)
		}
		c.pausedUntil = c.now().Add(backoff(minPause, maxPause, c.outages))
		c.outages++
	case c.outages > 0:
		c.outages, c.pausedUntil = 0, time.Time{}
		c.Log.InfoContext(ctx, "messages go out again", "channel", c.Name)
	}
}

func (c *Courier) now() time.Time { return c.Now().UTC().Truncate(time.Millisecond) }

// backoff doubles the least pause n times, up to the longest, and takes up to
// half of it away again.
func backoff(least, longest time.Duration, n int) time.Duration {
	pause := min(least<<min(n, 20), longest)
	return (pause/2 + rand.N(pause/2)).Truncate(time.Millisecond)
}

func cut(reason string) string { return oneLine(reason[:min(len(reason), maxReason)]) }

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	readers  = 8 // requests at once
	lookPace = 2 * time.Second
)

// reconciler holds what is there against the ledger. What it has found right it
// does not read again, until something else says that it is not.
type reconciler struct {
	*suite
	*ledger
	began time.Time
	out   io.Writer // is told what cannot be read yet

	histories map[*passport]*history
	contents  map[*document]*content
	entries   map[*person]*entry
	texts     map[string]text // by file name
	log       *eventLog
	told      map[string]map[string]int // by recipient and event, how often
}

func newReconciler(s *suite, l *ledger, began time.Time, out io.Writer) *reconciler {
	return &reconciler{
		suite: s, ledger: l, began: began, out: out, histories: map[*passport]*history{}, contents: map[*document]*content{},
		entries: map[*person]*entry{}, texts: map[string]text{}, told: map[string]map[string]int{},
	}
}

// settle looks until all is right. It reports what is not when nothing has got
// better for some time.
func (r *reconciler) settle(ctx context.Context, patience time.Duration) (verdict, error) {
	least, deadline := math.MaxInt, time.Now().Add(patience)
	for {
		v, err := r.look(ctx)
		if n := len(v.Violations); err == nil && n < least {
			least, deadline = n, time.Now().Add(patience)
		}
		late := time.Now().After(deadline)
		switch {
		case ctx.Err() != nil:
			return verdict{}, ctx.Err()
		case err != nil && late:
			return verdict{}, fmt.Errorf("what is there cannot be read: %w", err)
		case err == nil && (late || !slices.ContainsFunc(v.Violations, violation.passing)):
			return v, nil
		case err != nil:
			fmt.Fprintf(r.out, "  reading again, for %v\n", err)
		}
		if !wait(ctx, lookPace) {
			return verdict{}, ctx.Err()
		}
	}
}

// look reads what is there and compares.
func (r *reconciler) look(ctx context.Context) (verdict, error) {
	for _, read := range []func(context.Context) error{r.readPassports, r.readDocuments, r.readPeople, r.readTopics, r.readNotifications} {
		if err := read(ctx); err != nil {
			return verdict{}, err
		}
	}
	v := verdict{Violations: slices.Clone(r.seen)}
	var f findings
	r.judgePassports(&f, &v.Counts)
	r.judgeDocuments(&f, &v.Counts)
	r.judgePeople(&f, &v.Counts)
	r.judgeEvents(&f, &v.Counts)
	r.judgeNotifications(&f, &v.Counts)
	if err := r.judgeFiles(&f, &v.Counts); err != nil {
		return verdict{}, err
	}
	if err := r.judgeObjects(ctx, &f, &v.Counts); err != nil {
		return verdict{}, err
	}
	r.doubt(f)
	v.Violations = append(v.Violations, f...)
	return v, nil
}

// doubt has everything read again that a violation is about.
func (r *reconciler) doubt(f findings) {
	about := map[string]bool{}
	for _, v := range f {
		about[v.Subject] = true
	}
	maps.DeleteFunc(r.histories, func(p *passport, _ *history) bool { return about[p.id] || about[p.identifier] })
	maps.DeleteFunc(r.contents, func(d *document, _ *content) bool { return about[d.id] || about[d.mark] })
	maps.DeleteFunc(r.entries, func(p *person, _ *entry) bool { return about[p.who.id] || about[p.who.email] })
}

// each reads what is not read yet, several at once.
func each[K comparable, V any](ctx context.Context, all []K, known map[K]V, read func(context.Context, K) (V, error)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	found := make([]V, len(all))
	done := make([]bool, len(all))
	for i, one := range all {
		if _, ok := known[one]; ok {
			continue
		}
		if ctx.Err() != nil {
			break // another could not be read
		}
		g.Go(func() (err error) {
			found[i], err = read(ctx, one)
			done[i] = err == nil
			return err
		})
	}
	err := g.Wait()
	for i, one := range all {
		if done[i] {
			known[one] = found[i]
		}
	}
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

const few = 1000 // passports to begin with

// costs are those that may grow with what is stored.
type costs struct{ read, create, page, idle time.Duration }

// measureGrowth compares what requests cost the service with a thousand
// passports and with many, and page 1 with a page far on.
func measureGrowth(ctx context.Context, f *fleet, t *table) error {
	f.passport.end()
	// Events wait: what is measured is the store, and with them the relay has
	// all the more to look through.
	if err := f.passport.start(ctx, "DATA_DIR="+filepath.Join(f.dir, "growth"), "KAFKA_BROKERS="); err != nil {
		return err
	}
	if _, err := f.fill(ctx, 0, few); err != nil {
		return err
	}
	before, err := f.costs(ctx)
	if err != nil {
		return err
	}
	perSecond, err := f.fill(ctx, few, f.rows)
	if err != nil {
		return err
	}
	bare, err := f.bareInserts(ctx)
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("creates over HTTP, 32 clients, up to %d passports", f.rows), "%.0f/s, %.0f %% of %.0f/s of the bare driver one after the other", perSecond, 100*perSecond/bare, bare)
	after, err := f.costs(ctx)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name          string
		before, after time.Duration
	}{{"point read", before.read, after.read}, {"create", before.create, after.create}, {"page 1", before.page, after.page}} {
		t.most(fmt.Sprintf("%s with %d passports against %d, server CPU", c.name, f.rows, few), "≤ 1.5 ×", ratio(c.after, c.before), 1.5,
			"%.2f × (%v)", ratio(c.after, c.before), c.after.Round(1e3))
	}
	t.add(fmt.Sprintf("the service at rest with %d passports, server CPU", f.rows), "%v a second (%v with %d)", after.idle.Round(1e4), before.idle.Round(1e4), few)
	if err := f.depth(ctx, t); err != nil {
		return err
	}
	f.passport.end()
	if err := f.passport.start(ctx, "DATA_DIR="+filepath.Join(f.dir, "growth"), "KAFKA_BROKERS="); err != nil {
		return err
	}
	t.add(fmt.Sprintf("passport-service with %d passports", f.rows), "ready in %v, %.0f MiB idle", f.passport.ready.Round(1e6), f.passport.memory())
	f.passport.end()
	return f.passport.start(ctx)
}

func (f *fleet) costs(ctx context.Context) (c costs, err error) {
	id, err := f.create(ctx, `{"data":{"generalInformation":{"batteryCategory":"LMT"}}}`)
	if err != nil {
		return c, err
	}
	read := &one{process: f.passport.process, ask: asking("GET", f.passport.url+"/api/passports/"+id, "", f.token, http.StatusOK)}
	create := &one{process: f.passport.process, ask: func(ctx context.Context) error { _, err := f.create(ctx, `{"data":{}}`); return err }}
	page := &one{process: f.passport.process, ask: asking("GET", f.passport.url+first, "", f.token, http.StatusOK)}
	if err := inTurns(ctx, f.rounds, f.requests/4, read, create); err != nil {
		return c, err
	}
	if err := inTurns(ctx, f.rounds, f.requests/20, page); err != nil {
		return c, err
	}
	idle := f.passport.cpu()
	time.Sleep(f.rest)
	idle = time.Duration(float64(f.passport.cpu()-idle) / f.rest.Seconds())
	return costs{median(read.took), median(create.took), median(page.took), idle}, nil
}

const first = "/api/passports?batteryCategory=LMT&limit=200"

// depth compares the first page with the five hundredth, or the last before.
func (f *fleet) depth(ctx context.Context, t *table) error {
	far, pages := f.passport.url+first, 1
	for pages < 500 {
		var page struct{ NextCursor string }
		data, err := f.call(ctx, "GET", far, "", http.StatusOK)
		if err := errors.Join(err, json.Unmarshal(data, &page)); err != nil {
			return err
		}
		if page.NextCursor == "" {
			break
		}
		far = f.passport.url + first + "&cursor=" + page.NextCursor
		pages++
	}
	near := &one{process: f.passport.process, ask: asking("GET", f.passport.url+first, "", f.token, http.StatusOK)}
	deep := &one{process: f.passport.process, ask: asking("GET", far, "", f.token, http.StatusOK)}
	if pages > 1 && pages < 500 { // the last may have fewer rows
		pages--
	}
	if err := inTurns(ctx, f.rounds, f.requests/20, near, deep); err != nil {
		return err
	}
	times := ratio(median(deep.took), median(near.took))
	t.most(fmt.Sprintf("page %d of 200 against page 1, server CPU", pages), "≤ 1.2 ×", times, 1.2, "%.2f × (%v)", times, median(near.took).Round(1e4))
	return nil
}

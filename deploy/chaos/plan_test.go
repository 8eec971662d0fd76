package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPlanKillsEverythingThreeTimes in the five minutes of the default.
func TestPlanKillsEverythingThreeTimes(t *testing.T) {
	cfg, err := configOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range []int{1, 4, len(composeParts)} {
		of := func(seed uint64) []fault {
			return planOf(rand.New(rand.NewPCG(seed, 0)), parts, cfg.Duration, cfg.Pace)
		}
		suffered, took := make(tally, parts), time.Duration(0)
		for _, f := range of(1) {
			suffered[f.part][f.action]++
			took += f.after
		}
		for p, n := range suffered {
			if n[kill] < 3 || n[stop] < 1 || n[pause] < 1 || n[restarting] < 1 {
				t.Errorf("of %d parts the one numbered %d suffers %v", parts, p, n)
			}
		}
		if took > cfg.Duration*5/4 {
			t.Errorf("%d parts take %v", parts, took)
		}
		if !reflect.DeepEqual(of(1), of(1)) || reflect.DeepEqual(of(1), of(2)) {
			t.Errorf("the seed does not decide the plan for %d parts", parts)
		}
	}
}

// dummy is a part that notes what is done to it.
type dummy struct {
	mu    sync.Mutex
	notes []string
	fails string
}

func (d *dummy) note(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.notes = append(d.notes, what); d.fails == what {
		return errors.New("it is gone")
	}
	return nil
}

func (d *dummy) Name() string                 { return "dummy" }
func (d *dummy) Kill(context.Context) error   { return d.note("kill") }
func (d *dummy) Stop(context.Context) error   { return d.note("stop") }
func (d *dummy) Start(context.Context) error  { return d.note("start") }
func (d *dummy) Pause(context.Context) error  { return d.note("pause") }
func (d *dummy) Resume(context.Context) error { return d.note("resume") }

var everyAction = []fault{
	{action: kill, lasts: time.Hour}, {action: pause, lasts: time.Hour}, {action: stop, lasts: time.Hour}, {action: restarting},
}

// TestPartsComeBack after each fault, one at a time, and at the end of all.
func TestPartsComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		fails string
		want  string
		err   string
	}{
		"all":                {limit: 24 * time.Hour, want: "kill start pause resume stop start stop start"},
		"ended in the midst": {limit: 90 * time.Minute, want: "kill start pause resume"},
		"a part is gone":     {limit: 24 * time.Hour, fails: "pause", want: "kill start pause", err: "it is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				d := &dummy{fails: c.fails}
				_, err := hurt(ctx, []part{d}, everyAction, io.Discard, func() string { return "" })
				if got := strings.Join(d.notes, " "); got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s, %v; want %s", got, err, c.want)
				}
			})
		})
	}
}

// TestBadCommandLine names everything that is wrong at once.
func TestBadCommandLine(t *testing.T) {
	_, err := configOf([]string{"-target", "moon", "-cycles", "0", "-workers", "0", "-pace", "0", "-duration", "-1s", "-pause", "-1s", "now"})
	for _, want := range []string{"-target", "-cycles", "-workers", "-pace", "-duration", "-pause", "[\"now\"]", "local, processes, compose, none"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	for _, target := range []string{noTarget, processesTarget} {
		t.Setenv("KAFKA_BROKERS", "")
		cfg, err := configOf([]string{"-target", target})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(t.Context(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "KAFKA_BROKERS") {
			t.Errorf("target %s without brokers: %v", target, err)
		}
	}
}

func TestDatabaseOfProcesses(t *testing.T) {
	for uri, want := range map[string]string{
		"": "", "mongodb://h:1": "mongodb://h:1/own", "mongodb://u:p@h:1/theirs?authSource=admin": "mongodb://u:p@h:1/own?authSource=admin",
	} {
		if got := (environment{MongoURI: uri}).database("own"); got != want {
			t.Errorf("database in %q = %q, want %q", uri, got, want)
		}
	}
}

// TestDeadPartIsNoticed: a process that ends by itself is no clean run.
func TestDeadPartIsNoticed(t *testing.T) {
	p := &process{name: "true", program: "/bin/true", log: t.TempDir() + "/log", ready: func(exited <-chan struct{}) error { <-exited; return nil }}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.Kill(t.Context()); err == nil || !strings.Contains(err.Error(), "true ended by itself") {
		t.Errorf("kill = %v", err)
	}
}

// TestPortsAreNotThoseOfClients, which a client may be given while nobody
// listens.
func TestPortsAreNotThoseOfClients(t *testing.T) {
	ports, err := freePorts(7)
	if err != nil || len(slices.Compact(slices.Sorted(slices.Values(ports)))) != 7 {
		t.Fatalf("ports %v, %v", ports, err)
	}
	for _, port := range ports {
		var n int
		if fmt.Sscan(port, &n); n < 10_000 || n >= 30_000 {
			t.Errorf("port %d", n)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/pkg/waittest"
)

// TestPlanKillsEverythingThreeTimes in the default duration, and injects every other
// fault at least once.
func TestPlanKillsEverythingThreeTimes(t *testing.T) {
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, parts := range map[string]struct{ machines, connections int }{"processes": {len(serviceNames) + 3, 3}, "compose": {len(serviceNames) + 4, 0}} {
		plan := func(seed uint64) []fault {
			target := &target{}
			for i := range parts.machines {
				target.addMachine(fmt.Sprint("machine ", i), nil)
			}
			for i := range parts.connections {
				target.addConnection(fmt.Sprint(i), nil)
			}
			return newPlan(rand.New(rand.NewPCG(seed, 0)), target.faults, cfg.duration)
		}
		counts, kinds := map[string]int{}, 0
		for _, f := range plan(1) {
			counts[f.name]++
			if f.at > cfg.duration || f.lasts > 12*time.Second {
				t.Errorf("%s: got %v for %v", f.name, f.at, f.lasts)
			}
		}
		for fault, n := range counts {
			if kinds++; strings.HasPrefix(fault, "kill") && n < 3 {
				t.Errorf("%s: got %d times %s, want 3", name, n, fault)
			}
		}
		if want := 3*parts.machines + 5*parts.connections; kinds != want {
			t.Errorf("%s: got %d faults, want %d: %v", name, kinds, want, counts)
		}
		text := func(plan []fault) (text string) {
			for _, f := range plan {
				text += fmt.Sprintln(f.name, f.at, f.lasts)
			}
			return text
		}
		first, same, other := text(plan(1)), text(plan(1)), text(plan(2))
		if first != same || first == other {
			t.Errorf("%s: the seed does not determine the plan", name)
		}
	}
}

// recorder is a machine that records its verbs, and fails at one of them.
type recorder struct {
	mu    sync.Mutex
	verbs []string
	fails string
}

func (r *recorder) do(_ context.Context, verb string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verbs = append(r.verbs, verb); r.fails == verb {
		return errors.New("not found")
	}
	return nil
}

// TestPartsAreHealed after each fault, one at a time, and at the end of the run.
func TestPartsAreHealed(t *testing.T) {
	for name, test := range map[string]struct {
		limit time.Duration
		fails string
		want  string
		err   string
	}{
		"all faults":       {limit: 24 * time.Hour, want: "kill start pause unpause stop start"},
		"interrupted":      {limit: 90 * time.Minute, want: "kill start pause unpause"},
		"part not found":   {limit: 24 * time.Hour, fails: "pause", want: "kill start pause", err: "not found"},
		"healing fails":    {limit: 24 * time.Hour, fails: "start", want: "kill start", err: "not found"},
		"before its start": {limit: 0, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				r, target := &recorder{fails: test.fails}, &target{}
				target.addMachine("recorder", r.do)
				var plan []fault
				for i, n := range []int{0, 4, 3} { // kill, pause, stop
					f := target.faults[n]
					f.at, f.lasts = time.Duration(i), time.Hour
					plan = append(plan, f)
				}
				err := carryOut(ctx, plan, io.Discard)
				if got := strings.Join(r.verbs, " "); got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %q, error %v, want %q", got, err, test.want)
				}
			})
		})
	}
}

// TestExitedProcessIsReported: a process that ends by itself is an error.
func TestExitedProcessIsReported(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // as if the process listened
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &process{name: "kafka", log: t.TempDir() + "/log", addr: l.Addr().String(), env: []string{programVariable + "=unknown"}}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if err := p.do(t.Context(), "kill"); err == nil || !strings.Contains(err.Error(), "kafka ended by itself") {
		t.Errorf("got error %v, want that the process ended", err)
	}
}

// TestKafkaClientsUseTheProxy: the broker advertises the address of the proxy, which
// passes nothing during a partition.
func TestKafkaClientsUseTheProxy(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	target := &target{}
	u := target.startProxy("kafka", "tcp://"+broker.ListenAddrs()[0])
	if target.err != nil {
		t.Fatal(target.err)
	}
	defer target.closers[0]()
	brokers := func(limit time.Duration) ([]kafka.Broker, error) {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := kafka.NewConn(conn, "", 0)
		c.SetDeadline(time.Now().Add(limit))
		return c.Brokers()
	}
	for range 2 {
		found, err := brokers(waittest.Limit)
		if err != nil || len(found) != 1 || net.JoinHostPort(found[0].Host, strconv.Itoa(found[0].Port)) != u.Host {
			t.Fatalf("got brokers %+v, error %v, want %s", found, err, u.Host)
		}
		for _, f := range target.faults[:3] { // partition and both kinds of half-open connections
			if err := f.inject(t.Context()); err != nil {
				t.Fatal(err)
			}
			if found, err := brokers(500 * time.Millisecond); err == nil {
				t.Errorf("%s: got brokers %v, want a timeout", f.name, found)
			}
			if err := f.heal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

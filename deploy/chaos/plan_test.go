package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// TestPlanKillsEverythingThreeTimes in the five minutes of the default, and
// carries out every other disruption at least once.
func TestPlanKillsEverythingThreeTimes(t *testing.T) {
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, parts := range map[string][]*part{"processes": targetParts(len(serviceNames)+3, 3), "compose": targetParts(len(composeParts), 0)} {
		of := func(seed uint64) []fault { return planOf(rand.New(rand.NewPCG(seed, 0)), parts, cfg.Duration) }
		suffered := map[string]int{}
		for _, f := range of(1) {
			suffered[f.part.name+" "+f.kind]++
			if f.at > cfg.Duration || f.lasts > maxPace*2 {
				t.Errorf("%s at %v for %v", f.kind, f.at, f.lasts)
			}
		}
		for _, p := range parts {
			for _, d := range p.deck {
				if n := suffered[p.name+" "+d.kind]; n == 0 || d.kind == "kill" && n < 3 {
					t.Errorf("%s: %s suffers %s %d times", name, p.name, d.kind, n)
				}
			}
		}
		text := func(plan []fault) (text string) {
			for _, f := range plan {
				text += fmt.Sprintln(f.part.name, f.kind, f.at, f.lasts)
			}
			return text
		}
		first, again, other := text(of(1)), text(of(1)), text(of(2))
		if first != again || first == other {
			t.Errorf("%s: the seed does not fix the plan", name)
		}
	}
}

func targetParts(machines, connections int) (parts []*part) {
	for i := range machines {
		parts = append(parts, machinePart(fmt.Sprint("machine ", i), (&dummy{}).do))
	}
	for i := range connections {
		parts = append(parts, connectionPart(fmt.Sprint("connection ", i), nil))
	}
	return parts
}

// dummy is a machine that notes what is done to it.
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

func (d *dummy) do(_ context.Context, verb string) error { return d.note(verb) }

// TestPartsComeBack after each fault, one at a time, and at the end of all.
func TestPartsComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		fails string
		want  string
		err   string
	}{
		"all":                {limit: 24 * time.Hour, want: "kill start pause unpause stop start stop start"},
		"ended in the midst": {limit: 90 * time.Minute, want: "kill start pause unpause"},
		"a part is gone":     {limit: 24 * time.Hour, fails: "pause", want: "kill start pause", err: "it is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				d := &dummy{fails: c.fails}
				var plan []fault
				p := machinePart("dummy", d.do)
				for i, one := range []int{0, 4, 3, 5} { // kill, pause, stop, restart
					plan = append(plan, fault{part: p, disruption: p.deck[one], at: time.Duration(i), lasts: time.Hour})
				}
				_, err := carryOut(ctx, plan, io.Discard, func() string { return "" })
				if got := strings.Join(d.notes, " "); got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s, %v; want %s", got, err, c.want)
				}
			})
		})
	}
}

// TestBadCommandLine names everything that is wrong at once.
func TestBadCommandLine(t *testing.T) {
	_, err := parseConfig([]string{"-target", "moon", "-duration", "-1s", "now"})
	for _, want := range []string{"-target must be processes or compose", "-duration must be greater than 0", `["now"] is not allowed`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	cfg := config{Target: "processes", Environment: environment{Brokers: []string{"a:1", "b:1"}, S3Endpoint: "http://c"}}
	if _, err := run(t.Context(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "must name one broker") {
		t.Errorf("two brokers: %v", err)
	}
}

// TestDeadPartIsNoticed: a process that ends by itself is no clean run.
func TestDeadPartIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // as if it listened
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &process{name: "true", program: "/bin/true", log: t.TempDir() + "/log", addr: l.Addr().String()}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	<-p.exited
	if err := p.do(t.Context(), "kill"); err == nil || !strings.Contains(err.Error(), "true ended by itself") {
		t.Errorf("kill = %v", err)
	}
}

// TestPortsAreNotThoseOfClients, which a client may be given while nobody
// listens.
func TestPortsAreNotThoseOfClients(t *testing.T) {
	addrs, err := freeAddresses(7)
	if err != nil || len(slices.Compact(slices.Sorted(slices.Values(addrs)))) != 7 {
		t.Fatalf("addresses %v, %v", addrs, err)
	}
	for _, addr := range addrs {
		var n int
		if fmt.Sscanf(addr, "127.0.0.1:%d", &n); n < 10_000 || n >= 30_000 {
			t.Errorf("address %s", addr)
		}
	}
}

// TestClientsOfKafkaStayBehindTheProxy: the broker advertises the address of the
// proxy, through which nothing passes during a partition.
func TestClientsOfKafkaStayBehindTheProxy(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	proxies := newProxies()
	defer proxies.close()
	u, err := proxies.add("kafka", "tcp://"+broker.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	brokers := func() ([]kafka.Broker, error) {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := kafka.NewConn(conn, "", 0)
		c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		return c.Brokers()
	}
	for range 2 {
		found, err := brokers()
		if err != nil || len(found) != 1 || net.JoinHostPort(found[0].Host, strconv.Itoa(found[0].Port)) != u.Host {
			t.Fatalf("brokers %+v, %v; want %s", found, err, u.Host)
		}
		for _, d := range proxies.parts[0].deck[:3] { // partition and both kinds of half-open
			if err := d.inject(t.Context()); err != nil {
				t.Fatal(err)
			}
			if found, err := brokers(); err == nil {
				t.Errorf("%s: brokers %v", d.kind, found)
			}
			if err := d.heal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// target is a suite with the faults to inject into its parts.
type target struct {
	place
	faults  []fault
	dir     string // data and logs; empty: they are elsewhere
	closers []func()
	err     error // first error during the start
}

// fault is one way in which a process, a container or a connection fails. Inject
// and heal return when they are done.
type fault struct {
	name         string
	part         chan struct{} // holds an element during a fault of the part
	inject, heal func(context.Context) error
	at, lasts    time.Duration // in the plan
}

// addMachine adds the faults of a process or container. do takes the verbs of Docker.
func (t *target) addMachine(name string, do func(ctx context.Context, verb string) error) (part chan struct{}) {
	part = make(chan struct{}, 1)
	for _, verbs := range [][2]string{{"kill", "start"}, {"kill", "start"}, {"kill", "start"}, {"stop", "start"}, {"pause", "unpause"}} {
		t.faults = append(t.faults, fault{name: verbs[0] + " " + name, part: part,
			inject: func(ctx context.Context) error { return do(ctx, verbs[0]) },
			heal:   func(ctx context.Context) error { return do(ctx, verbs[1]) }})
	}
	return part
}

// newPlan returns the faults of a run, ordered by time. All faults are shuffled, and
// repeated if the run is long. Faults may overlap.
func newPlan(rng *rand.Rand, faults []fault, duration time.Duration) (plan []fault) {
	if len(faults) == 0 {
		return nil
	}
	pace := min(6*time.Second, max(1500*time.Millisecond, duration/time.Duration(len(faults))))
	for n := range int(duration / pace) {
		if n%len(faults) == 0 {
			rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		}
		f := faults[n%len(faults)]
		f.at, f.lasts = time.Duration(n)*pace+upTo(rng, pace), pace/8+upTo(rng, pace)
		plan = append(plan, f)
	}
	return plan
}

func upTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit)))
}

// carryOut injects and heals the faults of a plan, and prints each. A part has one
// fault at a time. All are healed at the end, also when ctx is done.
func carryOut(ctx context.Context, plan []fault, out io.Writer) error {
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range plan {
		if !wait(ctx, f.at-time.Since(begin)) {
			break
		}
		select {
		case f.part <- struct{}{}:
		case <-ctx.Done():
			return g.Wait()
		}
		fmt.Fprintf(out, "  %6.1fs  %s\n", time.Since(begin).Seconds(), f.name)
		g.Go(func() error {
			err := f.inject(context.WithoutCancel(ctx))
			if err == nil {
				wait(ctx, f.lasts)
				err = f.heal(context.WithoutCancel(ctx))
			}
			if err != nil { // the part stays occupied: the run ends
				return fmt.Errorf("%s: %w", f.name, err)
			}
			<-f.part
			return nil
		})
	}
	return g.Wait()
}

// startProxy starts a proxy for the server of a URL, and returns the URL of the proxy.
func (t *target) startProxy(name, upstream string) *url.URL {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics use the global logger
	u, err := url.Parse(upstream)
	if t.err = cmp.Or(t.err, err); t.err != nil {
		return &url.URL{}
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()) // holds settings, does not listen
	proxy := toxiproxy.NewProxy(server, name, "127.0.0.1:0", u.Host)
	t.err = proxy.Start()
	t.closers = append(t.closers, proxy.Stop)
	if name == "kafka" && t.err == nil {
		_, t.err = proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":"advertise","attributes":{"broker":%q,"proxy":%q}}`, u.Host, proxy.Listen)))
	}
	t.addConnection(name, proxy)
	u.Host = proxy.Listen
	return u
}

// addConnection adds the faults of a proxy. A timeout of 0 drops all data, and closes
// the connections when it is removed. Latency is in ms, the rate in KB/s.
func (t *target) addConnection(name string, proxy *toxiproxy.Proxy) {
	part := make(chan struct{}, 1)
	for _, f := range []struct{ name, toxic, streams string }{
		{"partition", `"type":"timeout","attributes":{"timeout":0}`, "upstream downstream"},
		{"half-open, requests lost:", `"type":"timeout","attributes":{"timeout":0}`, "upstream"},
		{"half-open, responses lost:", `"type":"timeout","attributes":{"timeout":0}`, "downstream"},
		{"latency", `"type":"latency","attributes":{"latency":700,"jitter":300}`, "upstream downstream"},
		{"low bandwidth", `"type":"bandwidth","attributes":{"rate":16}`, "upstream downstream"},
	} {
		each := func(do func(stream string) error) func(context.Context) error {
			return func(context.Context) (err error) {
				for stream := range strings.FieldsSeq(f.streams) {
					err = cmp.Or(err, do(stream))
				}
				return err
			}
		}
		inject := each(func(stream string) error {
			_, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"` + stream + `","stream":"` + stream + `",` + f.toxic + `}`))
			return err
		})
		heal := each(func(stream string) error { return proxy.Toxics.RemoveToxic(context.Background(), stream) })
		t.faults = append(t.faults, fault{name: f.name + " connection to " + name, part: part, inject: inject, heal: heal})
	}
}

// advertiseToxic replaces the address that a Kafka broker advertises by that of
// the proxy. Otherwise clients would bypass the proxy.
type advertiseToxic struct{ Broker, Proxy string }

func init() { toxics.Register("advertise", new(advertiseToxic)) }

// Pipe implements toxics.Toxic.
func (t *advertiseToxic) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			if c == nil {
				stub.Close()
				return
			}
			c.Data = bytes.ReplaceAll(c.Data, kafkaAddress(t.Broker), kafkaAddress(t.Proxy))
			stub.Output <- c
		}
	}
}

// kafkaAddress encodes an address as the Kafka protocol does, without the length in
// front of it: the host is 127.0.0.1 for brokers and proxies.
func kafkaAddress(addr string) []byte {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.ParseUint(port, 10, 16)
	return binary.BigEndian.AppendUint32([]byte(host), uint32(n))
}

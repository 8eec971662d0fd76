package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Toxics, for one direction each. A timeout of 0 swallows all data, and closes
// the connections when it is removed.
const (
	latencyToxic = `"type":"latency","attributes":{"latency":700,"jitter":300}`
	slowToxic    = `"type":"bandwidth","attributes":{"rate":16}` // KB/s
	swallowToxic = `"type":"timeout","attributes":{"timeout":0}`
)

// proxies stand between services and back ends.
type proxies struct {
	server *toxiproxy.ApiServer // holds shared settings; it does not listen
	open   []*toxiproxy.Proxy
	parts  []*part // the connections
}

func newProxies() *proxies {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics log by the global logger
	return &proxies{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())}
}

func (p *proxies) close() {
	for _, one := range p.open {
		one.Stop()
	}
}

// add starts a proxy for the server of a URL and returns the URL of the proxy.
func (p *proxies) add(name, of string) (*url.URL, error) {
	u, err := url.Parse(of)
	if err != nil {
		return nil, err
	}
	proxy := toxiproxy.NewProxy(p.server, name, "127.0.0.1:0", u.Host)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy of %s: %w", name, err)
	}
	if name == "kafka" {
		toxic := fmt.Sprintf(`{"type":"advertise","attributes":{"broker":%q,"proxy":%q}}`, u.Host, proxy.Listen)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return nil, err
		}
	}
	p.open, p.parts = append(p.open, proxy), append(p.parts, connectionPart("connection to "+name, proxy))
	u.Host = proxy.Listen
	return u, nil
}

func connectionPart(name string, proxy *toxiproxy.Proxy) *part {
	with := func(kind, toxic string, streams ...string) disruption {
		return disruption{kind: kind,
			inject: func(context.Context) error {
				for _, stream := range streams {
					if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"` + stream + `","stream":"` + stream + `",` + toxic + `}`)); err != nil {
						return err
					}
				}
				return nil
			},
			heal: func(ctx context.Context) error {
				for _, stream := range streams {
					if err := proxy.Toxics.RemoveToxic(ctx, stream); err != nil {
						return err
					}
				}
				return nil
			},
		}
	}
	return newPart(name,
		with("partition", swallowToxic, "upstream", "downstream"),
		with("half-open, requests lost", swallowToxic, "upstream"), with("half-open, answers lost", swallowToxic, "downstream"),
		with("latency", latencyToxic, "upstream", "downstream"), with("slow", slowToxic, "upstream", "downstream"))
}

// advertiseToxic replaces the address that a Kafka broker advertises by that of
// the proxy. Otherwise clients would go around the proxy.
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

// kafkaAddress encodes an address as the Kafka protocol does. The length in
// front of it is left out: the host is 127.0.0.1 for brokers and proxies.
func kafkaAddress(addr string) []byte {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.ParseUint(port, 10, 16) // what cannot be read is not found
	return binary.BigEndian.AppendUint32([]byte(host), uint32(n))
}

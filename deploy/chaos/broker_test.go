package main

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/battery-passport/suite/pkg/waittest"
)

// produceRequest is a request to store an event.
type produceRequest struct {
	*kmsg.ProduceRequest
	key, version string
}

var (
	keyPattern     = regexp.MustCompile(`"passportId":"([^"]+)"`)
	versionPattern = regexp.MustCompile(`ce_sequence.(\d+)`)
)

// intercept calls f with each request to store one passport.updated; on a busy machine, some requests hold
// several. If f returns true, the broker responds that the event is stored, and does not store it.
func (s *inProcess) intercept(f func(produceRequest) (drop bool)) {
	s.kafka.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		s.kafka.KeepControl()
		r := req.(*kmsg.ProduceRequest)
		if len(r.Topics) != 1 || r.Topics[0].Topic != "passport.updated" || len(r.Topics[0].Partitions) != 1 {
			return nil, nil, false
		}
		records := string(r.Topics[0].Partitions[0].Records)
		if strings.Count(records, "ce_sequence") != 1 {
			return nil, nil, false
		}
		p := produceRequest{r, keyPattern.FindStringSubmatch(records)[1], versionPattern.FindStringSubmatch(records)[1]}
		if !f(p) {
			return nil, nil, false
		}
		return p.accepted(), nil, true
	})
}

// accepted returns the response of a broker that has stored the event.
func (p produceRequest) accepted() kmsg.Response {
	res := p.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range p.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, at := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition = at.Partition
			topic.Partitions = append(topic.Partitions, partition)
		}
		res.Topics = append(res.Topics, topic)
	}
	return res
}

// store sends a request to the broker through another client.
func (s *inProcess) store(t *testing.T, client *kgo.Client, p produceRequest) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.Topics = -1, 10_000, p.Topics
	ctx, cancel := context.WithTimeout(context.Background(), waittest.Limit)
	defer cancel()
	res, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Errorf("store an event: %v", err)
	}
}

func (s *inProcess) client(t *testing.T) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.MaxVersions(kversion.V2_0_0())) // later versions identify topics by another id
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (s *inProcess) run(t *testing.T) (verdict, string) {
	t.Helper()
	var out strings.Builder
	v, err := runOn(t.Context(), s.cfg, &target{place: s.place}, &out)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	return v, out.String()
}

// testLostEvent loses an event that the broker has acknowledged: the relay cannot
// notice it.
func testLostEvent(t *testing.T) {
	s := startSuite(t)
	s.cfg.duration *= 4 // for three events, also on a busy machine
	var mu sync.Mutex
	var lost produceRequest
	n := 0
	s.intercept(func(p produceRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		if n++; n != 3 {
			return false
		}
		lost = p
		return true
	})
	v, out := s.run(t)
	if !v.has(published, lost.key, "has no event passport.updated "+lost.version) || len(v.violations) != 1 {
		t.Errorf("lost event of version %s of %s: got violations %v, want that one", lost.version, lost.key, v.violations)
	}
	if !strings.Contains(out, "VIOLATED: "+published+": "+lost.key) || !strings.Contains(out, "verdict: 1 violations") {
		t.Errorf("output does not contain the violation:\n%s", out)
	}
}

// testRepeatedEvent stores two events twice, which is allowed on topics, and makes
// one notification.
func testRepeatedEvent(t *testing.T) {
	s := startSuite(t)
	s.cfg.duration *= 6 // for six events, also on a busy machine
	client := s.client(t)
	var repeated sync.WaitGroup
	n := 0
	s.intercept(func(p produceRequest) bool {
		if n++; n == 3 || n == 6 {
			repeated.Go(func() { s.store(t, client, p) })
		}
		return false
	})
	v, _ := s.run(t)
	repeated.Wait()
	if len(v.violations) > 0 || v.counts["events repeated"] != 2 {
		t.Errorf("got verdict %+v, want 2 repeated events and no violation", v)
	}
}

// testSwappedEvents stores two events of a passport in the wrong order: the first
// event of each passport is delayed until there is a second.
func testSwappedEvents(t *testing.T) {
	s := startSuite(t)
	s.cfg.duration *= 2 // for a second event, also on a busy machine
	client := s.client(t)
	delayed, swapped := map[string]produceRequest{}, ""
	var late sync.WaitGroup
	s.intercept(func(p produceRequest) bool {
		first, ok := delayed[p.key]
		switch {
		case swapped != "":
			return false
		case !ok:
			delayed[p.key] = p
			return true
		}
		swapped = p.key
		late.Go(func() { // after this event
			s.store(t, client, first)
			for key, other := range delayed {
				if key != swapped {
					s.store(t, client, other)
				}
			}
		})
		return false
	})
	v, _ := s.run(t)
	late.Wait()
	if swapped == "" || !v.has(ordered, swapped, "comes after that of version") {
		t.Errorf("swapped events of %q: got violations %v, want one of %q", swapped, v.violations, ordered)
	}
}

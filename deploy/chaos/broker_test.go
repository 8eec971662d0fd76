package main

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// produced is a request to store an event, as a broker gets it. Those of the
// suite hold one each.
type produced struct {
	*kmsg.ProduceRequest
	key, sequence string
}

var (
	keyOf      = regexp.MustCompile(`"passportId":"([^"]+)"`)
	sequenceOf = regexp.MustCompile(`ce_sequence.(\d+)`)
)

// intercept has f decide on each passport.updated whether the broker says that
// it is stored, and stores nothing.
func (s *inProcess) intercept(f func(produced) (lie bool)) {
	s.broker.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		s.broker.KeepControl()
		r := req.(*kmsg.ProduceRequest)
		if len(r.Topics) != 1 || r.Topics[0].Topic != updated {
			return nil, nil, false
		}
		records := string(r.Topics[0].Partitions[0].Records)
		p := produced{r, keyOf.FindStringSubmatch(records)[1], sequenceOf.FindStringSubmatch(records)[1]}
		if !f(p) {
			return nil, nil, false
		}
		return p.accepted(), nil, true
	})
}

// accepted is the answer of a broker that has stored the event.
func (p produced) accepted() kmsg.Response {
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

// store has the broker store an event, as somebody else asks it to.
func (s *inProcess) store(t *testing.T, client *kgo.Client, p produced) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.Topics = -1, 10_000, p.Topics
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Errorf("store again: %v", err)
	}
}

func (s *inProcess) client(t *testing.T) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.MaxVersions(kversion.V2_0_0())) // later ones know topics by another id
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (s *inProcess) run(t *testing.T) (verdict, string) {
	t.Helper()
	var out strings.Builder
	v, err := runOn(t.Context(), s.cfg, &target{place: s.place, close: func() {}}, &out)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	return v, out.String()
}

// brokerForgets has the broker say of one event that it is stored: the relay
// then has no way of knowing, and the event is lost.
func brokerForgets(t *testing.T) {
	s := startSuite(t)
	var mu sync.Mutex
	var lost produced
	n := 0
	s.intercept(func(p produced) bool {
		mu.Lock()
		defer mu.Unlock()
		if n++; n != 3 {
			return false
		}
		lost = p
		return true
	})
	v, out := s.run(t)
	if !v.has(told, lost.key, "version "+lost.sequence+" has no "+updated) || len(v.Violations) != 1 {
		t.Errorf("version %s of %s is not told: %v", lost.sequence, lost.key, v.Violations)
	}
	if !strings.Contains(out, "VIOLATED 1 times\n    "+lost.key) || !strings.Contains(out, "verdict: FAILED") {
		t.Errorf("it says\n%s", out)
	}
}

// brokerRepeats has events stored twice, which is allowed on topics, and makes
// one notification.
func brokerRepeats(t *testing.T) {
	s := startSuite(t)
	client := s.client(t)
	var again sync.WaitGroup
	n := 0
	s.intercept(func(p produced) bool {
		if n++; n == 3 || n == 6 {
			again.Go(func() { s.store(t, client, p) })
		}
		return false
	})
	v, _ := s.run(t)
	again.Wait()
	if len(v.Violations) > 0 || v.Counts["events repeated"] != 2 {
		t.Errorf("verdict %+v", v)
	}
}

// brokerSwaps has two events of a passport stored in the wrong order: each that
// is the first of its passport is held back until there is a second.
func brokerSwaps(t *testing.T) {
	s := startSuite(t)
	client := s.client(t)
	held, swapped := map[string]produced{}, ""
	var late sync.WaitGroup
	s.intercept(func(p produced) bool {
		first, ok := held[p.key]
		switch {
		case swapped != "":
			return false
		case !ok:
			held[p.key] = p
			return true
		}
		swapped = p.key
		late.Go(func() { // after this one
			s.store(t, client, first)
			for key, other := range held {
				if key != swapped {
					s.store(t, client, other)
				}
			}
		})
		return false
	})
	v, _ := s.run(t)
	late.Wait()
	if swapped == "" || !v.has(order, swapped, "comes after that of version") {
		t.Errorf("the order of %q is not told: %v", swapped, v.Violations)
	}
}

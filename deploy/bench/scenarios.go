package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// scenario is a measurement. It runs once without warm-up, or in several rounds.
type scenario struct {
	name string
	once bool
	do   func(context.Context, *bench, *suite) error
}

// scenarios are measured in this order.
var scenarios = slices.Concat([]scenario{{do: start}, {once: true, do: prepare}}, scans("cached"), []scenario{withCache("0")}, scans("not cached"), []scenario{
	withCache(""),
	load{rate: 300, clients: 16, request: read, bytes: true}.measures("read of 12 kB"),
	load{rate: 300, clients: 16, request: readSmall, bytes: true}.measures("read of a draft of 715 bytes"),
	load{rate: 300, clients: 16, request: readPublic, bytes: true}.measures("public read, gzip"),
	load{rate: 100, clients: 16, request: signedIn}.measures("page for a token, not cached"),
	load{rate: 100, clients: 16, request: create}.measures("create of 12 kB"),
	load{rate: 100, clients: 16, request: createSmall}.measures("create of 715 bytes"),
	load{rate: 100, clients: 16, request: patch}.measures("patch"),
	{name: "publish", do: publishDrafts},
	load{rate: 80, clients: 16, request: list}.measures("list of 50 passports"),
	load{rate: 100, clients: 16, request: inbox}.measures("list of 50 notifications"),
	{name: "logins", do: logInDuringReads},
	{name: "events", do: waitForEvents},
	{name: "events acted on", do: actOnEvents},
	load{rate: 20, clients: 8, request: smallUpload}.measures("upload of 100 kB"),
	load{rate: 2, clients: 0, request: upload(16 * mebibyte)}.measures("upload of 16 MiB"),
	load{rate: 8, clients: 0, request: download}.measures("download of 16 MiB"),
	{name: "memory", once: true, do: uploadAtOnce},
	{name: "import", once: true, do: importRows},
	{name: "many", once: true, do: grow},
	load{rate: 300, clients: 16, request: readAny}.measures("among many: read of any passport"),
	load{rate: 100, clients: 16, request: create}.measures("among many: create of 12 kB"),
	load{rate: 80, clients: 16, request: list}.measures("among many: list of 50, first page"),
	load{rate: 80, clients: 16, request: listDeep}.measures("among many: list of 50, deep page"),
})

// scans are the scenarios of requests for a published passport by its code.
func scans(cached string) []scenario {
	return []scenario{
		load{rate: 300, clients: 16, request: scan("text/html", ""), bytes: true}.measures("page, " + cached),
		load{rate: 300, clients: 16, request: scan("text/html", "*")}.measures("page, unchanged (304), " + cached),
		load{rate: 300, clients: 16, request: scan("application/json", ""), bytes: true}.measures("JSON, " + cached),
		load{rate: 300, clients: 16, request: scan("application/linkset+json", ""), bytes: true}.measures("linkset, " + cached),
	}
}

// withCache starts the suite again, with a size of the cache of public answers; empty: the default.
func withCache(bytes string) scenario {
	return scenario{once: true, do: func(ctx context.Context, _ *bench, s *suite) error {
		s.stop(os.Interrupt)
		s.cacheBytes = bytes
		return s.start(ctx)
	}}
}

// soak is the list of scenarios for -soak.
var soak = []scenario{{do: start}, {once: true, do: prepare}, {name: "soak", once: true, do: soakSuite}}

// measure runs the scenarios whose name contains b.only. The rounds alternate the order
// of the suites, so that other load on the machine affects both. The suite before the change
// may not have all features: it leaves out the scenarios that fail.
func (b *bench) measure(ctx context.Context, scenarios []scenario) error {
	for _, sc := range scenarios {
		if sc.name != "" && !strings.Contains(sc.name, b.only) {
			continue
		}
		fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), sc.name)
		warmUp, rounds := 1, b.rounds
		if sc.once || rounds == 1 {
			warmUp, rounds = 0, 1
		}
		suites := slices.Clone(b.suites)
		for round := range warmUp + rounds {
			for i := range suites {
				s := suites[(round+i)%len(suites)]
				s.recording = round >= warmUp
				err := errors.Join(sc.do(ctx, b, s), ctx.Err())
				if err == nil {
					continue
				}
				err = fmt.Errorf("%s, %s: %w", s.title, sc.name, err)
				if s == b.suites[len(b.suites)-1] || ctx.Err() != nil {
					return err
				}
				fmt.Fprintln(os.Stderr, "left out:", err)
				suites = suites[len(suites)-1:]
				break
			}
		}
	}
	return nil
}

// start starts the suite without data, and measures processor time and memory at rest.
func start(ctx context.Context, _ *bench, s *suite) error {
	s.stop(os.Interrupt)
	if err := errors.Join(os.RemoveAll(filepath.Join(s.dir, "data")), s.start(ctx)); err != nil {
		return err
	}
	s.record("time to ready, ms", milliseconds(s.startup))
	s.settle()
	before := s.cpu()
	time.Sleep(time.Second)
	s.record("CPU at rest, ms in a second", milliseconds(s.cpu()-before))
	s.record("memory at rest, MiB", s.memory("VmRSS"))
	return nil
}

// prepare creates an admin, an operator, a guest, passports and a file.
func prepare(ctx context.Context, _ *bench, s *suite) error {
	defer s.settle()
	var failed error
	do := func(t target) response {
		r, err := send(ctx, t)
		failed = errors.Join(failed, err)
		return r
	}
	s.admin = do(post("", s.auth+"/api/auth/register", strings.Replace(credentials("admin"), "}", `,"role":"admin"}`, 1))).Token
	operator := do(post("", s.auth+"/api/auth/register", credentials("operator"))).User.ID
	// Older suites have no organisations: there only this request fails.
	_, _ = send(ctx, post(s.admin, s.auth+"/api/auth/organisations", `{"id":"bench","name":"Bench"}`))
	do(request(s.admin, "PATCH", s.auth+"/api/auth/users/"+operator, `{"role":"operator","organisation":"bench"}`))
	s.operator = do(s.logIn("operator")).Token
	do(post("", s.auth+"/api/auth/register", credentials("guest")))
	s.small = do(createSmall(s)).ID
	ids, err := s.createMany(ctx, 65, complete)
	s.published, s.drafts = ids[0], ids[1:]
	s.scanned = strings.TrimPrefix(do(s.publish(s.published)).BatteryIdentifier, baseURL)
	s.file = do(upload(16 * mebibyte)(s)).DocID
	return errors.Join(failed, err)
}

func publishDrafts(ctx context.Context, b *bench, s *suite) error {
	const rate = 60
	ids, err := s.createMany(ctx, int(b.fixed.Seconds()*rate)+5, complete) // vegeta may send some more
	if err != nil {
		return err
	}
	s.settle()
	var next atomic.Int64
	return load{rate: rate, request: func(s *suite) target { return s.publish(ids[next.Add(1)-1]) }}.measures("publish").do(ctx, b, s)
}

// logInDuringReads measures logins at full speed and reads at a fixed rate at the same time.
func logInDuringReads(ctx context.Context, b *bench, s *suite) error {
	logins, reads := load{clients: 2 * runtime.NumCPU(), request: login}, load{rate: 100, request: read}
	var g errgroup.Group
	g.Go(func() error {
		m, err := logins.attack(ctx, s, 2*b.fixed)
		s.record(fmt.Sprintf("logins during reads, %d clients, per second", logins.clients), m.Throughput)
		if m.Success > 0.5 { // a busy suite refuses some logins with 503; the throughput has only successful ones
			return nil
		}
		return err
	})
	m, err := reads.attack(ctx, s, 2*b.fixed)
	s.latency(fmt.Sprintf("reads during logins, %d/s", reads.rate), m)
	return errors.Join(err, g.Wait())
}

// waitForEvents measures the time from the response to a write until a consumer has its event.
func waitForEvents(ctx context.Context, b *bench, s *suite) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(s.kafka))
	if err != nil {
		return err
	}
	defer consumer.Close()
	// The client itself would look up the end of the topic later, when the first event may already be there.
	ends, err := kadm.NewClient(consumer).ListEndOffsets(ctx, "passport.updated")
	if err := errors.Join(err, ends.Error()); err != nil {
		return err
	}
	consumer.AddConsumePartitions(ends.KOffsets())
	m := &vegeta.Metrics{}
	for end := time.Now().Add(b.fixed); time.Now().Before(end); {
		updated, err := send(ctx, s.patch(s.drafts[0]))
		if err != nil {
			return err
		}
		responded, sequence := time.Now(), kgo.RecordHeader{Key: "ce_sequence", Value: fmt.Append(nil, updated.Version)}
		for found := false; !found; {
			fetched := consumer.PollFetches(ctx)
			found = slices.ContainsFunc(fetched.Records(), func(r *kgo.Record) bool {
				return string(r.Key) == s.drafts[0] && slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return reflect.DeepEqual(h, sequence) })
			})
			if err := fetched.Err0(); err != nil {
				return err
			}
		}
		m.Add(&vegeta.Result{Latency: time.Since(responded)})
	}
	m.Close()
	s.latency("write to event at a consumer", m)
	return nil
}

// actOnEvents measures how fast the notification-service acts on events that wait at the broker.
func actOnEvents(ctx context.Context, b *bench, s *suite) error {
	const group = "notification-group"
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka))
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, int(b.fixed.Seconds()*2000))
	for i := range records {
		id := fmt.Sprintf("bench-%d", s.turn.Add(1))
		records[i] = &kgo.Record{Topic: "passport.updated", Key: []byte(id), Value: fmt.Appendf(nil, `{"passportId":%q,"updatedBy":"bench"}`, id)}
	}
	before, begin := s.cpu(), time.Now()
	err = client.ProduceSync(ctx, records...).FirstErr()
	for waiting := int64(1); waiting > 0 && err == nil; {
		var lags kadm.DescribedGroupLags
		if lags, err = kadm.NewClient(client).Lag(ctx, group); err == nil {
			err, waiting = lags.Error(), lags[group].Lag.Total()
		}
	}
	s.record("events acted on, per second", float64(len(records))/time.Since(begin).Seconds())
	s.settle()
	s.record("events acted on, CPU per event with its mail, ms", milliseconds(s.cpu()-before)/float64(len(records)))
	return err
}

// uploadAtOnce measures the peak of memory so far, and during four concurrent uploads of large files.
func uploadAtOnce(ctx context.Context, b *bench, s *suite) error {
	s.record("memory under load, peak, MiB", s.memory("VmHWM"))
	if err := s.resetPeak(); err != nil {
		return err
	}
	request := upload(b.large)
	uploads, ctx := errgroup.WithContext(ctx)
	for range 4 {
		uploads.Go(func() error {
			_, err := send(ctx, request(s))
			return err
		})
	}
	err := uploads.Wait()
	s.record(fmt.Sprintf("memory with 4 concurrent uploads of %d MiB, peak, MiB", b.large/mebibyte), s.memory("VmHWM"))
	return err
}

// grow creates many passports, and follows their list to page 500.
func grow(ctx context.Context, b *bench, s *suite) (err error) {
	begin := time.Now()
	if s.many, err = s.createMany(ctx, b.passports, small); err != nil {
		return err
	}
	name := fmt.Sprintf("create of %d passports of 715 bytes, 32 clients, ", b.passports)
	s.record(name+"per second", float64(b.passports)/time.Since(begin).Seconds())
	for range 1 + b.passports/100_000 { // the notifications of many passports take longer
		s.settle()
	}
	s.record(name+"until the suite is idle, per second", float64(b.passports)/time.Since(begin).Seconds())
	for next, n := firstPage, 0; n < 500; n++ {
		page, err := send(ctx, s.get(next))
		if err != nil || page.NextCursor == "" {
			return err
		}
		s.deepPage, next = next, firstPage+"&cursor="+page.NextCursor
	}
	return nil
}

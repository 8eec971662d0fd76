package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/passport-service/samples"
)

// An ask sends one request and fails when it is not answered as it should be.
type ask func(context.Context) error

// one is a load on a process.
type one struct {
	take func(ctx context.Context, n int) (time.Duration, error) // processor time of one of n
	took []time.Duration                                         // by round
}

// load is a request that is sent again and again.
func load(p process, do ask) *one {
	return &one{take: func(ctx context.Context, n int) (time.Duration, error) { return cpuPer(ctx, p, n, do) }}
}

// cost is that of one, in the middle of all rounds.
func (o *one) cost() time.Duration { return median(o.took) }

// inTurns takes the processor time per request of each, in rounds that go
// through all of them: what else the machine does hits all. The first round is
// to warm up.
func inTurns(ctx context.Context, rounds, n int, all ...*one) error {
	for round := range rounds + 1 {
		for _, o := range all {
			took, err := o.take(ctx, n)
			if err != nil {
				return err
			}
			if round > 0 {
				o.took = append(o.took, took)
			}
		}
	}
	return nil
}

// bare starts a server that answers every request with the body and does
// nothing else; with 304 where the body is empty.
func (f *fleet) bare(ctx context.Context, body []byte) (process, string, error) {
	path := filepath.Join(f.dir, "answer.json")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return process{}, "", err
	}
	ports, err := freePorts(1)
	if err != nil {
		return process{}, "", err
	}
	p, err := start(exec.Command(os.Args[0], "-bare", "127.0.0.1:"+ports[0], "-body", path), os.Stderr)
	if err != nil {
		return process{}, "", err
	}
	url := "http://127.0.0.1:" + ports[0]
	return p, url, waitFor(ctx, url+"/readyz")
}

// measureReads holds reads against a server that has the answer at hand.
func measureReads(ctx context.Context, f *fleet, t *table) error {
	for _, name := range []string{"readme-sample.json", "ev-nmc-complete.json"} {
		body, err := samples.FS.ReadFile(name)
		if err != nil {
			return err
		}
		id, err := f.create(ctx, string(body))
		if err != nil {
			return err
		}
		url := f.passport.url + "/api/passports/" + id
		if err := f.againstBare(ctx, t, "authenticated read of", url, f.token, 2); err != nil {
			return err
		}
		if name != "ev-nmc-complete.json" {
			continue
		}
		if _, err := f.call(ctx, "POST", url+"/publish", "", http.StatusOK); err != nil {
			return err
		}
		public := f.passport.url + "/api/public/passports/" + id
		if err := f.againstBare(ctx, t, "public read of", public, "", 0); err != nil {
			return err
		}
		if err := f.unchanged(ctx, t, public); err != nil {
			return err
		}
	}
	return f.lists(ctx, t)
}

// againstBare adds a row; most is the goal, 0 is none.
func (f *fleet) againstBare(ctx context.Context, t *table, what, url, token string, most float64) error {
	answer, err := f.call(ctx, "GET", url, "", http.StatusOK)
	if err != nil {
		return err
	}
	p, address, err := f.bare(ctx, answer)
	if err != nil {
		return err
	}
	defer p.stop()
	ours, theirs := load(f.passport.process, asking("GET", url, "", token, http.StatusOK)), load(p, asking("GET", address, "", token, http.StatusOK))
	if err := inTurns(ctx, f.rounds, f.requests, ours, theirs); err != nil {
		return err
	}
	times := ratio(ours.cost(), theirs.cost())
	figure := fmt.Sprintf("%s %d bytes, server CPU", what, len(answer))
	text := fmt.Sprintf("%v, %.1f × a bare handler", ours.cost().Round(1e3), times)
	if most == 0 {
		t.add(figure, "%s", text)
		return nil
	}
	t.most(figure, fmt.Sprintf("≤ %g × a bare handler", most), times, most, "%s", text)
	return nil
}

func (f *fleet) unchanged(ctx context.Context, t *table, url string) error {
	p, address, err := f.bare(ctx, nil)
	if err != nil {
		return err
	}
	defer p.stop()
	ours := load(f.passport.process, asking("GET", url, "", "", http.StatusNotModified, "If-None-Match", "*"))
	theirs := load(p, asking("GET", address, "", "", http.StatusNotModified))
	if err := inTurns(ctx, f.rounds, f.requests, ours, theirs); err != nil {
		return err
	}
	times := ratio(ours.cost(), theirs.cost())
	t.most("304 of the public part, server CPU", "≤ 1.3 × a bare handler", times, 1.3, "%v, %.1f ×", ours.cost().Round(1e3), times)
	return nil
}

// lists reads pages of what there is.
func (f *fleet) lists(ctx context.Context, t *table) error {
	for range 50 {
		if _, err := f.create(ctx, `{"data":{}}`); err != nil {
			return err
		}
	}
	list := load(f.passport.process, asking("GET", f.passport.url+"/api/passports?limit=50", "", f.token, http.StatusOK))
	if err := inTurns(ctx, f.rounds, f.requests/5, list); err != nil {
		return err
	}
	t.add("list of 50, server CPU", "%v", list.cost().Round(1e3))
	return nil
}

// measureWrites holds a create with its event against what the drivers alone
// take for a row and a record of that size.
func measureWrites(ctx context.Context, f *fleet, t *table) error {
	var n atomic.Int64
	run := time.Now().UnixNano()
	create := func(ctx context.Context) (string, error) {
		return f.create(ctx, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://bench.example/%d/%d"}}}`, run, n.Add(1)))
	}
	own := make(chan string, clients) // passports that nobody is changing
	for range clients {
		id, err := create(ctx)
		if err != nil {
			return err
		}
		own <- id
	}
	creates := load(f.passport.process, func(ctx context.Context) error { _, err := create(ctx); return err })
	patches := load(f.passport.process, func(ctx context.Context) error {
		id := <-own
		defer func() { own <- id }()
		_, err := f.call(ctx, "PATCH", f.passport.url+"/api/passports/"+id, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, n.Add(1)), http.StatusOK)
		return err
	})
	w, err := f.bareWriter()
	if err != nil {
		return err
	}
	defer w.stop()
	bare := &one{take: w.take}
	if err := inTurns(ctx, f.rounds, f.requests/5, creates, patches, bare); err != nil {
		return err
	}
	times := ratio(creates.cost(), bare.cost())
	t.most("create with its event, server CPU", "≤ 3 × bare insert and produce", times, 3, "%v, %.1f × (%v)", creates.cost().Round(1e3), times, bare.cost().Round(1e3))
	t.add("change with its event, server CPU", "%v", patches.cost().Round(1e3))
	return f.publishing(ctx, t)
}

// publishing publishes complete passports.
func (f *fleet) publishing(ctx context.Context, t *table) error {
	var ids []string
	text, err := samples.FS.ReadFile("ev-nmc-complete.json")
	if err != nil {
		return err
	}
	var sample struct {
		Data map[string]map[string]any `json:"data"`
	}
	if err := json.Unmarshal(text, &sample); err != nil {
		return err
	}
	delete(sample.Data["generalInformation"], "batteryPassportIdentifier")
	for i := range f.requests / 10 {
		sample.Data["generalInformation"]["batteryIdentifier"] = fmt.Sprintf("https://bench.example/published/%d", i)
		body, err := json.Marshal(sample)
		if err != nil {
			return err
		}
		id, err := f.create(ctx, string(body))
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	before := f.passport.cpu()
	for _, id := range ids {
		if _, err := f.call(ctx, "POST", f.passport.url+"/api/passports/"+id+"/publish", "", http.StatusOK); err != nil {
			return err
		}
	}
	t.add("publish 12 kB with its event, server CPU", "%v", ((f.passport.cpu() - before) / time.Duration(len(ids))).Round(1e3))
	return nil
}

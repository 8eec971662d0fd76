package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/passport-service/samples"
)

// An ask sends one request and fails when it is not answered as it should be.
type ask func(context.Context) error

// one is a load on a process.
type one struct {
	process process
	ask     ask
	took    []time.Duration // processor time of a request, by round
}

// inTurns takes the processor time per request of each, in rounds that go
// through all of them: what else the machine does hits all.
func inTurns(ctx context.Context, rounds, n int, all ...*one) error {
	for range rounds {
		for _, o := range all {
			took, err := cpuPer(ctx, o.process, n, o.ask)
			if err != nil {
				return err
			}
			o.took = append(o.took, took)
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
	ours, theirs := &one{process: f.passport.process, ask: asking("GET", url, "", token, http.StatusOK)}, &one{process: p, ask: asking("GET", address, "", token, http.StatusOK)}
	if err := inTurns(ctx, f.rounds, f.requests, ours, theirs); err != nil {
		return err
	}
	times := ratio(median(ours.took), median(theirs.took))
	figure := fmt.Sprintf("%s %d bytes, server CPU", what, len(answer))
	text := fmt.Sprintf("%v, %.1f × a bare handler", median(ours.took).Round(1e3), times)
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
	ours := &one{process: f.passport.process, ask: asking("GET", url, "", "", http.StatusNotModified, "If-None-Match", "*")}
	theirs := &one{process: p, ask: asking("GET", address, "", "", http.StatusNotModified)}
	if err := inTurns(ctx, f.rounds, f.requests, ours, theirs); err != nil {
		return err
	}
	times := ratio(median(ours.took), median(theirs.took))
	t.most("304 of the public part, server CPU", "≤ 1.3 × a bare handler", times, 1.3, "%v, %.1f ×", median(ours.took).Round(1e3), times)
	return nil
}

// lists reads pages of what there is.
func (f *fleet) lists(ctx context.Context, t *table) error {
	for range 50 {
		if _, err := f.create(ctx, `{"data":{}}`); err != nil {
			return err
		}
	}
	list := &one{process: f.passport.process, ask: asking("GET", f.passport.url+"/api/passports?limit=50", "", f.token, http.StatusOK)}
	if err := inTurns(ctx, f.rounds, f.requests/5, list); err != nil {
		return err
	}
	t.add("list of 50, server CPU", "%v", median(list.took).Round(1e3))
	return nil
}

// measureWrites holds a create with its event against what the drivers alone
// take for the same row and the same record.
func measureWrites(ctx context.Context, f *fleet, t *table) error {
	var n atomic.Int64
	run := time.Now().UnixNano()
	next := func() string {
		return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://bench.example/%d/%d"}}}`, run, n.Add(1))
	}
	id, err := f.create(ctx, next())
	if err != nil {
		return err
	}
	url := f.passport.url + "/api/passports/" + id
	create := &one{process: f.passport.process, ask: func(ctx context.Context) error { _, err := f.create(ctx, next()); return err }}
	patch := &one{process: f.passport.process, ask: func(ctx context.Context) error {
		_, err := f.call(ctx, "PATCH", url, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, n.Add(1)), http.StatusOK)
		return err
	}}
	var bare []time.Duration
	for range f.rounds {
		if err := inTurns(ctx, 1, f.requests/5, create, patch); err != nil {
			return err
		}
		took, err := f.bareWrites(ctx, f.requests/5)
		if err != nil {
			return err
		}
		bare = append(bare, took)
	}
	times := ratio(median(create.took), median(bare))
	t.most("create with its event, server CPU", "≤ 3 × bare insert and produce", times, 3, "%v, %.1f × (%v)", median(create.took).Round(1e3), times, median(bare).Round(1e3))
	t.add("change with its event, server CPU", "%v", median(patch.took).Round(1e3))
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

// bareWrites has another process write with the drivers alone, and returns the
// processor time of one.
func (f *fleet) bareWrites(ctx context.Context, n int) (time.Duration, error) {
	out, err := exec.CommandContext(ctx, os.Args[0], "-write", strconv.Itoa(n), "-dir", f.dir, "-brokers", f.backends.kafka).Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, e.Stderr)
	}
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(string(out))
}

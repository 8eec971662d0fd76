package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

const clients = 4

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}

// call sends a request and returns the body of an answer with the status.
func (s *suite) call(ctx context.Context, method, url, body string, status int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	data, err := read(res)
	if err == nil && res.StatusCode != status {
		err = fmt.Errorf("%s %s = %d: %s", method, url, res.StatusCode, data)
	}
	return data, err
}

func (s *suite) create(ctx context.Context, body string) (id string, err error) {
	data, err := s.call(ctx, "POST", s.passport+"/api/passports", body, http.StatusCreated)
	var p struct{ ID string }
	return p.ID, errors.Join(err, json.Unmarshal(data, &p))
}

// measureReads compares what a read costs the service with what it costs a
// server that has the answer at hand.
func measureReads(ctx context.Context, s *suite, dir, name string, n int) error {
	body, err := samples.FS.ReadFile(name)
	if err != nil {
		return err
	}
	id, err := s.create(ctx, string(body))
	if err != nil {
		return err
	}
	url := s.passport + "/api/passports/" + id
	answer, err := s.call(ctx, "GET", url, "", http.StatusOK)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "answer.json")
	if err := os.WriteFile(path, answer, 0o600); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	bare, err := start(exec.Command(os.Args[0], "-bare", "127.0.0.1:"+ports[0], "-body", path), os.Stderr)
	if err != nil {
		return err
	}
	defer bare.stop()
	if err := waitFor(ctx, "http://127.0.0.1:"+ports[0]); err != nil {
		return err
	}
	var ours, theirs time.Duration
	for range 4 { // in turns, so that what else the machine does hits both
		a, err := cpuPer(ctx, s.process, n/4, asking("GET", url, "", s.token, http.StatusOK))
		if err != nil {
			return err
		}
		b, err := cpuPer(ctx, bare, n/4, asking("GET", "http://127.0.0.1:"+ports[0], "", s.token, http.StatusOK))
		if err != nil {
			return err
		}
		ours, theirs = ours+a/4, theirs+b/4
	}
	fmt.Printf("processor time per authenticated read of %s (%d bytes): %v; a bare net/http handler %v; %.1f times\n",
		name, len(answer), ours.Round(1e3), theirs.Round(1e3), float64(ours)/float64(theirs))
	return nil
}

// measureEvents takes the time from the answer to a write until a consumer has
// its event: a little more than until the broker has it.
func measureEvents(ctx context.Context, s *suite, n int) error {
	id, err := s.create(ctx, `{"data":{}}`)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan time.Time, n+1)
	var g errgroup.Group
	g.Go(func() error {
		return kafka.Tail(ctx, kafka.Config{Brokers: []string{s.kafka}}, event.PassportTopics(), func(e event.Envelope) error {
			if e.Key == id {
				arrived <- time.Now()
			}
			return nil
		})
	})
	<-arrived // it was created
	took := make([]time.Duration, n)
	for i := range took {
		if _, err := s.call(ctx, "PATCH", s.passport+"/api/passports/"+id, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1), http.StatusOK); err != nil {
			return err
		}
		acknowledged := time.Now()
		took[i] = (<-arrived).Sub(acknowledged)
	}
	cancel()
	slices.Sort(took)
	fmt.Printf("write acknowledged → event with a consumer, %d writes one after the other: p50 %v, p99 %v\n",
		n, took[n/2].Round(1e4), took[n*99/100].Round(1e4))
	return g.Wait()
}

const notices = 200

// measureNotifications looks for the row of a write as often as it can.
func measureNotifications(ctx context.Context, s *suite, n int) error {
	id, err := s.create(ctx, `{"data":{}}`)
	if err != nil {
		return err
	}
	newest := func() (string, error) {
		data, err := s.call(ctx, "GET", s.notification+"/api/notifications?limit=1&eventType=passport.updated", "", http.StatusOK)
		var page struct{ Items []struct{ ID string } }
		if err == nil {
			err = json.Unmarshal(data, &page)
		}
		if err != nil || len(page.Items) == 0 {
			return "", err
		}
		return page.Items[0].ID, nil
	}
	took := make([]time.Duration, n)
	for i := range took {
		before, err := newest()
		if err != nil {
			return err
		}
		if _, err := s.call(ctx, "PATCH", s.passport+"/api/passports/"+id, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1), http.StatusOK); err != nil {
			return err
		}
		begin := time.Now()
		for now := before; now == before; {
			if now, err = newest(); err != nil {
				return err
			}
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	fmt.Printf("write acknowledged → notification in the list, %d writes one after the other: p50 %v, p99 %v\n", n, took[n/2].Round(1e4), took[n*99/100].Round(1e4))
	return nil
}

// measurePages compares the first and the last page of a long list.
func measurePages(ctx context.Context, s *suite, rows int) error {
	begin := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := range rows {
		g.Go(func() error {
			_, err := s.create(gctx, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://bench.example/%d","batteryCategory":"LMT"}}}`, i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Printf("created %d passports, 32 at once: %.0f per second\n", rows, float64(rows)/time.Since(begin).Seconds())
	const limit = 200
	first := s.passport + "/api/passports?batteryCategory=LMT&limit=" + strconv.Itoa(limit)
	last, pages := first, 1
	for url := first; ; pages++ {
		var page struct{ NextCursor string }
		data, err := s.call(ctx, "GET", url, "", http.StatusOK)
		if err := errors.Join(err, json.Unmarshal(data, &page)); err != nil {
			return err
		}
		if page.NextCursor == "" {
			break
		}
		last, url = url, first+"&cursor="+page.NextCursor
		if pages < rows/limit {
			last = url
		}
	}
	var firsts, lasts []time.Duration
	for range 50 { // in turns
		for url, took := range map[string]*[]time.Duration{first: &firsts, last: &lasts} {
			begin := time.Now()
			if _, err := s.call(ctx, "GET", url, "", http.StatusOK); err != nil {
				return err
			}
			*took = append(*took, time.Since(begin))
		}
	}
	slices.Sort(firsts)
	slices.Sort(lasts)
	fmt.Printf("page 1 of %d: %v; page %d: %v; %.2f times (medians)\n",
		pages, firsts[25].Round(1e4), pages, lasts[25].Round(1e4), float64(lasts[25])/float64(firsts[25]))
	return nil
}

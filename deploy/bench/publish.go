package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/passport-service/samples"
)

const (
	reviewed   = "ev-nmc-complete.json" // the largest sample
	publishing = 200                    // passports that are published
)

// measurePublished compares what published passports cost the service with what
// the read of one by its keeper costs, in turns.
func measurePublished(ctx context.Context, s *suite, n int) error {
	body, ids, err := s.drafts(ctx)
	if err != nil {
		return err
	}
	authority, err := s.authority(ctx)
	if err != nil {
		return err
	}
	patch, err := s.cpuOf(ctx, ids, "PATCH", "", `{"data":{"generalInformation":{"warrantyPeriod":"P9Y"}}}`)
	if err != nil {
		return err
	}
	publish, err := s.cpuOf(ctx, ids, "POST", "/publish", "")
	if err != nil {
		return err
	}
	public := s.passport + "/api/public/passports/" + ids[0]
	private := s.passport + "/api/passports/" + ids[0]
	kinds := []struct {
		name string
		ask  func(context.Context) error
		took time.Duration
	}{
		{name: "read by its keeper, whole", ask: asking("GET", private, "", s.token, http.StatusOK)},
		{name: "read by an authority, projected", ask: asking("GET", private, "", authority, http.StatusOK)},
		{name: "read by the public", ask: asking("GET", public, "", "", http.StatusOK)},
		{name: "read by the public, compressed", ask: asking("GET", public, "", "", http.StatusOK, "Accept-Encoding", "gzip")},
		{name: "read by the public, unchanged (304)", ask: asking("GET", public, "", "", http.StatusNotModified, "If-None-Match", "*")},
		{name: "validated", ask: asking("POST", s.passport+"/api/passports/validate", body, s.token, http.StatusOK)},
	}
	for range 4 { // in turns, so that what else the machine does hits all
		for i := range kinds {
			took, err := cpuPer(ctx, s.process, n/4, kinds[i].ask)
			if err != nil {
				return fmt.Errorf("%s: %w", kinds[i].name, err)
			}
			kinds[i].took += took / 4
		}
	}
	whole := kinds[0].took
	fmt.Printf("processor time to publish %s, with events, notifications, mail and files: %v; %.2f times a change of the draft\n",
		reviewed, publish.Round(1e3), float64(publish)/float64(patch))
	for _, k := range kinds {
		fmt.Printf("processor time of it %s: %v; %.2f times\n", k.name, k.took.Round(1e3), float64(k.took)/float64(whole))
	}
	return nil
}

// cpuOf returns the processor time of a write to each of the passports, and of
// all that comes of it.
func (s *suite) cpuOf(ctx context.Context, ids []string, method, action, body string) (time.Duration, error) {
	before := s.cpu()
	for _, id := range ids {
		if _, err := s.call(ctx, method, s.passport+"/api/passports/"+id+action, body, http.StatusOK); err != nil {
			return 0, err
		}
	}
	return (s.cpu() - before) / time.Duration(len(ids)), nil
}

// drafts makes passports that are complete, and returns one as a body.
func (s *suite) drafts(ctx context.Context) (body string, ids []string, err error) {
	text, err := samples.FS.ReadFile(reviewed)
	if err != nil {
		return "", nil, err
	}
	var sample struct {
		Data map[string]map[string]any `json:"data"`
	}
	if err := json.Unmarshal(text, &sample); err != nil {
		return "", nil, err
	}
	general := sample.Data["generalInformation"]
	delete(general, "batteryPassportIdentifier")
	for i := range publishing {
		general["batteryIdentifier"] = fmt.Sprintf("https://bench.example/p/%d", i)
		one, err := json.Marshal(sample)
		if err != nil {
			return "", nil, err
		}
		id, err := s.create(ctx, string(one))
		if err != nil {
			return "", nil, err
		}
		ids = append(ids, id)
	}
	return string(text), ids, nil
}

// authority makes an account of one, and returns a token.
func (s *suite) authority(ctx context.Context) (string, error) {
	const who = `{"email":"authority@bench.example","password":"correct horse battery"}`
	var session struct {
		Token string
		User  struct{ ID string }
	}
	data, err := s.call(ctx, "POST", s.auth+"/api/auth/register", who, http.StatusCreated)
	if err == nil {
		err = json.Unmarshal(data, &session)
	}
	if err == nil {
		_, err = s.call(ctx, "PATCH", s.auth+"/api/auth/users/"+session.User.ID, `{"role":"authority"}`, http.StatusOK)
	}
	if err == nil {
		data, err = s.call(ctx, "POST", s.auth+"/api/auth/login", who, http.StatusOK)
	}
	if err == nil {
		err = json.Unmarshal(data, &session)
	}
	return session.Token, err
}

// asking returns a request that fails on another status. What is compressed is
// not unpacked.
func asking(method, url, body, token string, status int, headers ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept-Encoding", "identity")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		data, err := read(res)
		if err == nil && res.StatusCode != status {
			err = fmt.Errorf("%s %s = %d: %s", method, url, res.StatusCode, data)
		}
		return err
	}
}

// cpuPer returns the processor time of a process per request, of n.
func cpuPer(ctx context.Context, p process, n int, ask func(context.Context) error) (time.Duration, error) {
	before := p.cpu()
	g, ctx := errgroup.WithContext(ctx)
	for range clients {
		g.Go(func() error {
			for range n / clients {
				if err := ask(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return (p.cpu() - before) / time.Duration(n), err
}

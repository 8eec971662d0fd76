package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
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

// cpuPer returns the processor time of a process per request, of about n.
func cpuPer(ctx context.Context, p process, n int, ask ask) (time.Duration, error) {
	each := max(1, n/clients)
	before := p.cpu()
	err := together(ctx, clients, each*clients, ask)
	return (p.cpu() - before) / time.Duration(each*clients), err
}

// together does something n times in all, so many at a time.
func together(ctx context.Context, workers, n int, do ask) error {
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error {
			for range n / workers {
				if err := do(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

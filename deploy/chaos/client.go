package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// account sends requests. It is safe for concurrent use.
type account struct {
	id, email, password, organisation string

	token atomic.Value // string; nil or empty: log in
}

// request is sent as somebody where who is set.
type request struct {
	who         *account
	method, url string
	body        any    // as JSON unless it is bytes
	contentType string // empty: JSON
	ifMatch     string
}

// answer has status 0 when none came.
type answer struct {
	status int
	body   []byte
	err    error
}

// inDoubt reports whether the request may have taken effect or not.
func (a answer) inDoubt() bool { return a.status == 0 || a.status >= 500 }

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d: %.300s", a.status, a.body)
}

// read decodes a successful answer.
func (a answer) read(out any) error {
	if a.status < 200 || a.status > 299 {
		return fmt.Errorf("answered %v", a)
	}
	return json.Unmarshal(a.body, out)
}

// client sends requests and counts their answers.
type client struct {
	auth string // URL of the auth-service
	http *http.Client

	mu     sync.Mutex
	counts map[string]int
}

func (c *client) tally() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return text(c.counts)
}

// send logs in where there is no valid token.
func (c *client) send(ctx context.Context, r request) answer {
	if r.who == nil {
		return c.once(ctx, r, "")
	}
	for token, _ := r.who.token.Load().(string); ; token = "" {
		fresh := token == ""
		if fresh {
			if a := c.login(ctx, r.who); a.status != http.StatusOK {
				return answer{err: fmt.Errorf("not sent: the login was answered %v", a)}
			}
			token = r.who.token.Load().(string)
		}
		if a := c.once(ctx, r, token); fresh || a.status != http.StatusUnauthorized {
			return a
		}
	}
}

type session struct {
	Token string `json:"token"`
	User  struct {
		ID           string `json:"id"`
		Role         string `json:"role"`
		Organisation string `json:"organisation"`
	} `json:"user"`
}

func (c *client) login(ctx context.Context, who *account) answer {
	a := c.once(ctx, request{method: http.MethodPost, url: c.auth + "/api/auth/login", body: object{"email": who.email, "password": who.password}}, "")
	var s session
	if a.status == http.StatusOK && json.Unmarshal(a.body, &s) == nil {
		who.token.Store(s.Token)
	}
	return a
}

// record counts an answer.
func (c *client) record(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case a.inDoubt():
		c.counts["in doubt"]++
	case a.status >= 400:
		c.counts["refused"]++
	default:
		c.counts["answered"]++
	}
}

func (c *client) once(ctx context.Context, r request, token string) (a answer) {
	defer func() { c.record(a) }()
	body, raw := r.body.([]byte)
	if !raw && r.body != nil {
		if body, a.err = json.Marshal(r.body); a.err != nil {
			return a
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for name, value := range map[string]string{"Content-Type": r.contentType, "Authorization": "Bearer " + token, "If-Match": r.ifMatch} {
		if value != "" && value != "Bearer " {
			req.Header.Set(name, value)
		}
	}
	if r.contentType == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	if a.body, a.err = io.ReadAll(res.Body); a.err == nil { // a truncated answer is none
		a.status = res.StatusCode
	}
	return a
}

func (c *client) get(ctx context.Context, who *account, url string, out any) error {
	if err := c.send(ctx, request{who: who, method: http.MethodGet, url: url}).read(out); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

// list reads all pages of a list.
func list[T any](ctx context.Context, c *client, who *account, at string) (all []T, err error) {
	for query := (url.Values{"limit": {"200"}}); ; {
		var page struct {
			Items      []T    `json:"items"`
			NextCursor string `json:"nextCursor"`
		}
		if err := c.get(ctx, who, at+"?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		if all = append(all, page.Items...); page.NextCursor == "" {
			return all, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

const requestTimeout = 30 * time.Second // where nothing fails

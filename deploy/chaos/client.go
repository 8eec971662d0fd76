package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// requestTimeout is how long a request may take where nobody dies.
const requestTimeout = 30 * time.Second

// request is one to a service. It is sent as somebody where who is set.
type request struct {
	who         *account
	method, url string
	body        []byte
	contentType string // empty: JSON
	ifMatch     string
}

// answer is what came of a request.
type answer struct {
	status int // 0: none came
	body   []byte
	err    error
}

// unsure tells whether the request may have been carried out or not.
func (a answer) unsure() bool { return a.status == 0 || a.status >= 500 }

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d: %.300s", a.status, a.body)
}

// read reads an answer of success.
func (a answer) read(out any) error {
	if a.status < 200 || a.status > 299 {
		return fmt.Errorf("answered %v", a)
	}
	return json.Unmarshal(a.body, out)
}

// caller sends requests and counts what came of them.
type caller struct {
	auth string // URL
	http *http.Client

	mu                         sync.Mutex
	answered, unsured, refused int
	unheard                    int // nobody was there
}

func newCaller(auth string, workers int) *caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 5 * workers
	return &caller{auth: auth, http: &http.Client{Timeout: requestTimeout, Transport: transport}}
}

// send sends a request, once. Who has no token, or one that does not count any
// more, logs in.
func (c *caller) send(ctx context.Context, r request) answer {
	if r.who == nil {
		return c.count(c.once(ctx, r, ""))
	}
	token := r.who.held()
	if token == "" {
		if a := c.login(ctx, r.who); a.status != http.StatusOK {
			return notSent(a)
		}
		token = r.who.held()
	}
	a := c.once(ctx, r, token)
	if a.status != http.StatusUnauthorized {
		return c.count(a)
	}
	r.who.hold("")
	if a := c.login(ctx, r.who); a.status != http.StatusOK {
		return notSent(a)
	}
	return c.count(c.once(ctx, r, r.who.held()))
}

// notSent is the answer where who was to send could not log in. It counts as in
// doubt: nothing is claimed of it.
func notSent(a answer) answer {
	return answer{err: fmt.Errorf("not sent, for the login was answered %v", a)}
}

func (c *caller) count(a answer) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		c.unheard++
	case a.unsure():
		c.unsured++
	case a.status >= 400:
		c.refused++
	default:
		c.answered++
	}
	return a
}

// tally tells what came of the requests so far.
func (c *caller) tally() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d answered, %d refused, %d in doubt, %d with nobody there", c.answered, c.refused, c.unsured, c.unheard)
}

func (c *caller) login(ctx context.Context, who *account) answer {
	body, _ := json.Marshal(map[string]string{"email": who.email, "password": who.password}) // of strings alone
	a := c.count(c.once(ctx, request{method: http.MethodPost, url: c.auth + "/api/auth/login", body: body}, ""))
	var s session
	if a.status == http.StatusOK {
		if err := json.Unmarshal(a.body, &s); err != nil {
			return answer{err: err}
		}
		who.hold(s.Token)
	}
	return a
}

func (c *caller) once(ctx context.Context, r request, token string) answer {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{err: err}
	}
	if req.Header.Set("Content-Type", "application/json"); r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{err: err} // what was cut says nothing
	}
	return answer{status: res.StatusCode, body: body}
}

// page reads a whole list, a page at a time.
func page[T any](ctx context.Context, c *caller, who *account, url string, each func(T) bool) error {
	for cursor := ""; ; {
		var list struct {
			Items      []T    `json:"items"`
			NextCursor string `json:"nextCursor"`
		}
		if err := c.send(ctx, request{who: who, method: http.MethodGet, url: withCursor(url, cursor)}).read(&list); err != nil {
			return fmt.Errorf("GET %s: %w", url, err)
		}
		for _, item := range list.Items {
			if !each(item) {
				return nil
			}
		}
		if cursor = list.NextCursor; cursor == "" {
			return nil
		}
	}
}

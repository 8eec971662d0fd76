// Package documents reads the public documents of passports from the document-service.
package documents

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/cache"
	"github.com/battery-passport/suite/passport-service/internal/page"
	"github.com/battery-passport/suite/pkg/trace"
)

const (
	lifetime   = time.Minute // of a cached list
	staleTime  = time.Hour   // after its lifetime; such a list is used while the service fails
	cacheBytes = 4 << 20
	pageSize   = 200     // documents per request
	maxFiles   = 1000    // of a passport that are listed
	maxBody    = 4 << 20 // bytes
)

// Timeout limits the requests of a list: a page must not wait longer for it.
const Timeout = 500 * time.Millisecond

// Client lists the public documents of passports. It is safe for concurrent use.
type Client struct {
	timeout              time.Duration
	base, public, secret string
	http                 http.Client
	now                  func() time.Time
	cache                *cache.Cache[string, list]
	breaker              breaker
}

// list is the documents of a passport. After a failed request it contains the documents of the
// last successful one.
type list struct {
	files   []page.File
	state   string // changes with files
	expires time.Time
	err     error     // of the last request
	retryAt time.Time // after an error
}

// New returns a client of the document-service at base, which gives up a list after timeout. The
// links in lists begin with public. Requests have the secret of the services, unless it is empty, and thus a rate limit
// of their own.
func New(base, public, secret string, timeout time.Duration, now func() time.Time) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	size := func(id string, l list) int {
		n := 200 + len(id) + len(l.state)
		for _, f := range l.files {
			n += 150 + len(f.Name) + len(f.Kind) + len(f.URL) + len(f.Description)
		}
		return n
	}
	fresh := func(l list) bool { return now().Before(l.expires) || now().Before(l.retryAt) }
	return &Client{
		timeout: timeout,
		base:    strings.TrimSuffix(base, "/"), public: strings.TrimSuffix(public, "/"),
		secret: secret, now: now, cache: cache.NewExpiring(cacheBytes, size, fresh),
		http: http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// List returns the public documents of a passport, newest first, and a text that changes with
// them. The list may be a minute old or, while the document-service fails, an hour older.
// Concurrent calls for a passport share one request. After a failure, there is a pause before
// the next request for the passport.
func (c *Client) List(ctx context.Context, passportID string) ([]page.File, string, error) {
	l, err := c.cache.Load(passportID, func() (string, list, error) {
		if !c.breaker.allows(c.now()) {
			return passportID, list{}, errPaused
		}
		return passportID, c.request(context.WithoutCancel(ctx), passportID), nil
	})
	if err != nil {
		l, _ = c.cache.Get(passportID)
		l.err = err
	}
	if l.err != nil && c.now().After(l.expires.Add(staleTime)) {
		return nil, "", fmt.Errorf("list of documents: %w", l.err)
	}
	return l.files, l.state, nil
}

// request gets a list. If that fails, it returns the previous list with the error.
func (c *Client) request(ctx context.Context, passportID string) list {
	l, outage, err := c.requestPages(ctx, passportID)
	c.breaker.record(c.now(), passportID, outage)
	if err != nil {
		l, _ = c.cache.Get(passportID)
		l.err, l.retryAt = err, c.now().Add(pause)
	}
	return l
}

// requestPages gets all pages of a list. An error is an outage or concerns this list only.
func (c *Client) requestPages(ctx context.Context, passportID string) (l list, outage bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	l.expires = c.now().Add(lifetime)
	query := url.Values{"passportId": {passportID}, "limit": {strconv.Itoa(pageSize)}}
	for {
		next, err := c.requestPage(ctx, query, &l)
		switch {
		case err != nil:
			return l, isOutage(err, !query.Has("cursor")), err
		case next == "" || len(l.files) >= maxFiles:
			return l, false, nil
		}
		query.Set("cursor", next)
	}
}

// requestPage adds a page to l and returns the cursor of the next one.
func (c *Client) requestPage(ctx context.Context, query url.Values, l *list) (next string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/public/documents?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set(trace.Header, trace.FromContext(ctx))
	if c.secret != "" {
		req.Header.Set("Authorization", "Bearer "+c.secret)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %w", req.URL, statusError(res.StatusCode))
	}
	var body struct {
		Items []struct {
			FileName, Kind, Description, ContentURL string
			FileSize                                int64
		}
		NextCursor string
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&body); err != nil {
		return "", fmt.Errorf("%s: %w", req.URL, err)
	}
	for _, d := range body.Items {
		l.files = append(l.files, page.File{Name: d.FileName, Kind: d.Kind, Description: d.Description, URL: c.public + d.ContentURL, Size: d.FileSize})
	}
	l.state += res.Header.Get("ETag")
	return body.NextCursor, nil
}

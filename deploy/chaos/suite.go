package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/deploy/api"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	requestTimeout = 30 * time.Second
	loadTimeout    = 3 * time.Second // shorter than some faults: requests are abandoned that the suite still completes
	password       = "correct horse battery"
)

type object = map[string]any

// place is where a suite listens and where its side effects can be checked.
type place struct {
	auth, passport, document, notification string // URLs
	adminEmail, adminPassword              string
	broker                                 string
	brokerLogin                            kafka.Security
	s3                                     storage
	sweepSoon                              bool   // the document-service removes abandoned objects while chaos waits
	files                                  string // folder of the text files
}

// storage is the S3 server of a suite.
type storage struct{ endpoint, bucket, region, keyID, secret string }

// suite is a running suite with the accounts that use it.
type suite struct {
	place
	ledger
	http  *http.Client
	admin *account
	teams []*account // one operator for each organisation
}

// account sends requests. It is safe for concurrent use.
type account struct {
	id, email, password string
	token               atomic.Value // string; nil before the login
}

func newAccount() *account {
	return &account{email: "chaos-" + uuid.NewString() + "@people.example", password: password}
}

type request struct {
	who         *account // nil: without a token
	method, url string
	body        any // JSON unless it is []byte
	header      map[string]string
	retry       bool // repeat it while it is in doubt
}

// response has status 0 if none arrived completely.
type response struct {
	status  int
	body    []byte
	err     error
	retried bool
}

// inDoubt reports whether the request may or may not take effect.
func (r response) inDoubt() bool { return r.status == 0 || r.status >= 500 }

// read decodes the body of a successful response, if it has one.
func (r response) read(out any) error {
	if r.err != nil || r.status > 299 {
		return cmp.Or(r.err, fmt.Errorf("got status %d: %.300s", r.status, r.body))
	}
	if len(r.body) == 0 {
		return nil
	}
	return json.Unmarshal(r.body, out)
}

// resource has the members that chaos reads from any response.
type resource struct {
	ID, DocID, Status, Organisation, Token       string
	User                                         struct{ ID, Role, Organisation string }
	Version                                      int64 // of a passport
	Data                                         json.RawMessage
	Action, Reason, DataHash, PreviousHash, Hash string
	Intact                                       bool
	Versions, BrokenAt                           int64
	SHA256, Description                          string // of a document
	EventType                                    string // of a notification
	Metadata                                     json.RawMessage
}

func (r *resource) id() string { return cmp.Or(r.ID, r.DocID, r.User.ID) }

// value returns the member that the load writes: the warranty period of a passport,
// the checksum of a document, or the organisation of an account.
func (r *resource) value() string {
	var data struct {
		GeneralInformation struct{ WarrantyPeriod string }
	}
	_ = json.Unmarshal(r.Data, &data) // without data, the value is empty
	return cmp.Or(data.GeneralInformation.WarrantyPeriod, r.SHA256, r.Organisation, r.User.Organisation)
}

// dataHash identifies the whole content.
func (r *resource) dataHash() string {
	if r.Data == nil {
		return r.value()
	}
	return sumOf([]byte(canonical(r.Data)))
}

// canonical returns the form of RFC 8785.
func canonical(data []byte) string {
	value := wire.Value(data).Clone()
	if err := value.Canonicalize(); err != nil {
		return err.Error()
	}
	return string(value)
}

// send sends a request. If retry is set, it sends the request up to five times.
func (s *suite) send(ctx context.Context, r request) (res response) {
	for n := 0; ; n++ {
		res = s.authorized(ctx, r)
		res.retried = n > 0
		if !r.retry || n == 4 || !res.inDoubt() || !wait(ctx, 500*time.Millisecond) {
			return res
		}
	}
}

// authorized logs in if the account has no valid token.
func (s *suite) authorized(ctx context.Context, r request) response {
	if r.who == nil {
		return s.sendOnce(ctx, r, "")
	}
	token, _ := r.who.token.Load().(string)
	res, session := s.sendOnce(ctx, r, token), resource{}
	if res.status != http.StatusUnauthorized {
		return res
	}
	if res = s.sendOnce(ctx, s.login(r.who), ""); res.read(&session) != nil {
		return res
	}
	r.who.token.Store(session.Token)
	return s.sendOnce(ctx, r, session.Token)
}

func (s *suite) sendOnce(ctx context.Context, r request, token string) (res response) {
	req, err := api.NewRequest(ctx, r.method, r.url, token, r.body)
	if err != nil {
		return response{err: err}
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	got, err := s.http.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer got.Body.Close()
	if res.body, res.err = io.ReadAll(got.Body); res.err == nil {
		res.status = got.StatusCode
	}
	if res.status == http.StatusOK && !strings.Contains(got.Header.Get("Content-Type"), "json") {
		res.body = fmt.Appendf(nil, `{"sha256":%q}`, sumOf(res.body)) // of a file, only the checksum matters
	}
	return res
}

// list reads all pages of a list.
func (s *suite) list(ctx context.Context, who *account, at string) (all []resource, err error) {
	for cursor := ""; ; {
		var page struct {
			Items      []resource
			NextCursor string
		}
		r := request{who: who, method: http.MethodGet, url: at + "?limit=200" + cursor, retry: true}
		if err := s.send(ctx, r).read(&page); err != nil {
			return nil, fmt.Errorf("GET %s: %w", r.url, err)
		}
		if all = append(all, page.Items...); page.NextCursor == "" {
			return all, nil
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
	}
}

// setUp creates operators, each with an organisation, until the administrator is
// notified of enough: the notification-service must know an account to notify it.
func setUp(ctx context.Context, at place, cfg config) (*suite, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 10 * cfg.teams
	s := &suite{place: at, ledger: ledger{began: time.Now()}, http: &http.Client{Timeout: requestTimeout, Transport: transport},
		admin: &account{email: at.adminEmail, password: at.adminPassword}}
	var res response
	until(ctx, cfg.settle, func() bool {
		s.send(ctx, s.register(s.admin, "admin")) // is refused unless it is the first account
		res = s.send(ctx, s.login(s.admin))
		return !res.inDoubt()
	})
	var session resource
	if err := res.read(&session); err != nil || session.User.Role != "admin" {
		return nil, fmt.Errorf("%s must be an administrator or the first account, got role %q, error %v; set ADMIN_EMAIL and ADMIN_PASSWORD", at.adminEmail, session.User.Role, err)
	}
	s.admin.id = session.User.ID
	for deadline := time.Now().Add(cfg.settle); len(s.teams) < cfg.teams; {
		who, err := s.newOperator(ctx)
		if err != nil || time.Now().After(deadline) {
			return nil, fmt.Errorf("%s is not notified of new accounts, error %v; does the notification-service consume events?", at.adminEmail, err)
		}
		r := request{who: s.admin, method: http.MethodGet, url: s.notification + "/api/notifications?eventType=user.registered&limit=50"}
		if until(ctx, 2*time.Second, func() bool { return strings.Contains(string(s.send(ctx, r).body), who.id) }) {
			s.teams = append(s.teams, who)
		}
	}
	return s, nil
}

// newOperator creates an account that may write for an organisation of its own.
func (s *suite) newOperator(ctx context.Context) (*account, error) {
	who, session := newAccount(), resource{}
	if err := s.send(ctx, s.register(who, "user")).read(&session); err != nil {
		return nil, err
	}
	who.id = session.User.ID
	organisation, err := s.newOrganisation(ctx)
	return who, cmp.Or(err, s.send(ctx, s.assign(who.id, object{"role": "operator", "organisation": organisation})).read(new(any)))
}

// newOrganisation returns the id of an organisation that it creates.
func (s *suite) newOrganisation(ctx context.Context) (string, error) {
	id := "chaos-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:24]
	res := s.send(ctx, request{who: s.admin, method: http.MethodPost, url: s.auth + "/api/auth/organisations", body: object{"id": id, "name": "Chaos " + id}, retry: true})
	if res.status == http.StatusConflict && res.retried {
		return id, nil
	}
	return id, res.read(new(any))
}

func (s *suite) assign(id string, change object) request {
	return request{who: s.admin, method: http.MethodPatch, url: s.collection(accounts) + "/" + id, body: change}
}

func (s *suite) register(who *account, role string) request {
	return request{method: http.MethodPost, url: s.auth + "/api/auth/register", body: object{"email": who.email, "password": who.password, "role": role}, retry: true}
}

func (s *suite) login(who *account) request {
	return request{method: http.MethodPost, url: s.auth + "/api/auth/login", body: object{"email": who.email, "password": who.password}}
}

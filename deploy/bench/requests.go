package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/deploy/api"
	"github.com/battery-passport/suite/passport-service/samples"
)

const (
	mebibyte  = 1 << 20
	firstPage = "?limit=50"
	baseURL   = "https://bench.example"  // of the codes on batteries
	marked    = `"batteryIdentifier":""` // create inserts the identifier here
	small     = `{"data":{"generalInformation":{` + marked + `,"batteryCategory":"LMT","batteryMass":2.9,"manufacturingDate":"2026-10","manufacturingPlace":"Brandenburg",` +
		`"batteryModel":{"id":"P-500","modelName":"P 500"},"manufacturerInformation":{"manufacturerName":"Bench Batteries GmbH","tradeName":"Bench Power EU","postalAddress":{"streetAddress":"Hafenstraße 1",` +
		`"postalCode":"14774","city":"Brandenburg an der Havel","country":"DE"},"webAddress":"https://bench.example/","emailAddress":"service@bench.example"}},` +
		`"performanceAndDurability":{"ratedCapacityAh":13.8,"ratedEnergyKwh":0.5},"circularity":{"endOfLifeInformation":{"separateCollectionUrl":"https://bench.example/return"}}}}`
)

var (
	complete    = identifiers.ReplaceAllString(string(sample), marked) // a passport of 12 kB that can be published
	sample, _   = samples.FS.ReadFile("ev-nmc-complete.json")
	smallUpload = upload(100_000)
	identifiers = regexp.MustCompile(`"batteryPassportIdentifier": "[^"]*",\s*"batteryIdentifier": "[^"]*"`)
)

type target = vegeta.Target

func read(s *suite) target        { return s.get("/" + s.published) }
func readSmall(s *suite) target   { return s.get("/" + s.small) }
func readAny(s *suite) target     { return s.get("/" + s.many[rand.IntN(len(s.many))]) }
func list(s *suite) target        { return s.get(firstPage) }
func listDeep(s *suite) target    { return s.get(s.deepPage) }
func create(s *suite) target      { return s.create(complete) }
func createSmall(s *suite) target { return s.create(small) }
func patch(s *suite) target       { return s.patch(s.drafts[s.turn.Add(1)%int64(len(s.drafts))]) }
func signedIn(s *suite) target    { return get(s.operator, s.passport+"/p/"+s.published) }
func login(s *suite) target       { return s.logIn("guest") }
func download(s *suite) target    { return get(s.admin, s.document+"/api/documents/"+s.file+"/content") }
func inbox(s *suite) target       { return get(s.operator, s.notification+"/api/notifications?limit=50") }

func anything(s *suite) target {
	all := []func(*suite) target{read, scan("application/json", ""), list, inbox, create, patch, smallUpload, login}
	return all[rand.IntN(197)/28](s) // one in 197 is a login
}

// readPublic reads the public part of the published passport, compressed.
func readPublic(s *suite) target {
	return target{Method: "GET", URL: s.passport + "/api/public/passports/" + s.published, Header: http.Header{"Accept-Encoding": {"gzip"}}}
}

// scan requests the published passport as a phone does that scans its code. The client has the version of ifNoneMatch.
func scan(mediaType, ifNoneMatch string) func(*suite) target {
	return func(s *suite) target {
		header := http.Header{"Accept": {mediaType}, "Accept-Encoding": {"gzip"}, "If-None-Match": {ifNoneMatch}}
		return target{Method: "GET", URL: s.passport + s.scanned, Header: header}
	}
}

// upload sends a text file, alternately as two users: their concurrent uploads are limited.
func upload(size int) func(*suite) target {
	const head = "--bench\r\nContent-Disposition: form-data; name=\"file\"; filename=\"bench.txt\"\r\nContent-Type: text/plain\r\n\r\n"
	body := bytes.Join([][]byte{[]byte(head), bytes.Repeat([]byte("0123456789abcde\n"), size/16), []byte("\r\n--bench--\r\n")}, nil)
	return func(s *suite) target {
		t := post([]string{s.operator, s.admin}[s.turn.Add(1)%2], s.document+"/api/documents/upload", "")
		t.Header.Set("Content-Type", "multipart/form-data; boundary=bench")
		t.Body = body
		return t
	}
}

func (s *suite) get(rest string) target { return get(s.operator, s.passport+"/api/passports"+rest) }
func (s *suite) publish(id string) target {
	return post(s.operator, s.passport+"/api/passports/"+id+"/publish", "")
}
func (s *suite) patch(id string) target {
	body := fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, s.turn.Add(1))
	return request(s.operator, "PATCH", s.passport+"/api/passports/"+id, body)
}

// logIn logs in as operator or guest. Logins end older sessions of the same account, so the
// measured ones use guest.
func (s *suite) logIn(name string) target {
	return post("", s.auth+"/api/auth/login", credentials(name))
}

func credentials(name string) string {
	return fmt.Sprintf(`{"email":"%s@bench.example","password":"correct horse battery"}`, name)
}

// create inserts a unique identifier into the body.
func (s *suite) create(body string) target {
	identifier := fmt.Sprintf(`"batteryIdentifier":"%s/batteries/%d"`, baseURL, s.created.Add(1))
	return post(s.operator, s.passport+"/api/passports", strings.Replace(body, marked, identifier, 1))
}

// createMany creates passports, 32 at a time, and returns their ids.
func (s *suite) createMany(ctx context.Context, n int, body string) ([]string, error) {
	ids := make([]string, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := range ids {
		g.Go(func() error {
			created, err := send(ctx, s.create(body))
			ids[i] = created.ID
			return err
		})
	}
	return ids, g.Wait()
}

// client reuses its connections and does not accept compressed responses.
var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}}

// request returns a request with a JSON body. It has no Authorization if token is empty.
func request(token, method, url, body string) target {
	t := target{Method: method, URL: url, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
	if token != "" {
		t.Header.Set("Authorization", "Bearer "+token)
	}
	return t
}
func get(token, url string) target        { return request(token, "GET", url, "") }
func post(token, url, body string) target { return request(token, "POST", url, body) }

// response has the members that bench reads of any response.
type response struct {
	ID, DocID, Token, NextCursor, BatteryIdentifier string
	Version                                         int64
	User                                            struct{ ID string }
}

// send sends one request and fails unless it succeeds.
func send(ctx context.Context, t target) (r response, err error) {
	req, err := t.Request()
	if err == nil {
		_, err = api.Call(client, req.WithContext(ctx), &r)
	}
	return r, err
}

// load is a kind of request.
type load struct {
	rate    int // requests per second, sent without waiting for responses, to measure latency; 0: no fixed rate
	clients int // each sends a request after every response, to measure throughput; 0: not measured
	request func(*suite) target
	bytes   bool // record the size of the bodies, which may be compressed
}

// measures returns a scenario: latency and processor time at the rate, then throughput.
func (l load) measures(name string) scenario {
	return scenario{name: name, do: func(ctx context.Context, b *bench, s *suite) error {
		before := s.cpu()
		m, err := l.attack(ctx, s, b.fixed)
		if err != nil {
			return err
		}
		s.settle()
		s.latency(fmt.Sprintf("%s, %d/s", name, l.rate), m)
		s.record(name+", CPU per request, ms", milliseconds(s.cpu()-before)/float64(m.Requests))
		if l.bytes {
			s.record(name+", bytes", m.BytesIn.Mean)
		}
		if l.clients == 0 {
			return nil
		}
		m, err = load{clients: l.clients, request: l.request}.attack(ctx, s, b.burst)
		s.record(fmt.Sprintf("%s, %d clients, per second", name, l.clients), m.Throughput)
		s.settle()
		return err
	}}
}

// attack sends requests for a duration, or until ctx is done. It fails if more than 1 % of the requests fail.
func (l load) attack(ctx context.Context, s *suite, d time.Duration) (*vegeta.Metrics, error) {
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxBody(mebibyte))
	if l.rate == 0 {
		vegeta.MaxWorkers(uint64(l.clients))(attacker)
	}
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	m, next := &vegeta.Metrics{}, func(t *target) error { *t = l.request(s); return nil }
	for r := range attacker.Attack(next, vegeta.Rate{Freq: l.rate, Per: time.Second}, d, "") {
		m.Add(r)
	}
	m.Close()
	if m.Success < 0.99 {
		return m, fmt.Errorf("at least 99 %% of %d requests must succeed, got status codes %v, errors %v", m.Requests, m.StatusCodes, m.Errors)
	}
	return m, ctx.Err()
}

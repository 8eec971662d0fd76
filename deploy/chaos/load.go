package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/deploy/api"
	"github.com/battery-passport/suite/passport-service/samples"
)

// Kinds of items, and actions of operations. A change is refused if the version differs.
const (
	passports, documents, accounts                            = "passports", "documents", "accounts"
	creation, reading, change, publication, deletion, refusal = "creation", "reading", "change", "publication", "deletion", "refusal"
)

// workers are the workers of each team. Each chooses from its actions.
var workers = []struct{ kind, actions string }{
	{passports, "creation creation creation publication deletion"}, {passports, "change"}, {passports, "change"}, {passports, "reading"},
	{documents, "creation creation creation reading deletion"}, {accounts, "creation reading reading change"},
}

// ledger records requests and responses. Its items change only under the lock while
// the load runs.
type ledger struct {
	mu       sync.Mutex
	items    []*item
	failures verdict   // found while the load ran
	began    time.Time // zero of the clock
}

// clock returns the nanoseconds since the beginning.
func (l *ledger) clock() int64 { return int64(time.Since(l.began)) }

// item is a passport, document or account.
type item struct {
	kind, id   string       // the id is empty if it is unknown
	who        *account     // owner; an account owns itself
	mark       string       // identifier of the battery, description or email; unique
	size       int          // bytes of the document
	create     request      // while the creation is in doubt
	operations []*operation // the first creates the item
	doubts     int          // operations without a response
	stored                  // after the load
}

// operation is a request about an item, and its response.
type operation struct {
	action     string
	mark       string // reason of the version to write; unique
	value      string // to write
	ifVersion  int64  // 0: any
	begin, end int64  // by the clock of the ledger; end 0: in doubt

	gone              bool  // the response says that the item does not exist
	version           int64 // in the response; 0: unknown
	gotValue, gotHash string
}

func (o *operation) acknowledged() bool { return o != nil && o.end > 0 }

// operation returns the first operation with an action or mark, or nil.
func (it *item) operation(key string) *operation {
	for _, o := range it.operations {
		if o.action == key || o.mark == key {
			return o
		}
	}
	return nil
}

// allows reports whether the load may perform an action on an item. The numbers of
// operations and doubts are limited, so that the check of reads ends in time.
func (it *item) allows(action string) bool {
	if it.id == "" || it.operation(deletion) != nil || len(it.operations) > 80 || it.doubts > 8 {
		return false
	}
	return action != publication && action != deletion || it.operation(publication) == nil
}

// pick returns one of the 8 newest items that allow an action, or nil. With so few
// items, workers often change the same one.
func (l *ledger) pick(rng *rand.Rand, kind string, who *account, action string) *item {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*item
	for _, it := range slices.Backward(l.items) {
		if len(found) < 8 && it.kind == kind && (it.who == who || kind == accounts) && it.allows(action) {
			found = append(found, it)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[rng.IntN(len(found))]
}

// load has the workers send requests for the duration, or until loading is done.
// It does not cut requests in flight.
func (s *suite) load(ctx, loading context.Context, cfg config) {
	end := time.Now().Add(cfg.duration)
	var wg sync.WaitGroup
	for i, who := range s.teams {
		for j, worker := range workers {
			wg.Go(func() {
				rng, actions := rand.New(rand.NewPCG(cfg.seed, uint64(100*i+j+1))), strings.Fields(worker.actions)
				for time.Now().Before(end) && wait(loading, cfg.pause/2+upTo(rng, cfg.pause+1)) {
					s.step(ctx, rng, who, worker.kind, actions[rng.IntN(len(actions))])
				}
			})
		}
	}
	wg.Wait()
}

// step performs one operation on a new or existing item.
func (s *suite) step(ctx context.Context, rng *rand.Rand, who *account, kind, action string) {
	op := &operation{action: action, mark: "chaos-" + uuid.NewString()}
	it := s.pick(rng, kind, who, action)
	if action == creation {
		it = &item{kind: kind, who: who, mark: op.mark}
	}
	if it == nil {
		return
	}
	r := s.read(it)
	switch action {
	case creation:
		r = s.newItem(rng, it, op)
	case change:
		r = s.update(ctx, rng, it, op)
	case publication:
		r.method, r.url, r.retry = http.MethodPost, r.url+"/publish", true
	case deletion:
		r.method, r.url, r.retry = http.MethodDelete, s.collection(kind)+"/"+it.id, true
	}
	s.perform(ctx, it, op, r)
}

// perform sends the request of an operation and records the response.
func (s *suite) perform(ctx context.Context, it *item, op *operation, r request) {
	s.mu.Lock()
	if op.action == creation {
		s.items, it.create = append(s.items, it), r
	}
	op.begin = s.clock()
	it.operations, it.doubts = append(it.operations, op), it.doubts+1
	s.mu.Unlock()
	res, got := s.send(ctx, r), resource{}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := res.read(&got)
	switch {
	case res.inDoubt(), res.status == http.StatusConflict && it.kind == accounts && op.action == change: // an earlier change is in doubt
		return
	case res.status == http.StatusConflict && it.kind == accounts && res.retried: // the first request registered the account
	case res.status == http.StatusPreconditionFailed && op.ifVersion > 0:
		op.action = refusal
	case res.status == http.StatusNotFound && op.action == deletion && res.retried:
	case res.status == http.StatusNotFound && op.action != deletion && it.operation(deletion) != nil:
		op.gone = true
	case err != nil:
		s.failures.fail(expected, cmp.Or(it.id, it.mark), "%s %s: %v", r.method, r.url, err)
		return
	}
	if it.doubts--; op.action == creation {
		it.id, it.who.id, it.create = got.id(), cmp.Or(got.User.ID, it.who.id), request{}
	}
	if want := it.operations[0].value; got.SHA256 != "" && got.SHA256 != want {
		s.failures.fail(checksum, it.id, "%s %s: got %s, want %s", r.method, r.url, got.SHA256, want)
	}
	if op.end = s.clock(); op.action != publication || !res.retried { // a later change may be in the response to a retry
		op.version, op.gotValue, op.gotHash = got.Version, got.value(), got.dataHash()
	}
}

// collection returns the URL of the items of a kind.
func (s *suite) collection(kind string) string {
	return map[string]string{passports: s.passport + "/api/passports", documents: s.document + "/api/documents", accounts: s.auth + "/api/auth/users"}[kind]
}

// read returns the request that reads an item. For an account it is the login.
func (s *suite) read(it *item) request {
	r := request{who: it.who, method: http.MethodGet, url: s.collection(it.kind) + "/" + it.id}
	switch it.kind {
	case documents:
		r.url += "/content"
	case accounts:
		return s.login(it.who)
	}
	return r
}

// newItem returns the request that creates an item, and sets the mark of the item.
func (s *suite) newItem(rng *rand.Rand, it *item, op *operation) request {
	r := request{who: it.who, method: http.MethodPost, url: s.collection(it.kind), header: map[string]string{"Idempotency-Key": op.mark}, retry: true}
	switch it.kind {
	case passports:
		it.mark, op.value = "https://chaos.example/"+uuid.NewString(), "P1Y"
		r.body = object{"reason": op.mark, "data": sample(it.mark, op.value)}
	case documents:
		content := bytes.Repeat([]byte(it.mark+"\n"), 5+rng.IntN(1500)+rng.IntN(20)/19*125_000) // every twentieth needs two parts of a transfer to S3
		it.size, op.value, r.url = len(content), sumOf(content), r.url+"/upload"
		r.body, r.header["Content-Type"] = api.Form(map[string]string{"description": it.mark}, api.File{Name: "chaos.txt", Type: "text/plain", Content: content})
	case accounts:
		it.who = newAccount()
		it.mark, r = it.who.email, s.register(it.who, "user")
	}
	return r
}

// sample returns the data of a passport that can be published.
func sample(identifier, warranty string) object {
	text, _ := samples.FS.ReadFile("lmt-ebike.json")
	var body struct{ Data object }
	if err := json.Unmarshal(text, &body); err != nil {
		panic(err) // the samples are embedded
	}
	general := body.Data["generalInformation"].(object)
	general["batteryIdentifier"], general["warrantyPeriod"] = identifier, warranty
	delete(general, "batteryPassportIdentifier") // publishing sets it
	return body.Data
}

// update returns a request that changes a passport or moves an account into a new
// organisation. Every second change of a passport requires the version just read.
func (s *suite) update(ctx context.Context, rng *rand.Rand, it *item, op *operation) request {
	if it.kind == accounts {
		var err error
		if op.value, err = s.newOrganisation(ctx); err != nil {
			op.action = reading
			return s.read(it)
		}
		return s.assign(it.id, object{"organisation": op.value})
	}
	// A random number, because a change to the value that the passport has makes no version.
	op.value = fmt.Sprintf("P%dM", 100+rng.IntN(1_000_000_000))
	r := request{who: it.who, method: http.MethodPatch, url: s.collection(it.kind) + "/" + it.id, header: map[string]string{"Content-Type": "application/merge-patch+json"},
		body: object{"reason": op.mark, "data": object{"generalInformation": object{"warrantyPeriod": op.value}}}}
	if rng.IntN(2) == 0 {
		read := &operation{action: reading}
		s.perform(ctx, it, read, s.read(it))
		if op.ifVersion = read.version; op.ifVersion > 0 {
			r.header["If-Match"] = strconv.Quote(strconv.FormatInt(op.ifVersion, 10))
		}
	}
	return r
}

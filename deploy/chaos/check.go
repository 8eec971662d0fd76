package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	readers   = 8 // requests at the same time
	checkPace = 2 * time.Second
)

// checker compares what is stored with the ledger.
type checker struct {
	*suite
	*ledger
	began   time.Time
	out     io.Writer    // is told what cannot be read yet
	elapsed func() int64 // clock of the operations

	histories map[*passport]*history
	contents  map[*document]*content
	entries   map[*person]*entry
	log       *eventLog
	notified  map[string]map[string]int // recipient → event → number
	v         verdict
}

func (c *checker) fail(invariant, subject, format string, args ...any) {
	c.v.Violations = append(c.v.Violations, violation{invariant, subject, fmt.Sprintf(format, args...)})
}

// settle checks until no violation is left that may be on its way, or until
// nothing has improved for as long as patience.
func (c *checker) settle(ctx context.Context, patience time.Duration) (verdict, error) {
	least, deadline := math.MaxInt, time.Now().Add(patience)
	for {
		v, err := c.check(ctx)
		if n := len(v.Violations); err == nil && n < least {
			least, deadline = n, time.Now().Add(patience)
		}
		late := time.Now().After(deadline)
		if err == nil && (late || !slices.ContainsFunc(v.Violations, violation.mayPass)) {
			return v, nil
		}
		if err != nil {
			fmt.Fprintln(c.out, "  checking again after", err)
		}
		if late || !wait(ctx, checkPace) {
			return verdict{}, fmt.Errorf("what is stored cannot be read: %w", err)
		}
	}
}

// check reads everything and compares.
func (c *checker) check(ctx context.Context) (verdict, error) {
	c.v = verdict{Violations: slices.Clone(c.violations), Counts: map[string]int{}}
	var err error
	if c.histories, err = each(ctx, c.passports, c.readPassport); err != nil {
		return verdict{}, err
	}
	for _, who := range c.teams { // finds what was uploaded in doubt
		listed, err := list[storedDocument](ctx, c.client, who, c.Document+"/api/documents/user")
		if err != nil {
			return verdict{}, err
		}
		for _, d := range c.documents {
			if i := slices.IndexFunc(listed, func(s storedDocument) bool { return s.Description == d.mark }); i >= 0 {
				d.id = listed[i].ID
			}
		}
	}
	if c.contents, err = each(ctx, c.documents, c.readDocument); err != nil {
		return verdict{}, err
	}
	if c.entries, err = each(ctx, c.people, c.readAccount); err != nil {
		return verdict{}, err
	}
	if err := c.readTopics(ctx); err != nil {
		return verdict{}, err
	}
	if err := c.readNotifications(ctx); err != nil {
		return verdict{}, err
	}
	c.judgeItems()
	c.judgeReads()
	c.judgeEvents()
	c.judgeNotifications()
	if err := c.judgeFiles(); err != nil {
		return verdict{}, err
	}
	return c.v, c.judgeObjects(ctx)
}

// each reads several at the same time.
func each[K comparable, V any](ctx context.Context, all []K, read func(context.Context, K) (V, error)) (map[K]V, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	found := make([]V, len(all))
	for i, one := range all {
		g.Go(func() (err error) {
			found[i], err = read(ctx, one)
			return err
		})
	}
	err, results := g.Wait(), map[K]V{}
	for i, one := range all {
		results[one] = found[i]
	}
	return results, err
}

type storedDocument struct {
	ID          string `json:"docId"`
	SHA256      string `json:"sha256"`
	Description string `json:"description"`
}

type content struct {
	gone bool
	sum  string
}

func (c *checker) readDocument(ctx context.Context, d *document) (*content, error) {
	if d.id == "" {
		return &content{gone: true}, nil
	}
	at := c.Document + "/api/documents/" + d.id + "/content"
	a := c.send(ctx, request{who: d.who, method: http.MethodGet, url: at})
	if a.status != http.StatusOK && a.status != http.StatusNotFound {
		return nil, fmt.Errorf("GET %s was answered %v", at, a)
	}
	return &content{gone: a.status == http.StatusNotFound, sum: sumOf(a.body)}, nil
}

type entry struct {
	gone         bool
	organisation string
}

// readAccount logs in. The service hashes few passwords at the same time, so a login
// that it refuses as one too many is sent again.
func (c *checker) readAccount(ctx context.Context, p *person) (*entry, error) {
	a, in := c.login(ctx, p.who), session{}
	for deadline := time.Now().Add(startTimeout); a.status == http.StatusServiceUnavailable && time.Now().Before(deadline) && wait(ctx, checkPace); {
		a = c.login(ctx, p.who)
	}
	if a.status == http.StatusUnauthorized {
		return &entry{gone: true}, nil
	}
	if err := a.read(&in); err != nil {
		return nil, fmt.Errorf("login of %s: %w", p.mark, err)
	}
	p.id, p.who.id = in.User.ID, in.User.ID
	return &entry{organisation: in.User.Organisation}, nil
}

// history is what is stored of a passport.
type history struct {
	gone     bool
	head     stored
	readAt   int64
	versions []stored // the oldest first
	verified struct {
		Intact   bool
		Versions int64
		BrokenAt int64
		Reason   string
	}
}

func (c *checker) readPassport(ctx context.Context, p *passport) (*history, error) {
	if p.id == "" {
		var found struct{ Items []stored }
		if err := c.get(ctx, p.who, c.Passport+"/api/passports?"+url.Values{"batteryIdentifier": {p.identifier}}.Encode(), &found); err != nil {
			return nil, err
		}
		if len(found.Items) == 0 {
			return &history{gone: true}, nil
		}
		p.id = found.Items[0].ID
	}
	at, h := c.Passport+"/api/passports/"+p.id, &history{readAt: c.elapsed()}
	a := c.send(ctx, request{who: p.who, method: http.MethodGet, url: at})
	if h.gone = a.status == http.StatusNotFound; h.gone {
		return h, nil
	}
	if err := a.read(&h.head); err != nil {
		return nil, fmt.Errorf("GET %s: %w", at, err)
	}
	if err := c.get(ctx, p.who, at+"/verify", &h.verified); err != nil {
		return nil, err
	}
	var err error
	h.versions, err = list[stored](ctx, c.client, p.who, at+"/versions")
	slices.Reverse(h.versions)
	return h, err
}

// judgeItems compares passports, documents and accounts.
func (c *checker) judgeItems() {
	for _, p := range c.passports {
		if h := c.histories[p]; c.exists(&p.item, "passports", h.gone) {
			c.judgeHistory(p, h)
		}
	}
	for _, d := range c.documents {
		if is := c.contents[d]; c.exists(&d.item, "documents", is.gone) && is.sum != d.sum {
			c.fail(checksum, d.id, "its file has the checksum %s, sent was %s", is.sum, d.sum)
		}
	}
	for _, p := range c.people {
		c.exists(&p.item, "accounts", c.entries[p].gone)
	}
}

// exists compares the existence of an item with what was acknowledged.
func (c *checker) exists(i *item, what string, gone bool) bool {
	if !i.acked {
		c.v.Counts["creations in doubt"]++
	}
	switch {
	case !gone && i.deleted:
		c.fail(kept, i.id, "its deletion was acknowledged, but it exists")
	case !gone:
		c.v.Counts[what]++
		return true
	case i.deleting:
		c.v.Counts[what+" deleted"]++
	case i.acked || i.id != "":
		c.fail(kept, i.name(), "it was acknowledged or listed, but does not exist")
	}
	return false
}

// judgeHistory compares the versions of a passport with what was written.
func (c *checker) judgeHistory(p *passport, h *history) {
	c.v.Counts["versions"] += len(h.versions)
	if v, head := h.verified, h.head.Version; !v.Intact || v.Versions != head || int64(len(h.versions)) != head {
		c.fail(chain, p.id, "version %d has a history of %d versions; %d are verified, %d is broken: %s", head, len(h.versions), v.Versions, v.BrokenAt, v.Reason)
	}
	marks, published, previous := map[string]int64{}, 0, ""
	for i, v := range h.versions {
		if v.Version != int64(i+1) || v.PreviousHash != previous || v.DataHash != hashOf(v.Data) {
			c.fail(chain, p.id, "version %d, at position %d, breaks the chain of hashes", v.Version, i+1)
		}
		if previous = v.Hash; v.Action == "publish" {
			published++
			continue
		}
		if before, twice := marks[v.Reason]; twice {
			c.fail(once, p.id, "versions %d and %d come from one write", before, v.Version)
		}
		marks[v.Reason] = v.Version
		c.judgeVersion(p, v)
	}
	if published > 1 || p.published && published == 0 {
		c.fail(kept, p.id, "its publication was acknowledged (%v) and is in %d versions", p.published, published)
	}
	for _, w := range p.writes {
		if at := marks[w.mark]; w.version > 0 && at != w.version {
			c.fail(kept, p.id, "the write %q was acknowledged as version %d, but is version %d", w.mark, w.version, at)
		}
	}
}

// judgeVersion compares a version with the write that made it.
func (c *checker) judgeVersion(p *passport, v stored) {
	i := slices.IndexFunc(p.writes, func(w *write) bool { return w.mark == v.Reason })
	switch {
	case v.Version == 1 && v.Reason != p.mark:
		c.fail(kept, p.id, "its first version is not what was written")
	case v.Version == 1:
	case i < 0:
		c.fail(once, p.id, "nobody wrote version %d, %s, %q", v.Version, v.Action, v.Reason)
	case p.writes[i].refused:
		c.fail(once, p.id, "version %d comes from a write that was refused", v.Version)
	case p.writes[i].value != v.warranty():
		c.fail(kept, p.id, "version %d holds %q, written was %q", v.Version, v.warranty(), p.writes[i].value)
	}
}

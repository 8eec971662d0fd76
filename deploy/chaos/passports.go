package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/passport-service/samples"
)

type object = map[string]any

// Samples that passports are made of: a short one, and one that can be published.
const (
	shortSample = "readme-sample.json"
	wholeSample = "lmt-ebike.json"
)

const (
	again      = 4                      // times a request in doubt is sent again
	againPause = 500 * time.Millisecond // before that
)

type stored struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Version int64  `json:"version"`
}

// write makes a passport, or publishes or deletes one.
func (l *load) write(ctx context.Context, rng *rand.Rand, who *account) {
	switch n := rng.IntN(10); {
	case n < 6:
		l.create(ctx, rng, who)
	case n < 8:
		if p := l.some(rng, who, func(p *passport) bool { return p.publishable && !p.publishing }); p != nil {
			l.publish(ctx, p)
		}
	default:
		if p := l.some(rng, who, func(p *passport) bool { return !p.publishing }); p != nil {
			l.remove(ctx, p)
		}
	}
}

// create makes a passport, and asks again while that is in doubt: its
// identifier is unique, so there cannot be two.
func (l *load) create(ctx context.Context, rng *rand.Rand, who *account) {
	p := &passport{
		who: who, mark: l.mark(), publishable: rng.IntN(3) == 0,
		identifier: "https://chaos.example/" + strings.ReplaceAll(uuid.NewString(), "-", "")[:24],
	}
	body, err := p.body()
	if err != nil {
		l.saw("refusal", p.identifier, "the sample cannot be read: %v", err)
		return
	}
	l.do(func() { l.passports = append(l.passports, p) })
	r := request{who: who, method: http.MethodPost, url: l.Passport + "/api/passports", body: body}
	a := l.send(r)
	first := !a.unsure()
	for i := 0; i < again && a.unsure() && wait(ctx, againPause); i++ {
		a = l.send(r)
	}
	var made stored
	switch {
	case a.unsure():
	case a.status == http.StatusConflict && !first:
		l.ack(func() { p.sure = true }) // it was there already, from before
		l.find(p)
	case a.read(&made) != nil:
		l.odd(p.identifier, r, a)
	default:
		l.ack(func() { p.sure, p.id, p.newest = true, made.ID, made.Version })
	}
}

// mark is a text that nothing else has.
func (l *load) mark() string { return "chaos " + l.run + " " + uuid.NewString() }

// body is a sample with identifiers of its own.
func (p *passport) body() ([]byte, error) {
	name := shortSample
	if p.publishable {
		name = wholeSample
	}
	data, err := samples.FS.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var body struct {
		Data   object `json:"data"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	general, ok := body.Data["generalInformation"].(object)
	if !ok {
		return nil, fmt.Errorf("%s has no generalInformation", name)
	}
	general["batteryIdentifier"] = p.identifier
	delete(general, "batteryPassportIdentifier") // publishing sets it
	body.Reason = p.mark
	return json.Marshal(body)
}

// find looks for the passport of a battery, whose id nobody was told.
func (l *load) find(p *passport) {
	var list struct{ Items []stored }
	at := l.Passport + "/api/passports?" + url.Values{"batteryIdentifier": {p.identifier}}.Encode()
	if l.get(l.whole, p.who, at, &list) == nil && len(list.Items) == 1 {
		l.do(func() { p.id = list.Items[0].ID })
	}
}

// publish asks again while it is in doubt: to publish twice is the same as once.
func (l *load) publish(ctx context.Context, p *passport) {
	l.do(func() { p.publishing = true })
	r := request{who: p.who, method: http.MethodPost, url: l.Passport + "/api/passports/" + p.id + "/publish"}
	a := l.send(r)
	for i := 0; i < again && a.unsure() && wait(ctx, againPause); i++ {
		a = l.send(r)
	}
	var is stored
	switch {
	case a.unsure():
	case a.status == http.StatusUnprocessableEntity: // the law of today may ask for more than the sample has
		l.do(func() { p.publishable = false })
	case a.read(&is) != nil:
		l.odd(p.id, r, a)
	default:
		l.ack(func() { p.published, p.newest = true, max(p.newest, is.Version) })
	}
}

func (l *load) remove(ctx context.Context, p *passport) {
	l.do(func() { p.deleting = true })
	r := request{who: p.who, method: http.MethodDelete, url: l.Passport + "/api/passports/" + p.id}
	a := l.send(r)
	first := !a.unsure()
	for i := 0; i < again && a.unsure() && wait(ctx, againPause); i++ {
		a = l.send(r)
	}
	switch {
	case a.unsure():
	case a.status == http.StatusNoContent, a.status == http.StatusNotFound && !first:
		l.ack(func() { p.deleted = true })
	default:
		l.odd(p.id, r, a)
	}
}

// update changes a passport: of the version just read, or whichever there is.
func (l *load) update(_ context.Context, rng *rand.Rand, who *account) {
	p := l.some(rng, who, func(*passport) bool { return true })
	if p == nil {
		return
	}
	r := request{who: who, method: http.MethodPatch, url: l.Passport + "/api/passports/" + p.id, contentType: "application/merge-patch+json"}
	if rng.IntN(2) == 0 {
		version, ok := l.read(p)
		if !ok {
			return
		}
		r.ifMatch = strconv.Quote(strconv.FormatInt(version, 10))
	}
	w := &write{mark: l.mark()}
	l.do(func() {
		p.writes = append(p.writes, w)
		w.value = fmt.Sprintf("P%dM", 100+len(p.writes))
	})
	r.body, _ = json.Marshal(object{"reason": w.mark, "data": object{"generalInformation": object{"warrantyPeriod": w.value}}}) // of texts alone
	a := l.send(r)
	var is stored
	switch {
	case a.unsure():
	case a.status == http.StatusPreconditionFailed && r.ifMatch != "", a.status == http.StatusNotFound && l.mayBeGone(p):
		l.do(func() { w.refused = true })
	case a.read(&is) != nil:
		l.do(func() { w.refused = true })
		l.odd(p.id, r, a)
	default:
		l.ack(func() { w.version, p.newest = is.Version, max(p.newest, is.Version) })
	}
}

// read returns the version of a passport. It is never older than one that was
// acknowledged before.
func (l *load) read(p *passport) (version int64, ok bool) {
	var newest int64
	l.do(func() { newest = p.newest })
	r := request{who: p.who, method: http.MethodGet, url: l.Passport + "/api/passports/" + p.id}
	a := l.send(r)
	var is stored
	switch {
	case a.unsure(), a.status == http.StatusNotFound && l.mayBeGone(p):
		return 0, false
	case a.read(&is) != nil:
		l.odd(p.id, r, a)
		return 0, false
	case is.Version < newest:
		l.saw("loss", p.id, "version %d was read after %d had been acknowledged", is.Version, newest)
	}
	l.do(func() { p.newest = max(p.newest, is.Version) })
	return is.Version, true
}

func (l *load) mayBeGone(p *passport) (gone bool) {
	l.do(func() { gone = p.deleting })
	return gone
}

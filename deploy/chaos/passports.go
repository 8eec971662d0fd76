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

	"github.com/google/uuid"

	"github.com/battery-passport/suite/passport-service/samples"
)

// stored is a passport, or a version of one, as the API answers it.
type stored struct {
	ID                 string          `json:"id"`
	Version            int64           `json:"version"`
	Action, Reason     string          // of versions
	Data               json.RawMessage `json:"data"`
	DataHash           string          `json:"dataHash"`
	PreviousHash, Hash string
}

// warranty is the field that the load writes.
func (s stored) warranty() string {
	var data struct {
		GeneralInformation struct{ WarrantyPeriod string }
	}
	_ = json.Unmarshal(s.Data, &data) // what cannot be read is not what was written
	return data.GeneralInformation.WarrantyPeriod
}

// write creates, publishes or deletes a passport.
func (l *load) write(ctx context.Context, rng *rand.Rand, who *account) {
	n := rng.IntN(10)
	if n < 6 {
		l.create(ctx, rng, who)
		return
	}
	fits := func(p *passport) bool { return !p.full() && !p.publishing && (n >= 8 || p.publishable) }
	p, ok := pick(l.ledger, rng, &l.passports, who, fits)
	switch {
	case !ok:
	case n < 8:
		l.publish(ctx, p)
	default:
		start := l.elapsed()
		l.observe(p, start, operation{kind: deletion}, outcome{known: l.remove(ctx, &p.item, l.Passport+"/api/passports/")})
	}
}

// create retries while it is in doubt: identifiers of batteries are unique.
func (l *load) create(ctx context.Context, rng *rand.Rand, who *account) {
	p := &passport{item: item{who: who, mark: newMark()}, publishable: rng.IntN(3) == 0,
		identifier: "https://chaos.example/" + strings.ReplaceAll(uuid.NewString(), "-", "")[:24]}
	body, value, err := p.body()
	if err != nil {
		l.violate(answered, p.identifier, "sample: %v", err)
		return
	}
	l.do(func() { l.passports = append(l.passports, p) })
	start, r := l.elapsed(), request{who: who, method: http.MethodPost, url: l.Passport + "/api/passports", body: body}
	made, a, retried := stored{Version: 1}, answer{}, false
	switch a, retried = l.persist(ctx, r); {
	case a.inDoubt():
		return
	case a.status == http.StatusConflict && retried: // an earlier request took effect
		var found struct{ Items []stored }
		if l.get(l.requests, who, l.Passport+"/api/passports?"+url.Values{"batteryIdentifier": {p.identifier}}.Encode(), &found) == nil && len(found.Items) == 1 {
			made.ID = found.Items[0].ID
		}
	case a.read(&made) != nil:
		l.unexpected(p.identifier, r, a)
		return
	}
	l.ack(func() { p.acked, p.id = true, made.ID })
	l.observe(p, start, operation{kind: change, value: value}, made.outcome())
}

// body is a sample with identifiers of its own: a short one, or one that can be
// published. The value is its warranty period.
func (p *passport) body() (body object, value string, err error) {
	name := "readme-sample.json"
	if p.publishable {
		name = "lmt-ebike.json"
	}
	text, err := samples.FS.ReadFile(name)
	if err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, "", err
	}
	data, _ := body["data"].(object)
	general, ok := data["generalInformation"].(object)
	if !ok {
		return nil, "", fmt.Errorf("%s has no generalInformation", name)
	}
	general["batteryIdentifier"] = p.identifier
	delete(general, "batteryPassportIdentifier") // publishing sets it
	value, _ = general["warrantyPeriod"].(string)
	return object{"data": data, "reason": p.mark}, value, nil
}

// publish retries while it is in doubt: publishing twice is the same as once.
func (l *load) publish(ctx context.Context, p *passport) {
	l.do(func() { p.publishing = true })
	start, r := l.elapsed(), request{who: p.who, method: http.MethodPost, url: l.Passport + "/api/passports/" + p.id + "/publish"}
	var is stored
	switch a, retried := l.persist(ctx, r); {
	case a.inDoubt():
		l.observe(p, start, operation{kind: publication}, outcome{})
	case a.status == http.StatusUnprocessableEntity: // the sample lacks what is mandatory today
		l.do(func() { p.publishable = false })
	case a.read(&is) != nil:
		l.unexpected(p.id, r, a)
	default:
		l.ack(func() { p.published = true })
		if retried { // a later change may be in this answer
			is = stored{}
		}
		l.observe(p, start, operation{kind: publication}, is.outcome())
	}
}

// update changes a passport, every second time only the version just read.
func (l *load) update(_ context.Context, rng *rand.Rand, who *account) {
	p, ok := pick(l.ledger, rng, &l.passports, who, func(p *passport) bool { return !p.full() })
	if !ok {
		return
	}
	r := request{who: p.who, method: http.MethodPatch, url: l.Passport + "/api/passports/" + p.id, contentType: "application/merge-patch+json"}
	op := operation{kind: change}
	if rng.IntN(2) == 0 {
		if op.ifVersion = l.read(p); op.ifVersion == 0 {
			return
		}
		r.ifMatch = strconv.Quote(strconv.FormatInt(op.ifVersion, 10))
	}
	w := &write{mark: newMark()}
	l.do(func() {
		p.writes = append(p.writes, w)
		w.value = fmt.Sprintf("P%dM", 100+len(p.writes))
	})
	op.value = w.value
	r.body = object{"reason": w.mark, "data": object{"generalInformation": object{"warrantyPeriod": w.value}}}
	start, a, is := l.elapsed(), l.send(r), stored{}
	switch {
	case a.inDoubt():
		l.observe(p, start, op, outcome{})
		return
	case a.status == http.StatusPreconditionFailed && r.ifMatch != "":
		l.observe(p, start, operation{kind: refusal, ifVersion: op.ifVersion}, outcome{known: true})
	case a.status == http.StatusNotFound && l.isDeleting(&p.item):
		l.observe(p, start, op, outcome{known: true, gone: true})
	case a.read(&is) != nil:
		l.unexpected(p.id, r, a)
	default:
		l.ack(func() { w.version = is.Version })
		l.observe(p, start, op, is.outcome())
		return
	}
	l.do(func() { w.refused = true })
}

func (l *load) watch(_ context.Context, rng *rand.Rand, who *account) {
	if p, ok := pick(l.ledger, rng, &l.passports, who, func(p *passport) bool { return !p.full() }); ok {
		l.read(p)
	}
}

// read returns the version of a passport, or 0 where none was answered.
func (l *load) read(p *passport) int64 {
	start, r, is := l.elapsed(), request{who: p.who, method: http.MethodGet, url: l.Passport + "/api/passports/" + p.id}, stored{}
	switch a := l.send(r); {
	case a.inDoubt():
	case a.status == http.StatusNotFound:
		l.observe(p, start, operation{kind: reading}, outcome{known: true, gone: true})
	case a.read(&is) != nil:
		l.unexpected(p.id, r, a)
	default:
		l.observe(p, start, operation{kind: reading}, is.outcome())
	}
	return is.Version
}

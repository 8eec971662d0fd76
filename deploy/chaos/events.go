package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/wire"
)

// Topics by what they tell.
var (
	created    = event.PassportCreated{}.Topic()
	updated    = event.PassportUpdated{}.Topic()
	published  = event.PassportPublished{}.Topic()
	deleted    = event.PassportDeleted{}.Topic()
	uploaded   = event.DocumentUploaded{}.Topic()
	discarded  = event.DocumentDeleted{}.Topic()
	registered = event.UserRegistered{}.Topic()
	moved      = event.UserUpdated{}.Topic()
)

// logged is an event that stands on its topic.
type logged struct {
	topic, key, id string
	sequence       int64
	what           string // the event itself, the same wherever it is told
	payload        payload
}

// payload is what of the events is looked at.
type payload struct {
	UserID, Organisation                                     string
	CreatedBy, UpdatedBy, PublishedBy, DeletedBy, UploadedBy string
}

// concerned is whom the event is about: here who made something also changes it.
func (p payload) concerned() string {
	for _, id := range []string{p.UserID, p.CreatedBy, p.UpdatedBy, p.PublishedBy, p.DeletedBy, p.UploadedBy} {
		if id != "" {
			return id
		}
	}
	return ""
}

// eventLog is what the topics hold of this run: each event where it came first.
type eventLog struct {
	events   []*logged
	byKey    map[string][]*logged
	repeated int
	dead     []string // letters
}

// readTopics reads all topics from their beginning, in the order of their logs.
func (r *reconciler) readTopics(ctx context.Context) error {
	cfg := kafka.Config{Brokers: r.Brokers}
	var topics []string
	for _, topic := range notificationd.Topics() { // it reads them all
		topics = append(topics, topic, kafka.DeadLetterTopic(topic))
	}
	found, err := tail.Existing(ctx, cfg, topics)
	if err != nil {
		return fmt.Errorf("topics at %v: %w", r.Brokers, err)
	}
	log, ours, seen := &eventLog{byKey: map[string][]*logged{}}, r.ours(), map[string]bool{}
	err = tail.Read(ctx, cfg, found, func(m tail.Message) error {
		var p payload
		err := json.Unmarshal(m.Data, &p)
		if !ours[m.Key] && !ours[p.concerned()] {
			return nil
		}
		switch {
		case m.Reason != "" || err != nil:
			log.dead = append(log.dead, fmt.Sprintf("%s %s: %s%v", m.Topic, m.Key, m.Reason, err))
		case seen[m.ID]:
			log.repeated++
		default:
			seen[m.ID] = true
			e := &logged{m.Topic, m.Key, m.ID, m.Sequence, whatOf(m.Topic, m.Data), p}
			log.events, log.byKey[m.Key] = append(log.events, e), append(log.byKey[m.Key], e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("topics at %v: %w", r.Brokers, err)
	}
	r.log = log
	return nil
}

// whatOf names an event by what it tells: no two tell the same.
func whatOf(eventType string, data []byte) string {
	value := wire.Value(data).Clone()
	if err := value.Canonicalize(); err != nil {
		return eventType + " " + err.Error()
	}
	return eventType + " " + string(value)
}

// ours are the ids of everything and everybody of this run.
func (r *reconciler) ours() map[string]bool {
	ours := map[string]bool{}
	for _, who := range r.teams {
		ours[who.id] = true
	}
	for _, p := range r.passports {
		ours[p.id] = true
	}
	for _, d := range r.documents {
		ours[d.id] = true
	}
	for _, p := range r.people {
		ours[p.who.id] = true
	}
	delete(ours, "")
	return ours
}

func (r *reconciler) judgeEvents(f *findings, n *counts) {
	n.Events, n.Repeated = len(r.log.events), r.log.repeated
	for _, letter := range r.log.dead {
		f.add(loss, "dead letter", "%s", letter)
	}
	ours := r.ours()
	for key, events := range r.log.byKey {
		judgeOrder(key, events, f)
		if !ours[key] {
			f.add(duplicate, key, "%s tells of something that nobody finds", events[0].topic)
		}
	}
	for _, p := range r.passports {
		if p.id != "" {
			r.judgeEventsOf(p, f)
		}
	}
	for _, d := range r.documents {
		if d.id != "" {
			r.judgeDocumentEvents(d, f)
		}
	}
	for _, p := range r.people {
		if p.who.id != "" {
			r.judgeAccountEvents(p, f)
		}
	}
}

// judgeOrder compares the sequences of the events of a key: they grow within a
// topic, and no two events tell of one version.
func judgeOrder(key string, events []*logged, f *findings) {
	newest, told := map[string]int64{}, map[int64]*logged{}
	for _, e := range events {
		if e.sequence < newest[e.topic] {
			f.add(order, key, "%s of version %d stands after that of version %d", e.topic, e.sequence, newest[e.topic])
		}
		newest[e.topic] = max(newest[e.topic], e.sequence)
		if other := told[e.sequence]; other != nil {
			f.add(duplicate, key, "version %d is told by %s %s and by %s %s", e.sequence, other.topic, other.id, e.topic, e.id)
		}
		told[e.sequence] = e
	}
}

// judgeEventsOf compares the events of a passport with its versions, or when it
// is gone with those that were acknowledged.
func (r *reconciler) judgeEventsOf(p *passport, f *findings) {
	h, topics := r.histories[p], map[int64]string{}
	last := int64(0)
	for _, e := range r.log.byKey[p.id] {
		topics[e.sequence] = e.topic
		last = max(last, e.sequence)
	}
	want := map[int64]string{1: created}
	for _, w := range p.writes {
		if w.version > 0 {
			want[w.version] = updated
		}
	}
	if h.gone {
		if topics[last] != deleted {
			f.add(loss, p.id, "it is gone, and no %s tells of it", deleted)
		}
		for n := range last { // nothing tells of which kind those in doubt were
			if want[n+1] == "" {
				want[n+1] = topics[n+1]
			}
		}
	}
	for _, v := range h.versions {
		want[v.Version] = map[string]string{"create": created, "patch": updated, "publish": published}[v.Action]
	}
	for n, topic := range want {
		if topic == "" || topics[n] != topic {
			f.add(loss, p.id, "of version %d there is no event on %s (%q)", n, topic, topics[n])
		}
	}
	if !h.gone && last > h.head {
		f.add(duplicate, p.id, "%s tells of version %d, and there are %d", topics[last], last, h.head)
	}
}

// count returns how many events of a key are on a topic and fit.
func (l *eventLog) count(key, topic string, fits func(*logged) bool) int {
	n := 0
	for _, e := range l.byKey[key] {
		if e.topic == topic && fits(e) {
			n++
		}
	}
	return n
}

func whichever(*logged) bool { return true }

func (r *reconciler) judgeDocumentEvents(d *document, f *findings) {
	if n := r.log.count(d.id, uploaded, whichever); n == 0 {
		f.add(loss, d.id, "no %s tells of it", uploaded)
	} else if n > 1 {
		f.add(duplicate, d.id, "%d events on %s tell of it", n, uploaded)
	}
	gone := r.contents[d].gone
	switch n := r.log.count(d.id, discarded, whichever); {
	case gone && n == 0:
		f.add(loss, d.id, "it is gone, and no %s tells of it", discarded)
	case !gone && n > 0:
		f.add(duplicate, d.id, "%s tells that it is deleted, and it is there", discarded)
	case n > 1:
		f.add(duplicate, d.id, "%d events on %s tell of it", n, discarded)
	}
}

func (r *reconciler) judgeAccountEvents(p *person, f *findings) {
	if n := r.log.count(p.who.id, registered, func(e *logged) bool { return e.sequence == 1 }); n == 0 {
		f.add(loss, p.who.id, "no %s tells of it", registered)
	}
	for _, m := range p.moves {
		n := r.log.count(p.who.id, moved, func(e *logged) bool { return e.payload.Organisation == m.organisation })
		if n == 0 && m.sure {
			f.add(loss, p.who.id, "no %s tells that it joined %s", moved, m.organisation)
		}
		if n > 1 {
			f.add(duplicate, p.who.id, "%d events on %s tell that it joined %s", n, moved, m.organisation)
		}
	}
	events := slices.DeleteFunc(slices.Clone(r.log.byKey[p.who.id]), func(e *logged) bool { return e.topic != moved })
	if len(events) == 0 {
		return
	}
	newest := slices.MaxFunc(events, func(a, b *logged) int { return int(a.sequence - b.sequence) })
	if is := r.entries[p].organisation; is != newest.payload.Organisation {
		f.add(loss, p.who.id, "it is in %q, and the newest %s tells of %q", is, moved, newest.payload.Organisation)
	}
}

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

// logged is an event on its topic.
type logged struct {
	topic, key, id string
	sequence       int64
	fingerprint    string // the same wherever the event is mentioned
	payload        payload
}

// payload holds the members that are checked.
type payload struct {
	UserID, Organisation                                     string
	CreatedBy, UpdatedBy, PublishedBy, DeletedBy, UploadedBy string
}

// subject is the account that an event is about: here the owner makes all changes.
func (p payload) subject() string {
	ids := []string{p.UserID, p.CreatedBy, p.UpdatedBy, p.PublishedBy, p.DeletedBy, p.UploadedBy, ""}
	return ids[max(0, slices.IndexFunc(ids, func(id string) bool { return id != "" }))]
}

// eventLog holds the events of this run, each where it came first.
type eventLog struct {
	events []*logged
	byKey  map[string][]*logged
}

// fingerprint identifies an event by its content: no two have the same.
func fingerprint(eventType string, data []byte) string {
	value := wire.Value(data).Clone()
	if err := value.Canonicalize(); err != nil {
		return eventType + " " + err.Error()
	}
	return eventType + " " + string(value)
}

// readTopics reads all topics from their beginning.
func (c *checker) readTopics(ctx context.Context) error {
	cfg := kafka.Config{Brokers: c.Brokers}
	var topics []string
	for _, topic := range notificationd.Topics() { // it consumes all
		topics = append(topics, topic, kafka.DeadLetterTopic(topic))
	}
	found, err := tail.Existing(ctx, cfg, topics)
	if err != nil {
		return fmt.Errorf("topics at %v: %w", c.Brokers, err)
	}
	ours, seen := map[string]bool{}, map[string]bool{}
	for _, i := range c.items() {
		ours[i.id] = i.id != ""
	}
	c.log = &eventLog{byKey: map[string][]*logged{}}
	err = tail.Read(ctx, cfg, found, func(m tail.Message) error {
		var p payload
		err := json.Unmarshal(m.Data, &p)
		switch {
		case !ours[m.Key] && !ours[p.subject()]:
		case m.Reason != "" || err != nil:
			c.fail(told, "dead letter", "%s %s: %s%v", m.Topic, m.Key, m.Reason, err)
		case seen[m.ID]:
			c.v.Counts["events repeated"]++
		default:
			seen[m.ID] = true
			e := &logged{m.Topic, m.Key, m.ID, m.Sequence, fingerprint(m.Topic, m.Data), p}
			c.log.events, c.log.byKey[m.Key] = append(c.log.events, e), append(c.log.byKey[m.Key], e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("topics at %v: %w", c.Brokers, err)
	}
	return nil
}

// items are all items of this run, and the accounts that made them.
func (c *checker) items() (all []*item) {
	for _, who := range c.teams {
		all = append(all, &item{id: who.id})
	}
	for _, p := range c.passports {
		all = append(all, &p.item)
	}
	for _, d := range c.documents {
		all = append(all, &d.item)
	}
	for _, p := range c.people {
		all = append(all, &p.item)
	}
	return all
}

func (c *checker) judgeEvents() {
	c.v.Counts["events"] = len(c.log.events)
	ours := map[string]bool{}
	for _, i := range c.items() {
		ours[i.id] = true
	}
	for key, events := range c.log.byKey {
		c.judgeOrder(key, events)
		if !ours[key] {
			c.fail(once, key, "%s is about something that does not exist", events[0].topic)
		}
	}
	for _, p := range c.passports {
		if p.id != "" {
			c.judgePassportEvents(p)
		}
	}
	whichever := func(*logged) bool { return true }
	for _, d := range c.documents {
		if d.id != "" {
			n := map[bool]int{true: 1}[c.contents[d].gone]
			c.count(d.id, uploaded, whichever, 1, 1)
			c.count(d.id, discarded, whichever, n, n)
		}
	}
	for _, p := range c.people {
		if p.id != "" {
			c.count(p.id, registered, whichever, 1, 1)
			c.judgeMoves(p)
		}
	}
}

// judgeMoves compares the organisations of a person with those of its events.
func (c *checker) judgeMoves(p *person) {
	for _, m := range p.moves {
		c.count(p.id, moved, func(e *logged) bool { return e.payload.Organisation == m.organisation }, map[bool]int{true: 1}[m.acked], 1)
	}
	newest := &logged{}
	for _, e := range c.log.byKey[p.id] {
		if e.topic == moved && e.sequence > newest.sequence {
			newest = e
		}
	}
	if is := c.entries[p].organisation; newest.sequence > 0 && is != newest.payload.Organisation {
		c.fail(told, p.id, "it is in %q, but the newest %s says %q", is, moved, newest.payload.Organisation)
	}
}

// judgeOrder compares the sequences of the events of a key: they grow within a
// topic, and no two events have one.
func (c *checker) judgeOrder(key string, events []*logged) {
	newest, told := map[string]int64{}, map[int64]*logged{}
	for _, e := range events {
		if e.sequence < newest[e.topic] {
			c.fail(order, key, "%s of version %d comes after that of version %d", e.topic, e.sequence, newest[e.topic])
		}
		newest[e.topic] = max(newest[e.topic], e.sequence)
		if other := told[e.sequence]; other != nil {
			c.fail(once, key, "version %d has the events %s %s and %s %s", e.sequence, other.topic, other.id, e.topic, e.id)
		}
		told[e.sequence] = e
	}
}

// judgePassportEvents compares the events of a passport with its versions, or
// when it is deleted with those that were acknowledged.
func (c *checker) judgePassportEvents(p *passport) {
	h, topics, last := c.histories[p], map[int64]string{}, int64(0)
	for _, e := range c.log.byKey[p.id] {
		topics[e.sequence] = e.topic
		last = max(last, e.sequence)
	}
	want := map[int64]string{1: created}
	for _, w := range p.writes {
		if w.version > 0 {
			want[w.version] = updated
		}
	}
	for n := int64(1); h.gone && n <= last; n++ { // any kind, for those in doubt
		if want[n] == "" {
			want[n] = topics[n]
		}
	}
	if h.gone && topics[last] != deleted {
		c.fail(told, p.id, "it is deleted, but has no %s", deleted)
	}
	for _, v := range h.versions {
		want[v.Version] = map[string]string{"create": created, "patch": updated, "publish": published}[v.Action]
	}
	for n, topic := range want {
		if topic == "" || topics[n] != topic {
			c.fail(told, p.id, "version %d has no %s (%q)", n, topic, topics[n])
		}
	}
	if !h.gone && last > h.head.Version {
		c.fail(once, p.id, "%s is about version %d of %d", topics[last], last, h.head.Version)
	}
}

// count compares the number of events of a key with what it must be.
func (c *checker) count(key, topic string, fits func(*logged) bool, least, most int) {
	n := 0
	for _, e := range c.log.byKey[key] {
		if e.topic == topic && fits(e) {
			n++
		}
	}
	if n < least {
		c.fail(told, key, "it has %d events %s instead of %d", n, topic, least)
	}
	if n > most {
		c.fail(once, key, "it has %d events %s instead of %d", n, topic, most)
	}
}

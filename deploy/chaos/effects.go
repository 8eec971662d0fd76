package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// topicOf is the topic of an operation on a passport, or of the action of a version.
var topicOf = map[string]string{
	"create": "passport.created", "patch": "passport.updated", "publish": "passport.published", creation: "passport.created", change: "passport.updated",
}

// logged is an event on its topic.
type logged struct {
	tail.Message
	payload
}

// payload has the members of payloads that chaos compares.
type payload struct {
	Organisation, UserID, CreatedBy, UpdatedBy, PublishedBy, DeletedBy, UploadedBy string
}

// subject returns the account that an event is about. The owner makes all changes.
func (e *logged) subject() string {
	return cmp.Or(e.UserID, e.CreatedBy, e.UpdatedBy, e.PublishedBy, e.DeletedBy, e.UploadedBy)
}

// label identifies an event of an item by its version, or by the organisation of
// the account.
func (e *logged) label() string {
	if e.Topic == "user.updated" {
		return e.Topic + " " + e.Organisation
	}
	return fmt.Sprint(e.Topic, " ", e.Sequence)
}

// readTopics reads the events of this run. It ignores repetitions.
func (c *checker) readTopics(ctx context.Context) error {
	cfg := kafka.Config{Brokers: []string{c.broker}, Security: c.brokerLogin}
	var topics []string
	for _, topic := range notificationd.Topics() { // it consumes all topics
		topics = append(topics, topic, kafka.DeadLetterTopic(topic))
	}
	topics, err := tail.Existing(ctx, cfg, topics)
	if err != nil {
		return fmt.Errorf("topics at %s: %w", c.broker, err)
	}
	ours, known := map[string]bool{}, map[string]bool{}
	for _, who := range c.teams {
		ours[who.id] = true
	}
	for _, it := range c.items {
		ours[it.id] = it.id != ""
	}
	c.events = nil
	return tail.Read(ctx, cfg, topics, func(m tail.Message) error {
		e := &logged{Message: m}
		err := json.Unmarshal(m.Data, &e.payload)
		switch {
		case !ours[m.Key] && !ours[e.subject()]:
		case m.Reason != "" || err != nil:
			c.fail(published, "dead letter", "%s %s: %s, %v", m.Topic, m.Key, m.Reason, err)
		case known[m.ID]:
			c.counts["events repeated"]++
		case !ours[m.Key]:
			c.fail(once, m.Key, "does not exist, but has the event %s", m.Topic)
		default:
			known[m.ID], c.events = true, append(c.events, e)
		}
		return nil
	})
}

// checkEvents compares the events of each item with its versions. The versions in
// events increase within a topic.
func (c *checker) checkEvents() {
	c.counts["events"] = len(c.events)
	byKey, newest, known := map[string][]*logged{}, map[string]int64{}, map[string]*logged{}
	for _, e := range c.events {
		topic, version := e.Topic+e.Key, fmt.Sprint(e.Key, e.Sequence)
		if e.Sequence < newest[topic] {
			c.fail(ordered, e.Key, "%s of version %d comes after that of version %d", e.Topic, e.Sequence, newest[topic])
		}
		if other := known[version]; other != nil {
			c.fail(once, e.Key, "version %d has the events %s %s and %s %s", e.Sequence, other.Topic, other.ID, e.Topic, e.ID)
		}
		newest[topic], known[version], byKey[e.Key] = max(newest[topic], e.Sequence), e, append(byKey[e.Key], e)
	}
	for _, it := range c.items {
		if it.id == "" {
			continue
		}
		got, want := map[string]int{}, it.wantedEvents(byKey[it.id])
		for _, e := range byKey[it.id] {
			got[e.label()]++
		}
		for label, must := range want {
			if must && got[label] == 0 {
				c.fail(published, it.id, "has no event %s", label)
			}
		}
		for label, n := range got {
			if _, ok := want[label]; !ok || n > 1 {
				c.fail(once, it.id, "has %d events %s, requested: %v", n, label, ok)
			}
		}
	}
}

// wantedEvents returns the labels of the events that an item must have, as true, or
// may have. The events of a deleted passport include those of changes in doubt.
func (it *item) wantedEvents(got []*logged) map[string]bool {
	want, newest := map[string]bool{}, &logged{}
	must := func(topic string, version int64) { want[fmt.Sprint(topic, " ", version)] = true }
	for _, e := range got {
		if e.Sequence > newest.Sequence {
			newest = e
		}
	}
	for _, v := range it.versions {
		must(topicOf[v.Action], v.Version)
	}
	switch {
	case it.kind == documents:
		must("document.uploaded", 2) // version 1 is the upload in progress
		if it.missing {
			must("document.deleted", 3)
		}
	case it.kind == accounts:
		must("user.registered", 1)
		for _, o := range it.operations {
			if o.action == change {
				want["user.updated "+o.value] = o.acknowledged()
			}
		}
		if newest.Organisation != it.head.value() {
			want[fmt.Sprintf("user.updated %s after %s", it.head.value(), newest.label())] = true
		}
	case it.missing:
		for _, e := range got {
			want[e.label()] = false
		}
		for _, o := range it.operations {
			if o.version > 0 && topicOf[o.action] != "" {
				must(topicOf[o.action], o.version)
			}
		}
		must("passport.deleted", newest.Sequence)
	}
	return want
}

// textFile is the recipient of text files.
const textFile = "text file"

// addEffect counts the notification or text file that has some metadata. It identifies
// the event by its content, which is different for each event.
func (c *checker) addEffect(recipient, eventType, metadata string) error {
	var m struct{ EventData json.RawMessage }
	err := json.Unmarshal([]byte(metadata), &m)
	c.effects[recipient+eventType+canonical(m.EventData)]++
	return err
}

func (c *checker) readNotifications(ctx context.Context) error {
	recipients := append([]*account{c.admin}, c.teams...)
	for _, it := range c.items {
		if it.kind == accounts && !it.missing {
			recipients = append(recipients, it.who)
		}
	}
	for _, who := range recipients {
		all, err := c.list(ctx, who, c.notification+"/api/notifications")
		if err != nil {
			return err
		}
		for _, n := range all {
			_ = c.addEffect(who.id, n.EventType, string(n.Metadata)) // other notifications may have any metadata
		}
	}
	return nil
}

// textForm is the form of a complete text file, with event type and metadata.
var textForm = regexp.MustCompile(`(?s)^Notification Log - .*?\nEvent Type: ([^\n]*)\n.*\nMetadata: (.*)\n-{46}$`)

// temporaryFile is the name of a file that is being written, or is left from a killed process. The
// notification-service removes those after an hour.
var temporaryFile = regexp.MustCompile(`^\.notification-\d+$`)

// readFiles reads the text files of this run.
func (c *checker) readFiles(context.Context) error {
	entries, err := os.ReadDir(c.files)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || c.before(info.ModTime()) || temporaryFile.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(c.files, entry.Name()))
		if err != nil {
			continue // it was renamed
		}
		parts := textForm.FindStringSubmatch(string(content))
		if parts == nil {
			c.fail(textFiles, entry.Name(), "is not complete: %d bytes without all parts", len(content))
		} else if err := c.addEffect(textFile, parts[1], parts[2]); err != nil || entry.Name()[0] == '.' {
			c.fail(textFiles, entry.Name(), "is not complete: %v", err)
		}
	}
	return err
}

// before reports whether a file or object is older than this run. Times of files
// and objects may have whole seconds.
func (c *checker) before(t time.Time) bool { return t.Before(c.began.Add(-time.Second)) }

// checkEffects compares notifications and text files with the events: the account
// concerned and the administrator get one notification of each, except of changes of
// accounts.
func (c *checker) checkEffects() {
	for _, e := range c.events {
		for _, recipient := range []string{e.subject(), c.admin.id, textFile} {
			n, invariant := c.effects[recipient+e.Topic+canonical(e.Data)], notified
			if recipient == textFile {
				invariant = textFiles
			}
			if c.counts[invariant] += n; n != 1 && e.Topic != "user.updated" {
				c.fail(invariant, e.Key, "%s %d has %d for %s", e.Topic, e.Sequence, n, recipient)
			}
		}
	}
}

// client reaches the S3 server without the document-service.
func (s storage) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.endpoint, Region: s.region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(s.keyID, s.secret, ""),
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// checkObjects looks for objects without a document, and for uploads that are not
// completed. A sweep removes both. If it comes too late to wait for, an object must
// belong to an upload in doubt or to a deleted document.
func (c *checker) checkObjects(ctx context.Context) error {
	client := c.s3.client()
	for pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &c.s3.bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("objects at %s: %w", c.s3.endpoint, err)
		}
		for _, o := range page.Contents {
			id := path.Base(*o.Key)
			belongs := func(it *item) bool {
				inDoubt := !it.operations[0].acknowledged() && int64(it.size) == *o.Size
				return it.kind == documents && (it.id == id && !it.missing || !c.sweepSoon && (it.id == id && it.operation(deletion) != nil || inDoubt))
			}
			if !c.before(*o.LastModified) && !slices.ContainsFunc(c.items, belongs) {
				c.fail(objects, id, "object %s has no document and belongs to no upload in doubt", *o.Key)
			}
		}
		c.counts["objects"] += len(page.Contents)
	}
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &c.s3.bucket})
	if err != nil {
		return fmt.Errorf("uploads at %s: %w", c.s3.endpoint, err)
	}
	for _, u := range uploads.Uploads {
		if c.sweepSoon && !c.before(aws.ToTime(u.Initiated)) {
			c.fail(objects, *u.Key, "upload was started, but not completed")
		}
	}
	return nil
}

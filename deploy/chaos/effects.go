package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type notification struct {
	ID        string          `json:"id"`
	EventType string          `json:"eventType"`
	Metadata  json.RawMessage `json:"metadata"`
}

// eventOf returns the fingerprint of the event of a notification.
func (n notification) eventOf() (string, error) {
	var m struct {
		EventData json.RawMessage `json:"eventData"`
	}
	err := json.Unmarshal(n.Metadata, &m)
	return fingerprint(n.EventType, m.EventData), err
}

func (c *checker) readNotifications(ctx context.Context) error {
	everybody := append([]*account{c.admin}, c.teams...)
	for _, p := range c.people {
		if !c.entries[p].gone {
			everybody = append(everybody, p.who)
		}
	}
	lists, err := each(ctx, everybody, func(ctx context.Context, who *account) ([]notification, error) {
		return list[notification](ctx, c.client, who, c.Notification+"/api/notifications")
	})
	c.notified = map[string]map[string]int{}
	for who, all := range lists {
		times, seen := map[string]int{}, map[string]bool{}
		for _, n := range all {
			if event, err := n.eventOf(); err == nil && !seen[n.ID] {
				times[event]++
			}
			seen[n.ID] = true // a page may begin with the end of the one before
		}
		c.notified[who.id] = times
	}
	return err
}

// judgeNotifications: the subject and the administrator are notified once of
// each event, except of changes of accounts.
func (c *checker) judgeNotifications() {
	for _, e := range c.log.events {
		for _, who := range []string{e.payload.subject(), c.admin.id} {
			n := c.notified[who][e.fingerprint]
			c.v.Counts["notifications"] += n
			if n != 1 && e.topic != moved {
				c.fail(notifiedOnce, e.key, "%s was notified %d times of %s, version %d", who, n, e.topic, e.sequence)
			}
		}
	}
}

const (
	textBegin = "Notification Log - "
	textRule  = "\n----------------------------------------------"
)

// readText returns the fingerprint of the event of a text file.
func readText(content string) (string, error) {
	body, ended := strings.CutSuffix(content, textRule)
	at := strings.LastIndex(body, "\nMetadata: ")
	_, line, typed := strings.Cut(body, "\nEvent Type: ")
	if !strings.HasPrefix(content, textBegin) || !ended || at < 0 || !typed {
		return "", fmt.Errorf("%d bytes without all parts", len(content))
	}
	eventType, _, _ := strings.Cut(line, "\n")
	return notification{EventType: eventType, Metadata: json.RawMessage(body[at+len("\nMetadata: "):])}.eventOf()
}

// judgeFiles compares the text files with the events: there is one for each. A
// file with a dot is still being written, and is renamed then.
func (c *checker) judgeFiles() error {
	if c.Files == "" {
		return nil
	}
	entries, err := os.ReadDir(c.Files)
	if err != nil {
		return fmt.Errorf("text files: %w", err)
	}
	times := map[string]int{}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.ModTime().Before(c.began) {
			continue // of others
		}
		content, err := os.ReadFile(filepath.Join(c.Files, entry.Name()))
		if os.IsNotExist(err) {
			continue // renamed
		}
		if err != nil {
			return fmt.Errorf("text files: %w", err)
		}
		if event, err := readText(string(content)); err != nil || entry.Name()[0] == '.' {
			c.fail(wholeFiles, entry.Name(), "the text file is not complete: %v", err)
		} else {
			times[event]++
		}
	}
	for _, e := range c.log.events {
		if n := times[e.fingerprint]; n != 1 && e.topic != moved {
			c.fail(wholeFiles, e.key, "%s, version %d, has %d text files", e.topic, e.sequence, n)
		}
		c.v.Counts["text files"] += times[e.fingerprint]
	}
	return nil
}

// client reaches the S3 server without the document-service.
func (s storage) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: s.Region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(s.KeyID, s.Secret, ""),
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// judgeObjects looks for objects without a document, and for uploads that nobody
// completes: a sweep removes both. Where that comes too late to wait for, an
// object must belong to an upload in doubt or to a deleted document.
func (c *checker) judgeObjects(ctx context.Context) error {
	client := c.S3.client()
	objects := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &c.S3.Bucket})
	for objects.HasMorePages() {
		page, err := objects.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("objects at %s: %w", c.S3.Endpoint, err)
		}
		for _, o := range page.Contents {
			if o.LastModified.Before(c.began) {
				continue // of others
			}
			if err := c.judgeObject(ctx, client, *o.Key); err != nil {
				return err
			}
		}
	}
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &c.S3.Bucket})
	if err != nil {
		return fmt.Errorf("uploads at %s: %w", c.S3.Endpoint, err)
	}
	for _, u := range uploads.Uploads {
		if c.SweepSoon && !aws.ToTime(u.Initiated).Before(c.began) {
			c.fail(noOrphans, *u.Key, "its upload was begun, but not completed")
		}
	}
	return nil
}

func (c *checker) judgeObject(ctx context.Context, client *s3.Client, key string) error {
	id := path.Base(key)
	a := c.send(ctx, request{who: c.admin, method: http.MethodGet, url: c.Document + "/api/documents/" + id})
	switch {
	case a.status == http.StatusOK:
		c.v.Counts["objects"]++
		return nil
	case a.status != http.StatusNotFound:
		return fmt.Errorf("document %s: answered %v", id, a)
	case c.SweepSoon:
		c.fail(noOrphans, id, "the object %s has no document", key)
		return nil
	}
	o, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.S3.Bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	c.v.Counts["objects to sweep"]++
	if !slices.ContainsFunc(c.documents, func(d *document) bool { return d.deleting && d.id == id || !d.acked && d.sum == sumOf(data) }) {
		c.fail(noOrphans, id, "the object %s has no document, and belongs to no upload in doubt", key)
	}
	return nil
}

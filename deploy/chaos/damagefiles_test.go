package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
)

// put stores an object in the folder of the suite.
func (d *damage) put(id string, content []byte) {
	d.t.Helper()
	client := d.s3.client()
	list, err := client.ListObjectsV2(d.t.Context(), &s3.ListObjectsV2Input{Bucket: &d.s3.bucket})
	if err != nil || len(list.Contents) == 0 {
		d.t.Fatalf("objects: %v", err)
	}
	prefix, _, _ := strings.Cut(*list.Contents[0].Key, "/")
	key := prefix + "/" + id
	if _, err := client.PutObject(d.t.Context(), &s3.PutObjectInput{Bucket: &d.s3.bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *damage) changeFile() string {
	it := d.item(documents)
	d.put(it.id, bytes.Repeat([]byte("x"), it.size))
	return it.id
}

func (d *damage) addObject() string {
	id := uuid.NewString()
	d.put(id, []byte("without document"))
	return id
}

// text returns the path and the content of a text file that has no damage.
func (d *damage) text(nth int) (path, content string) {
	d.t.Helper()
	paths, err := filepath.Glob(filepath.Join(d.files, "notification-*.txt"))
	if err != nil || len(paths) < 40 {
		d.t.Fatalf("got %d text files, error %v, want 40", len(paths), err)
	}
	path = paths[len(paths)-1-nth] // the first ones are not about items
	data, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return path, string(data)
}

func (d *damage) writeText(path, content string) string {
	d.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return filepath.Base(path)
}

func (d *damage) cutText() string {
	path, content := d.text(1)
	return d.writeText(path, content[:len(content)-10])
}

func (d *damage) cutMetadata() string {
	const end = "\n----------------------------------------------"
	path, content := d.text(2)
	return d.writeText(path, content[:len(content)-len(end)-4]+end)
}

func (d *damage) leaveText() string {
	path, content := d.text(3)
	return d.writeText(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)), content)
}

func (d *damage) copyText() string {
	path, content := d.text(4)
	d.writeText(strings.Replace(path, ".txt", "-copy.txt", 1), content)
	return ""
}

func (d *damage) deleteText() string {
	path, _ := d.text(8)
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
	return ""
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// Sizes of files: every twentieth is of more than one part of a transfer to S3.
const (
	smallFile = 64 << 10
	largeFile = 5<<20 + 1
)

// file sends a document, reads one, or deletes one.
func (l *load) file(ctx context.Context, rng *rand.Rand, who *account) {
	switch n := rng.IntN(10); {
	case n < 7:
		l.upload(rng, who)
	case n < 9:
		if d := l.someDocument(rng, who); d != nil {
			l.download(d)
		}
	default:
		if d := l.someDocument(rng, who); d != nil {
			l.discard(ctx, d)
		}
	}
}

// upload sends a file once: a second would be another document.
func (l *load) upload(rng *rand.Rand, who *account) {
	d := &document{who: who, mark: l.mark()}
	content := contentOf(rng, d.mark)
	d.sum = sumOf(content)
	body, contentType := formOf(content, d.mark)
	l.do(func() { l.documents = append(l.documents, d) })
	r := request{who: who, method: http.MethodPost, url: l.Document + "/api/documents/upload", body: body, contentType: contentType}
	a := l.send(r)
	var made storedDocument
	switch {
	case a.unsure():
	case a.read(&made) != nil:
		l.odd(d.mark, r, a)
	default:
		l.ack(func() { d.sure, d.id = true, made.ID })
		if made.SHA256 != d.sum {
			l.saw("loss", d.id, "the file was sent with the checksum %s, and acknowledged with %s", d.sum, made.SHA256)
		}
	}
}

// contentOf is a text that begins with a mark. It is no two files' own.
func contentOf(rng *rand.Rand, mark string) []byte {
	size := 200 + rng.IntN(smallFile)
	if rng.IntN(20) == 0 {
		size = largeFile + rng.IntN(smallFile)
	}
	var b bytes.Buffer
	for b.Grow(size + 100); b.Len() < size; {
		fmt.Fprintf(&b, "%s %d %016x\n", mark, b.Len(), rng.Uint64())
	}
	return b.Bytes()
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// formOf puts a form together, in memory, which does not fail.
func formOf(content []byte, mark string) (body []byte, contentType string) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	form.WriteField("description", mark)
	part, _ := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", "chaos.txt")}, "Content-Type": {"text/plain"},
	})
	part.Write(content)
	form.Close()
	return b.Bytes(), form.FormDataContentType()
}

func (l *load) download(d *document) {
	r := request{who: d.who, method: http.MethodGet, url: l.Document + "/api/documents/" + d.id + "/content"}
	switch a := l.send(r); {
	case a.unsure():
	case a.status != http.StatusOK:
		if !l.mayBeDiscarded(d) {
			l.odd(d.id, r, a)
		}
	case sumOf(a.body) != d.sum:
		l.saw("loss", d.id, "the file has the checksum %s, and was sent with %s", sumOf(a.body), d.sum)
	}
}

func (l *load) discard(ctx context.Context, d *document) {
	l.do(func() { d.deleting = true })
	r := request{who: d.who, method: http.MethodDelete, url: l.Document + "/api/documents/" + d.id}
	a := l.send(r)
	first := !a.unsure()
	for i := 0; i < again && a.unsure() && wait(ctx, againPause); i++ {
		a = l.send(r)
	}
	switch {
	case a.unsure():
	case a.status == http.StatusNoContent, a.status == http.StatusNotFound && !first:
		l.ack(func() { d.deleted = true })
	default:
		l.odd(d.id, r, a)
	}
}

func (l *load) mayBeDiscarded(d *document) (gone bool) {
	l.do(func() { gone = d.deleting })
	return gone
}

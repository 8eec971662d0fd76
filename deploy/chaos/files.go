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

// Sizes of files: every twentieth needs more than one part of a transfer to S3.
const (
	smallFile = 64 << 10
	largeFile = 5<<20 + 1
)

// file uploads, downloads or deletes a document.
func (l *load) file(ctx context.Context, rng *rand.Rand, who *account) {
	n := rng.IntN(10)
	if n < 7 {
		l.upload(rng, who)
	} else if d, ok := pick(l.ledger, rng, &l.documents, who, func(*document) bool { return true }); ok && n < 9 {
		l.download(d)
	} else if ok {
		l.remove(ctx, &d.item, l.Document+"/api/documents/")
	}
}

// upload sends a file once: a second would be another document.
func (l *load) upload(rng *rand.Rand, who *account) {
	d := &document{item: item{who: who, mark: newMark()}}
	content := contentOf(rng, d.mark)
	d.sum = sumOf(content)
	body, contentType := formOf(content, d.mark)
	l.do(func() { l.documents = append(l.documents, d) })
	r := request{who: who, method: http.MethodPost, url: l.Document + "/api/documents/upload", body: body, contentType: contentType}
	var made storedDocument
	switch a := l.send(r); {
	case a.inDoubt():
	case a.read(&made) != nil:
		l.unexpected(d.mark, r, a)
	default:
		l.ack(func() { d.acked, d.id = true, made.ID })
		if made.SHA256 != d.sum {
			l.violate(checksum, d.id, "sent with the checksum %s, acknowledged with %s", d.sum, made.SHA256)
		}
	}
}

// contentOf is a text that begins with a mark and is different for each file.
func contentOf(rng *rand.Rand, mark string) []byte {
	size := 200 + rng.IntN(smallFile)
	if rng.IntN(20) == 0 {
		size += largeFile
	}
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%s %d %016x\n", mark, b.Len(), rng.Uint64())
	}
	return b.Bytes()
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// formOf builds a form in memory, which does not fail.
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
	case a.inDoubt(), a.status == http.StatusNotFound && l.isDeleting(&d.item):
	case a.status != http.StatusOK:
		l.unexpected(d.id, r, a)
	case sumOf(a.body) != d.sum:
		l.violate(checksum, d.id, "read with the checksum %s, sent with %s", sumOf(a.body), d.sum)
	}
}

// enter logs somebody in, registers an account, or assigns one to an organisation.
func (l *load) enter(ctx context.Context, rng *rand.Rand, who *account) {
	n := rng.IntN(10)
	p, ok := pick(l.ledger, rng, &l.people, nil, func(*person) bool { return true })
	switch {
	case n < 5:
		if ok && rng.IntN(2) == 0 {
			who = p.who
		}
		ctx, cancel := context.WithTimeout(l.requests, patience)
		defer cancel()
		if a := l.login(ctx, who); !a.inDoubt() && a.status != http.StatusOK {
			l.violate(kept, who.email, "the login of an existing account was answered %v", a)
		}
	case n < 7:
		l.enrol(ctx)
	case ok:
		l.move(ctx, p)
	}
}

// enrol retries while it is in doubt: emails are unique.
func (l *load) enrol(ctx context.Context) {
	p := &person{item: item{who: newAccount()}}
	p.mark = p.who.email
	l.do(func() { l.people = append(l.people, p) })
	r, in := l.registration(p.who), session{}
	switch a, retried := l.persist(ctx, r); {
	case a.inDoubt():
	case a.status == http.StatusConflict && retried:
		l.ack(func() { p.acked = true }) // its id comes with the first login
	case a.read(&in) != nil:
		l.unexpected(p.mark, r, a)
	default:
		l.ack(func() { p.acked, p.id, p.who.id = true, in.User.ID, in.User.ID })
		p.who.token.Store(in.Token)
	}
}

// move has the administrator assign an account to a new organisation.
func (l *load) move(ctx context.Context, p *person) {
	m := &move{organisation: newSlug()}
	if a, _ := l.persist(ctx, l.createOrganisation(m.organisation)); a.inDoubt() {
		return
	} else if !organisationMade(a) {
		l.unexpected(m.organisation, l.createOrganisation(m.organisation), a)
		return
	}
	l.do(func() { p.moves = append(p.moves, m) })
	r := l.assign(p.who, object{"organisation": m.organisation})
	switch a := l.send(r); {
	case a.inDoubt(), a.status == http.StatusConflict: // with an assignment that was in doubt
	case a.read(new(any)) != nil:
		l.unexpected(p.id, r, a)
	default:
		l.ack(func() { m.acked = true })
	}
}

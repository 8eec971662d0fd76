package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

type storedDocument struct {
	ID          string `json:"docId"`
	SHA256      string `json:"sha256"`
	Description string `json:"description"`
}

// content is what there is of a document.
type content struct {
	gone bool
	sum  string
}

// readDocuments reads every file, and looks for those that are in doubt.
func (r *reconciler) readDocuments(ctx context.Context) error {
	ids := map[string]string{} // by mark
	for _, who := range r.teams {
		err := page(ctx, r.caller, who, r.Document+"/api/documents/user", func(d storedDocument) bool {
			ids[d.Description] = d.ID
			return true
		})
		if err != nil {
			return err
		}
	}
	return each(ctx, r.documents, r.contents, func(ctx context.Context, d *document) (*content, error) {
		if d.id == "" {
			if d.id = ids[d.mark]; d.id == "" {
				return &content{gone: true}, nil
			}
		}
		at := r.Document + "/api/documents/" + d.id + "/content"
		a := r.send(ctx, request{who: d.who, method: http.MethodGet, url: at})
		switch a.status {
		case http.StatusNotFound:
			return &content{gone: true}, nil
		case http.StatusOK:
			return &content{sum: sumOf(a.body)}, nil
		}
		return nil, fmt.Errorf("GET %s was answered %v", at, a)
	})
}

func (r *reconciler) judgeDocuments(f *findings, n *counts) {
	for _, d := range r.documents {
		c := r.contents[d]
		if !d.sure {
			n.Doubtful++
		}
		switch {
		case c.gone && d.id == "" && !d.sure:
		case c.gone && d.deleting:
			n.DeletedDocuments++
		case c.gone:
			f.add(loss, d.id, "the document was acknowledged or listed, and its file is not there")
		case d.deleted:
			f.add(loss, d.id, "its deletion was acknowledged, and it is there")
		case c.sum != d.sum:
			f.add(loss, d.id, "its file has the checksum %s, and was sent with %s", c.sum, d.sum)
		default:
			n.Documents++
			if !d.sure {
				n.There++
			}
		}
	}
}

// entry is what there is of an account.
type entry struct {
	gone         bool
	organisation string
}

// readPeople logs everybody in.
func (r *reconciler) readPeople(ctx context.Context) error {
	return each(ctx, r.people, r.entries, func(ctx context.Context, p *person) (*entry, error) {
		body, err := json.Marshal(map[string]string{"email": p.who.email, "password": p.who.password})
		if err != nil {
			return nil, err
		}
		at := r.Auth + "/api/auth/login"
		a := r.send(ctx, request{method: http.MethodPost, url: at, body: body})
		if a.status == http.StatusUnauthorized {
			return &entry{gone: true}, nil
		}
		var in session
		if err := a.read(&in); err != nil {
			return nil, fmt.Errorf("POST %s: %w", at, err)
		}
		p.who.id = in.User.ID
		p.who.hold(in.Token)
		return &entry{organisation: in.User.Organisation}, nil
	})
}

func (r *reconciler) judgePeople(f *findings, n *counts) {
	for _, p := range r.people {
		is := r.entries[p]
		if !p.sure {
			n.Doubtful++
		}
		switch {
		case is.gone && p.sure:
			f.add(loss, p.who.email, "the account was acknowledged, and cannot log in")
		case !is.gone:
			n.Accounts++
			if !p.sure {
				n.There++
			}
		}
	}
}

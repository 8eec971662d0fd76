// Package document is what is known of an uploaded file, who may see it, and
// how it and its bytes in the object storage stay one.
package document

import (
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const source = "/document-service"

// State is where a document is in its life.
type State string

// The states. Nobody sees a document that is not ready.
const (
	Pending  State = "pending"  // before its first byte, until the storage has confirmed the last
	Ready    State = "ready"    // its bytes are stored
	Deleting State = "deleting" // its bytes are being removed
)

// Document is what is known of a file.
type Document struct {
	ID           string `json:"docId"`
	State        State  `json:"status"`
	OriginalName string `json:"originalName"` // as it was sent, but cleaned
	Size         int64  `json:"fileSize"`     // bytes
	Type         string `json:"fileType"`     // media type, what the bytes say
	SHA256       string `json:"sha256"`       // in hex
	Description
	UploadedBy   string    `json:"uploadedBy"`
	Organisation string    `json:"organisation,omitempty"` // of the uploader, at that time
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	Key          string    `json:"key,omitempty"`     // idempotency.ID of the request that made it, where it had a key
	Request      string    `json:"request,omitempty"` // idempotency.Sum of that
}

// byKey is the unique index of what a request with a key has made. A document
// that is not ready stands in none: it may be left from one that did not end.
const byKey = "key"

// The lists a document stands in.
const (
	everything = ""           // of those who see all
	unfinished = "unfinished" // of the sweep: what is not ready
	authority  = "authority"
)

func userScope(id string) string           { return "user:" + id }
func organisationScope(name string) string { return "organisation:" + name }

// DocumentKind declares how documents are stored.
func DocumentSchema() store.Schema[Document] {
	return store.Schema[Document]{Name: "documents", Version: 1, UniqueIndexes: []string{byKey}, Unique: func(d *Document) map[string]string {
		if d.State != Ready {
			return nil
		}
		return map[string]string{byKey: d.Key}
	}, Indexes: func(d *Document) store.Indexes {
		l := store.Indexes{Created: d.CreatedAt}
		if d.State != Ready {
			l.Scopes = []string{unfinished}
			return l
		}
		l.Scopes = []string{everything, userScope(d.UploadedBy)}
		if d.Organisation != "" {
			l.Scopes = append(l.Scopes, organisationScope(d.Organisation))
		}
		if d.AccessClass == ForAuthority {
			l.Scopes = append(l.Scopes, authority)
		}
		l.Filters = map[string]string{"passportId": d.PassportID, "kind": string(d.Kind)}
		return l
	}}
}

// scopeOf is the list of what a caller is shown.
func scopeOf(p auth.Principal) string {
	switch {
	case p.Role == auth.Admin:
		return everything
	case p.Role == auth.Authority:
		return authority
	case p.Organisation != "":
		return organisationScope(p.Organisation)
	}
	return userScope(p.UserID)
}

// visible tells whether a caller may read the document.
func (d *Document) visible(to auth.Principal) bool {
	return d.State == Ready && (d.IsPublic || to.Role == auth.Admin || d.own(to) || d.colleague(to) ||
		to.Role == auth.Authority && d.AccessClass == ForAuthority)
}

func (d *Document) own(by auth.Principal) bool { return d.UploadedBy == by.UserID }

func (d *Document) colleague(of auth.Principal) bool {
	return d.Organisation != "" && d.Organisation == of.Organisation
}

// changeable fails unless a caller may change or delete the document: with
// fault.NotFound where the caller may not even know of it.
func (d *Document) changeable(by auth.Principal) error {
	switch {
	case !d.visible(by):
		return notFound(d.ID)
	case by.Role == auth.Admin, d.own(by), by.Role == auth.Operator && d.colleague(by):
		return nil
	}
	return fault.New(fault.Forbidden, "only who uploaded a document, an operator of the same organisation, or an admin may change it")
}

func notFound(id string) error { return fault.New(fault.NotFound, "there is no document %s", id) }

func (d *Document) uploaded() event.Envelope {
	return event.New(source, d.ID, d.UpdatedAt, event.DocumentUploaded{
		DocID: d.ID, FileName: d.FileName, FileSize: d.Size, FileType: d.Type, PassportID: d.PassportID,
		Kind: string(d.Kind), UploadedBy: d.UploadedBy, UploadedAt: d.UpdatedAt,
	})
}

func (d *Document) deleted(by string) event.Envelope {
	return event.New(source, d.ID, d.UpdatedAt, event.DocumentDeleted{
		DocID: d.ID, FileName: d.FileName, PassportID: d.PassportID, UploadedBy: d.UploadedBy, DeletedBy: by, DeletedAt: d.UpdatedAt,
	})
}

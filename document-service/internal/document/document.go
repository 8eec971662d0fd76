// Package document stores uploaded files and their metadata, controls access to them,
// and removes objects that have no metadata.
package document

import (
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const source = "/document-service"

// State is the state of a document.
type State string

// The states. Clients see only ready documents.
const (
	Pending  State = "pending"  // the file is being stored
	Ready    State = "ready"    // the file is stored
	Deleting State = "deleting" // the file is being removed
)

// Document is the metadata of a file.
type Document struct {
	ID           string `json:"docId"`
	State        State  `json:"status"`
	OriginalName string `json:"originalName"` // as uploaded, after cleanName
	Size         int64  `json:"fileSize"`     // bytes
	Type         string `json:"fileType"`     // media type, detected from the content
	SHA256       string `json:"sha256"`       // in hex
	Details
	UploadedBy   string    `json:"uploadedBy"`
	Organisation string    `json:"organisation,omitempty"` // of the uploader, at the time of the upload
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	Key          string    `json:"key,omitempty"`     // idempotency.ID of the upload, or empty
	Request      string    `json:"request,omitempty"` // checksum of the upload request, if Key is set
}

// byKey is the unique index of idempotency keys. It contains only ready documents:
// pending ones may belong to a failed upload.
const byKey = "key"

// Scopes of lists. ofUser and ofOrganisation are followed by an id.
const (
	unfinished = "unfinished" // not ready
	authority  = "authority"

	ofUser         = "user:"
	ofOrganisation = "organisation:"
)

// DocumentSchema declares how documents are stored.
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
		l.Scopes = []string{store.All, ofUser + d.UploadedBy}
		if d.Organisation != "" {
			l.Scopes = append(l.Scopes, ofOrganisation+d.Organisation)
		}
		if d.AccessClass == AccessAuthority {
			l.Scopes = append(l.Scopes, authority)
		}
		l.Filters = map[string]string{"passportId": d.PassportID, "kind": string(d.Kind)}
		return l
	}}
}

// scopesOf returns the scopes of the documents that p may list.
func scopesOf(p auth.Principal) []string {
	switch {
	case p.Role == auth.Admin:
		return []string{store.All}
	case p.Role == auth.Authority:
		return []string{authority}
	case p.Organisation == "":
		return []string{ofUser + p.UserID}
	}
	var scopes []string
	for _, organisation := range p.Organisations() {
		scopes = append(scopes, ofOrganisation+organisation)
	}
	return scopes
}

// visibleTo reports whether p may read the document.
func (d *Document) visibleTo(p auth.Principal) bool {
	return d.State == Ready && (d.IsPublic || p.Role == auth.Admin || d.uploadedBy(p) || p.Owns(d.Organisation) ||
		p.Role == auth.Authority && d.AccessClass == AccessAuthority)
}

func (d *Document) uploadedBy(p auth.Principal) bool { return d.UploadedBy == p.UserID }

// checkChange fails with fault.Forbidden when p may read but not change the
// document, and with fault.NotFound when p may not read it.
func (d *Document) checkChange(p auth.Principal) error {
	switch {
	case !d.visibleTo(p):
		return notFound(d.ID)
	case p.Role == auth.Admin, d.uploadedBy(p), p.Role == auth.Operator && p.Owns(d.Organisation):
		return nil
	}
	return fault.New(fault.Forbidden, "only the uploader, an operator of the same organisation or an admin may change or delete this document")
}

func notFound(id string) error { return fault.New(fault.NotFound, "document %s not found", id) }

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

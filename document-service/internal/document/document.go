// Package document stores uploaded files and their metadata, controls access to them,
// and removes objects that have no metadata.
package document

import (
	"time"

	"github.com/battery-passport/suite/document-service/internal/ownership"
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
	OriginalName string `json:"originalName"`    // as uploaded, after sentName
	Size         int64  `json:"fileSize"`        // bytes
	Type         string `json:"fileType"`        // media type, detected from the content
	SHA256       string `json:"sha256"`          // in hex
	IsUTF8       bool   `json:"isUtf8,omitzero"` // the content is plain text in UTF-8
	Details
	UploadedBy   string    `json:"uploadedBy"`
	Organisation string    `json:"organisation,omitempty"` // owner, the organisation of the uploader at the time of the upload; empty: the uploader is
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	UpdatedBy    string    `json:"updatedBy,omitempty"` // empty: the details were not changed after the upload
	Key          string    `json:"key,omitempty"`       // idempotency.ID of the upload, or empty
	Request      string    `json:"request,omitempty"`   // checksum of the upload request, if Key is set

	// FromPassportOwner reports whether the document belongs to the owner of the
	// passport with PassportID. It is not stored; Service.setTrust sets it.
	FromPassportOwner bool `json:"-"`
}

// byKey is the unique index of idempotency keys. It contains only ready documents:
// pending ones may belong to a failed upload.
const byKey = "key"

// Scopes of lists.
const (
	unfinished          = "unfinished" // not ready
	authority           = "authority"  // shown to authorities, unless the passport has another owner
	withoutOrganisation = "without organisation"
)

// organisationScope is the scope of the documents of an organisation.
func organisationScope(id string) string { return "organisation:" + id }

// uploaderScope is the scope of the documents of an organisation, or of no organisation, that
// an account has uploaded.
func uploaderScope(user, organisation string) string { return "uploader:" + user + "/" + organisation }

// passportScope is the scope of the documents of an owner that name a passport and are shown to
// authorities.
func passportScope(passport string, o ownership.Owner) string {
	return "passport:" + passport + "/" + o.Organisation + "/" + o.Account
}

// publicScope is the scope of the documents of an owner that name a passport and have the access
// class public.
func publicScope(passport string, o ownership.Owner) string {
	return "public:" + passport + "/" + o.Organisation + "/" + o.Account
}

// DocumentSchema declares how documents are stored. Version 2 added UpdatedBy and IsUTF8, and
// the scopes of uploaders and passports; Reindex adds the scopes to older documents.
func DocumentSchema() store.Schema[Document] {
	return store.Schema[Document]{Name: "documents", Version: 2, IndexVersion: 4, UniqueIndexes: []string{byKey}, Unique: func(d *Document) map[string]string {
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
		l.Scopes = []string{store.All, uploaderScope(d.UploadedBy, d.Organisation)}
		if d.Organisation != "" {
			l.Scopes = append(l.Scopes, organisationScope(d.Organisation))
		}
		if d.Organisation == "" {
			l.Scopes = append(l.Scopes, withoutOrganisation)
		}
		if d.Class() != AccessOwner {
			l.Scopes = append(l.Scopes, authority)
		}
		if d.Class() != AccessOwner && d.PassportID != "" {
			l.Scopes = append(l.Scopes, passportScope(d.PassportID, d.owner()))
		}
		if d.IsPublic && d.PassportID != "" {
			l.Scopes = append(l.Scopes, publicScope(d.PassportID, d.owner()))
		}
		l.Filters = map[string]string{"passportId": d.PassportID, "kind": string(d.Kind)}
		return l
	}}
}

// ContentType returns the media type with the charset, if it is known.
func (d *Document) ContentType() string {
	if d.IsUTF8 {
		return d.Type + "; charset=utf-8"
	}
	return d.Type
}

func notFound(id string) error { return fault.New(fault.NotFound, "document %s not found", id) }

func (d *Document) uploaded() event.Envelope {
	return event.New(source, d.ID, d.UpdatedAt, event.DocumentUploaded{
		DocID: d.ID, FileName: d.FileName, FileSize: d.Size, FileType: d.Type, PassportID: d.PassportID,
		Kind: string(d.Kind), UploadedBy: d.UploadedBy, UploadedAt: d.UpdatedAt, Organisation: d.Organisation,
	})
}

// updated returns the event of a change of the details from before.
func (d *Document) updated(before Details) event.Envelope {
	return event.New(source, d.ID, d.UpdatedAt, event.DocumentUpdated{
		DocID: d.ID, FileName: d.FileName, PassportID: d.PassportID, IsPublic: d.IsPublic, AccessClass: string(d.Class()),
		UpdatedFields: d.changedFrom(before), UploadedBy: d.UploadedBy, UpdatedBy: d.UpdatedBy, UpdatedAt: d.UpdatedAt, Organisation: d.Organisation,
	})
}

func (d *Document) deleted(by string) event.Envelope {
	return event.New(source, d.ID, d.UpdatedAt, event.DocumentDeleted{
		DocID: d.ID, FileName: d.FileName, PassportID: d.PassportID, UploadedBy: d.UploadedBy, DeletedBy: by, DeletedAt: d.UpdatedAt, Organisation: d.Organisation,
	})
}

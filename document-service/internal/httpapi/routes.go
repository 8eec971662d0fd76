// Package httpapi is the HTTP face of the document-service.
package httpapi

import (
	"net/http"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// What the API document says of the service.
const (
	Title       = "Document Service"
	Description = "Files that belong to battery passports, such as declarations of conformity and test reports, and what is known about them."
)

// API is what the operations need.
type API struct {
	Documents *document.Service
	Verifier  *token.Verifier
}

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	caller := a.Verifier.Require()

	rest.Handle(r, "POST /api/documents/upload", caller, a.upload, "Upload a document", rest.Status(http.StatusCreated),
		rest.Describe("PDF, JPEG, PNG, GIF, plain text, Word and Excel, as the bytes say. The fields may come before or after the file."))
	rest.Handle(r, "GET /api/documents", caller, a.list, "List documents",
		rest.Describe("All to an admin; to others those of their organisation or, without one, their own; to an authority those for authorities."))
	rest.Handle(r, "GET /api/documents/user", caller, a.listOwn, "List your documents")
	rest.Handle(r, "GET /api/documents/{docId}", caller, a.get, "Read what is known of a document")
	rest.Handle(r, "PUT /api/documents/{docId}", caller, a.describe, "Change what is said of a document",
		rest.Describe("What is not given stays as it is."))
	rest.Handle(r, "DELETE /api/documents/{docId}", caller, a.delete, "Delete a document", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/documents/{docId}/download", caller, a.download, "Get a download link",
		rest.Describe("To the storage for documents that are public or your own, good for anybody while it lasts; else to this service."))
	rest.Handle(r, "GET /api/documents/{docId}/content", caller, a.content, "Download a document",
		rest.Describe("Answers Range, If-Range and If-None-Match."))
}

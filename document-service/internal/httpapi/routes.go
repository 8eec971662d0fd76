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
	user := rest.SignedIn(a.Verifier.Require())
	file := user
	file.Cache, file.CSP = rest.Revalidate, rest.FileCSP

	rest.Handle(r, "POST /api/documents/upload", user, a.upload, "uploadDocument", "Upload a document", rest.Status(http.StatusCreated),
		rest.Description("PDF, JPEG, PNG, GIF, plain text, Word and Excel, as the bytes say. The fields may come before or after the file."))
	rest.Handle(r, "GET /api/documents", user, a.list, "listDocuments", "List documents",
		rest.Description("All to an admin; to others those of their organisation or, without one, their own; to an authority those for authorities."))
	rest.Handle(r, "GET /api/documents/user", user, a.listOwn, "listOwnDocuments", "List your own documents")
	rest.Handle(r, "GET /api/documents/{docId}", user, a.get, "getDocument", "Get document metadata")
	rest.Handle(r, "PUT /api/documents/{docId}", user, a.describe, "updateDocument", "Update document metadata",
		rest.Description("What is not given stays as it is."))
	rest.Handle(r, "DELETE /api/documents/{docId}", user, a.delete, "deleteDocument", "Delete a document", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/documents/{docId}/download", user, a.download, "getDownloadLink", "Get a download link",
		rest.Description("To the storage for documents that are public or your own, good for anybody while it lasts; else to this service."))
	rest.Handle(r, "GET /api/documents/{docId}/content", file, a.content, "downloadDocument", "Download a document",
		rest.Description("Answers Range, If-Range and If-None-Match."))
}

// Package httpapi is the HTTP API of the document-service.
package httpapi

import (
	"net/http"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// The title and description of the OpenAPI document.
const (
	Title       = "Document Service"
	Description = "Upload, list and download files that belong to battery passports, such as declarations of conformity and test reports."
)

// API provides the operations of the document-service.
type API struct {
	Documents *document.Service
	Verifier  *token.Verifier
}

// Register registers all operations with r.
func (a *API) Register(r *rest.API) {
	signedIn := rest.SignedIn(a.Verifier.Require())
	file := signedIn
	file.Cache, file.CSP = rest.Revalidate, rest.FileCSP

	rest.Handle(r, "POST /api/documents/upload", signedIn, a.upload, "uploadDocument", "Upload a document", rest.Status(http.StatusCreated),
		rest.Description("Accepts PDF, JPEG, PNG, GIF, text (also CSV and Markdown), Word and Excel; the type is detected from the content and must match the declared type. Common aliases such as image/jpg count as the standard type; text/csv and text/markdown are stored as text/plain. The fields may be sent before or after the file."))
	rest.Handle(r, "GET /api/documents", signedIn, a.list, "listDocuments", "List documents",
		rest.Description("Admins see all documents, authorities those with access class authority, and other users those of their organisation or, without an organisation, their own."))
	rest.Handle(r, "GET /api/documents/user", signedIn, a.listOwn, "listOwnDocuments", "List your own documents")
	rest.Handle(r, "GET /api/documents/{docId}", signedIn, a.get, "getDocument", "Get document metadata")
	rest.Handle(r, "PUT /api/documents/{docId}", signedIn, a.update, "updateDocument", "Update document metadata",
		rest.Description("Changes only the given fields. The file itself cannot be changed."))
	rest.Handle(r, "DELETE /api/documents/{docId}", signedIn, a.delete, "deleteDocument", "Delete a document", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/documents/{docId}/download", signedIn, a.link, "getDownloadLink", "Get a download link",
		rest.Description("For public documents and your own, returns a link to the storage that anyone can use until it expires. For other documents, returns a path of this service."))
	rest.Handle(r, "GET /api/documents/{docId}/content", file, a.content, "downloadDocument", "Download a document",
		rest.Description("Supports Range, If-Range and If-None-Match."))
}

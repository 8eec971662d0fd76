// Package httpapi is the HTTP API of the document-service.
package httpapi

import (
	_ "embed"
	"net/http"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// examples are written by TestExamples of deploy/e2e, which executes them.
//
//go:embed examples.json
var examples []byte

// OpenAPI describes the service in its OpenAPI document.
var OpenAPI = rest.Document{
	Name: "Document", Path: "/api/documents", Title: "Document Service",
	Description: "Upload, list and download files that belong to battery passports, such as declarations of conformity and test reports.",
	Tags: map[string]string{
		"documents":        "Files that belong to passports.",
		"public documents": "Documents of published passports; no login is needed.",
	},
	Examples: examples,
}

// API provides the operations of the document-service.
type API struct {
	Documents *document.Service
	Verifier  *token.Verifier
	Secret    string // with which the passport-service lists public documents; may be empty
}

// pageRate limits the lists per minute for the pages of all instances of the
// passport-service together, which cache each list for a minute.
const pageRate = 60_000

// Register registers all operations with r.
func (a *API) Register(r *rest.API) {
	signedIn := rest.SignedIn(a.Verifier.Require())
	file, upload := signedIn, signedIn
	upload.Concurrency = rest.UploadSlots
	file.Cache, file.CSP = rest.Revalidate, rest.FileCSP
	public := rest.Public
	public.Cache = "public, max-age=60" // short, so that clients soon see that a document is withdrawn
	public.RateLimit = rest.RateLimit{Class: rest.ServiceRate}
	publicList := public
	if a.Secret != "" {
		publicList.Audience = rest.Recognised(token.RequireSecret(a.Secret), pageRate)
	}
	publicFile := public
	publicFile.CSP, publicFile.Compress = rest.FileCSP, false // ranges are those of the file

	rest.MemberValues(r, "kind", document.Kinds())
	rest.MemberValues(r, "accessClass", document.AccessClasses())
	rest.NotEmpty(r, "DocumentUpdate.fileName")
	rest.Handle(r, "POST /api/documents/upload", upload, a.upload, "uploadDocument", "Upload a document", rest.Status(http.StatusCreated),
		rest.Description("The access token may expire during the upload. If it is revoked, the upload ends with 401 and nothing is stored. Accepts PDF, images, text (also CSV, JSON, XML and Markdown), office documents, drawings and 3D models, ZIP, AASX and EML, unless ALLOWED_TYPES is set. The type is detected from the content; the format of a text is that of its file name or declared type. A declared type is refused only if it is of another kind, such as an image for a PDF. HTML, programs and documents with macros are refused. The fields may be sent before or after the file."))
	rest.Handle(r, "GET /api/documents", signedIn, a.list, "listDocuments", "List documents",
		rest.Description("Admins see all documents, authorities those with access class authority or public, and other users those of their organisation and those that they uploaded without one. Documents of a passport are not listed for authorities unless they belong to the owner of the passport."))
	rest.Handle(r, "GET /api/documents/user", signedIn, a.listOwn, "listOwnDocuments", "List your own documents",
		rest.Description("Lists the documents that you uploaded, except those of an organisation that you have left."))
	rest.Handle(r, "GET /api/documents/{docId}", signedIn, a.get, "getDocument", "Get document metadata")
	rest.Handle(r, "PUT /api/documents/{docId}", signedIn, a.update, "updateDocument", "Update document metadata",
		rest.Description("Changes only the given fields; null is not allowed. The file itself cannot be changed."))
	rest.Handle(r, "DELETE /api/documents/{docId}", signedIn, a.delete, "deleteDocument", "Delete a document", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/documents/{docId}/download", signedIn, a.link, "getDownloadLink", "Get a download link",
		rest.Description("For public documents and those that you uploaded and still own, returns a link to the storage that anyone can use until it expires. For other documents, returns a path of this service."))
	rest.Handle(r, "GET /api/documents/{docId}/content", file, a.content, "downloadDocument", "Download a document",
		rest.Description("Supports Range, If-Range and If-None-Match."))

	rest.Handle(r, "GET /api/public/documents", publicList, a.listPublic, "listPublicDocuments", "List public documents of a passport",
		rest.Description("Lists the documents with access class public that belong to the owner of the passport. The list is empty if the passport is unknown or not published."))
	rest.Handle(r, "GET /api/public/documents/{docId}", public, a.public, "getPublicDocument", "Get metadata of a public document",
		rest.Description("Everyone may read a document with access class public that belongs to the owner of a published passport. For any other document, the response is 404."))
	rest.Handle(r, "GET /api/public/documents/{docId}/content", publicFile, a.publicContent, "downloadPublicDocument", "Download a public document",
		rest.Description("Supports Range, If-Range and If-None-Match."))
}

package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// Document is a document in a response.
type Document struct {
	DocID        string               `json:"docId" doc:"id of the document"`
	FileName     string               `json:"fileName" doc:"file name for downloads"`
	OriginalName string               `json:"originalName" doc:"file name at the upload, without folders and forbidden characters"`
	FileSize     int64                `json:"fileSize" doc:"size of the file in bytes"`
	FileType     string               `json:"fileType" doc:"media type, detected from the content"`
	SHA256       string               `json:"sha256" doc:"SHA-256 of the file in hexadecimal"`
	Description  string               `json:"description" doc:"free text"`
	IsPublic     bool                 `json:"isPublic" doc:"whether every signed-in user may read the document"`
	PassportID   string               `json:"passportId,omitempty" doc:"id of the passport that the document belongs to, set by the uploader and not verified"`
	Kind         document.Kind        `json:"kind" doc:"purpose of the document: declaration-of-conformity (Regulation (EU) 2023/1542, Article 18), test-report (Annex XIII, point 3), carbon-footprint-study (Article 7), due-diligence-report (Article 52), dismantling-manual and safety-instructions (Annex XIII, point 2), waste-information (Article 74), state-of-health-report (Article 14), product-image or other"`
	AccessClass  document.AccessClass `json:"accessClass" doc:"readers of a document that is not public: owner (the uploader and their organisation) or authority (also authorities)"`
	Status       document.State       `json:"status" enum:"ready" doc:"always ready: the file is stored"`
	UploadedBy   string               `json:"uploadedBy" doc:"id of the account that uploaded the document"`
	CreatedAt    time.Time            `json:"createdAt" doc:"time of the upload"`
	UpdatedAt    time.Time            `json:"updatedAt" doc:"time of the last change"`
	DownloadURL  string               `json:"downloadUrl,omitempty" doc:"link to the storage, usable by anyone until expiresAt; only in getDocument, for public documents and your own"`
	ExpiresAt    *time.Time           `json:"expiresAt,omitempty" doc:"expiry of downloadUrl"`
}

func responseOf(d *document.Document) Document {
	return Document{
		DocID: d.ID, FileName: d.FileName, OriginalName: d.OriginalName, FileSize: d.Size, FileType: d.Type, SHA256: d.SHA256,
		Description: d.Description, IsPublic: d.IsPublic, PassportID: d.PassportID, Kind: d.Kind, AccessClass: d.AccessClass, Status: d.State,
		UploadedBy: d.UploadedBy, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

type input struct {
	DocID string `path:"docId" doc:"id of the document"`
}

type output struct{ Body Document }

type listInput struct {
	rest.Paging
	PassportID string        `query:"passportId" doc:"return only documents of this passport"`
	Kind       document.Kind `query:"kind" enum:"declaration-of-conformity,test-report,carbon-footprint-study,due-diligence-report,dismantling-manual,safety-instructions,waste-information,state-of-health-report,product-image,other" doc:"return only documents of this kind"`
}

type listOutput struct{ Body rest.List[Document] }

type updateInput struct {
	DocID string `path:"docId" doc:"id of the document"`
	Body  DocumentUpdate
}

// DocumentUpdate is the body of updateDocument.
type DocumentUpdate struct {
	FileName    *string               `json:"fileName,omitempty" doc:"file name for downloads, without folders; if its extension does not match the file type, the right one is appended"`
	Description *string               `json:"description,omitempty" doc:"free text of at most 2000 characters"`
	IsPublic    any                   `json:"isPublic,omitempty" doc:"whether every signed-in user may read the document, as a boolean or as the string true or false"`
	PassportID  *string               `json:"passportId,omitempty" doc:"UUID of the passport that the document belongs to, or empty; not verified"`
	Kind        *document.Kind        `json:"kind,omitempty" doc:"purpose of the document: declaration-of-conformity, test-report, carbon-footprint-study, due-diligence-report, dismantling-manual, safety-instructions, waste-information, state-of-health-report, product-image or other"`
	AccessClass *document.AccessClass `json:"accessClass,omitempty" doc:"readers of a document that is not public: owner (the uploader and their organisation) or authority (also authorities)"`
}

type linkOutput struct{ Body DownloadLink }

// DownloadLink is the body of getDownloadLink.
type DownloadLink struct {
	DownloadURL string     `json:"downloadUrl" doc:"link to the storage, or a path of this service that requires an access token"`
	FileName    string     `json:"fileName" doc:"file name for downloads"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"expiry of a link to the storage"`
	ExpiresIn   int        `json:"expiresIn,omitzero" doc:"seconds until expiresAt"`
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	return a.listPage(ctx, in, false)
}

func (a *API) listOwn(ctx context.Context, in *listInput) (*listOutput, error) {
	return a.listPage(ctx, in, true)
}

func (a *API) listPage(ctx context.Context, in *listInput, own bool) (*listOutput, error) {
	filter := document.Filter{PassportID: in.PassportID, Kind: in.Kind, Own: own}
	page, err := a.Documents.List(ctx, auth.Caller(ctx), filter, in.Limit, in.Cursor)
	out := &listOutput{rest.List[Document]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, responseOf(&row.Doc))
	}
	return out, err
}

func (a *API) get(ctx context.Context, in *input) (*output, error) {
	d, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	out := &output{responseOf(&d)}
	link, err := a.Documents.Link(ctx, auth.Caller(ctx), &d)
	switch {
	case fault.Is(err, fault.Unavailable): // respond without a link
	case err != nil:
		return nil, err
	case link != nil:
		out.Body.DownloadURL, out.Body.ExpiresAt = link.URL, &link.Expires
	}
	return out, nil
}

func (a *API) update(ctx context.Context, in *updateInput) (*output, error) {
	changes := document.Changes{
		FileName: in.Body.FileName, Description: in.Body.Description, PassportID: in.Body.PassportID,
		Kind: in.Body.Kind, AccessClass: in.Body.AccessClass,
	}
	var err error
	if changes.IsPublic, err = parseBool(in.Body.IsPublic); err != nil {
		return nil, err
	}
	d, err := a.Documents.Update(ctx, auth.Caller(ctx), in.DocID, changes)
	return &output{responseOf(&d)}, err
}

// parseBool returns a boolean that may be sent as a string, or nil if it is missing.
func parseBool(value any) (*bool, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		return &v, nil
	case string:
		if isTrue := v == "true"; isTrue || v == "false" {
			return &isTrue, nil
		}
	}
	return nil, fault.New(fault.Invalid, "the document metadata is not valid").
		With(fault.Detail{Path: "/isPublic", Code: "type", Message: "must be true or false"})
}

func (a *API) delete(ctx context.Context, in *input) (*struct{}, error) {
	return nil, a.Documents.Delete(ctx, auth.Caller(ctx), in.DocID)
}

func (a *API) link(ctx context.Context, in *input) (*linkOutput, error) {
	d, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	link, err := a.Documents.Link(ctx, auth.Caller(ctx), &d)
	if err != nil {
		return nil, err
	}
	out := &linkOutput{}
	out.Body.FileName, out.Body.DownloadURL = d.FileName, path(d.ID)+"/content"
	if link != nil {
		out.Body.DownloadURL, out.Body.ExpiresAt = link.URL, &link.Expires
		out.Body.ExpiresIn = int(document.LinkLifetime.Seconds())
	}
	return out, nil
}

func path(id string) string { return "/api/documents/" + id }

func (a *API) content(ctx context.Context, in *input) (*rest.Download, error) {
	d, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	return rest.Content{
		Name: d.FileName, Type: d.Type, Size: d.Size, ETag: d.SHA256, Modified: d.CreatedAt,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return a.Documents.Open(ctx, &d, offset, length)
		},
	}.Download(), nil
}

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

// Document is a document in responses.
type Document struct {
	DocID        string               `json:"docId"`
	FileName     string               `json:"fileName"`
	OriginalName string               `json:"originalName" doc:"the name the file came with"`
	FileSize     int64                `json:"fileSize" doc:"in bytes"`
	FileType     string               `json:"fileType" doc:"media type, as the bytes say"`
	SHA256       string               `json:"sha256" doc:"of the file, in hex"`
	Description  string               `json:"description"`
	IsPublic     bool                 `json:"isPublic"`
	PassportID   string               `json:"passportId,omitempty" doc:"the passport it belongs to, by what its uploader says"`
	Kind         document.Kind        `json:"kind"`
	AccessClass  document.AccessClass `json:"accessClass"`
	Status       document.State       `json:"status" enum:"ready"`
	UploadedBy   string               `json:"uploadedBy"`
	CreatedAt    time.Time            `json:"createdAt"`
	UpdatedAt    time.Time            `json:"updatedAt"`
	DownloadURL  string               `json:"downloadUrl,omitempty" doc:"link to the storage, good for anybody until expiresAt; only of documents that are public or your own"`
	ExpiresAt    *time.Time           `json:"expiresAt,omitempty"`
}

func responseOf(d *document.Document) Document {
	return Document{
		DocID: d.ID, FileName: d.FileName, OriginalName: d.OriginalName, FileSize: d.Size, FileType: d.Type, SHA256: d.SHA256,
		Description: d.Text, IsPublic: d.IsPublic, PassportID: d.PassportID, Kind: d.Kind, AccessClass: d.AccessClass, Status: d.State,
		UploadedBy: d.UploadedBy, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

type input struct {
	DocID string `path:"docId"`
}

type output struct{ Body Document }

type listInput struct {
	rest.Paging
	PassportID string        `query:"passportId" doc:"only documents of this passport"`
	Kind       document.Kind `query:"kind" enum:"declaration-of-conformity,test-report,carbon-footprint-study,due-diligence-report,dismantling-manual,safety-instructions,waste-information,state-of-health-report,product-image,other" doc:"only documents of this kind"`
}

type listOutput struct{ Body rest.List[Document] }

type describeInput struct {
	DocID string `path:"docId"`
	Body  Changes
}

// Changes is the body of a change of a description.
type Changes struct {
	FileName    *string               `json:"fileName,omitempty" doc:"without folders; it gets an extension of the file's type if it has another"`
	Description *string               `json:"description,omitempty" doc:"at most 2000 characters"`
	IsPublic    any                   `json:"isPublic,omitempty" doc:"true or false, or the same as a string: whether everybody with a login may read it"`
	PassportID  *string               `json:"passportId,omitempty" doc:"UUID of the passport it belongs to, empty for none; it is not checked"`
	Kind        *document.Kind        `json:"kind,omitempty" doc:"declaration-of-conformity, test-report, carbon-footprint-study, due-diligence-report, dismantling-manual, safety-instructions, waste-information, state-of-health-report, product-image or other"`
	AccessClass *document.AccessClass `json:"accessClass,omitempty" doc:"owner, or authority: readable for authorities too"`
}

type downloadOutput struct {
	Body struct {
		DownloadURL string     `json:"downloadUrl" doc:"link to the storage, or a path of this service that needs a login"`
		FileName    string     `json:"fileName"`
		ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"end of a link to the storage"`
		ExpiresIn   int        `json:"expiresIn,omitzero" doc:"seconds until then"`
	}
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	return a.page(ctx, in, false)
}

func (a *API) listOwn(ctx context.Context, in *listInput) (*listOutput, error) {
	return a.page(ctx, in, true)
}

func (a *API) page(ctx context.Context, in *listInput, own bool) (*listOutput, error) {
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
	case fault.Is(err, fault.Unavailable): // the metadata is useful without a link
	case err != nil:
		return nil, err
	case link != nil:
		out.Body.DownloadURL, out.Body.ExpiresAt = link.URL, &link.Expires
	}
	return out, nil
}

func (a *API) describe(ctx context.Context, in *describeInput) (*output, error) {
	fields := document.Fields{
		FileName: in.Body.FileName, Text: in.Body.Description, PassportID: in.Body.PassportID,
		Kind: in.Body.Kind, AccessClass: in.Body.AccessClass,
	}
	var err error
	if fields.IsPublic, err = flag(in.Body.IsPublic); err != nil {
		return nil, err
	}
	d, err := a.Documents.Describe(ctx, auth.Caller(ctx), in.DocID, fields)
	return &output{responseOf(&d)}, err
}

// flag returns a boolean that may be sent as text, or nil when it is missing.
func flag(value any) (*bool, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		return &v, nil
	case string:
		if yes := v == "true"; yes || v == "false" {
			return &yes, nil
		}
	}
	return nil, fault.New(fault.Invalid, "the description of the document is not valid").
		With(fault.Detail{Path: "/isPublic", Code: "type", Message: "must be true or false"})
}

func (a *API) delete(ctx context.Context, in *input) (*struct{}, error) {
	return nil, a.Documents.Delete(ctx, auth.Caller(ctx), in.DocID)
}

func (a *API) download(ctx context.Context, in *input) (*downloadOutput, error) {
	d, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	link, err := a.Documents.Link(ctx, auth.Caller(ctx), &d)
	if err != nil {
		return nil, err
	}
	out := &downloadOutput{}
	out.Body.FileName, out.Body.DownloadURL = d.FileName, path(d.ID)+"/content"
	if link != nil {
		out.Body.DownloadURL, out.Body.ExpiresAt = link.URL, &link.Expires
		out.Body.ExpiresIn = int(document.LinkValid.Seconds())
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

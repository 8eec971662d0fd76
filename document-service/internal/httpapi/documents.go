package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
)

// Document is a document in a response.
type Document struct {
	DocID        string               `json:"docId" format:"uuid" doc:"id of the document"`
	FileName     string               `json:"fileName" doc:"file name for downloads"`
	OriginalName string               `json:"originalName" doc:"file name at the upload, as it was sent, without folders and control characters"`
	FileSize     int64                `json:"fileSize" doc:"size of the file in bytes"`
	FileType     string               `json:"fileType" doc:"media type, detected from the content"`
	SHA256       string               `json:"sha256" doc:"SHA-256 of the file in hexadecimal"`
	Description  string               `json:"description" doc:"free text"`
	IsPublic     bool                 `json:"isPublic" doc:"whether accessClass is public"`
	PassportID   string               `json:"passportId,omitempty" format:"uuid" doc:"id of the passport that the document is about, as stated by its owner"`
	FromOwner    bool                 `json:"fromPassportOwner" doc:"whether the document belongs to the owner of the passport in passportId; if not, its statements are those of organisation or uploadedBy only"`
	Kind         document.Kind        `json:"kind" doc:"purpose of the document: declaration-of-conformity (Regulation (EU) 2023/1542, Article 18), test-report (Annex XIII, point 3), carbon-footprint-study (Article 7), due-diligence-report (Article 52), dismantling-manual and safety-instructions (Annex XIII, point 2), waste-information (Article 74), state-of-health-report (Article 14), product-image, datasheet, certificate (such as UN 38.3), cad (drawing or 3D model), photo (of this battery), log (of measurements or work) or other"`
	AccessClass  document.AccessClass `json:"accessClass" doc:"readers of the document: owner (the organisation of the uploader; without one, the uploader), authority (also authorities) or public (also every signed-in user and, if fromPassportOwner is true and the passport is published, everyone)"`
	Status       document.State       `json:"status" enum:"ready" doc:"always ready: the file is stored"`
	UploadedBy   string               `json:"uploadedBy" format:"uuid" doc:"id of the account that uploaded the document"`
	Organisation string               `json:"organisation,omitempty" doc:"id of the organisation that the document belongs to; missing: it belongs to the account in uploadedBy"`
	CreatedAt    time.Time            `json:"createdAt" doc:"time of the upload"`
	UpdatedAt    time.Time            `json:"updatedAt" doc:"time of the last change"`
	UpdatedBy    string               `json:"updatedBy,omitempty" format:"uuid" doc:"id of the account that made the last change; missing: the metadata was not changed after the upload"`
	DownloadURL  string               `json:"downloadUrl,omitempty" doc:"link to the storage, usable by anyone until expiresAt; only in getDocument, for public documents and your own"`
	ExpiresAt    *time.Time           `json:"expiresAt,omitempty" doc:"expiry of downloadUrl"`
}

func responseOf(d *document.Document) Document {
	return Document{
		DocID: d.ID, FileName: d.FileName, OriginalName: d.OriginalName, FileSize: d.Size, FileType: d.Type, SHA256: d.SHA256,
		Description: d.Description, IsPublic: d.IsPublic, PassportID: d.PassportID, Kind: d.Kind, AccessClass: d.Class(), Status: d.State,
		UploadedBy: d.UploadedBy, Organisation: d.Organisation, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, UpdatedBy: d.UpdatedBy, FromOwner: d.FromPassportOwner,
	}
}

type input struct {
	DocID string `path:"docId" id:"true" doc:"id of the document"`
}

// ChangeInput contains the parameters of a change of a document.
type ChangeInput struct {
	DocID string `path:"docId" id:"true" doc:"id of the document"`
	rest.Precondition
}

type output struct {
	ETag string `header:"ETag" doc:"version number of the metadata, for If-Match"`
	Body Document
}

func outputOf(row store.Row[document.Document]) *output {
	return &output{rest.VersionETag(row.Version), responseOf(&row.Doc)}
}

type listInput struct {
	rest.Paging
	PassportID string        `query:"passportId" id:"true" doc:"return only documents of this passport"`
	Kind       document.Kind `query:"kind" enum:"declaration-of-conformity,test-report,carbon-footprint-study,due-diligence-report,dismantling-manual,safety-instructions,waste-information,state-of-health-report,product-image,datasheet,certificate,cad,photo,log,other" doc:"return only documents of this kind"`
}

type listOutput struct{ Body rest.List[Document] }

type updateInput struct {
	ChangeInput
	Body DocumentUpdate
}

// DocumentUpdate is the body of updateDocument.
type DocumentUpdate struct {
	FileName    *string               `json:"fileName,omitempty" doc:"file name for downloads, without folders; if its extension does not match the file type, the right one is appended"`
	Description *string               `json:"description,omitempty" doc:"free text of at most 2000 characters"`
	IsPublic    rest.Bool             `json:"isPublic,omitzero" doc:"true, as a boolean or a string: the same as accessClass public; false: not public, but with the accessClass of before"`
	PassportID  *string               `json:"passportId,omitempty" doc:"UUID of the passport that the document is about, or empty"`
	Kind        *document.Kind        `json:"kind,omitempty" doc:"purpose of the document: declaration-of-conformity, test-report, carbon-footprint-study, due-diligence-report, dismantling-manual, safety-instructions, waste-information, state-of-health-report, product-image, datasheet, certificate (such as UN 38.3), cad (drawing or 3D model), photo (of this battery), log (of measurements or work) or other"`
	AccessClass *document.AccessClass `json:"accessClass,omitempty" doc:"readers of the document: owner (the organisation of the uploader; without one, the uploader), authority (also authorities) or public (also every signed-in user and, for a document of the owner of a published passport, everyone); only operators and admins may add readers"`

	nulls []string // sorted names of the members whose value is null
}

// UnmarshalJSON implements json.Unmarshaler. It remembers which members are null: they
// cannot be removed, and ignoring null would report a change that was not made.
func (u *DocumentUpdate) UnmarshalJSON(data []byte) error {
	type plain DocumentUpdate
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) != "null" })
	u.nulls = slices.Sorted(maps.Keys(members))
	return json.Unmarshal(data, (*plain)(u))
}

// refuseNull fails with fault.Invalid and one detail per member whose value is null.
func (u *DocumentUpdate) refuseNull() error {
	if len(u.nulls) == 0 {
		return nil
	}
	var details []fault.Detail
	for _, name := range u.nulls {
		details = append(details, fault.Detail{Path: "/" + name, Code: "type", Message: "must not be null; omit it to keep the value"})
	}
	return fault.New(fault.Invalid, "the document metadata is not valid").With(details...)
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
	row, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	out := outputOf(row)
	link, err := a.Documents.Link(ctx, auth.Caller(ctx), &row.Doc)
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
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	if err := in.Body.refuseNull(); err != nil {
		return nil, err
	}
	changes := document.Changes{
		FileName: in.Body.FileName, Description: in.Body.Description, PassportID: in.Body.PassportID,
		Kind: in.Body.Kind, AccessClass: in.Body.AccessClass,
	}
	if changes.IsPublic, err = parseBool(in.Body.IsPublic.Value); err != nil {
		return nil, err
	}
	row, err := a.Documents.Update(ctx, auth.Caller(ctx), in.DocID, changes, versions...)
	if err != nil {
		return nil, err
	}
	return outputOf(row), nil
}

// parseBool returns a boolean that may be sent as a string, or nil if it is missing.
func parseBool(value any) (*bool, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		return &v, nil
	case string:
		switch strings.ToLower(v) { // a client in Python sends True
		case "true":
			return new(true), nil
		case "false":
			return new(false), nil
		}
	}
	return nil, fault.New(fault.Invalid, "the document metadata is not valid").
		With(fault.Detail{Path: "/isPublic", Code: "type", Message: "must be true or false"})
}

func (a *API) delete(ctx context.Context, in *ChangeInput) (*struct{}, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return nil, a.Documents.Delete(ctx, auth.Caller(ctx), in.DocID, versions...)
}

func (a *API) link(ctx context.Context, in *input) (*linkOutput, error) {
	row, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	d := row.Doc
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
	row, err := a.Documents.Get(ctx, auth.Caller(ctx), in.DocID)
	if err != nil {
		return nil, err
	}
	return a.download(&row.Doc), nil
}

func (a *API) download(d *document.Document) *rest.Download {
	return rest.Content{
		Name: d.DownloadName(), Type: d.ContentType(), Size: d.Size, ETag: d.SHA256, Modified: d.CreatedAt,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return a.Documents.Open(ctx, d, offset, length)
		},
	}.Download()
}

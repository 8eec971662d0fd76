package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
)

// PublicDocument is a document that everyone may read. It does not contain the account
// that uploaded it.
type PublicDocument struct {
	DocID       string        `json:"docId" format:"uuid" doc:"id of the document"`
	FileName    string        `json:"fileName" doc:"file name for downloads"`
	FileSize    int64         `json:"fileSize" doc:"size of the file in bytes"`
	FileType    string        `json:"fileType" doc:"media type, detected from the content"`
	SHA256      string        `json:"sha256" doc:"SHA-256 of the file in hexadecimal"`
	Description string        `json:"description" doc:"free text"`
	PassportID  string        `json:"passportId" format:"uuid" doc:"id of the published passport that the document is about"`
	Kind        document.Kind `json:"kind" doc:"purpose of the document; the schema Document explains the values"`
	UpdatedAt   time.Time     `json:"updatedAt" doc:"time of the last change"`
	ContentURL  string        `json:"contentUrl" doc:"path of this service from which everyone may download the file"`
}

func publicPath(id string) string { return "/api/public/documents/" + id }

func publicResponseOf(d *document.Document) PublicDocument {
	return PublicDocument{
		DocID: d.ID, FileName: d.FileName, FileSize: d.Size, FileType: d.Type, SHA256: d.SHA256, Description: d.Description,
		PassportID: d.PassportID, Kind: d.Kind, UpdatedAt: d.UpdatedAt, ContentURL: publicPath(d.ID) + "/content",
	}
}

type publicInput struct {
	DocID string `path:"docId" id:"true" doc:"id of the document"`
	rest.Revalidation
}

type publicOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"version of the response, for If-None-Match"`
	Body   PublicDocument
}

type publicListInput struct {
	rest.Paging
	rest.Revalidation
	PassportID string `query:"passportId" id:"true" required:"true" doc:"id of a published passport"`
}

type publicListOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"version of the response, for If-None-Match"`
	Body   rest.List[PublicDocument]
}

// publicETag returns the entity tag of a response with documents. Metadata does not change
// without a new version.
func publicETag(next string, rows ...store.Row[document.Document]) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintln(&b, row.ID, row.Version)
	}
	return rest.BodyETag([]byte(b.String() + next))
}

// statusOf returns the status of a response with an entity tag.
func statusOf(ifNoneMatch, tag string) int {
	if rest.MatchesETag(ifNoneMatch, tag) {
		return http.StatusNotModified
	}
	return http.StatusOK
}

func (a *API) public(ctx context.Context, in *publicInput) (*publicOutput, error) {
	row, err := a.Documents.Public(ctx, in.DocID)
	if err != nil {
		return nil, err
	}
	tag := publicETag("", row)
	return &publicOutput{statusOf(in.IfNoneMatch, tag), tag, publicResponseOf(&row.Doc)}, nil
}

func (a *API) listPublic(ctx context.Context, in *publicListInput) (*publicListOutput, error) {
	page, err := a.Documents.ListPublic(ctx, in.PassportID, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	tag := publicETag(page.Next, page.Rows...)
	out := &publicListOutput{statusOf(in.IfNoneMatch, tag), tag, rest.List[PublicDocument]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, publicResponseOf(&row.Doc))
	}
	return out, nil
}

func (a *API) publicContent(ctx context.Context, in *input) (*rest.Download, error) {
	row, err := a.Documents.Public(ctx, in.DocID)
	if err != nil {
		return nil, err
	}
	return a.download(&row.Doc), nil
}

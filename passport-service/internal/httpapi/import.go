package httpapi

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// ImportLine gives the schema of exchange.Line its name.
type ImportLine exchange.Line

// ImportEnd gives the schema of exchange.End its name.
type ImportEnd struct {
	Summary ImportSummary `json:"summary" doc:"sums up the import"`
}

// ImportSummary gives the schema of exchange.Summary its name.
type ImportSummary exchange.Summary

// mediaTypes are the media types of imports, with the format of each.
var mediaTypes = map[string]string{
	"application/x-ndjson": "ndjson", "application/json": "json", csvType: "csv", xlsxType: "xlsx", zipType: "ndjson", aasx.MediaType: "idta-02035", exchange.CredentialType: "untp-0.6",
	// of CSV files in browsers, by system and program
	"application/ndjson": "ndjson", "application/jsonl": "ndjson",
	"application/vnd.ms-excel": "csv", "text/tab-separated-values": "csv", "text/plain": "csv", "text/x-csv": "csv", "application/csv": "csv", "text/comma-separated-values": "csv",
}

const (
	csvType  = "text/csv"
	xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	zipType  = "application/zip"
)

// importBodies describes the media types of imports.
var importBodies = map[string]string{
	"application/x-ndjson":  "a JSON object on each line: the body of a create, or a passport of an export",
	"application/json":      "an array of such objects, or one",
	csvType:                 "a table with a column for each attribute; other encodings than UTF-8 need a charset; application/vnd.ms-excel, text/tab-separated-values and text/plain are accepted too",
	xlsxType:                "a workbook with such a table on the first sheet",
	zipType:                 "an archive of files with JSON (.json) or NDJSON (.ndjson)",
	aasx.MediaType:          "a package of asset administration shells with the submodels of IDTA 02035 (AASX)",
	exchange.CredentialType: "a UNTP credential as a JSON Web Token, or one on each line; the signature is not checked",
}

type importInput struct {
	Format     string              `query:"format" enum:"ndjson,json,csv,xlsx" doc:"format of the file; default: that of the Content-Type. Documents of other data models are sent as JSON, as NDJSON or in a zip archive"`
	OnExisting passport.OnExisting `query:"onExisting" enum:"fail,update,skip" default:"fail" doc:"what happens to a row whose battery has a passport with other data: fail: the row is a conflict; update: the data of the row replaces that of the passport, and a warning names the values that were removed; documents of other data models keep the values that these cannot hold; skip: the passport stays as it is"`
	Publish    bool                `query:"publish" doc:"true: publishes each draft that has the data of its row and no compliance errors"`
	DryRun     bool                `query:"dryRun" doc:"true: writes nothing; the response is the same as if it did"`
	Reason     string              `query:"reason" maxLength:"1000" doc:"reason for changes of published passports by rows without a reason"`
	Rows       rest.Rows[ImportLine, ImportEnd]
}

// importPassports streams the rows of a file into the store, and their results out.
func (a *API) importPassports(ctx context.Context, in *importInput) (*rest.Stream, error) {
	format, mediaType, charset, err := in.format()
	if err != nil {
		return nil, err
	}
	job, err := a.Exchange.Begin(ctx, exchange.Params{OnExisting: in.OnExisting, Publish: in.Publish, DryRun: in.DryRun, Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	reading, stop := context.WithCancel(ctx)
	rows, err := job.Open(ctx, func() (exchange.Source, error) {
		body, err := in.Rows.Open(a.MaxImportBytes)
		if err != nil {
			return nil, err
		}
		return a.openSource(reading, format, mediaType, charset, body)
	})
	if err != nil {
		stop()
		return nil, err
	}
	return in.Rows.Respond(func(ctx context.Context, abort func(), send func(any) error) (any, error) {
		defer exchange.Close(rows)
		defer stop()
		return job.Run(ctx, rows, func() { stop(); abort() }, send)
	}), nil
}

// format returns the format of the file, its media type and the charset in that.
func (in *importInput) format() (format, mediaType, charset string, err error) {
	mediaType, params := in.Rows.ContentType()
	if mediaType == "application/x-zip-compressed" { // of browsers on Windows
		mediaType = zipType
	}
	switch {
	case mediaType == "multipart/form-data":
		err = fault.New(fault.Unsupported, "the file must be the body of the request, not a part of a form").
			With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: "must be the type of the file, which is the body: curl -T FILE -X POST instead of curl -F"})
	case in.Format != "":
		return in.Format, mediaType, params["charset"], checkContainer(in.Format, mediaType)
	case mediaTypes[mediaType] == "":
		_, _, err = in.Rows.MediaType(slices.Sorted(maps.Keys(importBodies))...)
	}
	return mediaTypes[mediaType], mediaType, params["charset"], err
}

// checkContainer fails with fault.Unsupported if a format cannot be in an archive or a package of that media type. Other
// media types are not checked: a format in the query has precedence.
func checkContainer(format, mediaType string) error {
	var want string
	switch {
	case mediaType == zipType && (format == "json" || format == "csv"):
		want = "must not be an archive with format=" + format + ": an archive has files of the format ndjson or of another data model"
	case mediaType == aasx.MediaType && format != mediaTypes[aasx.MediaType]:
		want = "must not be a package (AASX) with format=" + format + ": a package has documents of the format " + mediaTypes[aasx.MediaType]
	default:
		return nil
	}
	return fault.New(fault.Unsupported, "the format %s cannot be read from the Content-Type %s", format, mediaType).
		With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: want})
}

// foreignFormats returns the names of other data models, and a description of each.
func (a *API) foreignFormats() (names []string, description string) {
	_, rules := a.Passports.RuleSets()
	for _, model := range rules.Formats {
		if a.Exchange.Formats[model.Name] != nil {
			names, description = append(names, model.Name), description+"; "+model.Name+": "+model.Title
		}
	}
	return names, description
}

func (a *API) openSource(ctx context.Context, format, mediaType, charset string, body io.Reader) (exchange.Source, error) {
	_, rules := a.Passports.RuleSets()
	switch format {
	case "json":
		return exchange.JSON(body, exchange.PassportDepth)
	case "csv":
		return exchange.CSV(body, charset, rules)
	case "xlsx":
		return exchange.XLSX(ctx, body, a.MaxImportBytes, rules)
	}
	foreign := a.Exchange.Formats[format]
	documents, err := a.openDocuments(foreign != nil, mediaType, body)
	if foreign == nil || err != nil {
		return documents, err
	}
	explain := func(document []byte) string { return a.Exchange.ExplainIdentifier(format, document) }
	return exchange.Foreign(documents, foreign, explain, func(err error) { rest.LogError(ctx, err) }), nil
}

// openDocuments reads passports or, if foreign, documents of other data models.
func (a *API) openDocuments(foreign bool, mediaType string, body io.Reader) (exchange.Source, error) {
	maxDepth := exchange.PassportDepth
	if foreign {
		maxDepth = exchange.DocumentDepth
	}
	switch {
	case mediaType == zipType:
		return exchange.Zip(body, a.MaxImportBytes, maxDepth)
	case mediaType == aasx.MediaType:
		return exchange.AASX(body, a.MaxImportBytes)
	case foreign && mediaType == exchange.CredentialType:
		return exchange.Credentials(body)
	case foreign && mediaType != "application/x-ndjson":
		return exchange.JSON(body, maxDepth)
	}
	return exchange.NDJSON(body, maxDepth)
}

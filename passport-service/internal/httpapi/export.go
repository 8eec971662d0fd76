package httpapi

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net/url"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// aasxFormat is the name of packages of asset administration shells in exports.
const aasxFormat = "aasx"

// ExportFormat is the format of an export.
type ExportFormat struct {
	Format string `query:"format" enum:"ndjson,csv,xlsx" default:"ndjson" doc:"ndjson: a passport on each line, as GET returns it; csv: a table with a column for each attribute, in UTF-8 with a byte order mark; xlsx: a workbook with this table"`
	Report bool   `query:"report" doc:"true: returns the losses instead of the document: values of the passport that the document cannot hold; only for other data models"`
}

type exportInput struct {
	ExportFormat
	IDs               []string       `query:"ids" maxItems:"200" doc:"ids of passports, separated by commas, without filters; each passport is exported once; if it is missing, the filters select the passports"`
	BatteryIdentifier string         `query:"batteryIdentifier" doc:"only the passport with this battery identifier, in any spelling"`
	BatteryCategory   string         `query:"batteryCategory" enum:"EV,LMT,Industrial" doc:"only batteries of this category: EV: electric vehicles; LMT: light means of transport; Industrial: industrial use"`
	State             passport.State `query:"state" enum:"draft,active,inactive,archived,ceased,voided" doc:"only passports in this state"`
	ModelID           string         `query:"modelId" doc:"only batteries of this model (data.generalInformation.batteryModel.id)"`
	CreatedBy         string         `query:"createdBy" doc:"only passports created by the account with this id"`
}

// checkReport fails with fault.Invalid if a report of a format without losses is requested.
func (a *API) checkReport(in *ExportFormat) error {
	if !in.Report || in.Format == aasxFormat || a.Exchange.Formats[in.Format] != nil {
		return nil
	}
	return fault.New(fault.Invalid, "the format %s has no losses to report", in.Format).
		With(fault.Detail{Path: "query:report", Code: "notApplicable", Message: "report must be false or missing with format=" + in.Format + ", which holds all values"})
}

// check fails with fault.Invalid if the input has ids and filters.
func (in *exportInput) check() error {
	if len(in.IDs) == 0 {
		return nil
	}
	var details []fault.Detail
	for _, filter := range []struct{ name, value string }{
		{"batteryIdentifier", in.BatteryIdentifier}, {"batteryCategory", in.BatteryCategory}, {"state", string(in.State)}, {"modelId", in.ModelID}, {"createdBy", in.CreatedBy},
	} {
		if filter.value != "" {
			details = append(details, fault.Detail{Path: "query:" + filter.name, Code: "notApplicable", Message: filter.name + " must be missing if ids select the passports"})
		}
	}
	if details == nil {
		return nil
	}
	return fault.New(fault.Invalid, "an export has ids or filters, not both").With(details...)
}

func (a *API) exportPassports(ctx context.Context, in *exportInput) (*rest.Stream, error) {
	if err := cmp.Or(in.check(), a.checkReport(&in.ExportFormat)); err != nil {
		return nil, err
	}
	views, err := a.Exchange.Export(ctx, passport.Filter{
		BatteryIdentifier: in.BatteryIdentifier, Category: in.BatteryCategory, State: in.State, ModelID: in.ModelID, CreatedBy: in.CreatedBy,
	}, in.IDs)
	if err != nil {
		return nil, err
	}
	if a.Exchange.Formats[in.Format] != nil {
		return rest.StreamedFile("application/x-ndjson", "passports.ndjson", func(_ context.Context, w io.Writer) error {
			return a.Exchange.WriteForeign(w, in.Format, in.Report, views)
		}), nil
	}
	return a.exportViews(in.Format, "passports", views)
}

type exportOneInput struct {
	PassportID
	ExportFormat
}

func (a *API) exportPassport(ctx context.Context, in *exportOneInput) (*rest.Stream, error) {
	if err := a.checkReport(&in.ExportFormat); err != nil {
		return nil, err
	}
	view, err := a.Passports.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.exportOne(in, "/api/passports/", view)
}

func (a *API) exportPublicPassport(ctx context.Context, in *exportOneInput) (*rest.Stream, error) {
	if err := a.checkReport(&in.ExportFormat); err != nil {
		return nil, err
	}
	p, err := a.Passports.Public(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.exportOne(in, "/api/public/passports/", p.View())
}

// exportOne sends a passport. A document in a foreign format has a link to the report of its
// losses.
func (a *API) exportOne(in *exportOneInput, path string, view passport.PassportView) (*rest.Stream, error) {
	format, isPackage := in.Format, in.Format == aasxFormat
	if isPackage {
		format = mediaTypes[aasx.MediaType]
	}
	if a.Exchange.Formats[format] == nil {
		return a.exportViews(format, "passport", exchange.Single(view))
	}
	document, report, err := a.Exchange.Encode(format, &view)
	if err != nil {
		return nil, err
	}
	if in.Report {
		text, err := wire.Marshal(report)
		return rest.SentFile("application/json", "passport-report.json", text), err
	}
	link := path + view.ID + "/export?format=" + url.QueryEscape(in.Format) + "&report=true"
	headers := []string{"Link", "<" + link + `>; rel="describedby"; type="application/json"`}
	if isPackage {
		document, err = aasx.Pack(document)
		return rest.SentFile(aasx.MediaType, "passport.aasx", document, headers...), err
	}
	return rest.SentFile("application/json", "passport.json", document, headers...), nil
}

// exportViews streams passports. A workbook is complete before its first byte is sent.
func (a *API) exportViews(format, name string, views exchange.Views) (*rest.Stream, error) {
	switch format {
	case "csv":
		return rest.StreamedFile(csvType, name+".csv", func(_ context.Context, w io.Writer) error { return a.Exchange.WriteCSV(w, views) }), nil
	case "xlsx":
		file, err := a.Exchange.WriteXLSX(views)
		if err != nil {
			return nil, err
		}
		return rest.StreamedFile(xlsxType, name+".xlsx", func(_ context.Context, w io.Writer) error {
			defer file.Close()
			_, err := io.Copy(w, file)
			return err
		}), nil
	}
	return rest.StreamedFile("application/x-ndjson", name+".ndjson", func(_ context.Context, w io.Writer) error { return writeLines(w, views) }), nil
}

// writeLines writes a passport on each line.
func writeLines(w io.Writer, views exchange.Views) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for view, err := range views {
		if err != nil {
			return err
		}
		line, err := wire.Marshal(newPassport(&view))
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

type templateInput struct {
	Category ruleset.Category `query:"category" required:"true" enum:"EV,LMT,industrialOther,industrialStationaryStorage" doc:"category of the batteries; attributes that do not apply to it have no column"`
	Format   string           `query:"format" enum:"csv,xlsx" default:"xlsx" doc:"csv: a table in UTF-8 with a byte order mark; xlsx: a workbook with drop-down lists"`
	Language string           `query:"language" enum:"bg,cs,da,de,el,en,es,et,fi,fr,ga,hr,hu,it,lt,lv,mt,nl,pl,pt,ro,sk,sl,sv" doc:"language of the labels in the header; without it, the header has the paths of the catalogue"`
}

func (a *API) importTemplate(_ context.Context, in *templateInput) (*rest.Stream, error) {
	mediaType := csvType
	if in.Format == "xlsx" {
		mediaType = xlsxType
	}
	return rest.StreamedFile(mediaType, "passports-"+string(in.Category)+"."+in.Format, func(_ context.Context, w io.Writer) error {
		return a.Exchange.WriteTemplate(w, in.Format, in.Category, in.Language)
	}), nil
}

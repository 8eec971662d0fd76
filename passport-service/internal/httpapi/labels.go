package httpapi

import (
	"context"
	"io"
	"iter"

	"github.com/battery-passport/suite/passport-service/internal/carrier"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

// LabelOrder is the body of an order for labels: of the passports with the ids, or of all
// own passports that the filter selects.
type LabelOrder struct {
	IDs       []string     `json:"ids,omitempty" minItems:"1" maxItems:"10000" doc:"ids of passports, in the order of the labels; must not be empty; without it, the filter selects them"`
	Filter    LabelFilter  `json:"filter,omitzero" doc:"selects passports without ids; an empty filter selects all own passports with a battery identifier"`
	Format    string       `json:"format,omitempty" enum:"pdf,zpl" default:"pdf" doc:"pdf: sheets with vector symbols; zpl: ZPL II for label printers, one label each"`
	Layout    string       `json:"layout,omitempty" enum:"a4-24,a4-12,letter-30,letter-10,single" default:"a4-24" doc:"a4-24: A4 with 3 by 8 labels of 70 by 37 mm; a4-12: A4 with 2 by 6 labels of 96 by 42.3 mm; letter-30: Letter with 3 by 10 labels of 66.7 by 25.4 mm; letter-10: Letter with 2 by 5 labels of 101.6 by 50.8 mm; single: pages of width by height"`
	Width     float64      `json:"width,omitempty" minimum:"10" maximum:"300" default:"70" doc:"width of a single label and of ZPL labels, in millimetres"`
	Height    float64      `json:"height,omitempty" minimum:"10" maximum:"300" default:"37" doc:"height of a single label and of ZPL labels, in millimetres"`
	CropMarks bool         `json:"cropMarks,omitempty" doc:"true: the corners of labels are marked"`
	Type      carrier.Kind `json:"type,omitempty" enum:"qr,datamatrix,gs1datamatrix" default:"qr" doc:"symbol: qr: QR code; datamatrix: Data Matrix; gs1datamatrix: GS1 Data Matrix"`
	ECC       string       `json:"ecc,omitempty" enum:"M,Q,H" default:"Q" doc:"error correction of a QR code: M: 15 %; Q: 25 %; H: 30 % of the symbol"`
	DPI       int          `json:"dpi,omitempty" enum:"203,300,600" default:"203" doc:"resolution of the label printer, for zpl"`
}

// LabelFilter selects own passports.
type LabelFilter struct {
	State           passport.State `json:"state,omitempty" enum:"draft,active,inactive,archived,ceased" doc:"only passports in this state"`
	BatteryCategory string         `json:"batteryCategory,omitempty" enum:"EV,LMT,Industrial" doc:"only batteries of this category"`
	ModelID         string         `json:"modelId,omitempty" doc:"only batteries of this model (data.generalInformation.batteryModel.id)"`
}

type labelsInput struct{ Body LabelOrder }

// labels streams labels. It reads the passports twice, so that all problems are known before
// the first byte is sent.
func (a *API) labels(ctx context.Context, in *labelsInput) (*rest.Stream, error) {
	o := in.Body
	template := carrier.Template{Layout: carrier.SingleLayout(o.Width, o.Height), Kind: o.Type, Level: o.ECC}
	if layout, ok := carrier.SheetLayout(o.Layout); ok && o.Format == "pdf" {
		template.Layout = layout
	}
	template.Layout.CropMarks = o.CropMarks
	selection := passport.LabelSelection{IDs: o.IDs, Filter: passport.Filter{State: o.Filter.State, Category: o.Filter.BatteryCategory, ModelID: o.Filter.ModelID}}
	check := func(l passport.LabelData) error { return template.Check(l.Identifier) }
	if err := a.Passports.CheckLabels(ctx, selection, check); err != nil {
		return nil, err
	}
	labels := func(ctx context.Context) iter.Seq2[carrier.Label, error] {
		return carrierLabels(a.Passports.Labels(ctx, selection))
	}
	if o.Format == "zpl" {
		return rest.StreamedFile("x-application/zpl", "labels.zpl", func(ctx context.Context, w io.Writer) error {
			return carrier.WriteZPL(w, template, o.DPI, labels(ctx))
		}), nil
	}
	return rest.StreamedFile("application/pdf", "labels.pdf", func(ctx context.Context, w io.Writer) error {
		return carrier.WriteSheets(w, template, labels(ctx))
	}), nil
}

func carrierLabels(passports iter.Seq2[passport.LabelData, error]) iter.Seq2[carrier.Label, error] {
	return func(yield func(carrier.Label, error) bool) {
		for p, err := range passports {
			if !yield(carrier.Label(p), err) {
				return
			}
		}
	}
}

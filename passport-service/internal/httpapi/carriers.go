package httpapi

import (
	"bytes"
	"context"
	"net/http"

	"github.com/battery-passport/suite/passport-service/internal/carrier"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

type carrierInput struct {
	PassportID
	Type       carrier.Kind `query:"type" enum:"qr,datamatrix,gs1datamatrix" default:"qr" doc:"symbol: qr: QR code; datamatrix: Data Matrix; gs1datamatrix: GS1 Data Matrix, for identifiers that are GS1 Digital Links. QR code and Data Matrix contain the battery identifier byte for byte"`
	Format     string       `query:"format" enum:"svg,png" default:"svg" doc:"svg: vector graphic; png: picture with whole pixels per module"`
	Size       float64      `query:"size" minimum:"5" maximum:"500" doc:"width in millimetres, quiet zones included; without it, modules are 0.5 mm wide"`
	DPI        int          `query:"dpi" minimum:"72" maximum:"2400" default:"300" doc:"resolution of a png"`
	ECC        string       `query:"ecc" enum:"M,Q,H" default:"Q" doc:"error correction of a QR code: M: 15 %; Q: 25 %; H: 30 % of the symbol"`
	Text       bool         `query:"text" doc:"true: the identifier is written below the symbol"`
	Color      string       `query:"color" pattern:"^[0-9A-Fa-f]{6}$" default:"000000" doc:"colour of the symbol, as RRGGBB"`
	Background string       `query:"background" pattern:"^[0-9A-Fa-f]{6}$" default:"ffffff" doc:"colour behind the symbol, as RRGGBB; must be clearly lighter than the symbol"`
	rest.Revalidation
}

type carrierOutput struct {
	Status      int
	ContentType string `header:"Content-Type" doc:"image/svg+xml or image/png"`
	ETag        string `header:"ETag" doc:"hash of the picture, for If-None-Match"`
	Body        []byte
}

// maxPixels bounds the width of a PNG.
const maxPixels = 4000

func (a *API) carrier(ctx context.Context, in *carrierInput) (*carrierOutput, error) {
	p, err := a.Passports.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return in.draw(p.BatteryIdentifier)
}

func (a *API) publicCarrier(ctx context.Context, in *carrierInput) (*carrierOutput, error) {
	p, err := a.Passports.Public(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return in.draw(p.View().BatteryIdentifier)
}

func (in *carrierInput) draw(identifier string) (*carrierOutput, error) {
	if identifier == "" {
		return nil, fault.New(fault.Conflict, "the passport has no batteryIdentifier yet, which the symbol must contain")
	}
	symbol, err := carrier.Encode(in.Type, identifier, in.ECC)
	if err != nil {
		return nil, invalidQuery("type", "consistency", err)
	}
	p := carrier.Picture{Symbol: symbol, Millimetres: in.Size, DPI: in.DPI, AccessibleName: identifier}
	if in.Text {
		p.Text = identifier
	}
	p.Foreground, _ = carrier.ParseColour(in.Color) // the pattern of the parameter was checked
	p.Background, _ = carrier.ParseColour(in.Background)
	if err := carrier.CheckContrast(p.Foreground, p.Background); err != nil {
		return nil, invalidQuery("background", "range", err)
	}
	var b bytes.Buffer
	out := &carrierOutput{Status: http.StatusOK, ContentType: "image/svg+xml"}
	if in.Format == "png" {
		out.ContentType = "image/png"
		err = p.WritePNG(&b, maxPixels)
	} else {
		err = p.WriteSVG(&b)
	}
	if err != nil {
		return nil, invalidQuery("size", "range", err)
	}
	if out.ETag, out.Body = rest.BodyETag(b.Bytes()), b.Bytes(); rest.MatchesETag(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

// invalidQuery returns a fault for a query parameter. The text of err follows the name of the
// parameter.
func invalidQuery(name, code string, err error) error {
	return fault.New(fault.Invalid, "%s: %v", name, err).With(fault.Detail{Path: name, Code: code, Message: err.Error()})
}

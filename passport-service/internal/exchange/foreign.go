package exchange

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// foreign is a Source of rows that are converted from documents of another data model.
type foreign struct {
	documents Source
	format    format.Format
	explain   func(document []byte) string
	log       func(error)
	document  Record   // whose parts are waiting
	parts     [][]byte // documents of a passport
	waiting   []Record
}

// Foreign reads documents of another data model. Values that cannot be converted are warnings
// of the row. explain continues the error of a document without battery identifier. log logs the
// first panic of a conversion.
func Foreign(documents Source, f format.Format, explain func(document []byte) string, log func(error)) Source {
	return &foreign{documents: documents, format: f, explain: explain, log: log}
}

// Close implements Closer.
func (f *foreign) Close() {
	if c, ok := f.documents.(Closer); ok {
		c.Close()
	}
}

// Next implements Source.
func (f *foreign) Next() (Record, error) {
	for len(f.waiting) == 0 {
		if len(f.parts) == 0 {
			r, err := f.next()
			if err != nil || r.Body == nil {
				return r, err
			}
			f.document = r
			err = f.recoverPanic(func() (err error) { f.parts, err = f.format.Split(r.Body); return err })
			if err != nil {
				return invalidRow(r.Number, err), nil
			}
		}
		if err := f.convert(); err != nil {
			return invalidRow(f.document.Number, err), nil
		}
	}
	next := f.waiting[0]
	f.waiting = f.waiting[1:]
	return next, nil
}

// next returns the next document, or the one in a credential.
func (f *foreign) next() (Record, error) {
	r, err := f.documents.Next()
	if err != nil || r.Body == nil {
		return r, err
	}
	token, isEnvelope, err := tokenIn(r.Body)
	switch {
	case err != nil:
		return invalidRow(r.Number, err), nil
	case !isEnvelope:
		return r, nil
	}
	enclosed := credentialRow(token, r.Number)
	enclosed.Warnings = append(enclosed.Warnings, r.Warnings...)
	return enclosed, nil
}

// convert converts the next part of the document. Its rows have the number of the document.
func (f *foreign) convert() error {
	part := f.parts[0]
	f.parts = f.parts[1:]
	var bodies [][]byte
	var losses []format.Loss
	err := f.recoverPanic(func() (err error) { bodies, losses, err = f.format.Decode(part); return err })
	if err != nil {
		return err
	}
	hint := sync.OnceValue(func() string { return f.explain(part) })
	for _, data := range bodies {
		body, err := wire.Marshal(struct {
			Data wire.Value `json:"data"`
		}{data})
		if err != nil {
			return err
		}
		row := passport.Row{Body: body, RoundTrip: f.roundTrip}
		if !isIdentified(data) {
			row.Hint = hint() // as a text, because rows that wait must not keep the document
		}
		f.waiting = append(f.waiting, Record{Number: f.document.Number, Row: row, Warnings: append(f.document.Warnings, warnings(losses)...)})
		f.document.Warnings = nil
	}
	return nil
}

// isIdentified reports whether the data of a passport have the identifier of the battery.
func isIdentified(data wire.Value) bool {
	var d struct {
		General struct {
			Identifier string `json:"batteryIdentifier"`
		} `json:"generalInformation"`
	}
	return json.Unmarshal(data, &d) == nil && batteryid.Key(d.General.Identifier) != ""
}

// roundTrip converts data to the format and back. The result is the part that the format can
// hold.
func (f *foreign) roundTrip(data wire.Value) wire.Value {
	document, _, err := f.format.Encode(data, format.Header{})
	if err == nil {
		var bodies [][]byte
		if bodies, _, err = f.format.Decode(document); err == nil && len(bodies) == 1 {
			return bodies[0]
		}
	}
	return wire.Value("{}")
}

// recoverPanic calls do. If do panics, it fails with fault.Malformed, so that the other rows
// are imported.
func (f *foreign) recoverPanic(do func() error) (err error) {
	defer func() {
		if p, ok := errors.AsType[*fault.Panic](err); ok {
			if f.log != nil {
				f.log(p)
				f.log = nil
			}
			err = fault.New(fault.Malformed, "the document cannot be converted").
				With(fault.Detail{Code: "internal", Message: "an unexpected error occurred; the log of the service describes it"})
		}
	}()
	defer fault.Recover(&err)
	return do()
}

func warnings(losses []format.Loss) (details []fault.Detail) {
	for _, l := range losses {
		details = append(details, fault.Detail{Path: l.Path, Code: "loss", Message: "is not imported unchanged: " + l.Why})
	}
	return details
}

// Report lists the losses of a passport in a document of a format.
type Report struct {
	ID     string        `json:"id" doc:"id of the passport"`
	Format string        `json:"format" doc:"format of the document"`
	Losses []format.Loss `json:"losses" doc:"values of the passport that are missing or different after an import of the document"`
	// Missing has pointers into the document.
	Missing []format.Loss `json:"missing" doc:"members that the data model requires, but the passport does not have"`
}

// Encode converts a passport to a format.
func (s *Service) Encode(name string, view *passport.PassportView) (document []byte, report Report, err error) {
	header := format.Header{Status: status(view.Head.State), UpdatedAt: view.Head.CreatedAt}
	document, losses, err := s.Formats[name].Encode(view.Head.Data, header)
	missing := s.Formats[name].Missing(document)
	return document, Report{view.ID, name, append([]format.Loss{}, losses...), append([]format.Loss{}, missing...)}, err
}

// status returns the status of a passport in the header of EN 18223, which has no drafts.
func status(s passport.State) string {
	switch s {
	case passport.Active, passport.Inactive, passport.Archived:
		return string(s)
	case passport.Ceased:
		return "inactive"
	case passport.Voided:
		return "invalid"
	}
	return ""
}

// WriteForeign writes a document of a format, or its report, on each line.
func (s *Service) WriteForeign(w io.Writer, name string, asReport bool, views Views) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for view, err := range views {
		if err != nil {
			return err
		}
		line, report, err := s.Encode(name, &view)
		if err == nil && asReport {
			line, err = wire.Marshal(report)
		}
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

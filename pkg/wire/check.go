package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	// MaxDepth limits the nesting of bodies. Documents of the suite have ten levels at most.
	MaxDepth   = 16
	maxPointer = 512 // bytes of the JSON Pointer in an error; a longer one is omitted
)

// Check is CheckLine for a body, with at most MaxDepth levels.
func Check(data []byte) error { return CheckLine(data, 1, MaxDepth) }

// CheckLine fails with fault.Malformed unless data is exactly one JSON value without
// duplicate members and invalid UTF-8, and with at most maxDepth levels. The error names the
// position; data begins in the line with this number.
func CheckLine(data []byte, line, maxDepth int) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for first := true; first || dec.StackDepth() > 0; first = false {
		if _, err := dec.ReadToken(); err != nil {
			return malformed(data, line, err)
		}
		if dec.StackDepth() > maxDepth {
			return fault.New(fault.Malformed, "the body is nested too deeply").
				With(fault.Detail{Path: string(dec.StackPointer()), Code: "depth", Message: fmt.Sprintf("must not be nested deeper than %d levels", maxDepth)})
		}
	}
	end := dec.InputOffset()
	switch _, err := dec.ReadToken(); {
	case err == nil:
		rest := data[end:]
		begin := end + int64(len(rest)-len(bytes.TrimLeft(rest, " \t\r\n")))
		return fault.New(fault.Malformed, "the body contains more than one JSON value").
			With(fault.Detail{Code: "syntax", Message: position(data, line, begin) + ": a second value begins here"})
	case !errors.Is(err, io.EOF):
		return malformed(data, line, err)
	}
	return nil
}

// malformed returns the fault for an error of a decoder of data, whose first line has the number
// line.
func malformed(data []byte, line int, err error) error {
	detail := fault.Detail{Code: "syntax", Message: err.Error()}
	if errors.Is(err, io.EOF) {
		detail.Message = "the body is empty"
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if len(e.JSONPointer) <= maxPointer {
			detail.Path = string(e.JSONPointer)
		}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			detail.Code = "duplicate"
		}
		detail.Message = position(data, line, e.ByteOffset) + ": " + explain(data[min(e.ByteOffset, int64(len(data))):], e.Err)
	}
	return fault.New(fault.Malformed, "the body is not valid JSON").With(detail).Because(err)
}

// position returns the line and the column, in characters, of a byte of data, whose first line has
// the number line.
func position(data []byte, line int, offset int64) string {
	before := data[:min(offset, int64(len(data)))]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d, column %d", line+bytes.Count(before, []byte("\n")), utf8.RuneCount(before[begin:])+1)
}

// explain describes an error of a decoder at the beginning of text.
func explain(text []byte, err error) string {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "the member must not be repeated"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends before it is complete"
	}
	const escape = len(`\ud800`)
	if len(text) < escape || !bytes.HasPrefix(text, []byte(`\u`)) {
		return err.Error()
	}
	switch code, _ := strconv.ParseUint(string(text[2:escape]), 16, 16); {
	case code >= 0xd800 && code < 0xdc00:
		return fmt.Sprintf("the escape %s is half of a surrogate pair: write the other half, \\udc00 to \\udfff, after it", text[:escape])
	case code >= 0xdc00 && code < 0xe000:
		return fmt.Sprintf("the escape %s is half of a surrogate pair: write the other half, \\ud800 to \\udbff, before it", text[:escape])
	}
	return err.Error()
}

package rest

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
)

// refuseBody rejects the body of a POST, PUT or PATCH request to an operation that has none: its
// sender expects the body to change the result. White space, {} and null are accepted, because many
// clients send them by default. The body of other methods has no meaning (RFC 9110, section 9.3).
func refuseBody(next http.Handler) http.Handler {
	return collect(next, func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength == 0 || !slices.Contains(methodsWithBody, r.Method) {
			return nil
		}
		data, err := readBody(w, r, defaultMaxBody)
		switch {
		case fault.Is(err, fault.TooLarge):
			return errNoBody
		case err != nil:
			return err
		}
		r.Body = http.NoBody
		return checkNoBody(data)
	})
}

var methodsWithBody = []string{http.MethodPost, http.MethodPut, http.MethodPatch}

var errNoBody = fault.New(fault.Invalid, "this operation has no request body: send the request without one").
	With(fault.Detail{Code: "unknownField", Message: "this operation has no request body"})

// checkNoBody fails unless data is blank, {} or null. The error names the members of an object.
func checkNoBody(data []byte) error {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, byteOrderMark))
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	if _, err := checkJSON(data, 1); err != nil || data[0] != '{' {
		return errNoBody
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	_, err := dec.ReadToken()
	var details []fault.Detail
	for err == nil && dec.PeekKind() == '"' {
		if _, err = dec.ReadToken(); err != nil {
			break // not possible: data is valid JSON
		}
		details = append(details, fault.Detail{Path: string(dec.StackPointer()), Code: "unknownField", Message: "is unknown: this operation has no request body"})
		err = dec.SkipValue()
	}
	return invalidUnless(details)
}

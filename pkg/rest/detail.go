package rest

import (
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/battery-passport/suite/pkg/fault"
)

// codes of what huma finds, by the beginning of its message; the first that
// fits counts.
var codes = []struct{ message, code string }{
	{validation.MsgUnexpectedProperty, "unknownField"},
	{"unknown query parameter", "unknownField"},
	{before(validation.MsgExpectedRequiredProperty), "required"},
	{"required ", "required"},
	{before(validation.MsgExpectedOneOf), "enum"},
	{"expected number ", "range"},
	{"expected length", "range"},
	{"expected array length", "range"},
	{"expected object with", "range"},
	{"expected string to", "format"},
	{"expected ", "type"},
	{"invalid date", "format"},
	{"invalid ", "type"},
}

func before(format string) string {
	text, _, _ := strings.Cut(format, "%")
	return text
}

var index = regexp.MustCompile(`\[(\d+)\]`)

// detailOf translates a place like "body.users[3].email" to "/users/3/email",
// and "query.limit" to "query:limit".
func detailOf(d *huma.ErrorDetail) fault.Detail {
	out := fault.Detail{Code: "format", Message: d.Message}
	for _, c := range codes {
		if strings.HasPrefix(d.Message, c.message) {
			out.Code = c.code
			break
		}
	}
	in, rest, _ := strings.Cut(d.Location, ".")
	if in != "body" {
		out.Path = in + ":" + rest
		return out
	}
	if rest != "" {
		out.Path = "/" + strings.ReplaceAll(index.ReplaceAllString(rest, ".$1"), ".", "/")
	}
	// A missing property is told at the object it is missing from.
	if name, ok := strings.CutPrefix(d.Message, before(validation.MsgExpectedRequiredProperty)); ok {
		name, _, _ = strings.Cut(name, " ")
		out.Path += "/" + name
	}
	return out
}

package rest

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/battery-passport/suite/pkg/fault"
)

// messages translates the validation messages of huma: their format, our text, in which $1
// is the first value, and the error code. The first match counts.
var messages = compile([]message{
	{validation.MsgUnexpectedProperty, "is unknown: the request has no such member", "unknownField"},
	{validation.MsgExpectedRequiredProperty, "is missing", "required"},
	{"required %s parameter is missing", "is missing", "required"},
	{"expected at most one value, but received multiple values", "must not be repeated", "type"},
	{validation.MsgExpectedOneOf, "must be one of $1", "enum"},
	{validation.MsgExpectedMinimumNumber, "must be at least $1", "range"},
	{validation.MsgExpectedExclusiveMinimumNumber, "must be greater than $1", "range"},
	{validation.MsgExpectedMaximumNumber, "must be at most $1", "range"},
	{validation.MsgExpectedExclusiveMaximumNumber, "must be less than $1", "range"},
	{validation.MsgExpectedNumberBeMultipleOf, "must be a multiple of $1", "range"},
	{"expected length >= 1", "must not be empty", "range"},
	{"expected length <= 1", "must have at most 1 character", "range"},
	{"expected array length >= 1", "must have at least 1 item", "range"},
	{"expected array length <= 1", "must have at most 1 item", "range"},
	{validation.MsgExpectedMinLength, "must have at least $1 characters", "range"},
	{validation.MsgExpectedMaxLength, "must have at most $1 characters", "range"},
	{validation.MsgExpectedMinItems, "must have at least $1 items", "range"},
	{validation.MsgExpectedMaxItems, "must have at most $1 items", "range"},
	{validation.MsgExpectedMinProperties, "must have at least $1 members", "range"},
	{validation.MsgExpectedMaxProperties, "must have at most $1 members", "range"},
	{validation.MsgExpectedRFC3339DateTime, "must be a time with a zone, such as 2026-11-30T07:30:00Z", "format"},
	{validation.MsgExpectedRFC3339Date, "must be a date, such as 2026-11-30", "format"},
	{validation.MsgExpectedRFC5322Email, "must be an email address, such as ann@nordlicht.example", "format"},
	{validation.MsgExpectedRFC4122UUID, "must be a UUID, such as 01a22b70-8878-7a89-a142-f79a5aee8713", "format"},
	{validation.MsgExpectedRFC3986URI, "must be a URL", "format"},
	{`expected string to match pattern \S`, "must not be blank", "format"},
	{"expected string to match pattern ^[!-~]+$", "must be printable ASCII without spaces", "format"},
	{"expected string to match pattern ^[0-9A-Fa-f]{6}$", "must be a colour, such as 1a2b3c", "format"},
	{validation.MsgExpectedMatchPattern, "must match the regular expression $1", "format"},
	{validation.MsgExpectedBePattern, "must be $1", "format"},
	{validation.MsgExpectedBoolean, "must be true or false", "type"},
	{validation.MsgExpectedNumber, "must be a number", "type"},
	{validation.MsgExpectedInteger, "must be an integer", "type"},
	{validation.MsgExpectedString, "must be a string", "type"},
	{validation.MsgExpectedArray, "must be an array", "type"},
	{validation.MsgExpectedObject, "must be an object", "type"},
	{"invalid boolean", "must be true or false", "type"},
	{"invalid integer", "must be an integer", "type"},
	{"invalid float", "must be a number", "type"},
	{"invalid date/time for format %s", "must be a time with a zone, such as 2026-11-30T07:30:00Z", "format"},
})

type message struct{ huma, text, code string }

type translation struct {
	pattern    *regexp.Regexp
	text, code string
}

var verb = regexp.MustCompile(`%[dsv]`)

func compile(list []message) []translation {
	out := make([]translation, len(list))
	for i, m := range list {
		pattern := verb.ReplaceAllLiteralString(regexp.QuoteMeta(m.huma), "(.*)")
		out[i] = translation{regexp.MustCompile("^" + pattern + "$"), m.text, m.code}
	}
	return out
}

var index = regexp.MustCompile(`\[(\d+)\]`)

// detailOf translates an error of huma. Its location "body.users[3].email" becomes
// "/users/3/email", and "query.limit" becomes "query:limit".
func detailOf(d *huma.ErrorDetail) fault.Detail {
	out := fault.Detail{Path: pathOf(d.Location), Code: "format", Message: d.Message}
	for _, t := range messages {
		match := t.pattern.FindStringSubmatchIndex(d.Message)
		if match == nil {
			continue
		}
		out.Code, out.Message = t.code, string(t.pattern.ExpandString(nil, t.text, d.Message, match))
		if out.Code == "required" && strings.HasPrefix(d.Location, "body") { // huma reports a missing property at its object
			out.Path += "/" + d.Message[match[2]:match[3]]
		}
		break
	}
	if strings.HasPrefix(d.Location, "query.") && out.Code != "required" {
		out.Message += got(d.Value)
	}
	return out
}

// maxShown is the number of characters of a value that an error shows.
const maxShown = 60

// lostPlus matches a time whose + was read as a space.
var lostPlus = regexp.MustCompile(`^\d.*T.* \d\d:?\d\d$`)

// got returns the end of a message that shows the value of a query parameter.
func got(value any) string {
	v := reflect.ValueOf(value)
	switch {
	case v.CanInt(), v.CanUint(), v.CanFloat():
		return fmt.Sprintf(", got %v", value)
	case v.Kind() != reflect.String:
		return ""
	}
	switch text := v.String(); {
	case lostPlus.MatchString(text):
		return fmt.Sprintf(", got %q: write + as %%2B", text)
	case utf8.RuneCountInString(text) > maxShown:
		return fmt.Sprintf(", got %d characters", utf8.RuneCountInString(text))
	default:
		return fmt.Sprintf(", got %q", text)
	}
}

func pathOf(location string) string {
	in, rest, _ := strings.Cut(location, ".")
	if in != "body" {
		return in + ":" + rest
	}
	if rest == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(index.ReplaceAllString(rest, ".$1"), ".", "/")
}

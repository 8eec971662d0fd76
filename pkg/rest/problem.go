package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Problem is the body of every failure (RFC 9457).
type Problem struct {
	Type      string         `json:"type" doc:"what kind of problem; a page that says what to do"`
	Title     string         `json:"title" doc:"the kind in words"`
	Status    int            `json:"status" doc:"HTTP status"`
	Detail    string         `json:"detail" doc:"what happened this time"`
	Instance  string         `json:"instance" doc:"the request, as urn:uuid:"`
	RequestID string         `json:"requestId" doc:"the request, as in the log and in X-Request-Id"`
	Errors    []fault.Detail `json:"errors,omitempty" doc:"what is wrong where, all of it"`

	retry time.Duration // 0 where nothing says when
}

// problems is where the types of problems are explained.
const problems = "/problems/"

// Kinds of HTTP itself, beside those of package fault.
const (
	notAllowed fault.Kind = "not-allowed"
	timeout    fault.Kind = "timeout"
	outOfRange fault.Kind = "out-of-range"
	internal   fault.Kind = "internal"
)

// A kind of problem: what it is to HTTP, and what the reader can do.
type kind struct {
	status        int
	title, remedy string
}

var kinds = map[fault.Kind]kind{
	fault.Malformed:       {http.StatusBadRequest, "Cannot be read", "Mend the syntax at the place given. Nothing was stored."},
	fault.Unauthenticated: {http.StatusUnauthorized, "No valid login", "Log in, and send the token as «Authorization: Bearer …»."},
	fault.Forbidden:       {http.StatusForbidden, "Not allowed", "Ask an admin for a role that may do this."},
	fault.NotFound:        {http.StatusNotFound, "Not found", "Check the address. What you may not see is not found either."},
	notAllowed:            {http.StatusMethodNotAllowed, "Method not allowed", "Use a method that the Allow header names."},
	timeout:               {http.StatusRequestTimeout, "Too slow", "Send the request again, on a better line."},
	fault.Conflict:        {http.StatusConflict, "Conflict", "It clashes with what is stored: change what the errors name, or read what is there."},
	fault.Gone:            {http.StatusGone, "Ended", "It is not coming back; the detail says since when."},
	fault.Stale:           {http.StatusPreconditionFailed, "Changed meanwhile", "Read it again, apply your change to that, and send its ETag as If-Match."},
	fault.TooLarge:        {http.StatusRequestEntityTooLarge, "Too large", "Send less at once."},
	fault.Unsupported:     {http.StatusUnsupportedMediaType, "Content type not supported", "Send the content type that the detail names."},
	outOfRange:            {http.StatusRequestedRangeNotSatisfiable, "Beyond the end", "Ask for a range within the size that Content-Range names."},
	fault.Invalid:         {http.StatusUnprocessableEntity, "Not valid", "Mend what the errors name; they are complete. Nothing was stored."},
	fault.TooMany:         {http.StatusTooManyRequests, "Too many requests", "Ask again after Retry-After seconds."},
	fault.Unavailable:     {http.StatusServiceUnavailable, "Not available now", "Send the request again after Retry-After seconds; /readyz says which part is missing."},
	internal:              {http.StatusInternalServerError, "Internal error", "It is our mistake. Report it with the requestId."},
}

// newProblem makes the answer to an error. What is no fault is logged, and the
// client is not told.
func newProblem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = &fault.Error{Kind: internal, Message: "something went wrong here"}
	}
	if f.Kind == internal || f.Kind == fault.Unavailable {
		Annotate(ctx, slog.Any("err", err))
	}
	k, id := kinds[f.Kind], RequestID(ctx)
	return &Problem{
		Type: problems + string(f.Kind), Title: k.title, Status: k.status, Detail: text(f.Message),
		Instance: "urn:uuid:" + id, RequestID: id, Errors: stateOf(ctx).route.errors(f.Details),
		retry: f.RetryAfter,
	}
}

// text is what a request was echoed from, as JSON can say it.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// errors says where a request carries the fields that details name.
func (rt *route) errors(details []fault.Detail) []fault.Detail {
	details = slices.Clone(details)
	for i, d := range details {
		if d.Path != "" && !strings.ContainsAny(d.Path, "/:") {
			d.Path = rt.place(d.Path)
		}
		details[i].Path, details[i].Message = text(d.Path), text(d.Message)
	}
	return details
}

// place returns the parameter that carries a field, such as "query:limit" or
// "header:Idempotency-Key" for idempotencyKey. A field that is no parameter is a
// member of the body.
func (rt *route) place(field string) string {
	switch field {
	case "authorization":
		return "header:Authorization"
	case "query": // all of it
		return field
	}
	if rt != nil {
		for _, p := range rt.parameters {
			if strings.EqualFold(strings.ReplaceAll(p.Name, "-", ""), field) {
				return p.In + ":" + p.Name
			}
		}
	}
	return "/" + field
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Title, p.Detail) }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.retry.Seconds())))))
	}
	return h
}

// writeProblem answers what does not come to a handler.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := newProblem(r.Context(), err)
	body, err := wire.Marshal(p)
	if err != nil {
		panic(err) // a problem is text, made valid
	}
	for name, values := range p.GetHeaders() {
		if w.Header().Get(name) == "" { // who limits knows better when to ask again
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if _, err := w.Write(body); err != nil {
		Annotate(r.Context(), slog.Any("write_err", err)) // the client has gone
	}
}

func problemPage(w http.ResponseWriter, r *http.Request) {
	k, ok := kinds[fault.Kind(r.PathValue("kind"))]
	if !ok {
		writeProblem(w, r, fault.New(fault.NotFound, "there is no such type of problem"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s (HTTP %d)\n\n%s\n", k.title, k.status, k.remedy)
}

// prepareHuma has huma answer problems, tell names apart by case, and document
// arrays as what they are. All are variables of that package.
var prepareHuma = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(context.Background(), status, msg, errs)
	}
	huma.NewErrorWithContext = func(hc huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(hc.Context(), status, msg, errs)
	}
})

// fromHuma translates what huma itself refuses: parameters and bodies that do
// not fit their schema. Submitted values, which it would echo, are left out.
func fromHuma(ctx context.Context, status int, msg string, errs []error) *Problem {
	f := fault.New(internal, "%s", msg).Because(errors.Join(errs...))
	for kind, k := range kinds {
		if k.status == status {
			f.Kind = kind
		}
	}
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok {
			f.With(detailOf(d.ErrorDetail()))
		}
	}
	switch f.Kind {
	case fault.Invalid:
		f.Message = "the request is not valid"
	case internal:
		return newProblem(ctx, f.Unwrap())
	}
	return newProblem(ctx, f)
}

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

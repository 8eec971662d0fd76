package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Problem is the response body of all errors (RFC 9457).
type Problem struct {
	Type      string         `json:"type" doc:"problem type; a URL path that describes the problem and its solution"`
	Title     string         `json:"title" doc:"name of the problem type"`
	Status    int            `json:"status" doc:"HTTP status code"`
	Detail    string         `json:"detail" doc:"what went wrong in this request"`
	Instance  string         `json:"instance" doc:"requestId as a URN (urn:uuid:)"`
	RequestID string         `json:"requestId" doc:"id of the request, also in the header X-Request-Id and in the log"`
	Errors    []fault.Detail `json:"errors,omitempty" doc:"all errors in the request, with their locations"`

	retry time.Duration // for Retry-After; 0: unknown
}

// problems is the path prefix of problem types and their descriptions.
const problems = "/problems/"

// Kinds that only occur in HTTP.
const (
	notAllowed  fault.Kind = "not-allowed"
	misdirected fault.Kind = "misdirected"
	timeout     fault.Kind = "timeout"
	outOfRange  fault.Kind = "out-of-range"
	internal    fault.Kind = "internal"
)

// kind is the HTTP status of a fault kind, and the advice for clients.
type kind struct {
	status int
	remedy string
}

var kinds = map[fault.Kind]kind{
	fault.Malformed:       {http.StatusBadRequest, "Fix the syntax at the location in the errors. Nothing was stored."},
	fault.Unauthenticated: {http.StatusUnauthorized, "Log in and send the access token in the header Authorization: Bearer <token>."},
	fault.Forbidden:       {http.StatusForbidden, "Ask an admin for a role that is allowed to do this."},
	fault.NotFound:        {http.StatusNotFound, "Check the URL. Resources that you may not see are reported as not found, too."},
	notAllowed:            {http.StatusMethodNotAllowed, "Use one of the methods in the header Allow."},
	misdirected:           {http.StatusMisdirectedRequest, "Send the request to a host name of the service. ALLOWED_HOSTS lists them."},
	timeout:               {http.StatusRequestTimeout, "Send the request again over a faster connection."},
	fault.Conflict:        {http.StatusConflict, "The request conflicts with stored data. Change the fields in the errors, or get the existing resource."},
	fault.Gone:            {http.StatusGone, "The resource was ended and will not come back. The detail says when it was ended."},
	fault.Stale:           {http.StatusPreconditionFailed, "The resource was changed. Get it again, apply your change to the new version, and send its ETag in If-Match."},
	fault.TooLarge:        {http.StatusRequestEntityTooLarge, "Send a smaller request. The detail names the limit."},
	fault.QuotaExceeded:   {http.StatusInsufficientStorage, "Delete documents and drafts that you do not need, or ask an admin for a higher quota. The detail has the numbers."},
	fault.Unsupported:     {http.StatusUnsupportedMediaType, "Send one of the content types or encodings in the detail."},
	outOfRange:            {http.StatusRequestedRangeNotSatisfiable, "Request a range within the size in Content-Range."},
	fault.Invalid:         {http.StatusUnprocessableEntity, "Fix all fields in the errors; the list is complete unless the last error has the code more. Nothing was stored."},
	fault.TooMany:         {http.StatusTooManyRequests, "Send the request again after Retry-After seconds."},
	fault.Unavailable:     {http.StatusServiceUnavailable, "Send the request again after Retry-After seconds. /readyz shows which dependency fails."},
	internal:              {http.StatusInternalServerError, "This is an error of the service. Report it with the requestId."},
}

// kindOf returns the kind with this status, or "".
func kindOf(status int) fault.Kind {
	for kind, k := range kinds {
		if k.status == status {
			return kind
		}
	}
	return ""
}

// newProblem returns the problem for an error. An error that is not a fault becomes an
// internal error: its text is logged and hidden from the client.
func newProblem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = &fault.Error{Kind: internal, Message: "an unexpected error occurred"}
	}
	LogError(ctx, err)
	k, id := kinds[f.Kind], RequestID(ctx)
	return &Problem{
		Type: problems + string(f.Kind), Title: http.StatusText(k.status), Status: k.status, Detail: text(f.Message),
		Instance: "urn:uuid:" + id, RequestID: id, Errors: stateOf(ctx).route.errors(f.Details),
		retry: f.RetryAfter,
	}
}

// text makes text from a request valid in JSON.
func text(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Limits of the errors in a problem. A request with more errors can hardly be fixed at once.
const (
	maxErrors = 1000
	maxText   = 500 // bytes of a path or message
)

// errors replaces the names of fields in details by their locations in the request. It
// omits details above maxErrors, but counts them in the last one.
func (rt *route) errors(details []fault.Detail) []fault.Detail {
	more := len(details) - maxErrors
	details = slices.Clone(details[:min(len(details), maxErrors)])
	for i, d := range details {
		if d.Path != "" && !strings.ContainsAny(d.Path, "/:") {
			d.Path = rt.location(d.Path)
		}
		details[i].Path, details[i].Message = text(d.Path), text(d.Message)
	}
	if more > 0 {
		details = append(details, fault.Detail{Code: "more", Message: fmt.Sprintf("and %d more errors", more)})
	}
	return details
}

// location returns the location of a field in the request, such as "query:limit" for limit
// or "header:Idempotency-Key" for idempotencyKey. A field that is not a parameter is a
// member of the body.
func (rt *route) location(field string) string {
	switch field {
	case "authorization":
		return "header:Authorization"
	case "query": // the whole query string
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
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusForbidden:
		if slices.ContainsFunc(p.Errors, func(d fault.Detail) bool { return d.Code == fault.MissingScope }) {
			h.Set("WWW-Authenticate", `Bearer error="insufficient_scope"`) // RFC 6750, 3.1
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.retry.Seconds())))))
	}
	return h
}

// WriteProblem responds with a problem for an error outside of a huma handler, or with the
// page for errors of the route.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := newProblem(r.Context(), err)
	for name, values := range p.GetHeaders() {
		if w.Header().Get(name) == "" { // a limiter may have set a more precise Retry-After
			w.Header()[name] = values
		}
	}
	if rt := stateOf(r.Context()).route; rt != nil && rt.policy.ErrorPage != nil && rt.policy.ErrorPage(w, r, p.Status, err) {
		return
	}
	body, err := wire.Marshal(p)
	if err != nil {
		panic(err) // not possible: a problem contains only valid text
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if _, err := w.Write(body); err != nil {
		Annotate(r.Context(), slog.Any("write_err", err)) // the client has disconnected
	}
}

func problemPage(w http.ResponseWriter, r *http.Request) {
	k, ok := kinds[fault.Kind(r.PathValue("kind"))]
	if !ok {
		WriteProblem(w, r, fault.New(fault.NotFound, "this problem type is unknown"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s (HTTP %d)\n\n%s\n", http.StatusText(k.status), k.status, k.remedy)
}

// prepareHuma configures the global variables of huma: errors are problems, field names
// are case-sensitive, and arrays are documented as not nullable.
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

// fromHuma turns a validation error of huma into a problem, with the details that collect has
// kept. It omits the values of members and headers, which may be secret.
func fromHuma(ctx context.Context, status int, msg string, errs []error) *Problem {
	f := fault.New(internal, "%s", msg).Because(errors.Join(errs...))
	f.Kind = cmp.Or(kindOf(status), internal)
	if f.Kind == fault.Invalid {
		f.With(stateOf(ctx).invalid...)
	}
	for _, err := range errs {
		d, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		detail := detailOf(d.ErrorDetail())
		if !slices.ContainsFunc(stateOf(ctx).invalid, func(d fault.Detail) bool { return d.Path == detail.Path }) {
			f.With(detail)
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

// Package fault names the kinds of failure a client of the suite may see.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a client can act on. Its value is stable: it ends the type of
// the problem (RFC 9457) that the client gets.
type Kind string

// The kinds, each with the HTTP status that pkg/rest answers.
const (
	Malformed       Kind = "malformed"        // 400: cannot be parsed
	Unauthenticated Kind = "unauthenticated"  // 401: no token, or one that does not count
	Forbidden       Kind = "forbidden"        // 403: the role does not allow it
	NotFound        Kind = "not-found"        // 404: is not there, or not for this reader
	NotAllowed      Kind = "not-allowed"      // 405: no such method on this path
	Timeout         Kind = "timeout"          // 408: the request took too long to arrive
	Conflict        Kind = "conflict"         // 409: clashes with what is stored
	Gone            Kind = "gone"             // 410: was there, and has ended
	Stale           Kind = "stale"            // 412: changed since the client read it
	TooLarge        Kind = "too-large"        // 413: above a size limit
	Unsupported     Kind = "unsupported-type" // 415: another content type is asked for
	OutOfRange      Kind = "out-of-range"     // 416: asks for a part beyond the end
	Invalid         Kind = "invalid"          // 422: can be parsed and is wrong
	TooMany         Kind = "too-many"         // 429: asks too often
	Unavailable     Kind = "unavailable"      // 503: a part does not answer, try again
)

// A Detail says what is wrong at one place of a request.
type Detail struct {
	Path    string `json:"path" doc:"JSON Pointer from the root of the body, or query:NAME, header:NAME, path:NAME"`
	Code    string `json:"code" doc:"stable name of what is wrong there"`
	Message string `json:"message" doc:"the same in words"`
}

// Error is a failure that a client may see. Message and Details are for the
// client; the cause is for the log alone.
type Error struct {
	Kind    Kind
	Message string
	Details []Detail
	Retry   time.Duration // after which to try again; 0 where nothing says when
	cause   error
}

// New makes an Error of the kind with a message in the manner of fmt.Sprintf.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// With adds details and returns e.
func (e *Error) With(details ...Detail) *Error {
	e.Details = append(e.Details, details...)
	return e
}

// After sets the time to try again in, and returns e.
func (e *Error) After(d time.Duration) *Error {
	e.Retry = d
	return e
}

// Because sets what caused e, for the log, and returns e.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// Is tells whether err is, or wraps, an Error of the kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

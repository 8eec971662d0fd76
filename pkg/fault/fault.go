// Package fault names the kinds of failure that a domain raises for its callers.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a caller can act on. Its value is stable: clients see it.
type Kind string

// The kinds.
const (
	Malformed       Kind = "malformed"        // cannot be parsed
	Unauthenticated Kind = "unauthenticated"  // the caller is not known
	Forbidden       Kind = "forbidden"        // the caller's role does not allow it
	NotFound        Kind = "not-found"        // does not exist, or not for this caller
	Conflict        Kind = "conflict"         // contradicts what is stored
	Gone            Kind = "gone"             // existed and has ended
	Stale           Kind = "stale"            // changed since the caller read it
	TooLarge        Kind = "too-large"        // above a size limit
	Unsupported     Kind = "unsupported-type" // content of a type that is not accepted
	Invalid         Kind = "invalid"          // can be parsed and is wrong
	TooMany         Kind = "too-many"         // too many attempts
	Unavailable     Kind = "unavailable"      // a dependency does not answer; try again
)

// A Detail says what is wrong in one place. A domain names the place by a JSON
// Pointer into the body, or by the bare name of a field.
type Detail struct {
	Path    string `json:"path" doc:"JSON Pointer from the root of the body, or query:NAME, header:NAME, path:NAME"`
	Code    string `json:"code" doc:"stable name of what is wrong there"`
	Message string `json:"message" doc:"the same in words"`
}

// Error is a failure that a client may see. Message and Details are for the
// client; the cause is only for the log.
type Error struct {
	Kind       Kind
	Message    string
	Details    []Detail
	RetryAfter time.Duration // after which to try again; 0 where nothing says when
	cause      error
}

// New returns an Error with a message formatted as by fmt.Sprintf.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// With adds details and returns e.
func (e *Error) With(details ...Detail) *Error {
	e.Details = append(e.Details, details...)
	return e
}

// RetryIn sets the time after which to try again, and returns e.
func (e *Error) RetryIn(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Because sets the cause of e, and returns e.
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

// Is reports whether err is, or wraps, an Error of the kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// Package fault defines the errors that the domain packages return. Package rest
// turns each kind into an HTTP status.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is a class of failure. Its value is stable: it is part of the problem type
// that clients see.
type Kind string

// The kinds.
const (
	Malformed       Kind = "malformed"        // cannot be parsed
	Unauthenticated Kind = "unauthenticated"  // the caller has no valid login
	Forbidden       Kind = "forbidden"        // the caller's role is not allowed to do this
	NotFound        Kind = "not-found"        // does not exist, or the caller may not see it
	Conflict        Kind = "conflict"         // contradicts stored data, such as a unique index
	Gone            Kind = "gone"             // existed, and was ended or archived
	Stale           Kind = "stale"            // was changed since the caller read it
	TooLarge        Kind = "too-large"        // exceeds a size limit
	QuotaExceeded   Kind = "quota-exceeded"   // the caller or their organisation has used up its storage
	Unsupported     Kind = "unsupported-type" // the content type is not accepted
	Invalid         Kind = "invalid"          // was parsed but is wrong
	TooMany         Kind = "too-many"         // the caller exceeded a rate limit
	Unavailable     Kind = "unavailable"      // a dependency does not respond, or the service is overloaded
)

// Detail describes one error in a request. A domain gives the path as a JSON Pointer
// into the body, or as the name of a field; package rest translates the name to the
// parameter that carries the field.
type Detail struct {
	Path    string `json:"path" doc:"location of the error: a JSON Pointer into the body, or query:NAME, header:NAME or path:NAME"`
	Code    string `json:"code" doc:"stable code of the error, such as required, type, range or unknownField"`
	Message string `json:"message" doc:"description of the error for people"`
}

// MissingScope is the code of a Detail about an access token without the scope that a request needs.
const MissingScope = "scope"

// Error is a failure whose Message and Details the client may see. The cause is only
// written to the log.
type Error struct {
	Kind       Kind
	Message    string
	Details    []Detail
	RetryAfter time.Duration // how long to wait before trying again; 0: unknown
	cause      error
}

// New returns an Error with a message formatted as by fmt.Sprintf.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// With appends details and returns e.
func (e *Error) With(details ...Detail) *Error {
	e.Details = append(e.Details, details...)
	return e
}

// RetryIn sets RetryAfter and returns e.
func (e *Error) RetryIn(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Because sets the cause and returns e.
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

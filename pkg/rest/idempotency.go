package rest

import (
	"net/http"

	"github.com/battery-passport/suite/pkg/fault"
)

const keyHeader = "Idempotency-Key"

// IdempotencyKey is the part of an input that names a request which may be sent
// again.
type IdempotencyKey struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" patternDescription:"visible ASCII characters" doc:"a name of your own for this request, as a UUID: the same request with it makes nothing anew, as long as what it made is there"`
}

// oneKey refuses an empty key, which huma takes for none, and several, of which
// it takes the first.
func oneKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrong := fault.Detail{Path: "header:" + keyHeader}
		switch keys := r.Header.Values(keyHeader); {
		case len(keys) > 1:
			wrong.Code, wrong.Message = "duplicate", "is given more than once"
		case len(keys) == 1 && keys[0] == "":
			wrong.Code, wrong.Message = "required", "has no value; leave it out where none is meant"
		default:
			next.ServeHTTP(w, r)
			return
		}
		writeProblem(w, r, fault.New(fault.Invalid, "the request is not valid").With(wrong))
	})
}

// Replayed is the header of an answer to a request that was sent before.
type Replayed struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true: the request came before, and this is what it made, as it is now"`
}

// ReplayedIf returns the header of an answer.
func ReplayedIf(replayed bool) Replayed {
	if replayed {
		return Replayed{"true"}
	}
	return Replayed{}
}

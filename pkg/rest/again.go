package rest

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/battery-passport/suite/pkg/fault"
)

const keyHeader = "Idempotency-Key"

// Again is the part of an input that names a request which may come again.
type Again struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" patternDescription:"visible ASCII characters" doc:"a name of your own for this request, as a UUID: the same request with it makes nothing anew, as long as what it made is there"`
}

// oneKey refuses a key without a name, which huma takes for none, and several,
// of which it takes the first: who sends one counts on it.
func oneKey(hc huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(hc)
	wrong := fault.Detail{Path: "header:" + keyHeader}
	switch keys := r.Header.Values(keyHeader); {
	case len(keys) > 1:
		wrong.Code, wrong.Message = "duplicate", "is given more than once"
	case len(keys) == 1 && keys[0] == "":
		wrong.Code, wrong.Message = "required", "has no value; leave it out where none is meant"
	default:
		next(hc)
		return
	}
	writeProblem(w, r, fault.New(fault.Invalid, "the request is not valid").With(wrong))
}

// Replayed is the header of an answer to a request that came again.
type Replayed struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true: the request came before, and this is what it made, as it is now"`
}

// ReplayedIf returns the header of an answer.
func ReplayedIf(again bool) Replayed {
	if again {
		return Replayed{"true"}
	}
	return Replayed{}
}

package rest

// Again is the part of an input that names a request which may come again.
type Again struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" patternDescription:"visible ASCII characters" doc:"a name of your own for this request, as a UUID: the same request with it makes nothing anew, as long as what it made is there"`
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

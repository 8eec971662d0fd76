package auth

import (
	"context"

	"github.com/battery-passport/suite/pkg/fault"
)

type recheckKey struct{}

// WithRecheck returns a context for which Recheck calls check.
func WithRecheck(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, recheckKey{}, check)
}

// Recheck authorizes the caller of a request again, because the token may have been revoked
// since the request began. A handler that receives its input over minutes calls it regularly,
// and before it writes. A token that has only expired is still accepted. Revocations are
// deleted when their tokens have expired, so the time between two calls must be shorter than
// the lifetime of a token. Recheck fails like the guard of the route, and with
// fault.Unauthenticated if the request was not authenticated.
func Recheck(ctx context.Context) error {
	check, ok := ctx.Value(recheckKey{}).(func(context.Context) error)
	if !ok {
		return fault.New(fault.Unauthenticated, "the request is not authenticated")
	}
	return check(ctx)
}

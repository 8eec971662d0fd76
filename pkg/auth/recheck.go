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

// Recheck authorizes the caller of a request again. A handler that receives its input for
// minutes calls it while it does, and before it writes: the token may have been revoked since the
// request began. A token that has only expired is still accepted. As revocations are deleted
// when their tokens have expired, the time between two calls must be shorter than the lifetime
// of a token. Recheck fails like the guard of the route, and with fault.Unauthenticated if the
// request was not authenticated.
func Recheck(ctx context.Context) error {
	check, ok := ctx.Value(recheckKey{}).(func(context.Context) error)
	if !ok {
		return fault.New(fault.Unauthenticated, "the request is not authenticated")
	}
	return check(ctx)
}

package rest

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// A Guard lets a request pass or fails with a fault. It reads the Authorization
// header and may add to the context; it returns one too where it refuses
// somebody it knows.
type Guard func(ctx context.Context, authorization string) (context.Context, error)

// Open is the guard of what everybody may do.
var Open Guard

func (a *API) guarded(guard Guard) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(hc)
		ctx, err := a.admit(hc.Context(), w.Header(), guard, hc.Header("Authorization"))
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		next(huma.WithContext(hc, ctx))
	}
}

// admit asks the guard, and takes what the request costs from whoever sent it.
func (a *API) admit(ctx context.Context, answer http.Header, guard Guard, authorization string) (context.Context, error) {
	caller := network(Address(ctx)) // of whom nobody knows who it is
	known, err := guard(ctx, authorization)
	if known != nil {
		Annotate(known, slog.String("user", a.user(known)))
	}
	if err == nil {
		caller = a.user(known)
		err = passTurn(ctx, caller)
	}
	if tooMany := a.callers.take(answer, caller); tooMany != nil {
		err = tooMany
	}
	return known, err
}

package rest

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// IsRead reports whether the request of ctx was routed by a method that changes nothing.
// Without a request, it returns false.
func IsRead(ctx context.Context) bool {
	route := chi.RouteContext(ctx)
	return route != nil && (route.RouteMethod == http.MethodGet || route.RouteMethod == http.MethodHead)
}

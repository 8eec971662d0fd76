package rest

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
)

// behind finds the address of a client in X-Forwarded-For, where it comes
// through trusted proxies: the one next to them, which they have seen themselves.
func behind(proxies []netip.Prefix) func(http.Handler) http.Handler {
	var trusted []string
	for _, p := range proxies {
		trusted = append(trusted, p.String())
	}
	find := middleware.ClientIPFromXFF(trusted...)
	return func(next http.Handler) http.Handler {
		found := find(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i, list := range r.Header[forwardedFor] {
				r.Header[forwardedFor][i] = withoutPorts(list)
			}
			found.ServeHTTP(w, r)
		})
	}
}

const forwardedFor = "X-Forwarded-For"

// withoutPorts takes off the ports that some proxies write: an address with one
// would be none, and all their clients that of the proxy.
func withoutPorts(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		if at, err := netip.ParseAddrPort(strings.TrimSpace(part)); err == nil {
			parts[i] = at.Addr().String()
		}
	}
	return strings.Join(parts, ",")
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// foreign answers pages of other origins: those of the list may use the API, and
// all may read what is public. None is sent credentials: tokens are no cookies.
func foreign(origins []string) func(http.Handler) http.Handler {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	exposed := []string{"Content-Disposition", "ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"}
	sent := []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Range", "X-Request-Id"}
	const maxAge = 600 // seconds
	everybody := cors.Handler(cors.Options{
		AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodHead}, AllowedHeaders: sent, ExposedHeaders: exposed, MaxAge: maxAge,
	})
	listed := func(next http.Handler) http.Handler { return next }
	if len(origins) > 0 {
		listed = cors.Handler(cors.Options{AllowedOrigins: origins, AllowedMethods: methods, AllowedHeaders: sent, ExposedHeaders: exposed, MaxAge: maxAge})
	}
	return func(next http.Handler) http.Handler {
		public, others := everybody(next), listed(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, publicPath) {
				public.ServeHTTP(w, r)
				return
			}
			others.ServeHTTP(w, r)
		})
	}
}

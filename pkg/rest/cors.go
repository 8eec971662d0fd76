package rest

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
)

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// cors answers pages of other origins, as the policy of the route says that
// they ask for.
func (a *API) cors(next http.Handler) http.Handler {
	options := cors.Options{
		AllowedOrigins: []string{"*"}, AllowedMethods: []string{http.MethodGet, http.MethodHead},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Range", "X-Request-Id"},
		ExposedHeaders: []string{"Content-Disposition", "ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"},
		MaxAge:         600, // seconds
	}
	anyOrigin, listed := cors.Handler(options)(next), next
	if len(a.config.Origins) > 0 {
		options.AllowedOrigins, options.AllowedMethods = a.config.Origins, methods
		listed = cors.Handler(options)(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if asked := r.Header.Get("Access-Control-Request-Method"); method == http.MethodOptions && asked != "" {
			method = asked
		}
		if rt := a.match(method, r); rt != nil && rt.policy.CORS == AnyOrigin {
			anyOrigin.ServeHTTP(w, r)
			return
		}
		listed.ServeHTTP(w, r)
	})
}

// clientIP takes the address of a client from X-Forwarded-For where trusted
// proxies wrote it: the last address that is not a proxy's.
func clientIP(proxies []netip.Prefix) func(http.Handler) http.Handler {
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

// withoutPorts removes the ports that some proxies write.
func withoutPorts(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		if at, err := netip.ParseAddrPort(strings.TrimSpace(part)); err == nil {
			parts[i] = at.Addr().String()
		}
	}
	return strings.Join(parts, ",")
}

// remoteAddr is the address at the other end of the connection.
func remoteAddr(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"github.com/battery-passport/suite/pkg/fault"
)

// publicPath is where everything is that is served to everybody, without a login.
const publicPath = "/api/public/"

// public compresses what is served to everybody, and limits how often one
// address may ask in a minute; 0 is no limit.
func public(perMinute int) func(http.Handler) http.Handler {
	limit := func(next http.Handler) http.Handler { return next }
	if perMinute > 0 {
		limit = httprate.LimitBy(perMinute, time.Minute, address,
			httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"}),
			httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) {
				writeProblem(w, r, fault.New(fault.TooMany, "more than %d requests in a minute came from your address", perMinute))
			}))
	}
	compress := middleware.Compress(5, "application/json", "application/problem+json")
	return func(next http.Handler) http.Handler {
		served := limit(compress(next))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, publicPath) {
				served.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// address is that of the peer: no header is believed, which anybody could write.
// Behind a proxy it is the proxy's, and limiting is the proxy's work.
func address(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return httprate.CanonicalizeIP(host), err
}

// Tag is the entity tag of what is sent: a weak one, as it is the same whether
// that is compressed or not.
func Tag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// Unchanged tells whether an entity tag is among those of an If-None-Match
// header, which are compared weakly (RFC 9110, 13.1.2).
func Unchanged(ifNoneMatch, tag string) bool {
	tags := strings.Split(strings.ReplaceAll(ifNoneMatch, " ", ""), ",")
	return slices.ContainsFunc(tags, func(t string) bool {
		return t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

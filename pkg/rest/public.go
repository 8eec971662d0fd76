package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
)

// publicPath is where everything is that is served to everybody, without a login.
const publicPath = "/api/public/"

// compressed compresses what is served to everybody. Elsewhere it would tell by
// its length what an answer holds beside what its reader has put there.
func compressed(next http.Handler) http.Handler {
	small := middleware.Compress(5, "application/json", "application/problem+json")(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, publicPath) {
			small.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
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

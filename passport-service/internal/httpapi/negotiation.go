package httpapi

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
)

func linkType(r *http.Request) string { return r.URL.Query().Get("linkType") }

// accept returns the media types that the client accepts. Clients that cannot set headers
// send one as a parameter.
func accept(r *http.Request) string {
	return cmp.Or(r.URL.Query().Get("mediaType"), listHeader(r, "Accept"))
}

// listHeader returns a header with a list, which clients may send in several lines (RFC 9110,
// section 5.2).
func listHeader(r *http.Request, name string) string {
	return strings.Join(r.Header.Values(name), ",")
}

// preferred returns the representation that the client prefers.
func preferred(r *http.Request) string {
	return resolver.Prefer(accept(r), resolver.HTML, resolver.JSON, resolver.JSONLD)
}

// wantsLinkset reports whether a request asks for all links.
func wantsLinkset(r *http.Request) bool {
	switch linkType(r) {
	case "linkset", "all":
		return true
	case "":
		return resolver.Accepts(accept(r), resolver.Linkset) && resolver.Prefer(accept(r), resolver.HTML, resolver.JSON, resolver.Linkset) == resolver.Linkset
	}
	return false
}

// acceptsPage reports whether a request comes from a browser.
func acceptsPage(r *http.Request) bool { return resolver.Accepts(accept(r), resolver.HTML) }

// language returns the language that the query asks for, or the best one for the browser. Tags
// of languages that the pages do not have are ignored.
func language(r *http.Request) locale.Language {
	for _, tag := range r.URL.Query()["lang"] {
		if l, ok := locale.Parse(tag); ok {
			return l
		}
	}
	return locale.Match(listHeader(r, "Accept-Language"))
}

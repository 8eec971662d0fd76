package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/page"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// Scan serves the targets of the codes on batteries: the pages of passports, and a
// GS1-conformant resolver.
type Scan struct {
	Passports *passport.Service
	Guard     rest.Guard // of signed-in readers of pages
	BaseURL   string     // without a slash at the end
	Direct    bool       // answer browsers with the page instead of a redirect
	Files     Files      // public files of passports; nil: none
	Responses *ResponseCache
}

// Files lists the public files of passports. The state changes with the list. An error
// means that the list is unknown at the moment.
type Files interface {
	List(ctx context.Context, passportID string) (files []page.File, state string, err error)
}

// Register adds the pages and the resolver to r. It must be called once.
func (s *Scan) Register(r *rest.API) {
	p := rest.Public
	p.Query, p.CSP, p.Compress = rest.LenientQuery, page.CSP, false // those in the cache are compressed
	p.Cache, p.ErrorPage = "public, max-age=60", s.errorPage
	addresses := map[string]http.HandlerFunc{"/p/{id}": s.page, "/p/{id}/": s.page, "/.well-known/gs1resolver": s.describe}
	for _, key := range []string{"01", "8006", "8013", "414", "417"} {
		addresses["/"+key+"/*"] = s.resolve
	}
	for address, handler := range addresses {
		rest.Page(r, "GET "+address, p, handler)
		rest.Page(r, "OPTIONS "+address, p, http.HandlerFunc(options))
	}
	r.Unrouted(p, http.HandlerFunc(s.fallback))
}

const resolverMethods = "GET, HEAD, OPTIONS"

func options(w http.ResponseWriter, _ *http.Request) {
	prepare(w)
	w.Header().Set("Allow", resolverMethods)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Scan) describe(w http.ResponseWriter, _ *http.Request) {
	prepare(w)
	w.Header().Set("Content-Type", resolver.JSON)
	w.Write(resolver.Description(s.BaseURL))
}

// resolve handles a request for a GS1 Digital Link.
func (s *Scan) resolve(w http.ResponseWriter, r *http.Request) {
	prepare(w)
	link, err := gs1.ParsePath(strings.TrimSuffix(r.URL.EscapedPath(), "/"))
	if err != nil {
		s.message(w, r, http.StatusBadRequest, page.Invalid, err.Error())
		return
	}
	isModel := link.Value("21") == ""
	err = fault.New(fault.NotFound, "the link has no serial number")
	for _, battery := range batteries(link) {
		if err = s.battery(w, r, target{path: battery.Path(), model: modelOf(link)}); !fault.Is(err, fault.NotFound) {
			break
		}
	}
	switch {
	case err == nil:
	case fault.Is(err, fault.NotFound):
		s.model(w, r, modelOf(link), isModel)
	default:
		rest.WriteProblem(w, r, err)
	}
}

// fallback handles a request for a path without a route, which may belong to a battery
// identifier that is not a GS1 Digital Link (IEC 61406).
func (s *Scan) fallback(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch isRead := r.Method == http.MethodGet || r.Method == http.MethodHead; {
	case strings.HasPrefix(path, "/api/"):
		rest.NotFound(w, r)
	case isRead:
		s.otherIdentifier(w, r, path)
	case r.Method == http.MethodOptions:
		options(w, r)
	default:
		s.otherMethod(w, r, path)
	}
}

// otherMethod refuses a request to change a battery.
func (s *Scan) otherMethod(w http.ResponseWriter, r *http.Request, path string) {
	switch _, err := byBattery(s.Passports, s.identifier(path)).read(r.Context()); {
	case err == nil:
		rest.MethodNotAllowed(w, r, resolverMethods)
	case fault.Is(err, fault.NotFound):
		rest.NotFound(w, r)
	default:
		rest.WriteProblem(w, r, err)
	}
}

// otherIdentifier handles a request for the battery whose identifier has a path.
func (s *Scan) otherIdentifier(w http.ResponseWriter, r *http.Request, path string) {
	prepare(w)
	err := s.battery(w, r, target{path: path})
	switch isUnknown := fault.Is(err, fault.NotFound); {
	case isUnknown && acceptsPage(r):
		s.message(w, r, http.StatusNotFound, page.NotFound, "")
	case isUnknown:
		rest.NotFound(w, r)
	case err != nil:
		rest.WriteProblem(w, r, err)
	}
}

// target is a battery that an address of this service identifies.
type target struct {
	path  string   // of the identifier
	model gs1.Link // of the battery; zero: unknown
}

// batteries returns the links that identify the battery of a link with a serial number: the
// link itself and, for a piece of a trade item, the link of the whole trade item.
func batteries(link gs1.Link) []gs1.Link {
	switch serial := link.Value("21"); {
	case serial == "":
		return nil
	case link.Key.AI == "8006":
		return []gs1.Link{link, {Key: modelOf(link).Key, Qualifiers: []gs1.Element{{AI: "21", Value: serial}}}}
	}
	return []gs1.Link{link}
}

// modelOf returns the link of the model: the link of the trade item for one of its pieces,
// otherwise the key without qualifiers.
func modelOf(link gs1.Link) gs1.Link {
	if link.Key.AI == "8006" {
		return gs1.Link{Key: gs1.Element{AI: "01", Value: link.Key.Value[:14]}}
	}
	return gs1.Link{Key: link.Key}
}

// battery writes the response for the battery that a path identifies. If it returns an error,
// it has not written anything.
func (s *Scan) battery(w http.ResponseWriter, r *http.Request, t target) error {
	if isSignedIn(r) {
		return s.signedIn(w, r, func(ctx context.Context) (passport.PassportView, error) {
			return s.Passports.GetByBattery(ctx, s.identifier(t.path))
		})
	}
	return s.respond(w, r, byBattery(s.Passports, s.identifier(t.path)), t)
}

// respond writes the linkset, a link, data, the page or a redirect for a passport. If it
// returns an error, it has not written anything.
func (s *Scan) respond(w http.ResponseWriter, r *http.Request, from source, t target) error {
	chosen := preferred(r)
	isRedirected := !resolver.Accepts(accept(r), chosen) || chosen == resolver.HTML && !s.Direct
	switch {
	case wantsLinkset(r):
		return s.public(w, r, from, resolver.Linkset, t)
	case linkType(r) == "" && !isRedirected:
		return s.public(w, r, from, chosen, t)
	}
	found, err := from.read(r.Context())
	if err != nil {
		return err
	}
	s.linkToLinkset(w, t.path)
	if linkType(r) != "" {
		s.selected(w, r, s.linkset(found, t), t.path)
	} else {
		redirect(w, r, s.pageURL(found.Revision.PassportID), r.URL.RawQuery)
	}
	return nil
}

// linkToLinkset adds the address of the links of an identifier to the headers.
func (s *Scan) linkToLinkset(w http.ResponseWriter, path string) {
	w.Header().Add("Link", `<`+s.BaseURL+path+`?linkType=linkset>; rel="linkset"; type="`+resolver.Linkset+`"; title="All links"`)
}

func linkToContext(w http.ResponseWriter) {
	w.Header().Add("Link", `<https://ref.gs1.org/standards/resolver/linkset-context>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`)
}

// selected redirects to the links of a type: 404 if the set has none, 300 with the choices
// if the request does not decide between them. The path is that of the first entry.
func (s *Scan) selected(w http.ResponseWriter, r *http.Request, set resolver.Set, path string) {
	switch links := set.Select(linkType(r), accept(r)); {
	case len(links) == 0 && acceptsPage(r):
		s.choices(w, r, http.StatusNotFound, set, nil)
	case len(links) == 0:
		rest.WriteProblem(w, r, fault.New(fault.NotFound, "this address has no link of this type; linkType=linkset returns all links").
			With(fault.Detail{Path: "query:linkType", Code: "notFound", Message: fmt.Sprintf("must be the type of a link in the linkset, got %q", linkType(r))}))
	case len(links) == 1 && links[0].Href == s.BaseURL+path:
		redirect(w, r, links[0].Href, withoutParameter(r.URL.RawQuery, "linkType")) // with it, the next response would be the same
	case len(links) == 1:
		redirect(w, r, links[0].Href, r.URL.RawQuery)
	case acceptsPage(r):
		s.choices(w, r, http.StatusMultipleChoices, set, links)
	default:
		choices := resolver.Choices{Anchor: s.BaseURL + path, Description: set.Resolved().Description}
		for _, l := range links {
			choices.Links = append(choices.Links, resolver.Typed{Type: resolver.TypeName(linkType(r)), Link: l})
		}
		writeLinkset(w, r, http.StatusMultipleChoices, choices)
	}
}

func (s *Scan) linkset(p passport.PublicPassport, t target) resolver.Set {
	v := p.View()
	links := resolver.Passport{Anchor: s.BaseURL + t.path, Document: s.Passports.Document(v), Page: s.pageURL(v.ID), Data: s.BaseURL + publicPath(v.ID)}
	if t.model.Key.AI != "" {
		links.Model = s.BaseURL + t.model.Path()
	}
	return resolver.NewSet(links)
}

// identifier returns the identifier that a battery has if its code points to a path of
// this service.
func (s *Scan) identifier(path string) string { return s.Passports.IdentifierBase + path }

func (s *Scan) pageURL(id string) string { return s.BaseURL + "/p/" + url.PathEscape(id) }

func writeLinkset(w http.ResponseWriter, r *http.Request, status int, set any) {
	body, err := wire.Marshal(set)
	if err != nil {
		rest.WriteProblem(w, r, err)
		return
	}
	write(w, status, resolver.Linkset, body)
}

// write writes a response that is not cached. It is not compressed.
func write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", withCharset(mediaType))
	w.WriteHeader(status)
	w.Write(body)
}

// prepare names the request headers that decide on the response, and permits web pages of all
// origins to read it. The resolver standard requires this even if the request has no Origin
// header.
func prepare(w http.ResponseWriter) {
	h := w.Header()
	h.Add("Vary", "Accept, Accept-Language, Authorization")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", resolverMethods)
}

// redirect redirects to a link and passes the query on, as the standard requires.
func redirect(w http.ResponseWriter, r *http.Request, target, query string) {
	if query != "" {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + query
	}
	http.Redirect(w, r, target, http.StatusTemporaryRedirect)
}

func withoutParameter(query, name string) string {
	parameters := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool { return strings.HasPrefix(p, name+"=") })
	return strings.Join(parameters, "&")
}

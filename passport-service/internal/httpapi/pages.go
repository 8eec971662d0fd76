package httpapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/carrier"
	"github.com/battery-passport/suite/passport-service/internal/page"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// page handles a request for the page of a passport, by its id or by the identifier that this
// service created.
func (s *Scan) page(w http.ResponseWriter, r *http.Request) {
	prepare(w)
	if err := s.byID(w, r, r.PathValue("id")); fault.Is(err, fault.NotFound) {
		s.fallback(w, r)
	} else if err != nil {
		rest.WriteProblem(w, r, err)
	}
}

// byID writes the response for the passport with an id. If it returns an error, it has not
// written anything.
func (s *Scan) byID(w http.ResponseWriter, r *http.Request, id string) error {
	if isSignedIn(r) {
		return s.signedIn(w, r, func(ctx context.Context) (passport.PassportView, error) { return s.Passports.Get(ctx, id) })
	}
	return s.public(w, r, byID(s.Passports, id), preferred(r), target{})
}

// isSignedIn reports whether a request asks for the data that the rights of its sender include.
// Links are the same for everyone.
func isSignedIn(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" && !wantsLinkset(r) && linkType(r) == ""
}

// signedIn writes the page or data for the class of the caller. It is neither cached nor
// compressed: its length would reveal its content (BREACH). If it returns an error, it has not
// written anything.
func (s *Scan) signedIn(w http.ResponseWriter, r *http.Request, find func(context.Context) (passport.PassportView, error)) error {
	w.Header().Set("Cache-Control", "private, no-store")
	ctx, err := s.Guard(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	view, err := find(ctx)
	if err != nil {
		return err
	}
	chosen := preferred(r)
	body, err := s.represent(r, view, readerOf(view, auth.Caller(ctx)), s.files(ctx, view.ID), chosen)
	if err != nil {
		return err
	}
	if chosen == resolver.HTML {
		w.Header().Set("Content-Language", string(language(r)))
	}
	write(w, http.StatusOK, chosen, body)
	return nil
}

func readerOf(view passport.PassportView, caller auth.Principal) page.Reader {
	switch {
	case view.Access.Owner:
		return page.Owner
	case caller.Role == auth.Authority:
		return page.Authority
	case caller.Role == auth.LegitimateInterest:
		return page.LegitimateInterest
	}
	return page.Public
}

// public writes a representation of a public passport, from the cache if possible. If it
// returns an error, it has not written anything.
func (s *Scan) public(w http.ResponseWriter, r *http.Request, from source, mediaType string, t target) error {
	var files files
	keyOf := func(revision passport.Revision) responseKey {
		key := responseKey{Revision: revision, mediaType: mediaType}
		switch mediaType {
		case resolver.HTML:
			files = s.files(r.Context(), revision.PassportID)
			key.language, key.view, key.files = string(language(r)), view(r), files.state
		case resolver.Linkset:
			key.view = t.path
		}
		return key
	}
	found, err := s.Responses.get(r.Context(), from, keyOf, func(p passport.PublicPassport) ([]byte, error) {
		if mediaType == resolver.Linkset {
			return wire.Marshal(s.linkset(p, t))
		}
		return s.represent(r, p.View(), page.Public, files, mediaType)
	})
	if err != nil {
		return err
	}
	s.addHeaders(w, mediaType, t, files)
	found.serve(w, r)
	return nil
}

// represent returns a passport as page, JSON or JSON-LD.
func (s *Scan) represent(r *http.Request, v passport.PassportView, reader page.Reader, files files, mediaType string) ([]byte, error) {
	switch mediaType {
	case resolver.HTML:
		return s.render(r, v, reader, files)
	case resolver.JSONLD:
		return wire.Marshal(resolver.LinkedData(s.Passports.Document(v), v.BatteryIdentifier, s.pageURL(v.ID)))
	}
	return passportBody(v)
}

// addHeaders adds the headers of a representation of a public passport.
func (s *Scan) addHeaders(w http.ResponseWriter, mediaType string, t target, files files) {
	if t.path != "" {
		s.linkToLinkset(w, t.path)
	}
	if mediaType == resolver.Linkset {
		linkToContext(w)
	}
	if files.err != nil {
		w.Header().Set("Cache-Control", "no-cache")
	}
}

// render returns the page or the safety card of a passport.
func (s *Scan) render(r *http.Request, v passport.PassportView, reader page.Reader, files files) ([]byte, error) {
	p := page.Passport{
		Document: s.Passports.Document(v), DataURL: publicPath(v.ID), Reader: reader, State: page.State(v.Head.State), QR: s.Responses.code(v.BatteryIdentifier),
		HasFiles: s.Files != nil, Files: files.list, FilesError: files.err != nil,
	}
	render := page.Render
	if view(r) == "safety" {
		render = page.RenderSafetyCard
	}
	return render(language(r), p)
}

// files are the public files of a passport.
type files struct {
	list  []page.File
	state string
	err   error
}

func (s *Scan) files(ctx context.Context, passportID string) (f files) {
	if s.Files == nil {
		return f
	}
	if f.list, f.state, f.err = s.Files.List(ctx, passportID); f.err != nil {
		f.state = "unknown"
		rest.Annotate(ctx, slog.Any("documents_err", f.err))
	}
	return f
}

// publicPath returns the path of the public part of a passport as JSON.
func publicPath(id string) string { return "/api/public/passports/" + url.PathEscape(id) }

// view returns the view that the query asks for. Unknown ones are ignored.
func view(r *http.Request) string {
	if r.URL.Query().Get("view") == "safety" {
		return "safety"
	}
	return ""
}

// errorPage sends browsers a page for the errors that their users can meet.
func (s *Scan) errorPage(w http.ResponseWriter, r *http.Request, status int, err error) bool {
	if !acceptsPage(r) || strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	var gone *passport.GoneError
	if errors.As(err, &gone) {
		body, err := page.RenderGone(language(r), gone.Since)
		s.html(w, r, status, body, err)
		return true
	}
	message, detail := page.Unavailable, "Request "+rest.RequestID(r.Context())
	switch {
	case status == http.StatusNotFound:
		message, detail = page.NotFound, ""
	case status < 500 && status != http.StatusTooManyRequests:
		return false
	}
	body, failed := page.RenderMessage(language(r), message, detail)
	if failed != nil {
		return false
	}
	s.html(w, r, status, body, nil)
	return true
}

// message sends a page to browsers, and a problem to other clients.
func (s *Scan) message(w http.ResponseWriter, r *http.Request, status int, m page.Message, detail string) {
	if !acceptsPage(r) {
		kind, text := fault.NotFound, "no passport was found at this address"
		if status == http.StatusBadRequest {
			kind, text = fault.Malformed, "this is not a GS1 Digital Link"
		}
		if detail != "" {
			text += ": " + detail
		}
		rest.WriteProblem(w, r, fault.New(kind, "%s", text))
		return
	}
	body, err := page.RenderMessage(language(r), m, detail)
	s.html(w, r, status, body, err)
}

// choices answers browsers with the links of a set that match their request, which may be
// none.
func (s *Scan) choices(w http.ResponseWriter, r *http.Request, status int, set resolver.Set, links []resolver.Link) {
	resolved := set.Resolved()
	c := page.Choices{Address: resolved.Anchor, IsModel: resolved.IsModel, Query: linkQuery(r)}
	for _, l := range links {
		c.Links = append(c.Links, page.Choice{Field: l.Field, URL: l.Href})
	}
	body, err := page.RenderChoices(language(r), c)
	s.html(w, r, status, body, err)
}

// linkQuery returns the parameters that decide on the links of the page of choices. The page has
// them 48 times, in the links to other languages, so it has no other and no long ones.
func linkQuery(r *http.Request) string {
	const maxValue = 100 // bytes
	query := url.Values{}
	for _, name := range []string{"linkType", "mediaType"} {
		if value := r.URL.Query().Get(name); value != "" && len(value) <= maxValue {
			query.Set(name, value)
		}
	}
	return query.Encode()
}

func (s *Scan) html(w http.ResponseWriter, r *http.Request, status int, body []byte, err error) {
	if err != nil {
		rest.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Language", string(language(r)))
	write(w, status, resolver.HTML, body)
}

// drawCode returns the QR code for a page as SVG.
func drawCode(identifier string) []byte {
	if identifier == "" {
		return nil
	}
	symbol, err := carrier.Encode(carrier.QR, identifier, "M")
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	white, black := carrier.Colour{R: 255, G: 255, B: 255, A: 255}, carrier.Colour{A: 255}
	if (carrier.Picture{Symbol: symbol, Foreground: black, Background: white, AccessibleName: "QR"}).WriteSVG(&b) != nil {
		return nil
	}
	return b.Bytes()
}

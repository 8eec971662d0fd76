package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/page"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// model writes the response for a model and, with the links of its model, for an unknown
// battery. The data of a model never replaces a passport: without a link type, the status for
// an unknown battery is 404.
func (s *Scan) model(w http.ResponseWriter, r *http.Request, link gs1.Link, isKnown bool) {
	view, err := s.findModel(r.Context(), link.Key)
	if fault.Is(err, fault.NotFound) {
		s.message(w, r, http.StatusNotFound, page.NotFound, err.Error())
		return
	}
	if err != nil {
		rest.WriteProblem(w, r, err)
		return
	}
	s.linkToLinkset(w, link.Path())
	model := resolver.Model{Address: s.BaseURL + link.Path(), Document: s.Passports.Document(view)}
	switch {
	case wantsLinkset(r):
		linkToContext(w)
		writeLinkset(w, r, http.StatusOK, resolver.Set{model.Entry()})
	case linkType(r) != "":
		s.selected(w, r, resolver.Set{model.Entry()}, link.Path())
	case isKnown:
		s.describeModel(w, r, model, preferred(r))
	case acceptsPage(r):
		s.modelPage(w, r, model, http.StatusNotFound)
	default:
		s.message(w, r, http.StatusNotFound, page.NotFound, "the serial number is unknown; the model is "+model.Address)
	}
}

// findModel returns the public part of a passport of a model. It fails with fault.NotFound; the
// message says why.
func (s *Scan) findModel(ctx context.Context, key gs1.Element) (passport.PassportView, error) {
	switch key.AI {
	case "01":
		return s.Passports.PublicModel(ctx, passport.Filter{GTIN: key.Value})
	case "8013":
		return s.Passports.PublicModel(ctx, passport.Filter{ModelID: key.Value})
	}
	return passport.PassportView{}, fault.New(fault.NotFound, "(%s) identifies a place or a company, and this service knows batteries and their models", key.AI)
}

// describeModel writes a representation of a model.
func (s *Scan) describeModel(w http.ResponseWriter, r *http.Request, model resolver.Model, mediaType string) {
	var body []byte
	var err error
	switch mediaType {
	case resolver.JSON:
		body, err = wire.Marshal(model.Facts())
	case resolver.JSONLD:
		body, err = wire.Marshal(model.LinkedData())
	default:
		s.modelPage(w, r, model, http.StatusOK)
		return
	}
	if err != nil {
		rest.WriteProblem(w, r, err)
		return
	}
	write(w, http.StatusOK, mediaType, body)
}

// modelPage writes the page of a model, with status 404 if the address belongs to an unknown
// battery.
func (s *Scan) modelPage(w http.ResponseWriter, r *http.Request, model resolver.Model, status int) {
	facts := model.Facts()
	body, err := page.RenderModel(language(r), page.Model{Maker: facts.Manufacturer, Name: facts.Name, GTIN: facts.GTIN}, status == http.StatusNotFound)
	s.html(w, r, status, body, err)
}

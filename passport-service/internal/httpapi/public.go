package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

// PublicPassport is the public part of a published passport. It has no version and no
// times, because they would reveal changes that are not public.
type PublicPassport struct {
	ID                string       `json:"id" doc:"id of the passport"`
	BatteryIdentifier string       `json:"batteryIdentifier" doc:"identifier of the battery, as in the QR code"`
	Data              PassportData `json:"data" doc:"public attributes (Annex XIII point 1)"`
}

type publicOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"hash of the body, for If-None-Match"`
	Body   PublicPassport
}

// etagCacheSize is how many passports the cache of entity tags holds. An entity tag
// takes longer to compute than the rest of the response.
const etagCacheSize = 20_000

func (a *API) publicResponse(p passport.PublicPassport, err error, ifNoneMatch string) (*publicOutput, error) {
	if err != nil {
		return nil, err
	}
	if out := a.cachedNotModified(p.Revision, ifNoneMatch); out != nil {
		return out, nil
	}
	view := p.View()
	body := PublicPassport{view.ID, view.BatteryIdentifier, PassportData{view.Head.Data}}
	out := &publicOutput{http.StatusOK, bodyETag(body), body}
	a.etags.Add(p.Revision, out.ETag)
	if rest.MatchesETag(ifNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// cachedNotModified returns a 304 response if the cache has the entity tag of a
// revision and the client has the same, and nil otherwise.
func (a *API) cachedNotModified(r passport.Revision, ifNoneMatch string) *publicOutput {
	if tag, ok := a.etags.Get(r); ok && rest.MatchesETag(ifNoneMatch, tag) {
		return &publicOutput{Status: http.StatusNotModified, ETag: tag}
	}
	return nil
}

type publicInput struct {
	PassportID
	rest.Revalidation
}

func (a *API) public(ctx context.Context, in *publicInput) (*publicOutput, error) {
	if in.IfNoneMatch != "" {
		if revision, err := a.Passports.Revision(ctx, in.ID); err == nil {
			if out := a.cachedNotModified(revision, in.IfNoneMatch); out != nil {
				return out, nil
			}
		}
	}
	p, err := a.Passports.Public(ctx, in.ID)
	return a.publicResponse(p, err, in.IfNoneMatch)
}

type findPublicInput struct {
	Identifier string `query:"identifier" required:"true" maxLength:"10000" doc:"identifier of the battery, as scanned from the QR code; the spelling, the query, the fragment and, for a GS1 Digital Link, the host and further keys do not matter"`
	rest.Revalidation
}

func (a *API) findPublic(ctx context.Context, in *findPublicInput) (*publicOutput, error) {
	p, err := a.Passports.PublicByBattery(ctx, in.Identifier)
	return a.publicResponse(p, err, in.IfNoneMatch)
}

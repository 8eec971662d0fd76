package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

// Public is the public part of a published passport. It says nothing of
// versions and times, which would tell of changes that are not public.
type Public struct {
	ID                string `json:"id"`
	BatteryIdentifier string `json:"batteryIdentifier"`
	Data              Data   `json:"data"`
}

type publicOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"hash of what is sent"`
	Body   Public
}

// rememberedTags is how many parts are known by their tag, which costs more than
// all else to make.
const rememberedTags = 20_000

func (a *API) publicAnswer(published passport.PublicPassport, err error, ifNoneMatch string) (*publicOutput, error) {
	if err != nil {
		return nil, err
	}
	if tag, ok := a.tags.Get(published.Revision); ok && ifNoneMatch != "" && rest.MatchesETag(ifNoneMatch, tag) {
		return unchanged(tag), nil
	}
	p := published.View()
	body := Public{p.ID, p.BatteryIdentifier, Data{p.Head.Data}}
	out := &publicOutput{http.StatusOK, tagOf(body), body}
	a.tags.Add(published.Revision, out.ETag)
	if ifNoneMatch != "" && rest.MatchesETag(ifNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

func unchanged(tag string) *publicOutput {
	return &publicOutput{Status: http.StatusNotModified, ETag: tag}
}

type publicInput struct {
	ID string `path:"id"`
	rest.Revalidation
}

func (a *API) public(ctx context.Context, in *publicInput) (*publicOutput, error) {
	if in.IfNoneMatch != "" {
		if part, err := a.Passports.Revision(ctx, in.ID); err == nil {
			if tag, ok := a.tags.Get(part); ok && rest.MatchesETag(in.IfNoneMatch, tag) {
				return unchanged(tag), nil
			}
		}
	}
	p, err := a.Passports.Public(ctx, in.ID)
	return a.publicAnswer(p, err, in.IfNoneMatch)
}

type publicOfInput struct {
	Identifier string `query:"identifier" required:"true" maxLength:"10000" doc:"the battery identifier, as the QR code holds it"`
	rest.Revalidation
}

func (a *API) publicOf(ctx context.Context, in *publicOfInput) (*publicOutput, error) {
	p, err := a.Passports.PublicByBattery(ctx, in.Identifier)
	return a.publicAnswer(p, err, in.IfNoneMatch)
}

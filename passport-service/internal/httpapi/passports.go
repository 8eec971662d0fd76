package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Data is the body of a battery passport. Its schema comes from
// the catalogue.
type Data struct{ wire.Value }

// Body is the body of a write: the data of a passport, or a patch of it.
type Body struct {
	Data   Data   `json:"data"`
	Reason string `json:"reason,omitempty" minLength:"1" maxLength:"1000" doc:"why; of a published passport it has to be given"`
}

// Passport is a passport as it is answered. Who does not keep it is not told
// who wrote it; the public is told nothing of versions and times.
type Passport struct {
	ID                string          `json:"id"`
	State             passport.State  `json:"state,omitempty" enum:"draft,active,inactive,archived,ceased"`
	Version           int64           `json:"version,omitzero"`
	BatteryIdentifier string          `json:"batteryIdentifier,omitempty"`
	Data              Data            `json:"data"`
	Owner             *passport.Owner `json:"owner,omitempty"`
	CreatedAt         time.Time       `json:"createdAt,omitzero"`
	CreatedBy         string          `json:"createdBy,omitempty"`
	UpdatedAt         time.Time       `json:"updatedAt,omitzero"`
	UpdatedBy         string          `json:"updatedBy,omitempty"`
}

func answerOf(p *passport.PassportView) Passport {
	h := &p.Head
	out := Passport{ID: p.ID, State: h.State, BatteryIdentifier: p.BatteryIdentifier, Data: Data{h.Data}}
	if p.Access.CanReadHistory() {
		out.Version, out.CreatedAt, out.UpdatedAt = h.Number, p.CreatedAt, h.CreatedAt
	}
	if p.Access.Owner {
		out.Owner, out.CreatedBy, out.UpdatedBy = &h.Owner, p.CreatedBy, h.CreatedBy
	}
	return out
}

// output is a passport with its entity tag: the version for who keeps it, the
// hash of what is sent for others.
type output struct {
	Status int
	ETag   string `header:"ETag" doc:"for If-None-Match; to those who keep the passport it is the version, for If-Match"`
	Body   Passport
}

type createOutput struct {
	rest.Replayed
	ETag     string `header:"ETag" doc:"the version, for If-Match"`
	Location string `header:"Location" doc:"where the passport is"`
	Body     Passport
}

func outputOf(p *passport.PassportView) *output {
	out := &output{Status: http.StatusOK, ETag: rest.VersionETag(p.Head.Number), Body: answerOf(p)}
	if !p.Access.Owner {
		out.ETag = tagOf(out.Body)
	}
	return out
}

func tagOf(answer any) string {
	body, err := wire.Marshal(answer)
	if err != nil {
		panic(err) // it is made of our own types, and of JSON
	}
	return rest.BodyETag(body)
}

func answered(p passport.PassportView, err error) (*output, error) {
	if err != nil {
		return nil, err
	}
	return outputOf(&p), nil
}

// unless makes the status 304 when the client has what would be sent.
func (o *output) unless(ifNoneMatch string) *output {
	if ifNoneMatch != "" && rest.MatchesETag(ifNoneMatch, o.ETag) {
		o.Status = http.StatusNotModified
	}
	return o
}

type createInput struct {
	rest.IdempotencyKey
	Body rest.JSON[Body]
}

type getInput struct {
	ID string `path:"id"`
	At string `query:"at" format:"date-time" doc:"as it was at this time (RFC 3339)"`
	rest.Revalidation
}

type changeInput struct {
	ID string `path:"id"`
	rest.Precondition
}

type replaceInput struct {
	ID string `path:"id"`
	rest.Precondition
	Body rest.JSON[Body]
}

type patchInput struct {
	ID string `path:"id"`
	rest.Precondition
	Body rest.JSON[Body] `contentType:"application/merge-patch+json"`
}

type listInput struct {
	rest.Paging
	BatteryIdentifier string         `query:"batteryIdentifier" doc:"only the passport of this battery"`
	BatteryCategory   string         `query:"batteryCategory" doc:"only batteries of this category"`
	State             passport.State `query:"state" enum:"draft,active,inactive,archived,ceased" doc:"only passports in this state"`
	ModelID           string         `query:"modelId" doc:"only batteries of this model (batteryModel.id)"`
	CreatedBy         string         `query:"createdBy" doc:"only passports that this account created"`
	Sort              string         `query:"sort" enum:"createdAt,-createdAt" default:"-createdAt" doc:"by creation: createdAt oldest first, -createdAt newest first"`
}

type listOutput struct{ Body rest.List[Passport] }

func (a *API) create(ctx context.Context, in *createInput) (*createOutput, error) {
	p, replayed, err := a.Passports.Create(ctx, in.Body.Value, in.Key)
	if err != nil {
		return nil, err
	}
	out := outputOf(&p)
	return &createOutput{Replayed: rest.ReplayedIf(replayed), ETag: out.ETag, Location: "/api/passports/" + p.ID, Body: out.Body}, nil
}

func (a *API) get(ctx context.Context, in *getInput) (*output, error) {
	read := func() (passport.PassportView, error) { return a.Passports.Get(ctx, in.ID) }
	if in.At != "" {
		at, err := time.Parse(time.RFC3339, in.At)
		if err != nil {
			return nil, fault.New(fault.Invalid, "there is no such time").
				With(fault.Detail{Path: "at", Code: "format", Message: "has to be as 2027-02-18T09:00:00Z"})
		}
		read = func() (passport.PassportView, error) { return a.Passports.At(ctx, in.ID, at) }
	}
	p, err := read()
	if err != nil {
		return nil, err
	}
	return outputOf(&p).unless(in.IfNoneMatch), nil
}

func (a *API) replace(ctx context.Context, in *replaceInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return answered(a.Passports.Replace(ctx, in.ID, in.Body.Value, versions...))
}

func (a *API) patch(ctx context.Context, in *patchInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return answered(a.Passports.Patch(ctx, in.ID, in.Body.Value, versions...))
}

func (a *API) delete(ctx context.Context, in *changeInput) (*struct{}, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return nil, a.Passports.Delete(ctx, in.ID, versions...)
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	params := passport.ListParams{Cursor: in.Cursor, Limit: in.Limit, Filter: passport.Filter{
		BatteryIdentifier: in.BatteryIdentifier, Category: in.BatteryCategory, State: in.State, ModelID: in.ModelID, CreatedBy: in.CreatedBy,
	}}
	if in.Sort == "createdAt" {
		params.Order = store.OldestFirst
	}
	page, err := a.Passports.List(ctx, params)
	out := &listOutput{rest.List[Passport]{NextCursor: page.Next}}
	for _, p := range page.Passports {
		out.Body.Items = append(out.Body.Items, answerOf(&p))
	}
	return out, err
}

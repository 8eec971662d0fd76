package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Body is the body of a write: the data of a passport, or a patch of it. What
// data may hold is the catalogue's to say.
type Body struct {
	Data map[string]any `json:"data" doc:"the battery passport body" example:"{\"generalInformation\":{\"batteryIdentifier\":\"https://nordlicht.example/01/09521100000116/21/N1\",\"batteryCategory\":\"EV\",\"batteryMass\":450}}"`
}

// Passport is a passport as it is answered.
type Passport struct {
	ID                string         `json:"id"`
	State             passport.State `json:"state"`
	Version           int64          `json:"version"`
	BatteryIdentifier string         `json:"batteryIdentifier,omitempty"`
	Data              wire.Value     `json:"data"`
	Owner             passport.Owner `json:"owner"`
	CreatedAt         time.Time      `json:"createdAt"`
	CreatedBy         string         `json:"createdBy"`
	UpdatedAt         time.Time      `json:"updatedAt"`
	UpdatedBy         string         `json:"updatedBy"`
}

func answerOf(p *passport.Passport) Passport {
	h := &p.Head
	return Passport{
		ID: p.ID, State: h.State, Version: h.Number, BatteryIdentifier: p.BatteryIdentifier, Data: h.Data, Owner: h.Owner,
		CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy, UpdatedAt: h.CreatedAt, UpdatedBy: h.CreatedBy,
	}
}

// output is a passport with its entity tag.
type output struct {
	Status       int
	ETag         string `header:"ETag" doc:"the version, for If-Match"`
	CacheControl string `header:"Cache-Control"`
	Body         Passport
}

type createOutput struct {
	ETag     string `header:"ETag" doc:"the version, for If-Match"`
	Location string `header:"Location" doc:"where the passport is"`
	Body     Passport
}

func outputOf(p *passport.Passport) *output {
	return &output{Status: http.StatusOK, ETag: rest.ETag(p.Head.Number), CacheControl: "private, no-cache", Body: answerOf(p)}
}

type createInput struct {
	Body rest.JSON[Body]
}

type getInput struct {
	ID          string `path:"id"`
	At          string `query:"at" format:"date-time" doc:"as it was at this time (RFC 3339)"`
	IfNoneMatch string `header:"If-None-Match" doc:"ETag of the version at hand; if it is still the newest the answer is 304"`
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

type deleteInput struct {
	ID string `path:"id"`
	rest.Precondition
}

type listInput struct {
	rest.Page
	BatteryIdentifier string         `query:"batteryIdentifier" doc:"only the passport of this battery"`
	BatteryCategory   string         `query:"batteryCategory" doc:"only batteries of this category"`
	State             passport.State `query:"state" enum:"draft" doc:"only passports in this state"`
	ModelID           string         `query:"modelId" doc:"only batteries of this model (batteryModel.id)"`
	CreatedBy         string         `query:"createdBy" doc:"only passports that this account created"`
	Sort              string         `query:"sort" enum:"createdAt,-createdAt" default:"-createdAt" doc:"by creation: createdAt oldest first, -createdAt newest first"`
}

type listOutput struct{ Body rest.List[Passport] }

func (a *API) create(ctx context.Context, in *createInput) (*createOutput, error) {
	p, err := a.Passports.Create(ctx, in.Body.Value)
	return &createOutput{ETag: rest.ETag(p.Head.Number), Location: "/api/passports/" + p.ID, Body: answerOf(&p)}, err
}

func (a *API) get(ctx context.Context, in *getInput) (*output, error) {
	read := func() (passport.Passport, error) { return a.Passports.Get(ctx, in.ID) }
	if in.At != "" {
		at, err := time.Parse(time.RFC3339, in.At)
		if err != nil {
			return nil, fault.New(fault.Invalid, "there is no such time").
				With(fault.Detail{Path: "query:at", Code: "format", Message: "has to be as 2027-02-18T09:00:00Z"})
		}
		read = func() (passport.Passport, error) { return a.Passports.At(ctx, in.ID, at) }
	}
	p, err := read()
	if err != nil {
		return nil, err
	}
	out := outputOf(&p)
	tags := strings.Split(strings.ReplaceAll(in.IfNoneMatch, " ", ""), ",")
	if slices.Contains(tags, out.ETag) || slices.Contains(tags, "W/"+out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

func (a *API) replace(ctx context.Context, in *replaceInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	p, err := a.Passports.Replace(ctx, in.ID, in.Body.Value, versions...)
	return outputOf(&p), err
}

func (a *API) patch(ctx context.Context, in *patchInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	p, err := a.Passports.Patch(ctx, in.ID, in.Body.Value, versions...)
	return outputOf(&p), err
}

func (a *API) delete(ctx context.Context, in *deleteInput) (*struct{}, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return nil, a.Passports.Delete(ctx, in.ID, versions...)
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := a.Passports.List(ctx, store.Query{
		Limit: in.Limit, Cursor: in.Cursor, Oldest: in.Sort == "createdAt", Filters: map[string]string{
			"batteryIdentifier": in.BatteryIdentifier, "batteryCategory": in.BatteryCategory,
			"state": string(in.State), "modelId": in.ModelID, "createdBy": in.CreatedBy,
		},
	})
	out := &listOutput{rest.List[Passport]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, answerOf(&row.Doc))
	}
	return out, err
}

type versionsInput struct {
	ID string `path:"id"`
	rest.Page
}

type versionsOutput struct{ Body rest.List[passport.Version] }

type versionInput struct {
	ID      string `path:"id"`
	Version int64  `path:"version" minimum:"1"`
}

type versionOutput struct{ Body passport.Version }

func (a *API) versions(ctx context.Context, in *versionsInput) (*versionsOutput, error) {
	page, err := a.Passports.History(ctx, in.ID, in.Cursor, in.Limit)
	return &versionsOutput{rest.List[passport.Version]{Items: page.Versions, NextCursor: page.Next}}, err
}

func (a *API) version(ctx context.Context, in *versionInput) (*versionOutput, error) {
	v, err := a.Passports.Version(ctx, in.ID, in.Version)
	return &versionOutput{v}, err
}

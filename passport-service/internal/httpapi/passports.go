package httpapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Data, DataInput and DataPatch are the data of a passport in a response, a request and a
// merge patch. Their schemas are generated from the catalogue.
type (
	Data      struct{ wire.Value }
	DataInput struct{ wire.Value }
	DataPatch struct{ wire.Value }
)

// PassportInput is the body of a create.
type PassportInput struct {
	Data   DataInput `json:"data" doc:"all attributes of the passport"`
	Reason string    `json:"reason,omitempty" minLength:"1" maxLength:"1000" doc:"reason for the change; required if the passport is published"`

	CreatedAt time.Time `json:"createdAt,omitzero" readOnly:"true" doc:"has no effect"`
	CreatedBy string    `json:"createdBy,omitempty" readOnly:"true" doc:"has no effect"`
	UpdatedAt time.Time `json:"updatedAt,omitzero" readOnly:"true" doc:"has no effect"`
	IsActive  bool      `json:"isActive,omitzero" readOnly:"true" doc:"has no effect"`
}

// PassportReplacement is the body of a replace: what getPassport returns can be sent back.
type PassportReplacement struct {
	Data   DataInput `json:"data" doc:"all attributes of the passport"`
	Reason string    `json:"reason,omitempty" minLength:"1" maxLength:"1000" doc:"reason for the change; required if the passport is published"`

	ID                string         `json:"id,omitempty" format:"uuid" readOnly:"true" doc:"must be the id of the passport"`
	State             passport.State `json:"state,omitempty" enum:"draft,active,inactive,archived,ceased,voided" readOnly:"true" doc:"must be the state of the passport"`
	Version           int64          `json:"version,omitzero" readOnly:"true" doc:"like If-Match: if the passport has another version, the response is 412"`
	BatteryIdentifier string         `json:"batteryIdentifier,omitempty" readOnly:"true" doc:"must be the stored identifier; data has the new one"`
	Owner             *OwnerInput    `json:"owner,omitempty" readOnly:"true" doc:"must be the owner of the passport"`
	CreatedAt         time.Time      `json:"createdAt,omitzero" readOnly:"true" doc:"must be the time of creation"`
	CreatedBy         string         `json:"createdBy,omitempty" format:"uuid" readOnly:"true" doc:"must be the id of the account that created the passport"`
	UpdatedAt         time.Time      `json:"updatedAt,omitzero" readOnly:"true" doc:"must be the time of the stored version"`
	UpdatedBy         string         `json:"updatedBy,omitempty" format:"uuid" readOnly:"true" doc:"must be the id of the account that created the stored version"`
	IsActive          bool           `json:"isActive,omitzero" readOnly:"true" doc:"must be true"`
}

// OwnerInput is passport.Owner in a request.
type OwnerInput passport.Owner

// PassportPatch is the body of a patch.
type PassportPatch struct {
	Data   DataPatch `json:"data,omitzero" doc:"merge patch of the attributes (RFC 7396)"`
	Reason string    `json:"reason,omitempty" minLength:"1" maxLength:"1000" doc:"reason for the change; required if the passport is published"`
}

// Passport is a passport as a signed-in caller reads it. Only the owner and
// admins read who wrote it; callers with public access read neither versions nor times.
type Passport struct {
	ID                string          `json:"id" format:"uuid" doc:"id of the passport"`
	State             passport.State  `json:"state,omitempty" enum:"draft,active,inactive,archived,ceased,voided" doc:"draft: not published; active: published; inactive: replaced by the passport of a successor battery; archived: withdrawn by the owner; ceased: the battery was recycled; voided: declared false by an admin"`
	Version           int64           `json:"version,omitzero" doc:"number of the version, from 1"`
	BatteryIdentifier string          `json:"batteryIdentifier,omitempty" doc:"identifier of the battery, as in data.generalInformation"`
	Data              Data            `json:"data" doc:"attributes that the caller may read"`
	Owner             *passport.Owner `json:"owner,omitempty" doc:"owner of the passport; only for the owner and admins"`
	CreatedAt         time.Time       `json:"createdAt,omitzero" doc:"when the passport was created"`
	CreatedBy         string          `json:"createdBy,omitempty" format:"uuid" doc:"id of the account that created the passport; only for the owner and admins"`
	UpdatedAt         time.Time       `json:"updatedAt,omitzero" doc:"when this version was created"`
	UpdatedBy         string          `json:"updatedBy,omitempty" format:"uuid" doc:"id of the account that created this version; only for the owner and admins"`
}

func newPassport(p *passport.PassportView) Passport {
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

type passportOutput struct {
	ETag string `header:"ETag" doc:"entity tag for If-None-Match; for the owner and admins it is the version number, for If-Match"`
	Body Passport
}

type createOutput struct {
	rest.Replayed
	ETag     string `header:"ETag" doc:"version number, for If-Match"`
	Location string `header:"Location" doc:"path of the passport"`
	Body     Passport
}

func newPassportOutput(p *passport.PassportView) *passportOutput {
	out := &passportOutput{ETag: rest.VersionETag(p.Head.Number), Body: newPassport(p)}
	if !p.Access.Owner {
		out.ETag = passportResponse(p).etag
	}
	return out
}

// passportResponse returns the response for a passport. The entity tag is the version for
// the owner and admins. For other callers it is a hash of the body, which does not reveal
// changes that they cannot read.
func passportResponse(p *passport.PassportView) *response {
	body, err := wire.Marshal(newPassport(p))
	if err != nil {
		panic(err) // the body consists of our own types and valid JSON
	}
	out := &response{mediaType: resolver.JSON, etag: rest.BodyETag(body), plain: body}
	if p.Access.Owner {
		out.etag = rest.VersionETag(p.Head.Number)
	}
	return out
}

// respond converts the result of a write.
func respond(p passport.PassportView, err error) (*passportOutput, error) {
	if err != nil {
		return nil, err
	}
	return newPassportOutput(&p), nil
}

// PassportID is the path parameter of the operations on one passport.
type PassportID struct {
	ID string `path:"id" id:"true" doc:"id of the passport"`
}

type createInput struct {
	Identifier passport.IdentifierScheme `query:"identifier" enum:"gs1,uri" doc:"generates a battery identifier for data without one: gs1: a GS1 Digital Link of data.generalInformation.batteryModel.gtin and the serial number, which is random if it is missing; uri: a random address of this service"`
	rest.IdempotencyKey
	Body rest.JSON[PassportInput]
}

type getInput struct {
	PassportID
	At string `query:"at" format:"date-time" doc:"returns the version that was current at this time (RFC 3339), such as 2027-02-18T09:00:00Z"`
	rest.Revalidation
}

// ChangeInput contains the parameters of a write to one passport.
type ChangeInput struct {
	PassportID
	rest.Precondition
}

type replaceInput struct {
	ChangeInput
	Body rest.JSON[PassportReplacement]
}

type patchInput struct {
	ChangeInput
	Body rest.JSON[PassportPatch] `contentType:"application/merge-patch+json"`
}

type listInput struct {
	rest.Paging
	BatteryIdentifier string         `query:"batteryIdentifier" doc:"only the passport with this battery identifier, in any spelling"`
	BatteryCategory   string         `query:"batteryCategory" enum:"EV,LMT,Industrial" doc:"only batteries of this category: EV: electric vehicles; LMT: light means of transport; Industrial: industrial use"`
	State             passport.State `query:"state" enum:"draft,active,inactive,archived,ceased,voided" doc:"only passports in this state"`
	ModelID           string         `query:"modelId" doc:"only batteries of this model (data.generalInformation.batteryModel.id)"`
	CreatedBy         string         `query:"createdBy" id:"true" doc:"only passports created by the account with this id"`
	Sort              string         `query:"sort" enum:"createdAt,-createdAt" default:"-createdAt" doc:"order: createdAt is oldest first, -createdAt is newest first"`
}

type listOutput struct{ Body rest.List[Passport] }

func (a *API) create(ctx context.Context, in *createInput) (*createOutput, error) {
	p, replayed, err := a.Passports.Create(ctx, in.Body.Value, in.Identifier, in.Key)
	if err != nil {
		return nil, a.Exchange.Explain(in.Body.Value, err)
	}
	out := newPassportOutput(&p)
	return &createOutput{Replayed: rest.ReplayedIf(replayed), ETag: out.ETag, Location: "/api/passports/" + p.ID, Body: out.Body}, nil
}

func (a *API) get(ctx context.Context, in *getInput) (*rest.Written[Passport], error) {
	found, err := a.find(ctx, in)
	if err != nil {
		return nil, err
	}
	return rest.Respond[Passport](found.serve), nil
}

func (a *API) find(ctx context.Context, in *getInput) (*response, error) {
	if in.At == "" {
		return a.Responses.forCaller(ctx, a.Passports, in.ID)
	}
	at, err := ruleset.ParseTime(in.At)
	if err != nil {
		message := fmt.Sprintf("%v, got %q", err, in.At)
		if strings.Contains(in.At, " ") {
			message += ": write + as %2B"
		}
		return nil, fault.New(fault.Invalid, `"at" is not a valid time`).With(fault.Detail{Path: "at", Code: "format", Message: message})
	}
	view, err := a.Passports.At(ctx, in.ID, at)
	if err != nil {
		return nil, err
	}
	return passportResponse(&view), nil
}

func (a *API) replace(ctx context.Context, in *replaceInput) (*passportOutput, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return respond(a.Passports.Replace(ctx, in.ID, in.Body.Value, versions...))
}

func (a *API) patch(ctx context.Context, in *patchInput) (*passportOutput, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return respond(a.Passports.Patch(ctx, in.ID, in.Body.Value, versions...))
}

func (a *API) delete(ctx context.Context, in *ChangeInput) (*struct{}, error) {
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
		out.Body.Items = append(out.Body.Items, newPassport(&p))
	}
	return out, err
}

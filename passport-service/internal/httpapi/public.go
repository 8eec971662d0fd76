package httpapi

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

// PublicPassport is the public part of a published passport. It has no version and no
// times, because they would reveal changes that are not public.
type PublicPassport struct {
	ID                string `json:"id" format:"uuid" doc:"id of the passport"`
	BatteryIdentifier string `json:"batteryIdentifier" doc:"identifier of the battery, as in the QR code"`
	Data              Data   `json:"data" doc:"public attributes (Annex XIII point 1)"`
}

func passportBody(v passport.PassportView) ([]byte, error) {
	return wire.Marshal(PublicPassport{v.ID, v.BatteryIdentifier, Data{v.Head.Data}})
}

func jsonKey(r passport.Revision) responseKey {
	return responseKey{Revision: r, mediaType: resolver.JSON}
}

// publicPassport is a PublicPassport that may be in the cache.
type publicPassport = rest.Written[PublicPassport]

func (a *API) publicResponse(ctx context.Context, from source) (*publicPassport, error) {
	found, err := a.Responses.get(ctx, from, jsonKey, func(p passport.PublicPassport) ([]byte, error) { return passportBody(p.View()) })
	if err != nil {
		return nil, err
	}
	return rest.Respond[PublicPassport](found.serve), nil
}

type publicInput struct {
	PassportID
	rest.Revalidation
}

func (a *API) public(ctx context.Context, in *publicInput) (*publicPassport, error) {
	return a.publicResponse(ctx, byID(a.Passports, in.ID))
}

type findPublicInput struct {
	Identifier string `query:"identifier" required:"true" maxLength:"10000" doc:"identifier of the battery, as scanned from the QR code; the spelling, the query, the fragment and, for a GS1 Digital Link, the host and further keys do not matter"`
	rest.Revalidation
}

func (a *API) findPublic(ctx context.Context, in *findPublicInput) (*publicPassport, error) {
	return a.publicResponse(ctx, byBattery(a.Passports, in.Identifier))
}

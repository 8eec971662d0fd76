package httpapi

import (
	"context"
	"encoding/json"
	"time"
)

func (a *API) keys(ctx context.Context, _ *struct{}) (*output[json.RawMessage], error) {
	set, err := a.Keys.JWKS(ctx)
	return &output[json.RawMessage]{set}, err
}

type signingKey struct {
	ID        string    `json:"kid" doc:"key id, as in the key set and in the header of access tokens"`
	SignsFrom time.Time `json:"signsFrom" doc:"time from which the key signs access tokens"`
}

func (a *API) rotate(ctx context.Context, _ *struct{}) (*output[signingKey], error) {
	out := &output[signingKey]{}
	var err error
	out.Body.ID, out.Body.SignsFrom, err = a.Keys.Rotate(withOrigin(ctx))
	return out, err
}

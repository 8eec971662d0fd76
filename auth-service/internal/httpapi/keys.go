package httpapi

import (
	"context"
	"encoding/json"
	"time"
)

type keysOutput struct{ Body json.RawMessage }

func (a *API) keys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	set, err := a.Keys.JWKS(ctx)
	return &keysOutput{set}, err
}

type signingKey struct {
	ID        string    `json:"kid" doc:"key id, as in the key set and in the header of access tokens"`
	SignsFrom time.Time `json:"signsFrom" doc:"time from which the key signs access tokens"`
}

type rotateOutput struct{ Body signingKey }

func (a *API) rotate(ctx context.Context, _ *struct{}) (*rotateOutput, error) {
	out := &rotateOutput{}
	var err error
	out.Body.ID, out.Body.SignsFrom, err = a.Keys.Rotate(ctx)
	return out, err
}

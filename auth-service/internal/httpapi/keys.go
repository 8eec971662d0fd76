package httpapi

import (
	"context"
	"encoding/json"
	"time"
)

type keysOutput struct{ Body json.RawMessage }

func (a *API) keys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	set, err := a.Keys.JSON(ctx)
	return &keysOutput{set}, err
}

type rotateOutput struct {
	Body struct {
		ID        string    `json:"kid"`
		SignsFrom time.Time `json:"signsFrom"`
	}
}

func (a *API) rotate(ctx context.Context, _ *struct{}) (*rotateOutput, error) {
	out := &rotateOutput{}
	var err error
	out.Body.ID, out.Body.SignsFrom, err = a.Keys.Rotate(ctx)
	return out, err
}

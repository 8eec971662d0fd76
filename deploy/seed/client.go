package main

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/deploy/api"
)

// client calls a service with an access token. It counts the resources that it creates
// and those that already exist.
type client struct {
	url, token     string
	created, found *int
}

// call sends body as JSON and decodes the response into out unless that is nil. The request has an
// idempotency key unless key is empty.
func (c client) call(ctx context.Context, method, path, key string, body, out any) error {
	req, err := api.NewRequest(ctx, method, c.url+path, c.token, body)
	if err != nil {
		return err
	}
	return c.send(req, key, out)
}

// upload sends a file and form fields.
func (c client) upload(ctx context.Context, path, key string, file api.File, fields map[string]string) error {
	body, mediaType := api.Form(fields, file)
	req, err := api.NewRequest(ctx, http.MethodPost, c.url+path, c.token, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", mediaType)
	return c.send(req, key, nil)
}

func (c client) send(req *http.Request, key string, out any) error {
	if key != "" {
		req.Header.Set("Idempotency-Key", "seed-"+key)
	}
	res, err := api.Call(http.DefaultClient, req, out)
	switch {
	case api.HasStatus(err, http.StatusConflict), err == nil && res.Header.Get("Idempotency-Replayed") != "":
		*c.found++
	case err == nil && res.StatusCode == http.StatusCreated:
		*c.created++
	}
	return err
}

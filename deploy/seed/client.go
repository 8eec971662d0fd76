package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// client calls a service with an access token. It counts the resources that it creates
// and those that already exist.
type client struct {
	url, token     string
	created, found *int
}

// problem is an error response.
type problem struct {
	Status int
	Detail string
	Errors []struct{ Path, Message string }
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s %v", p.Status, p.Detail, p.Errors) }

// hasStatus reports whether err is a problem with the status.
func hasStatus(err error, status int) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Status == status
}

// call sends body as JSON and decodes the response into out unless that is nil.
func (c client) call(ctx context.Context, method, path, key string, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.send(ctx, method, path, key, "application/json", bytes.NewReader(data), out)
}

// upload sends a file and form fields.
func (c client) upload(ctx context.Context, path, key, fileType, fileName string, file []byte, fields map[string]string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return err
		}
	}
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", fileName)}, "Content-Type": {fileType},
	})
	if err == nil {
		_, err = part.Write(file)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, path, key, form.FormDataContentType(), &body, nil)
}

// send sends a request, with an idempotency key unless key is empty.
func (c client) send(ctx context.Context, method, path, key, contentType string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+c.token)
	if key != "" {
		req.Header.Set("Idempotency-Key", "seed-"+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w; is the suite running?", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
	case res.StatusCode >= 300:
		p := &problem{}
		_ = json.Unmarshal(data, p) // if the body is not a problem, the status is enough
		p.Status = res.StatusCode
		err = p
	case out != nil:
		err = json.Unmarshal(data, out)
	}
	if hasStatus(err, http.StatusConflict) || res.Header.Get("Idempotency-Replayed") != "" {
		*c.found++
	} else if res.StatusCode == http.StatusCreated {
		*c.created++
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

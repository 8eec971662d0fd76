package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

// client calls the services as somebody.
type client struct {
	url, token string
}

// refusal is an answer other than success.
type refusal struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Path, Message string
	} `json:"errors"`
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("%d, %s", r.Status, r.Detail)
	for _, e := range r.Errors {
		text += fmt.Sprintf("; %s %s", e.Path, e.Message)
	}
	return text
}

// call sends body as JSON, where it is not nil, and reads the answer into out,
// where that is not nil. It fails with a *refusal when the service refuses.
func (c client) call(ctx context.Context, method, path string, body, out any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	return c.send(ctx, method, path, "application/json", bytes.NewReader(data), out)
}

// upload sends a file with the fields that describe it.
func (c client) upload(ctx context.Context, path, fileType, fileName string, file []byte, fields map[string]string) error {
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
	if err != nil {
		return err
	}
	if _, err := part.Write(file); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, path, form.FormDataContentType(), &body, nil)
}

func (c client) send(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.url, "/")+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w; does the suite run?", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		r := &refusal{}
		_ = json.Unmarshal(data, r) // what is no problem document has its status at least
		r.Status = res.StatusCode
		return fmt.Errorf("%s %s: %w", method, path, r)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

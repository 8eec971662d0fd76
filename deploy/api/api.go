// Package api sends requests to a running suite, for tools.
package api

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

// NewRequest returns a request with an access token, unless that is empty. The body is sent as it
// is if it is an io.Reader or []byte, else as JSON; nil: no body.
func NewRequest(ctx context.Context, method, url, token string, body any) (*http.Request, error) {
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case io.Reader:
		content = body
	case []byte:
		content = bytes.NewReader(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// File is a file to upload.
type File struct {
	Name, Type string
	Content    []byte
}

// Form returns a multipart form with fields and a file, and its media type.
func Form(fields map[string]string, file File) (body []byte, mediaType string) {
	var buffer bytes.Buffer // writing to it does not fail
	form := multipart.NewWriter(&buffer)
	for name, value := range fields {
		_ = form.WriteField(name, value)
	}
	part, _ := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", file.Name)}, "Content-Type": {file.Type},
	})
	_, _ = part.Write(file.Content)
	_ = form.Close()
	return buffer.Bytes(), form.FormDataContentType()
}

// Problem is the error of a request with a status of 300 or more.
type Problem struct {
	Status int
	Detail string
	Errors []struct{ Message string }
}

// Error implements error. It has a line for each of the errors.
func (p *Problem) Error() string {
	text := fmt.Sprintf("status %d: %s", p.Status, p.Detail)
	for _, e := range p.Errors {
		text += "\n  " + e.Message
	}
	return text
}

// HasStatus reports whether err is a Problem with the status.
func HasStatus(err error, status int) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Status == status
}

// Do sends a request. It fails with a Problem, or if no response arrives; otherwise the caller must
// close the body of the response.
func Do(client *http.Client, req *http.Request) (*http.Response, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; is the suite running?", err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	p := &Problem{}
	if json.NewDecoder(res.Body).Decode(p) != nil {
		p.Detail = http.StatusText(res.StatusCode)
	}
	p.Status = res.StatusCode
	return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Redacted(), p)
}

// Call sends a request and decodes the response into out, unless that is nil or the response is
// empty. It fails as Do does. The body of the response that it returns is closed.
func Call(client *http.Client, req *http.Request, out any) (*http.Response, error) {
	res, err := Do(client, req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err == nil && out != nil && len(data) > 0 {
		err = json.Unmarshal(data, out)
	}
	return res, err
}

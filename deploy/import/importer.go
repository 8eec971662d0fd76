package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	attempts   = 10
	retryDelay = 3 * time.Second
	maxLine    = 16 << 20 // bytes of a line of the response
)

// importer sends a file.
type importer struct {
	cfg                    config
	query, mediaType, name string
	out, status            io.Writer
}

// summary is the last line of a response.
type summary struct {
	Rows, Created, Updated, Unchanged, Invalid, Conflict, Published int64
	Complete                                                        bool
	Error                                                           *detail
}

type detail struct{ Path, Code, Message string }

// line is a line of a response.
type line struct {
	Row               int
	Status            string
	BatteryIdentifier string
	Errors            []detail
	Summary           *summary
}

// problem is an error response.
type problem struct {
	Status int
	Detail string
	Errors []detail
}

func (p *problem) Error() string {
	text := p.Detail
	for _, d := range p.Errors {
		text += "\n  " + d.Message
	}
	return text
}

// repeat sends the file until all of its rows are processed.
func (i *importer) repeat(ctx context.Context) (summary, error) {
	for attempt := 1; ; attempt++ {
		sum, err := i.send(ctx)
		if p, ok := errors.AsType[*problem](err); ok && p.Status != http.StatusConflict && p.Status < 500 {
			return sum, err
		}
		if err == nil && sum.Complete {
			return sum, nil
		}
		if err == nil {
			err = errors.New("the import ended early")
			if sum.Error != nil {
				err = errors.New(sum.Error.Message)
				if sum.Error.Code == "malformed" || sum.Error.Code == "too-large" {
					return sum, err
				}
			}
		}
		if attempt == attempts {
			return sum, err
		}
		fmt.Fprintf(i.status, "%v; sending the file again\n", err)
		select {
		case <-ctx.Done():
			return sum, ctx.Err()
		case <-time.After(retryDelay):
		}
	}
}

func (i *importer) login(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]string{"email": i.cfg.Email, "password": i.cfg.Password})
	if err != nil {
		return "", err
	}
	res, err := post(ctx, i.cfg.AuthURL+"/api/auth/login", "", "application/json", bytes.NewReader(body), 0)
	if err != nil {
		return "", fmt.Errorf("login of %s: %w", i.cfg.Email, err)
	}
	defer res.Body.Close()
	var session struct{ Token string }
	return session.Token, json.NewDecoder(res.Body).Decode(&session)
}

func post(ctx context.Context, url, token, mediaType string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		req.ContentLength = size
	}
	req.Header.Set("Content-Type", mediaType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; is the suite running?", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		p := &problem{}
		_ = json.NewDecoder(res.Body).Decode(p) // if the body is not a problem, the status is enough
		p.Status = res.StatusCode
		return nil, p
	}
	return res, nil
}

// send sends the file once.
func (i *importer) send(ctx context.Context) (sum summary, err error) {
	file, err := os.Open(i.name)
	if err != nil {
		return sum, &problem{Detail: err.Error()}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return sum, &problem{Detail: err.Error()}
	}
	token, err := i.login(ctx)
	if err != nil {
		return sum, err
	}
	bar := &progress{file: file, size: info.Size(), out: i.status}
	res, err := post(ctx, strings.TrimSuffix(i.cfg.PassportURL, "/")+"/api/passports/import?"+i.query, token, i.mediaType, bar, info.Size())
	if err != nil {
		bar.end()
		return sum, err
	}
	defer res.Body.Close()
	return i.read(res.Body, bar)
}

// read reads a response and prints the rejected rows.
func (i *importer) read(response io.Reader, bar *progress) (sum summary, err error) {
	var rejected []byte
	lines := bufio.NewScanner(response)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return sum, err
		}
		if l.Summary != nil {
			sum = *l.Summary
			break
		}
		bar.row()
		if rejected = append(rejected, l.rejection()...); len(rejected) > 64<<10 {
			i.out.Write(rejected)
			rejected = nil
		}
	}
	bar.end()
	i.out.Write(rejected)
	return sum, lines.Err()
}

// rejection describes a row that was rejected. It is empty for other rows.
func (l *line) rejection() []byte {
	if l.Status != "invalid" && l.Status != "conflict" {
		return nil
	}
	text := fmt.Appendf(nil, "row %d %s %s\n", l.Row, l.Status, l.BatteryIdentifier)
	for _, d := range l.Errors {
		text = fmt.Appendf(text, "  %s\n", d.Message)
	}
	return text
}

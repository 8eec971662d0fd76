package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/battery-passport/suite/deploy/api"
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

// repeat sends the file until all of its rows are processed.
func (i *importer) repeat(ctx context.Context) (summary, error) {
	for attempt := 1; ; attempt++ {
		sum, err := i.send(ctx)
		p, refused := errors.AsType[*api.Problem](err)
		if _, noFile := errors.AsType[*fs.PathError](err); noFile || refused && p.Status != http.StatusConflict && p.Status < 500 {
			return sum, err
		}
		if err == nil && sum.Complete {
			if sum.Error != nil {
				err = errors.New(sum.Error.Message)
			}
			return sum, err
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
	req, err := api.NewRequest(ctx, http.MethodPost, i.cfg.AuthURL+"/api/auth/login", "", map[string]string{"email": i.cfg.Email, "password": i.cfg.Password})
	if err != nil {
		return "", err
	}
	var session struct{ Token string }
	if _, err := api.Call(http.DefaultClient, req, &session); err != nil {
		return "", fmt.Errorf("login of %s: %w", i.cfg.Email, err)
	}
	return session.Token, nil
}

// send sends the file once.
func (i *importer) send(ctx context.Context) (sum summary, err error) {
	file, err := os.Open(i.name)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return sum, err
	}
	token, err := i.login(ctx)
	if err != nil {
		return sum, err
	}
	bar := &progress{file: file, size: info.Size(), out: i.status}
	req, err := api.NewRequest(ctx, http.MethodPost, strings.TrimSuffix(i.cfg.PassportURL, "/")+"/api/passports/import?"+i.query, token, bar)
	if err != nil {
		return sum, err
	}
	req.ContentLength = info.Size()
	req.Header.Set("Content-Type", i.mediaType)
	res, err := api.Do(http.DefaultClient, req)
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

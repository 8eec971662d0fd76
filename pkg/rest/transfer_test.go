package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

const (
	transferTime = 4 * time.Second // longer than the timeouts for other requests
	sent         = 128 << 10       // bytes
)

type (
	formInput struct{ Form rest.Multipart[form] }
	form      struct {
		File rest.File `json:"file"`
	}
	formOutput struct {
		Body struct {
			Parts []string `json:"parts"`
		}
	}
)

// newTransferAPI returns an API that accepts forms of 1 MiB and sends a file, whose content
// is the result of open. A transfer without progress ends after the time of that name.
func newTransferAPI(transfer time.Duration, open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)) *rest.API {
	timeouts := rest.Timeouts{ReadHeader: time.Minute, Read: 2 * time.Second, Write: 3 * time.Second, Idle: time.Minute, Transfer: transfer}
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, HTTP: rest.Config{Timeouts: timeouts}, Log: slog.New(slog.DiscardHandler), User: func(context.Context) string { return "" }})
	rest.Handle(a, "POST /api/forms", rest.Open, func(ctx context.Context, in *formInput) (*formOutput, error) {
		out := &formOutput{}
		parts, err := in.Form.Parts(1 << 20)
		for err == nil {
			var part *rest.Part
			if part, err = parts.Next(); err == io.EOF {
				return out, ctx.Err()
			}
			if err == nil {
				var data []byte
				data, err = io.ReadAll(part)
				out.Body.Parts = append(out.Body.Parts, fmt.Sprintf("%s %s %s %d", part.Name, part.FileName, part.Type, len(data)))
			}
		}
		return nil, err
	}, "sendForm", "Send a form")
	rest.Handle(a, "GET /api/files", rest.Open, func(context.Context, *struct{}) (*rest.Download, error) {
		return rest.Content{Name: "ä.txt", Type: "text/plain", Size: sent, ETag: "t", Modified: time.Unix(1e9, 0), Open: open}.Download(), nil
	}, "getFile", "Get a file")
	return a
}

func TestMultipartForms(t *testing.T) {
	c := serve(t, newTransferAPI(time.Minute, nil))
	const ct, whole = "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nxyz\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=file; filename=ä/b\r\n\r\n\r\n--b--\r\n"
	if a := c.Do("POST /api/forms", strings.Replace(whole, "ä/b", `"ä/b"`, 1), "Content-Type", ct).Want(200, nil); a.Text != `{"parts":["a   3","file ä/b text/plain 0"]}` {
		t.Errorf("form = %s", a.Text)
	}
	for name, v := range map[string]struct {
		body, contentType string
		status            int
		errors            []string
	}{
		"other content type":     {whole, "text/plain", 415, []string{"header:Content-Type enum"}},
		"no boundary":            {whole, "multipart/form-data", 400, []string{"header:Content-Type required"}},
		"empty":                  {"", ct, 400, nil},
		"incomplete":             {whole[:60], ct, 400, nil},
		"no final boundary":      {strings.TrimSuffix(whole, "--\r\n"), ct, 400, nil},
		"bad header":             {"--b\r\nContent-Disposition\x00\r\n\r\n\r\n--b--\r\n", ct, 400, nil},
		"large part header":      {"--b\r\nContent-Disposition: form-data; name=a\r\nX-A: " + strings.Repeat("x", 80<<10) + "\r\n\r\nxyz\r\n--b--\r\n", ct, 413, nil},
		"large header of part 2": {strings.Replace(whole, "Content-Type: text", "X-A: "+strings.Repeat("x", 80<<10)+"\r\nContent-Type: text", 1), ct, 413, nil},
		"large preamble":         {strings.Repeat("x\r\n", 30<<10) + whole, ct, 413, nil},
		"large body":             {strings.Replace(whole, "xyz", strings.Repeat("x", 2<<20), 1), ct, 413, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.On(t).Do("POST /api/forms", v.body, "Content-Type", v.contentType).WantProblem(v.status, v.errors...)
			// Without a length, the body is sent in chunks.
			c.On(t).DoReader("POST /api/forms", struct{ io.Reader }{strings.NewReader(v.body)}, "Content-Type", v.contentType).WantProblem(v.status, v.errors...)
		})
	}
}

// failingReader fails after a number of bytes.
type failingReader struct{ bytes int }

func (f *failingReader) Read(p []byte) (int, error) {
	n := min(len(p), f.bytes)
	f.bytes -= n
	if n == 0 {
		return 0, errors.New("secret")
	}
	return n, nil
}

func TestFailedDownload(t *testing.T) {
	var opened error
	body := &failingReader{}
	c := serve(t, newTransferAPI(time.Minute, func(context.Context, int64, int64) (io.ReadCloser, error) { return io.NopCloser(body), opened }))
	opened = fault.New(fault.Unavailable, "the storage is down")
	a := c.Do("GET /api/files", "")
	if a.WantProblem(503); a.Header.Get("ETag") != "" || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Retry-After") == "" {
		t.Errorf("header %v", a.Header)
	}
	c.Do("GET /api/files", "", "If-None-Match", `"t"`).Want(304, nil) // does not open the content
	opened = nil
	c.Do("GET /api/files", "").WantProblem(500) // no byte was sent yet, so the client gets a problem
	body.bytes = sent / 2
	res, err := http.Get(c.URL + "/api/files")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("an incomplete download ended after %d bytes without an error", len(got))
	}
}

// slowReader returns a piece of a body every second.
type slowReader struct {
	ctx    context.Context
	pieces []string
}

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(time.Second):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (s *slowReader) Close() error { return nil }

// TestSlowTransfers: a form and a download may take longer than the timeouts for other
// requests. A form that stops is rejected.
func TestSlowTransfers(t *testing.T) {
	pieces := make([]string, transferTime/time.Second)
	for i := range pieces {
		pieces[i] = strings.Repeat("x", sent/len(pieces))
	}
	pieces = append(pieces, strings.Repeat("x", sent%len(pieces)))
	start := func(transfer time.Duration) resttest.Client {
		c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
			a := newTransferAPI(transfer, func(ctx context.Context, _, _ int64) (io.ReadCloser, error) { return &slowReader{ctx, pieces}, nil })
			return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
		})
		return c
	}
	c, impatient := start(time.Minute), start(3*time.Second)
	const head = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"
	t.Run("transfers", func(t *testing.T) {
		t.Run("form", func(t *testing.T) {
			t.Parallel()
			body := append(append([]string{head}, pieces...), "\r\n--b--\r\n")
			a := c.On(t).DoReader("POST /api/forms", &slowReader{t.Context(), body}, "Content-Type", "multipart/form-data; boundary=b").Want(200, nil)
			if want := fmt.Sprintf(`{"parts":["a   %d"]}`, sent); a.Text != want {
				t.Errorf("form = %s, want %s", a.Text, want)
			}
		})
		t.Run("download", func(t *testing.T) {
			t.Parallel()
			if a := c.On(t).Do("GET /api/files", "").Want(200, nil); len(a.Text) != sent {
				t.Errorf("%d bytes, want %d", len(a.Text), sent)
			}
		})
		t.Run("form that stops", func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(impatient.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /api/forms HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n%sx", head)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusRequestTimeout {
				t.Errorf("status %d, want 408", res.StatusCode)
			}
		})
	})
}

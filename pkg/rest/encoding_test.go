package rest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"
)

// gzipped returns text as one gzip member.
func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close() // in memory
	return b.String()
}

func TestGzipBodiesAreUnpacked(t *testing.T) {
	c, forms := serve(t, newAPI(t, io.Discard)), serve(t, newTransferAPI(time.Minute, nil))
	const value = `{"name":"abc"}`
	for name, v := range map[string]struct{ encoding, body string }{
		"gzip":                  {"gzip", gzipped(value)},
		"x-gzip":                {"x-gzip", gzipped(value)},
		"upper case":            {"GZIP", gzipped(value)},
		"two members":           {"gzip", gzipped(value[:5]) + gzipped(value[5:])},
		"byte order mark":       {"gzip", gzipped("\ufeff" + value)},
		"identity":              {"identity", value},
		"as large as the limit": {"gzip", gzipped(value + strings.Repeat(" ", 1000-len(value)))},
	} {
		t.Run(name, func(t *testing.T) {
			c.On(t).Call("POST /api/things", "", v.body, "Content-Encoding", v.encoding).Want(201, nil)
		})
	}
	form := "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nxyz\r\n--b--\r\n"
	forms.Do("POST /api/forms", gzipped(form), "Content-Type", "multipart/form-data; boundary=b", "Content-Encoding", "gzip").Want(200, nil)
}

func TestInvalidEncodingsAreRefused(t *testing.T) {
	c, forms := serve(t, newAPI(t, io.Discard)), serve(t, newTransferAPI(time.Minute, nil))
	const value = `{"name":"abc"}`
	packed := gzipped(value)
	bomb := gzipped(strings.Repeat(" ", 10<<20))
	badSum := []byte(packed)
	badSum[len(badSum)-8] ^= 1
	badBlock := []byte(packed)
	badBlock[10] = 0xff // the first block after a header of 10 bytes; its type is reserved
	for name, v := range map[string]struct {
		encoding, body string
		status         int
		errors         []string
	}{
		"unknown":            {"br", value, 415, []string{"header:Content-Encoding enum"}},
		"two":                {"gzip, gzip", gzipped(packed), 415, []string{"header:Content-Encoding enum"}},
		"not gzip":           {"gzip", value, 400, []string{"header:Content-Encoding format"}},
		"wrong checksum":     {"gzip", string(badSum), 400, []string{"header:Content-Encoding format"}},
		"invalid block":      {"gzip", string(badBlock), 400, []string{"header:Content-Encoding format"}},
		"text after the end": {"gzip", packed + "text after the end", 400, []string{"header:Content-Encoding format"}},
		"short":              {"gzip", packed[:len(packed)-4], 400, []string{"header:Content-Encoding format"}},
		"header with text":   {"gzip", "\x1f\x8b\x08\x04text", 400, []string{"header:Content-Encoding format"}},
		"unpacked too large": {"gzip", bomb, 413, nil},
		"packed too large":   {"gzip", strings.Repeat(gzipped(""), 1000), 413, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.On(t).Call("POST /api/things", "", v.body, "Content-Encoding", v.encoding)
			a.WantProblem(v.status, v.errors...)
			if got := a.Header.Get("Accept-Encoding"); (got == "gzip") != (v.status == 415) {
				t.Errorf("status %d has Accept-Encoding %q", a.Status, got)
			}
			if v.status != 413 {
				forms.On(t).Do("POST /api/forms", v.body, "Content-Type", "multipart/form-data; boundary=b", "Content-Encoding", v.encoding).WantProblem(v.status, v.errors...)
			}
		})
	}
	badForm := []byte(gzipped("--b\r\nContent-Disposition: form-data; name=a\r\n\r\nxyz\r\n--b--\r\n"))
	badForm[len(badForm)-8] ^= 1 // the checksum, which follows the last boundary
	forms.Do("POST /api/forms", string(badForm), "Content-Type", "multipart/form-data; boundary=b", "Content-Encoding", "gzip").
		WantProblem(400, "header:Content-Encoding format")
	form := gzipped("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("x", 10<<20) + "\r\n--b--\r\n")
	forms.Do("POST /api/forms", form, "Content-Type", "multipart/form-data; boundary=b", "Content-Encoding", "gzip").WantProblem(413)
	if a := c.Call("POST /api/things", "", value, "Content-Type", "text/plain").Want(415, nil); a.Header.Get("Accept") != "application/json" {
		t.Errorf("Accept %q, want application/json", a.Header.Get("Accept"))
	}
}

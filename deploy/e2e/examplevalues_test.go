package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/samples"
)

// body returns the body of a request. A sample gets identifiers of its own, because make seed
// creates passports with those of the samples.
func (r *exampleRun) body(e example) string {
	r.t.Helper()
	if !strings.HasSuffix(e.body, ".json") {
		return r.replace(e.body)
	}
	data, err := samples.FS.ReadFile(e.body)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.NewReplacer("NB7K2Q9X", "NB7K2Q9Y", "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01", "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e02").Replace(string(data))
}

// form returns a multipart form with the members of a JSON object, and its media type.
func form(t *testing.T, body string) (text, contentType string) {
	t.Helper()
	var fields map[string]string
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for name, value := range fields {
		if name == "file" {
			part, _ := w.CreateFormFile(name, value)
			part.Write([]byte("Content of " + value))
		} else {
			w.WriteField(name, value)
		}
	}
	w.Close() // writes to memory do not fail
	return out.String(), w.FormDataContentType()
}

const urlEncoded = "application/x-www-form-urlencoded"

// urlEncodedForm returns a form with the members of a JSON object.
func urlEncodedForm(t *testing.T, body string) string {
	t.Helper()
	var fields map[string]string
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

// replacements has fixed values for those that differ between runs: ids, hashes, tokens, times and addresses.
type replacements map[string]string

const base32Secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

var volatile = []struct {
	pattern *regexp.Regexp
	value   string
}{
	{regexp.MustCompile(`"(token|refreshToken|deviceToken|clientSecret|client_secret|access_token|refresh_token|challenge|kid|x|y|nextCursor)":"[^"]+"`), `"$1":"…"`},
	{regexp.MustCompile(`"since":"[A-Za-z0-9_-]+"`), `"since":"…"`}, // a cursor, not a time
	{regexp.MustCompile(`"code":"\d{6}"`), `"code":"492039"`},
	{regexp.MustCompile(`"secret":"[A-Z2-7]{32}"`), `"secret":"` + base32Secret + `"`},
	{regexp.MustCompile(`(\bsecret=)[A-Z2-7]{32}`), "${1}" + base32Secret},
	{regexp.MustCompile(`"[A-Z2-7]{4}(-[A-Z2-7]{4}){5}"`), `"JBSW-Y3DP-EHPK-3PXP-JBSW-Y3DP"`},
	{regexp.MustCompile(`"qr":"[^"\\]*(\\.[^"\\]*)*"`), `"qr":"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 57 57\"><path d=\"M4,4H11…\"/></svg>"`},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+[^" ]*X-Amz[^" ]*`), "https://files.nordlicht.example/documents/NB-2026-0001?signature=…"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "https://passports.nordlicht.example"},
	{regexp.MustCompile(`"(commit|version)":"[^"]*"`), `"$1":"1.0.0"`},
}

var (
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	hashes = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	// sessions matches ids of sessions, also of ended ones.
	sessions = regexp.MustCompile(`"id":"[A-Za-z0-9_-]{22}"`)
	moments  = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
)

// fixed replaces what differs between runs. Values of the samples are not replaced.
func (r *replacements) fixed(text string) string {
	if *r == nil {
		*r = replacements{}
	}
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.value)
	}
	number := func(format string) func(string) string {
		return func(value string) string {
			if strings.HasPrefix(value, "6a2f6c1e-") { // of the sample
				return value
			}
			if (*r)[value] == "" {
				(*r)[value] = fmt.Sprintf(format, len(*r)+1)
			}
			return (*r)[value]
		}
	}
	text = uuids.ReplaceAllStringFunc(text, number("01a20000-0000-7000-8000-%012x"))
	text = hashes.ReplaceAllStringFunc(text, number("%064x"))
	text = sessions.ReplaceAllStringFunc(text, number(`"id":"q0Jf3bJ6T8mVq2m1oX%04x"`))
	return moments.ReplaceAllStringFunc(text, fixedTime)
}

// fixedTime replaces times of the last two days and of the next hundred hours.
func fixedTime(value string) string {
	at, err := time.Parse(time.RFC3339, value)
	switch until := time.Until(at); {
	case err != nil || until.Abs() > 100*time.Hour || until < -48*time.Hour:
		return value
	case until > 48*time.Hour:
		return "2027-01-18T09:30:00Z"
	}
	return "2027-01-15T09:30:00Z"
}

// request returns the value of a request.
func (r *replacements) request(t *testing.T, body string) (value any) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.fixed(compact.String())), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// maxText limits the characters of a table in an example.
const maxText = 600

// response returns the value of a response, with at most two items of each array and, of the data of a
// passport, only the general information. Of NDJSON it returns the first line.
func (r *replacements) response(t *testing.T, mediaType, text string) (value any) {
	t.Helper()
	text = r.fixed(text)
	if strings.HasSuffix(mediaType, "ndjson") {
		text, _, _ = strings.Cut(text, "\n")
	} else if !strings.HasSuffix(mediaType, "json") {
		if len(text) > maxText {
			return strings.ToValidUTF8(text[:maxText], "") + "…"
		}
		return text
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return shorten(value)
}

func shorten(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = shorten(v[i])
		}
		return v[:min(len(v), 2)]
	case map[string]any:
		for name, member := range v {
			if data, ok := member.(map[string]any); ok && name == "data" && data["generalInformation"] != nil {
				v[name] = map[string]any{"generalInformation": data["generalInformation"]}
			}
			v[name] = shorten(v[name])
		}
	}
	return value
}

// Package page renders the pages of the service, which the links in its mails lead to. They need
// no script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

//go:embed page.html
var source string

//go:embed style.css
var style string

var (
	page = template.Must(template.New("page").Parse(source))
	// CSP is the Content-Security-Policy of the pages: their own style and forms, nothing else.
	CSP = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// Page is a page with a text, and optionally a button.
type Page struct {
	Title  string
	Text   string
	Button string // sends an empty form to the path of the page; empty: none
}

// HTML returns the page.
func (p Page) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		Page
		Style template.CSS
	}{p, template.CSS(style)})
	return b.Bytes(), err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

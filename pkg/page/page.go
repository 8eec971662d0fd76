// Package page renders the pages that links in mails lead to: a text, a form or a link to another
// page. They need no script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

//go:embed page.html
var source string

//go:embed style.css
var style string

var (
	page = template.Must(template.New("page").Funcs(template.FuncMap{"sentence": sentence}).Parse(source))
	// csp is the Content-Security-Policy of the pages: their own style and forms, nothing else.
	csp = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// Page is a page with a text, and optionally a form or a link.
type Page struct {
	Title   string
	Text    string
	Problem string // error in the form that was sent, in the style of a fault
	Form    *Form
	Link    *Link // to another page of the service
}

// Form is a form that is sent with POST.
type Form struct {
	Action string            // path; empty: the URL of the page, with its query
	Hidden map[string]string // values of hidden fields, by name
	Fields []Field
	Button string
}

// Field is a field of a form.
type Field struct {
	Name, Label, Hint string
	Type              string // email or password
	Autocomplete      string
	Value             string
	MinLength         int
}

// Link is a link to another page.
type Link struct{ Text, Path string }

// Policy returns the policy of the pages.
func Policy() rest.Policy {
	p := rest.Open
	p.CSP, p.CORS, p.Query, p.ErrorPage = csp, rest.LinkedPages, rest.LenientQuery, writeError
	return p
}

// Write sends the page.
func (p Page) Write(w http.ResponseWriter, r *http.Request, status int) {
	var html bytes.Buffer
	err := page.Execute(&html, struct {
		Page
		Style template.CSS
	}{p, template.CSS(style)})
	if err != nil {
		rest.LogError(r.Context(), err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "strict-origin") // hides the token; with no-referrer a browser would send the form with Origin: null
	w.WriteHeader(status)
	_, _ = w.Write(html.Bytes()) // it fails if the client has disconnected
}

// writeError is the ErrorPage of the pages.
func writeError(w http.ResponseWriter, r *http.Request, status int, err error) bool {
	p := Page{Title: "This did not work", Text: "The service has a problem at the moment. Try again in a minute."}
	if fault.Is(err, fault.NotFound) {
		p.Title = "This link does not work"
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && status < http.StatusInternalServerError {
		p.Text = sentence(f.Message)
	}
	p.Write(w, r, status)
	return true
}

// sentence returns the text of a fault with a capital letter and a full stop.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:] + "."
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

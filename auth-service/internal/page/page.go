// Package page renders the pages of the service, which the links in its mails lead to. They need
// no script.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
)

// Paths of the pages.
const (
	ForgotPassword = "/account/forgot-password" // asks for a mail with a link
	NewPassword    = "/account/new-password"    // the link leads to it
	ConfirmEmail   = "/account/confirm-email"   // the link of a registration leads to it
	Invitation     = "/account/invitation"      // the link of an invitation leads to it
)

//go:embed page.html
var assets embed.FS

//go:embed style.css
var style string

var (
	templates = template.Must(template.New("").ParseFS(assets, "page.html"))
	// CSP is the Content-Security-Policy of the pages: their own style and forms, nothing else.
	CSP = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// Page is a page with a text, and optionally a form or a link.
type Page struct {
	Title   string
	Text    string
	Problem string // error in the form that was sent
	Form    *Form
	Link    *Link // to another page of the service
}

// Form is a form that is sent to the path of its action.
type Form struct {
	Action string
	Token  string // sent as hidden field
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

// HTML returns the page.
func (p Page) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, "page.html", struct {
		Page
		Style template.CSS
	}{p, template.CSS(style)})
	return b.Bytes(), err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

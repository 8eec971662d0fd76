package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	texttemplate "text/template"

	"github.com/battery-passport/suite/passport-service/internal/locale"
)

//go:embed assets/*.html
var assets embed.FS

//go:embed assets/style.css
var style string

// templates has the templates for each language. Values that all pages in a language share
// are in [[ ]], and filled in once; those of a page are in {{ }}.
var templates = newTemplates()

func newTemplates() map[locale.Language]func() *template.Template {
	all := map[locale.Language]func() *template.Template{}
	for _, l := range locale.Languages() {
		all[l] = sync.OnceValue(func() *template.Template { return templatesIn(l) })
	}
	return all
}

// templatesIn panics if the sources are invalid.
func templatesIn(l locale.Language) *template.Template {
	message := func(id string) string { return template.HTMLEscapeString(textsIn(l).T(id)) }
	sources := texttemplate.New("").Delims("[[", "]]").Funcs(texttemplate.FuncMap{"t": message})
	parsed := template.New("").Funcs(template.FuncMap{"list": list})
	for _, source := range texttemplate.Must(sources.ParseFS(assets, "assets/*.html")).Templates() {
		var b strings.Builder
		if err := source.Execute(&b, constants{l}); err != nil {
			panic(fmt.Sprintf("page: %v", err))
		}
		template.Must(parsed.New(source.Name()).Parse(b.String()))
	}
	return parsed
}

// constants are the same on all pages in a language.
type constants struct{ locale.Language }

// Style is the style sheet.
func (constants) Style() string { return style }

// LawLink is the address of the Regulation in the language.
func (c constants) LawLink() string {
	return "https://eur-lex.europa.eu/eli/reg/2023/1542/" + lawCodes[c.Language]
}

// WordingLink is the address to which readers report wrong or unclear wording.
func (c constants) WordingLink() string {
	return "https://github.com/battery-passport/suite/issues/new?title=" + url.QueryEscape("Wording ("+string(c.Language)+")")
}

// lawCodes are the codes of languages in the addresses of EUR-Lex (ISO 639-3).
var lawCodes = map[locale.Language]string{
	"bg": "bul", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est", "fi": "fin", "fr": "fra", "ga": "gle", "hr": "hrv",
	"hu": "hun", "it": "ita", "lt": "lit", "lv": "lav", "mt": "mlt", "nl": "nld", "pl": "pol", "pt": "por", "ro": "ron", "sk": "slk", "sl": "slv", "sv": "swe",
}

// buffers are reused: growing one to the size of a page copies as much again.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func execute(l locale.Language, name string, data any) ([]byte, error) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if err := templates[l]().ExecuteTemplate(b, name, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return bytes.Clone(b.Bytes()), nil
}

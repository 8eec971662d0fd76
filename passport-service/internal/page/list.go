package page

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/locale"
)

// Parts of a page with hundreds of values are written without html/template, which is ten times
// slower for them.

// list returns rows as HTML.
func list(rows []row) template.HTML {
	var b strings.Builder
	writeList(&b, rows)
	return template.HTML(b.String())
}

// Lists returns the rows and groups of a section as HTML.
func (s section) Lists() template.HTML {
	var b strings.Builder
	b.Grow(4 << 10) // more than most sections have
	if len(s.Rows) > 0 {
		writeList(&b, s.Rows)
	}
	for _, g := range s.Groups {
		write(&b, "<h3>", template.HTMLEscapeString(g.Title), "</h3>")
		writeList(&b, g.Rows)
	}
	return template.HTML(b.String())
}

func writeList(b *strings.Builder, rows []row) {
	b.WriteString(`<dl class="list">`)
	for _, r := range rows {
		write(b, "<div><dt>", template.HTMLEscapeString(r.Label), "</dt>")
		for _, v := range r.Values {
			b.WriteString("<dd>")
			v.write(b)
			b.WriteString("</dd>")
		}
		b.WriteString("</div>")
	}
	b.WriteString("</dl>")
}

func write(b *strings.Builder, parts ...string) {
	for _, part := range parts {
		b.WriteString(part)
	}
}

// write writes the text with its link. Only https and mailto links exist: showText makes
// no others.
func (t text) write(b *strings.Builder) {
	escaped := template.HTMLEscapeString(t.Text)
	switch {
	case t.Link != "":
		write(b, `<a href="`, template.HTMLEscapeString(safeLink(t.Link)), `" rel="noopener nofollow">`, escaped, "</a>")
	case t.Lang != "":
		write(b, `<bdi lang="`, template.HTMLEscapeString(t.Lang), `">`, escaped, "</bdi>")
	default:
		write(b, "<bdi>", escaped, "</bdi>")
	}
}

// safeLink normalises a link, so that the browser interprets it as it was checked.
func safeLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "mailto" {
		return "#"
	}
	return u.String()
}

// languageLinks are the links to an address in all languages.
type languageLinks struct{ alternates, menu string }

var linksByLanguage = newLanguageLinks()

func newLanguageLinks() map[locale.Language]languageLinks {
	all := map[locale.Language]languageLinks{}
	for _, current := range locale.Languages() {
		var alternates, menu strings.Builder
		for _, l := range locale.Languages() {
			mark := ""
			if l == current {
				mark = ` aria-current="true"`
			}
			fmt.Fprintf(&alternates, "<link rel=\"alternate\" hreflang=\"%s\" href=\"?lang=%s\">\n", l, l)
			fmt.Fprintf(&menu, `<li><a href="?lang=%s" hreflang="%s" lang="%s"%s>%s</a></li>`, l, l, l, mark, l.Autonym())
		}
		all[current] = languageLinks{alternates.String(), menu.String()}
	}
	return all
}

// withQuery adds the query of the page to links that have the language only.
func (f frame) withQuery(links string) template.HTML {
	if f.Query != "" {
		links = strings.ReplaceAll(links, `href="?`, `href="?`+template.HTMLEscapeString(f.Query)+"&amp;")
	}
	return template.HTML(links)
}

// Alternates are the links to the page in all languages for the head of the page.
func (f frame) Alternates() template.HTML { return f.withQuery(linksByLanguage[f.Language].alternates) }

// Switch is the menu of languages.
func (f frame) Switch() template.HTML { return f.withQuery(linksByLanguage[f.Language].menu) }

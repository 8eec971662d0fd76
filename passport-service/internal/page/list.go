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

// Lists returns the groups of a section as HTML.
func (s section) Lists() template.HTML {
	var b strings.Builder
	for _, g := range s.Groups {
		if g.Title != "" {
			b.WriteString("<h3>" + template.HTMLEscapeString(g.Title) + "</h3>")
		}
		writeList(&b, g.Rows)
	}
	return template.HTML(b.String())
}

func writeList(b *strings.Builder, rows []row) {
	b.WriteString(`<dl class="list">`)
	for _, r := range rows {
		b.WriteString("<div><dt>" + template.HTMLEscapeString(r.Label) + "</dt>")
		for _, v := range r.Values {
			b.WriteString("<dd>" + v.html() + "</dd>")
		}
		b.WriteString("</div>")
	}
	b.WriteString("</dl>")
}

// html returns the text with its link. Only https and mailto links exist: showText makes
// no others.
func (t text) html() string {
	escaped := template.HTMLEscapeString(t.Text)
	switch {
	case t.Link != "":
		return `<a href="` + template.HTMLEscapeString(safeLink(t.Link)) + `" rel="noopener nofollow">` + escaped + "</a>"
	case t.Lang != "":
		return `<bdi lang="` + template.HTMLEscapeString(t.Lang) + `">` + escaped + "</bdi>"
	}
	return "<bdi>" + escaped + "</bdi>"
}

// safeLink normalises a link, so that the browser interprets it as it was checked.
func safeLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "mailto" {
		return "#"
	}
	return u.String()
}

// languageLinks are the links to a page in all languages, which are the same for every
// passport.
type languageLinks struct{ alternates, menu template.HTML }

var linksByLanguage = newLanguageLinks("")
var safetyLinksByLanguage = newLanguageLinks("&amp;view=safety")

func newLanguageLinks(view string) map[locale.Language]languageLinks {
	all := map[locale.Language]languageLinks{}
	for _, current := range locale.Languages() {
		var alternates, menu strings.Builder
		menu.WriteString("<ul>")
		for _, l := range locale.Languages() {
			mark := ""
			if l == current {
				mark = ` aria-current="true"`
			}
			fmt.Fprintf(&alternates, "<link rel=\"alternate\" hreflang=\"%s\" href=\"?lang=%s%s\">\n", l, l, view)
			fmt.Fprintf(&menu, `<li><a href="?lang=%s%s" hreflang="%s" lang="%s"%s>%s</a></li>`, l, view, l, l, mark, l.Autonym())
		}
		all[current] = languageLinks{template.HTML(alternates.String()), template.HTML(menu.String() + "</ul>")}
	}
	return all
}

func (f frame) links() languageLinks {
	if f.View != "" {
		return safetyLinksByLanguage[f.Language]
	}
	return linksByLanguage[f.Language]
}

// Alternates are the links to the page in all languages for the head of the page.
func (f frame) Alternates() template.HTML { return f.links().alternates }

// Switch is the menu of languages.
func (f frame) Switch() template.HTML { return f.links().menu }

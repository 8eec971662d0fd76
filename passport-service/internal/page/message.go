package page

import (
	"fmt"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/locale"
)

// Message is a page without a passport.
type Message string

// The messages.
const (
	NotFound    Message = "notFound"
	Gone        Message = "gone"
	Invalid     Message = "invalid"
	Unavailable Message = "unavailable"
)

// messagePage is a page without a passport, and the reason.
type messagePage struct {
	frame
	Heading    string
	Paragraphs []string
	Detail     string // in English
	Rows       []row
	Whole      text // link to the passport or model; zero: none
}

// Model is the battery model that a page shows for an unknown battery.
type Model struct{ Maker, Name, GTIN string }

// RenderMessage returns the page for an address without a passport. The detail is shown
// as it is; it may be empty.
func RenderMessage(l locale.Language, m Message, detail string) ([]byte, error) {
	t := textsIn(l)
	page := messagePage{Heading: t.T(string(m) + "Title")}
	page.Paragraphs = append(page.Paragraphs, t.T(string(m)))
	page.Detail = fmt.Sprintf("%.200s", detail)
	page.frame = frame{texts: t, Title: page.Heading}
	return execute(l, "message.html", page)
}

// RenderGone returns the page of a passport that has ended.
func RenderGone(l locale.Language, ended time.Time) ([]byte, error) {
	t := textsIn(l)
	page := messagePage{frame: frame{texts: t, Title: t.T("goneTitle")}, Heading: t.T("goneTitle"), Paragraphs: []string{t.T("gone")}}
	if !ended.IsZero() {
		page.Paragraphs = append(page.Paragraphs, t.With("goneSince", "Date", t.Date(ended.UTC())))
	}
	return execute(l, "message.html", page)
}

// RenderModel returns the page of a model. unknown is true if the address belongs to an unknown
// battery.
func RenderModel(l locale.Language, m Model, unknown bool) ([]byte, error) {
	t := textsIn(l)
	page := messagePage{Heading: t.T("modelTitle"), Paragraphs: []string{t.T("modelIntroduction")}}
	if unknown {
		page.Heading, page.Paragraphs = t.T("notFoundTitle"), []string{t.T("notFound"), t.T("modelOfUnknown")}
	}
	for _, fact := range []struct{ path, value string }{{manufacturer, m.Maker}, {modelName, m.Name}, {gtin, m.GTIN}} {
		if fact.value != "" {
			page.Rows = append(page.Rows, row{t.Name(fact.path), []text{{Text: fact.value}}})
		}
	}
	page.frame = frame{texts: t, Title: page.Heading}
	return execute(l, "message.html", page)
}

// Choices are links of a passport or model that a request does not decide between, or none
// if it has no such link.
type Choices struct {
	Links   []Choice
	Query   string // of the request, without the language
	Address string // of the passport or model
	IsModel bool
}

// Choice is a link whose title is the name of a field of the catalogue.
type Choice struct{ Field, URL string }

// RenderChoices returns a page with the links.
func RenderChoices(l locale.Language, c Choices) ([]byte, error) {
	t, id, whole := textsIn(l), "choices", "wholePassport"
	if len(c.Links) == 0 {
		id = "noLink"
	}
	if c.IsModel {
		whole = "modelTitle"
	}
	page := messagePage{Heading: t.T(id + "Title"), Paragraphs: []string{t.T(id)}, Whole: text{Text: t.T(whole), Link: c.Address}}
	for _, link := range c.Links {
		page.Rows = append(page.Rows, row{t.Name(link.Field), []text{{Text: shortURL(link.URL), Link: link.URL}}})
	}
	page.frame = frame{texts: t, Title: page.Heading, Query: c.Query}
	return execute(l, "message.html", page)
}

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
	page.frame = newFrame(l, page.Heading)
	return execute("message.html", page)
}

// RenderGone returns the page of a passport that has ended.
func RenderGone(l locale.Language, ended time.Time) ([]byte, error) {
	t := textsIn(l)
	page := messagePage{frame: newFrame(l, t.T("goneTitle")), Heading: t.T("goneTitle"), Paragraphs: []string{t.T("gone")}}
	if !ended.IsZero() {
		page.Paragraphs = append(page.Paragraphs, t.With("goneSince", "Date", t.Date(ended.UTC())))
	}
	return execute("message.html", page)
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
	page.frame = newFrame(l, page.Heading)
	return execute("message.html", page)
}

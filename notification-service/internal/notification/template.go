package notification

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// templates contains a file for each event type, with the title on the first line and the
// message from the third line on. The texts are those of the original service,
// except passport.published and the empty list of passport.updated.
var templates = template.Must(template.ParseFS(templateFiles, "templates/*.txt"))

const otherTemplate = "other.txt"

// render returns the title and message for an event.
func render(eventType string, p payload, now time.Time, dates DateStyle) (title, message string, err error) {
	t := templates.Lookup(eventType + ".txt")
	if t == nil {
		t = templates.Lookup(otherTemplate)
	}
	var b strings.Builder
	if err := t.Execute(&b, templateData{p, now, dates}); err != nil {
		return "", "", fmt.Errorf("template %s: %w", t.Name(), err)
	}
	title, message, _ = strings.Cut(strings.TrimSpace(b.String()), "\n\n")
	return title, message, nil
}

package notification

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed templates
var files embed.FS

// templates are those of the original: a file for each type of event, with the
// title on its first line and the message from the third on.
var templates = template.Must(template.ParseFS(files, "templates/*.txt"))

const otherTemplate = "other.txt"

// render returns what is told of an event.
func render(eventType string, p payload, now time.Time) (title, message string, err error) {
	t := templates.Lookup(eventType + ".txt")
	if t == nil {
		t = templates.Lookup(otherTemplate)
	}
	var b strings.Builder
	if err := t.Execute(&b, values{p, now}); err != nil {
		return "", "", fmt.Errorf("template %s: %w", t.Name(), err)
	}
	title, message, _ = strings.Cut(strings.TrimSpace(b.String()), "\n\n")
	return title, message, nil
}

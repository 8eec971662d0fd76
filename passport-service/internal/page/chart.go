package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// chart is a bar chart with the table of its figures.
type chart struct {
	ID, Title string
	First     string   // header of the first column
	Parts     []string // headers of the values
	Total     string   // header of the sum; empty: none
	Bars      []bar
}

// bar is a row of the table.
type bar struct {
	Label  string
	Pieces []piece
	Total  string
	Values []string // "" for a missing one
}

// piece is a part of a bar. X and Width are in percent of the width of the chart.
type piece struct {
	X, Width float64
	Part     int
}

// charts returns the charts for which the document has figures.
func (t texts) charts(d *ruleset.Document) (charts []chart) {
	for _, c := range []chart{t.recycledContent(d), t.footprint(d), t.materials(d)} {
		if len(c.Bars) > 0 {
			charts = append(charts, c)
		}
	}
	return charts
}

// recycledContent returns the chart of the share of each metal that was recovered from waste.
func (t texts) recycledContent(d *ruleset.Document) chart {
	const path = "circularity.recycledContent"
	c := chart{
		ID: "recycled", Title: t.T("recycledShare"), First: t.T("metal"), Total: t.T("total"),
		Parts: []string{t.Name(path + ".cobalt.preConsumerPercent"), t.Name(path + ".cobalt.postConsumerPercent")},
	}
	object := d.First(path)
	if !object.IsObject() {
		return c
	}
	for _, metal := range object.Field().Children {
		v := object.Member(metal.Name)
		if !v.IsObject() {
			continue
		}
		var pieces []float64
		b := bar{Label: t.Name(metal.Attribute.Path), Total: t.percent(v.Member("totalPercent"))}
		for _, member := range []string{"preConsumerPercent", "postConsumerPercent"} {
			number, _ := v.Member(member).Number()
			pieces = append(pieces, number)
			b.Values = append(b.Values, t.percent(v.Member(member)))
		}
		if pieces[0]+pieces[1] == 0 { // only the sum is given
			number, _ := v.Member("totalPercent").Number()
			pieces[0] = number
		}
		c.add(b, 100, pieces...)
	}
	return c
}

// footprint returns the chart of the carbon footprint of each life cycle stage.
func (t texts) footprint(d *ruleset.Document) chart {
	const path = "carbonFootprint.lifecycleStages[]"
	c := chart{ID: "footprint", Title: t.T("footprintStages"), First: t.Name(path + ".stage")}
	largest := 0.0
	items := slices.Collect(d.First("carbonFootprint.lifecycleStages").Children())
	for _, item := range items {
		number, _ := item.Member("carbonFootprintPerKwh").Number()
		largest = max(largest, number)
	}
	for _, item := range items {
		v, stage := item.Member("carbonFootprintPerKwh"), item.Member("stage")
		number, ok := v.Number()
		if name, _ := stage.AnyText(); ok && stage.Exists() {
			c.Parts = []string{strings.ReplaceAll(t.Unit(v.Attribute().Unit), " ", "\u00a0")}
			c.add(bar{Label: t.Value(path+".stage", name), Values: []string{t.Number(number)}}, largest, number)
		}
	}
	return c
}

// materials returns the chart of the share of each material.
func (t texts) materials(d *ruleset.Document) chart {
	const path = "materialComposition.materials[]"
	c := chart{ID: "materials", Title: t.T("materialShare"), First: t.Name(path + ".materialName"), Parts: []string{t.Name(path + ".massPercent")}}
	for item := range d.First("materialComposition.materials").Children() {
		number, ok := item.Member("massPercent").Number()
		if name, _ := item.Member("materialName").AnyText(); ok {
			c.add(bar{Label: name, Values: []string{t.percent(item.Member("massPercent"))}}, 100, number)
		}
	}
	return c
}

func (t texts) percent(v ruleset.Value) string {
	if number, ok := v.Number(); ok {
		return t.quantity(number, v.Attribute())
	}
	return ""
}

// add adds a bar with pieces in proportion to the whole.
func (c *chart) add(b bar, whole float64, pieces ...float64) {
	x := 0.0
	for i, p := range pieces {
		if width := min(100*p/whole, 100-x); width > 0 {
			b.Pieces = append(b.Pieces, piece{x, width, i + 1})
			x += width
		}
	}
	c.Bars = append(c.Bars, b)
}

// Drawing returns the bars with their labels.
func (c chart) Drawing() template.HTML {
	var s strings.Builder
	for _, b := range c.Bars {
		s.WriteString("<bdi>" + template.HTMLEscapeString(b.Label) + `</bdi><svg><rect class="p0" width="100%" height="8" rx="4"/>`)
		for _, p := range b.Pieces {
			fmt.Fprintf(&s, `<rect class="p%d" x="%.2f%%" width="%.2f%%" height="8" rx="2"/>`, p.Part, p.X, p.Width)
		}
		s.WriteString("</svg>")
	}
	return template.HTML(s.String())
}

// Rows returns the rows of the table as HTML.
func (c chart) Rows() template.HTML {
	var s strings.Builder
	for _, b := range c.Bars {
		s.WriteString(`<tr><th scope="row"><bdi>` + template.HTMLEscapeString(b.Label) + "</bdi></th>")
		cells := b.Values
		if c.Total != "" {
			cells = append(slices.Clone(cells), b.Total)
		}
		for _, cell := range cells {
			s.WriteString("<td>" + template.HTMLEscapeString(cell) + "</td>")
		}
		s.WriteString("</tr>")
	}
	return template.HTML(s.String())
}

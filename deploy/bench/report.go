package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// record adds the value of a round to a figure, except during warm-up. Higher values
// are better if the name ends with "per second", and worse otherwise.
func (s *suite) record(name string, value float64) {
	if s.recording {
		if s.values[name] == nil {
			s.names = append(s.names, name)
		}
		s.values[name] = append(s.values[name], value)
	}
}

func (s *suite) latency(name string, m *vegeta.Metrics) {
	s.record(name+", p50, ms", milliseconds(m.Latencies.P50))
	s.record(name+", p99, ms", milliseconds(m.Latencies.P99))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// median returns the middle value, or the mean of the two in the middle; 0 without values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// verdict marks a figure that became more than 10 % worse, with a question mark if the
// values of the rounds before and after overlap, which may be noise.
func verdict(name string, before, after []float64) string {
	if strings.HasSuffix(name, "per second") {
		before, after = after, before
	}
	switch {
	case median(after) <= 1.1*median(before):
		return ""
	case len(after) > 1 && slices.Min(after) <= slices.Max(before):
		return "worse?"
	}
	return "**worse**"
}

// table returns the figures of one suite, or of two side by side, in Markdown. A figure that
// is missing or zero in the first of two suites is a dash.
func table(suites []*suite) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %d cores, %s %s/%s\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	columns := []string{"figure", suites[0].title}
	if len(suites) == 2 {
		columns = []string{"figure", suites[0].title, suites[1].title, "ratio", ""}
	}
	fmt.Fprintf(&t, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	last := suites[len(suites)-1]
	for _, name := range last.names {
		before, after := suites[0].values[name], last.values[name]
		switch {
		case len(suites) == 1:
			fmt.Fprintf(&t, "| %s | %s |\n", name, number(median(after)))
		case median(before) == 0:
			fmt.Fprintf(&t, "| %s | – | %s | | |\n", name, number(median(after)))
		default:
			mark := verdict(name, before, after)
			if last.backEnds != nil { // others are not a newer version
				mark = ""
			}
			fmt.Fprintf(&t, "| %s | %s | %s | %.2f | %s |\n", name, number(median(before)), number(median(after)), median(after)/median(before), mark)
		}
	}
	return t.String()
}

// number returns three digits, or all of them before the decimal point.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

const page = "docs/performance.md" // has the tables that -write replaces

// publish prints the table and, if write is set, replaces the old one in the page.
func publish(name, table string, write bool) error {
	fmt.Print(table)
	data, err := os.ReadFile(page)
	if err != nil || !write {
		return err
	}
	place := regexp.MustCompile(`(?s)(<!-- ` + name + `, [^\n]*\n).*(<!-- end of ` + name + ` -->)`)
	return os.WriteFile(page, place.ReplaceAll(data, []byte("${1}"+table+"${2}")), 0o644)
}

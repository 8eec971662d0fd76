package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// row is a figure, what it is meant to be, and whether it is.
type row struct {
	figure, measured, goal string
	missed                 bool
}

// table collects the figures, and tells each as it comes.
type table struct{ rows []row }

// add adds a figure without a goal.
func (t *table) add(figure, format string, args ...any) {
	t.put(row{figure: figure, measured: fmt.Sprintf(format, args...)})
}

// most adds a figure with a value that is meant to be at most so much.
func (t *table) most(figure, goal string, value, most float64, format string, args ...any) {
	t.put(row{figure, fmt.Sprintf(format, args...), goal, value > most})
}

// least adds a figure with a value that is meant to be at least so much.
func (t *table) least(figure, goal string, value, least float64, format string, args ...any) {
	t.put(row{figure, fmt.Sprintf(format, args...), goal, value < least})
}

func (t *table) put(r row) {
	t.rows = append(t.rows, r)
	fmt.Fprintln(os.Stderr, r.figure+": "+r.measured, r.verdict())
}

func (r row) verdict() string {
	switch {
	case r.goal == "":
		return ""
	case r.missed:
		return "**missed**"
	}
	return "met"
}

// write writes the table in Markdown, with what it was measured on.
func (t *table) write(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n\n| figure | measured | goal | |\n| --- | --- | --- | --- |\n", time.Now().Format(time.DateOnly), machine())
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.figure, r.measured, r.goal, r.verdict())
	}
}

// machine tells what this one is.
func machine() string {
	info := func(path, name string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, name); ok {
				return strings.TrimSpace(strings.TrimLeft(value, " \t:"))
			}
		}
		return ""
	}
	kb, _ := strconv.Atoi(strings.Fields(info("/proc/meminfo", "MemTotal") + " 0")[0])
	commit, _ := exec.Command("git", "describe", "--always", "--dirty").Output()
	return fmt.Sprintf("%d cores of %s, %d GB, %s %s/%s, commit %s", runtime.NumCPU(), info("/proc/cpuinfo", "model name"), kb/1e6,
		runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.TrimSpace(string(commit)))
}

const readme = "README.md"

// place is where a table stands in the README: a soak, which takes long, has one
// of its own below the other figures, so that each may be measured again alone.
type place struct{ begin, end string }

var (
	figures  = place{"<!-- figures, by make bench BENCH_FLAGS=-readme -->\n", "<!-- end of figures -->"}
	overTime = place{"<!-- soak, by make bench BENCH_FLAGS='-soak 10m -readme' -->\n", "<!-- end of soak -->"}
)

// publish puts the table into the README.
func (t *table) publish(at place) error {
	data, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), at.begin)
	_, after, too := strings.Cut(rest, at.end)
	if !ok || !too {
		return errors.New(readme + " has no place for the figures")
	}
	var text strings.Builder
	t.write(&text)
	return os.WriteFile(readme, []byte(before+at.begin+text.String()+at.end+after), 0o644)
}

// ratio is how many times b goes into a.
func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

type measurement func(ctx context.Context, f *fleet, t *table) error

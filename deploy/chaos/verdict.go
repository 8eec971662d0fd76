package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kinds of violations. What is missing may be on its way; the others stay.
const (
	loss      = "loss"
	torn      = "torn"
	orphan    = "orphan"
	duplicate = "duplicate"
	order     = "order"
	refusal   = "refusal"
)

// violation is a promise that was broken.
type violation struct {
	Kind    string
	Subject string // id of what it is about
	Text    string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Kind, v.Subject, v.Text) }

// passing tells whether it may still come right.
func (v violation) passing() bool { return v.Kind == loss || v.Kind == torn || v.Kind == orphan }

// findings collects violations.
type findings []violation

func (f *findings) add(kind, subject, format string, args ...any) {
	*f = append(*f, violation{kind, subject, fmt.Sprintf(format, args...)})
}

// verdict is what came of a run.
type verdict struct {
	Violations []violation
	Counts     counts
}

// counts are of what was compared.
type counts struct {
	Passports, Versions, Published, DeletedPassports int
	Documents, DeletedDocuments                      int
	Accounts                                         int
	Doubtful, There                                  int // things that were made in doubt, and those of them that are there
	Events, Repeated                                 int
	Notifications, Files, Objects                    int
	Swept                                            int // objects that a sweep will remove
}

const shown = 30 // violations

func (v verdict) print(out io.Writer) {
	n := v.Counts
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "  %-15s%s\n", what, fmt.Sprintf(format, args...))
	}
	line("passports", "%d with %d versions, %d published; %d deleted", n.Passports, n.Versions, n.Published, n.DeletedPassports)
	line("documents", "%d, each with its checksum; %d deleted", n.Documents, n.DeletedDocuments)
	line("accounts", "%d", n.Accounts)
	line("unacknowledged", "%d things asked for, of which %d are there, whole", n.Doubtful, n.There)
	line("events", "%d, and %d repetitions of them", n.Events, n.Repeated)
	line("notifications", "%d", n.Notifications)
	line("text files", "%d", n.Files)
	line("objects", "%d, and %d that a sweep will remove", n.Objects, n.Swept)
	if len(v.Violations) == 0 {
		line("verdict", "clean: nothing is lost, doubled, torn or out of order")
		return
	}
	line("verdict", "FAILED: %s", v.kinds())
	for _, one := range v.Violations[:min(shown, len(v.Violations))] {
		fmt.Fprintln(out, "    "+one.String())
	}
	if more := len(v.Violations) - shown; more > 0 {
		fmt.Fprintf(out, "    and %d more\n", more)
	}
}

// kinds tells how many there are of each kind.
func (v verdict) kinds() string {
	of := map[string]int{}
	for _, one := range v.Violations {
		of[one.Kind]++
	}
	var texts []string
	for kind, n := range of {
		texts = append(texts, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

package main

import (
	"fmt"
	"io"
	"slices"
)

// Invariants.
const (
	kept         = "acknowledged writes are kept"
	chain        = "version histories are intact"
	linearizable = "reads are linearizable"
	checksum     = "files have their checksums"
	told         = "each change has its event"
	order        = "events are in order"
	once         = "nothing happens twice or unasked"
	notifiedOnce = "each event is notified once"
	wholeFiles   = "each event has one complete text file"
	noOrphans    = "objects belong to documents"
	answered     = "answers are as expected"
)

var invariants = []string{kept, chain, linearizable, checksum, told, order, once, notifiedOnce, wholeFiles, noOrphans, answered}

// violation is one of an invariant.
type violation struct {
	Invariant string
	Subject   string // id of what it is about
	Text      string
}

// mayPass reports whether what is missing may be on its way.
func (v violation) mayPass() bool {
	return !slices.Contains([]string{linearizable, order, once, answered}, v.Invariant)
}

// verdict is the result of a run.
type verdict struct {
	Violations []violation
	Counts     map[string]int // of what was compared
}

// print shows at most this many violations of an invariant.
const shown = 10

func (v verdict) print(out io.Writer) {
	fmt.Fprintf(out, "  %-15s%s\n", "compared", text(v.Counts))
	for _, invariant := range invariants {
		var of []violation
		for _, one := range v.Violations {
			if one.Invariant == invariant {
				of = append(of, one)
			}
		}
		result := "ok"
		if len(of) > 0 {
			result = fmt.Sprintf("VIOLATED %d times", len(of))
		}
		fmt.Fprintf(out, "  %-40s%s\n", invariant, result)
		for _, one := range of[:min(shown, len(of))] {
			fmt.Fprintf(out, "    %s: %s\n", one.Subject, one.Text)
		}
	}
	result := "clean"
	if len(v.Violations) > 0 {
		result = "FAILED"
	}
	fmt.Fprintf(out, "verdict: %s\n", result)
}

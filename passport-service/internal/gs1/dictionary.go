package gs1

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed ais.txt
var figures string

// dictionary contains an entry for each application identifier (AI).
var dictionary = readDictionary(figures)

// entry defines which values an AI may have, and where it may be in a Digital Link.
type entry struct {
	predefined bool // its length is in the standard: no FNC1 follows in a barcode
	attribute  bool // may be in the query of a Digital Link
	key        bool // may be the primary key of a Digital Link
	qualifiers [][]string
	components []component
}

// component is a part of a value.
type component struct {
	set      byte // N, X, Y or Z
	min, max int
	optional bool
	checks   []string
}

func readDictionary(text string) map[string]entry {
	entries := map[string]entry{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		first, last, isRange := strings.Cut(fields[0], "-")
		if !isRange {
			last = first
		}
		e := readEntry(fields[1], fields[2:])
		for n := mustNumber(first); n <= mustNumber(last); n++ {
			entries[fmt.Sprintf("%0*d", len(first), n)] = e
		}
	}
	return entries
}

func readEntry(flags string, fields []string) entry {
	e := entry{predefined: strings.Contains(flags, "*"), attribute: strings.Contains(flags, "?")}
	for _, field := range fields {
		if name, sequences, _ := strings.Cut(field, "="); name == "key" {
			e.key = true
			for sequence := range strings.SplitSeq(sequences, "|") {
				e.qualifiers = append(e.qualifiers, strings.FieldsFunc(sequence, func(r rune) bool { return r == ',' }))
			}
			continue
		}
		e.components = append(e.components, readComponent(field))
	}
	return e
}

func readComponent(field string) component {
	parts := strings.Split(strings.Trim(field, "[]"), ",")
	c := component{set: parts[0][0], optional: field[0] == '[', checks: parts[1:]}
	if most, ok := strings.CutPrefix(parts[0][1:], ".."); ok {
		c.min, c.max = 1, mustNumber(most)
	} else {
		c.min = mustNumber(parts[0][1:])
		c.max = c.min
	}
	return c
}

// mustNumber is for the embedded figures only.
func mustNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("gs1: figures: %v", err))
	}
	return n
}

// CheckValue returns an error, which names the AI, unless the value is one that the AI
// may have: length, characters, check digits and dates.
func CheckValue(ai, value string) error {
	e, ok := dictionary[ai]
	if !ok {
		return fmt.Errorf("application identifier (%s) is unknown", ai)
	}
	rest := value
	for _, c := range e.components {
		if rest == "" && c.optional {
			break
		}
		if len(rest) < c.min {
			return fmt.Errorf("the value of (%s) is too short: got %d characters", ai, len(value))
		}
		part := rest[:min(c.max, len(rest))]
		rest = rest[len(part):]
		if i := strings.IndexFunc(part, func(r rune) bool { return !inSet(c.set, r) }); i >= 0 {
			return fmt.Errorf("the value of (%s) has the character %q, which is not allowed there", ai, []rune(part[i:])[0])
		}
		for _, check := range c.checks {
			if err := checks[check](part); err != nil {
				return fmt.Errorf("the value of (%s) %w", ai, err)
			}
		}
	}
	if rest != "" {
		return fmt.Errorf("the value of (%s) is too long: got %d characters", ai, len(value))
	}
	return nil
}

// The character sets of the General Specifications, figures 7.11-1 and 7.11-2.
const (
	set82 = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	set39 = `#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ`
	set64 = `-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
)

func inSet(set byte, r rune) bool {
	switch set {
	case 'N':
		return r >= '0' && r <= '9'
	case 'Y':
		return strings.ContainsRune(set39, r)
	case 'Z':
		return strings.ContainsRune(set64, r)
	default:
		return strings.ContainsRune(set82, r)
	}
}

// mayFollow reports whether the AIs, in this order, may follow the key in a path.
func (e entry) mayFollow(ais []string) bool {
	return len(ais) == 0 || slices.ContainsFunc(e.qualifiers, func(sequence []string) bool {
		next := 0
		for _, ai := range ais {
			i := slices.Index(sequence[next:], ai)
			if i < 0 {
				return false
			}
			next += i + 1
		}
		return true
	})
}

// mayExtend reports whether ai may be one more qualifier in a path with the AIs. Such an
// AI must be in the path, not in the query.
func (e entry) mayExtend(ais []string, ai string) bool {
	for i := range len(ais) + 1 {
		if e.mayFollow(slices.Insert(slices.Clone(ais), i, ai)) {
			return true
		}
	}
	return false
}

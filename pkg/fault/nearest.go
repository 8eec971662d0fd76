package fault

import "strings"

// Nearest returns the candidate that is spelled most like an unknown name, ignoring case,
// or "" if none is near.
func Nearest(name string, candidates []string) string {
	name = strings.ToLower(name[:min(len(name), 200)])
	best, least := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := Distance(name, strings.ToLower(c)); d < least && d < max(len(name), len(c)) {
			best, least = c, d
		}
	}
	return best
}

// DidYouMean returns the end of a message about an unknown name, or "" if no candidate is near.
func DidYouMean(name string, candidates []string) string {
	if nearest := Nearest(name, candidates); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}

// Distance returns the number of insertions, deletions and replacements of bytes between
// two texts (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

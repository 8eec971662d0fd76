//go:build race

package authd_test

// isRace reports whether the race detector is on.
const isRace = true

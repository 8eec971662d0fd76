// Package waittest waits in tests for what happens after some time.
package waittest

import (
	"errors"
	"testing"
	"time"
)

// Limit ends tests that wait for what never happens. It is long, because a test must not fail on
// a slow machine.
const Limit = 2 * time.Minute

// Pauses returns a function that sleeps between two attempts: for 5 ms at first and then a quarter
// longer each time, up to 100 ms, so that the requests of a long wait stay below the rate limits.
func Pauses() func() {
	interval := 5 * time.Millisecond
	return func() {
		time.Sleep(interval)
		interval = min(interval*5/4, 100*time.Millisecond)
	}
}

// Until waits until a condition holds, and stops the test if it does not hold within Limit.
func Until(t testing.TB, condition string, holds func() bool) {
	t.Helper()
	errNot := errors.New("does not hold")
	Success(t, condition, func() error {
		if holds() {
			return nil
		}
		return errNot
	})
}

// Success calls f until it succeeds, and stops the test if it does not succeed within Limit.
func Success(t testing.TB, what string, f func() error) {
	t.Helper()
	for pause, end := Pauses(), time.Now().Add(Limit); ; pause() {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v after %v", what, err, Limit)
		}
	}
}

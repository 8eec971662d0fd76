package httpapi

import (
	"bytes"
	"testing"
)

// TestResponsesDoNotHoldLargerArrays stores a small page that was rendered into a large array. The limit of the
// cache counts the length of a body only.
func TestResponsesDoNotHoldLargerArrays(t *testing.T) {
	for _, size := range []int{1, 1000, 30_000} {
		body := append(make([]byte, 0, 64<<10), bytes.Repeat([]byte("x"), size)...)
		a := newResponse(responseKey{}, body)
		if !bytes.Equal(a.plain, body) {
			t.Errorf("%d bytes: the body is different", size)
		}
		if got, want := cap(a.plain)+cap(a.gzip), responseSize(responseKey{}, a)*5/4; got > want {
			t.Errorf("%d bytes: the arrays have %d bytes, want %d at most", size, got, want)
		}
	}
}

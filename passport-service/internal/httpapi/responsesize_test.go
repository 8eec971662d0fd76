package httpapi

import (
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/page"
)

// TestCacheCountsWholeArrays: the limit of the cache holds also for bodies in larger arrays.
func TestCacheCountsWholeArrays(t *testing.T) {
	a := newResponse(responseKey{}, append(make([]byte, 0, 64<<10), "x"...))
	if got, want := responseSize(responseKey{}, a), cap(a.plain)+cap(a.gzip); got < want {
		t.Errorf("the size is %d bytes, and the arrays have %d", got, want)
	}
}

// TestPagesHaveNoLargerArrays: a page has an array of its size, and not the buffer that is reused.
func TestPagesHaveNoLargerArrays(t *testing.T) {
	for range 3 {
		for _, l := range locale.Languages() {
			body, err := page.RenderMessage(l, page.NotFound, "")
			if err != nil {
				t.Fatal(err)
			}
			a := newResponse(responseKey{}, body)
			if got, want := cap(a.plain)+cap(a.gzip), (len(a.plain)+len(a.gzip))*5/4; got > want {
				t.Errorf("%s: the arrays have %d bytes, want %d at most", l, got, want)
			}
		}
	}
}

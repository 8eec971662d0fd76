package exchange

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestMain fails if a test leaves goroutines running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoredFormMatchesGoldenFiles(t *testing.T) { storetest.CheckStoredForm(t, Schema()) }

// TestWeight checks that the memory of a row has all of its texts.
func TestWeight(t *testing.T) {
	r := Record{Row: passport.Row{Body: []byte("12345"), Hint: "12", Errors: []fault.Detail{{Path: "12", Code: "3", Message: "4"}}}, Warnings: []fault.Detail{{Message: "123"}, {Path: "1234567"}}}
	if got := weight(&r); got != 22 {
		t.Errorf("got %d, want 22", got)
	}
	r.Warnings[0].Message = strings.Repeat("a", maxWaiting)
	if got := weight(&r); got != maxWaiting {
		t.Errorf("got %d, want no more than all rows may have", got)
	}
}

package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
)

// broken has an aggregate whose events nobody can read.
type broken struct {
	outbox.Source
	id string
}

func (b broken) Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error) {
	if slices.Contains(ids, b.id) {
		return nil, errors.New("no JSON")
	}
	return b.Source.Waiting(ctx, ids, limit)
}

// TestOneThatIsBroken holds up none that are read with it.
func TestOneThatIsBroken(t *testing.T) {
	cells, b := open(t), broker{got: make(chan event.Envelope, 99)}
	for i := range 50 {
		insert(t, cells, fmt.Sprint(i))
	}
	stop := start(t, &outbox.Relay{Source: broken{deaf{cells.Outbox()}, "25"}, Publisher: b})
	defer stop()
	seen := map[string]bool{}
	for len(seen) < 49 {
		seen[receive(t, b.got).Key] = true
	}
	if seen["25"] {
		t.Error("what cannot be read was published")
	}
}

package rest_test

import (
	"context"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// TestBadTokens: an address that sends too many is refused before another is
// looked at; what else comes from there does not count, and a good one passes
// until then.
func TestBadTokens(t *testing.T) {
	looked := 0
	_, a := bounded(t, proxied(t, rest.Config{RateLimit: 3}))
	rest.Handle(a, "GET /api/looked", func(ctx context.Context, header string) (context.Context, error) {
		if looked++; header == "bad" {
			return nil, fault.New(fault.Unauthenticated, "it does not count")
		}
		return users(ctx, header)
	}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "Look", rest.Status(204))
	c := serve(t, a)
	spend(c, 3, "GET /api/open", "X-Forwarded-For", here)
	c.Ask("GET /api/looked", "", "X-Forwarded-For", here, "Authorization", "ann").Want(204, nil)
	for range 3 {
		c.Ask("GET /api/looked", "", "X-Forwarded-For", there, "Authorization", "bad").WantProblem(401)
	}
	before := looked
	for range 5 {
		a := c.Ask("GET /api/looked", "", "X-Forwarded-For", there, "Authorization", "bad")
		if a.WantProblem(429); a.Header.Get("Retry-After") == "" {
			t.Errorf("no Retry-After: %v", a.Header)
		}
	}
	if looked != before {
		t.Errorf("%d more tokens were looked at", looked-before)
	}
	c.Ask("GET /api/looked", "", "X-Forwarded-For", elsewhere, "Authorization", "ann").Want(204, nil)
}

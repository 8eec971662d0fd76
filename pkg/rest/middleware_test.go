package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestAccessLogOmitsProbes: there is an entry for each request except health checks.
func TestAccessLogOmitsProbes(t *testing.T) {
	var log bytes.Buffer
	fails := func(context.Context) error { return errors.New("down") }
	a := newAPI(t, &log, rest.Check{Name: "store", Vital: true, Probe: fails})
	for _, path := range []string{"/livez", "/readyz", "/health", "/none"} {
		a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		var entry struct{ Msg, Path string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Msg == "request" {
			got = append(got, entry.Path)
		}
	}
	if want := []string{"/health", "/none"}; !slices.Equal(got, want) {
		t.Errorf("logged %v, want %v", got, want)
	}
}

package httpapi_test

import (
	"log/slog"
	"testing"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/auth-service/internal/httpapi"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestOpenAPI compares the OpenAPI document with the committed one, openapi.json: a
// difference is a change of the contract with clients.
func TestOpenAPI(t *testing.T) {
	v, err := token.NewLocalVerifier("", jwkset.NewMemoryStorage(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	api := rest.New(rest.Options{Document: httpapi.OpenAPI, Log: slog.New(slog.DiscardHandler)})
	(&httpapi.API{Verifier: v}).Register(api)
	resttest.CheckOpenAPI(t, api, "openapi.json")
}

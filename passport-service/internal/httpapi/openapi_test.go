package httpapi_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestOpenAPI compares the OpenAPI document with the committed golden file, because a
// change of the document is a change of the API.
func TestOpenAPI(t *testing.T) {
	api := rest.New(rest.Options{Document: httpapi.OpenAPI, Log: slog.New(slog.DiscardHandler)})
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	if err != nil {
		t.Fatal(err)
	}
	formats, err := registry.Embedded(registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	(&httpapi.API{Passports: &passport.Service{Engines: engines, Now: time.Now}, Verifier: new(token.Verifier), Exchange: &exchange.Service{Formats: formats}}).Register(api)
	resttest.CheckOpenAPI(t, api, "openapi.json")
}

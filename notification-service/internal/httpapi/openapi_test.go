package httpapi_test

import (
	"log/slog"
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/httpapi"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestOpenAPI holds the document that is served against the one that is
// committed: changing it is changing a contract.
func TestOpenAPI(t *testing.T) {
	api := rest.New(rest.Options{Document: httpapi.OpenAPI, Log: slog.New(slog.DiscardHandler)})
	(&httpapi.API{Verifier: new(token.Verifier)}).Register(api)
	resttest.CheckOpenAPI(t, api, "openapi.json")
}

package httpapi_test

import (
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/httpapi"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestOpenAPI compares the OpenAPI document with openapi.json: a difference is a
// change of the API.
func TestOpenAPI(t *testing.T) {
	api := rest.New(rest.Options{Document: httpapi.OpenAPI, Log: slog.New(slog.DiscardHandler)})
	(&httpapi.API{Verifier: new(token.Verifier)}).Register(api)
	resttest.CheckOpenAPI(t, api, "openapi.json")
}

// TestKindsAreDocumented compares document.Kinds with the enumerations and
// descriptions in the API.
func TestKindsAreDocumented(t *testing.T) {
	change, _ := reflect.TypeFor[httpapi.DocumentUpdate]().FieldByName("Kind")
	var names []string
	for _, k := range document.Kinds() {
		names = append(names, string(k))
		if !strings.Contains(change.Tag.Get("doc"), string(k)) {
			t.Errorf("kind %s is missing in the description of DocumentUpdate.kind", k)
		}
	}
	spec, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // in two responses, two requests, and as a filter of two lists
		if n := strings.Count(string(spec), `"`+name+`"`); n < 6 {
			t.Errorf("kind %s is in %d enumerations, want 6", name, n)
		}
	}
}

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

// TestOpenAPI holds the document that is served against the one that is
// committed: changing it is changing a contract.
func TestOpenAPI(t *testing.T) {
	api := rest.New(rest.Options{Title: httpapi.Title, Description: httpapi.Description, Log: slog.New(slog.DiscardHandler)})
	(&httpapi.API{Verifier: new(token.Verifier)}).Register(api)
	resttest.CheckOpenAPI(t, api, "openapi.json")
}

// TestKindsAreDocumented holds the kinds that are accepted against those that
// clients are told of.
func TestKindsAreDocumented(t *testing.T) {
	form, _ := reflect.TypeFor[httpapi.Upload]().FieldByName("Kind")
	change, _ := reflect.TypeFor[httpapi.Changes]().FieldByName("Kind")
	var names []string
	for _, k := range document.Kinds() {
		names = append(names, string(k))
		if !strings.Contains(change.Tag.Get("doc"), string(k)) {
			t.Errorf("the kind %s is not documented for a change", k)
		}
	}
	spec, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // in the form, and as a filter of both lists
		if n := strings.Count(string(spec), `"`+name+`"`); n < 3 {
			t.Errorf("the kind %s is in %d enumerations, want 3", name, n)
		}
	}
	if got, want := form.Tag.Get("enum"), strings.Join(names, ","); got != want {
		t.Errorf("the form offers %s, want %s", got, want)
	}
}

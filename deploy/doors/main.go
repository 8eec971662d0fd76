// Doors checks that every package imports only what its place in the house
// allows: who depends on what can be read off the folders. It also checks that
// what starts goroutines is tested to leave none.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const house = "github.com/battery-passport/suite/"

// owners of what only one package imports.
var owners = map[string]string{
	"github.com/segmentio/kafka-go":        "pkg/event/kafka",
	"go.mongodb.org/mongo-driver/v2":       "pkg/store/mongo",
	"modernc.org/sqlite":                   "pkg/store/sqlite",
	"github.com/danielgtaylor/huma/v2":     "pkg/rest",
	"github.com/go-chi/chi/v5":             "pkg/rest",
	"github.com/golang-jwt/jwt/v5":         "pkg/auth/token",
	"github.com/MicahParks/keyfunc/v3":     "pkg/auth/token",
	"github.com/kelseyhightower/envconfig": "pkg/boot",
	"github.com/aws/aws-sdk-go-v2":         "document-service/internal/s3store",
	"github.com/aws/smithy-go":             "document-service/internal/s3store",
	"github.com/gabriel-vasile/mimetype":   "document-service/internal/filetype",
	"github.com/versity/versitygw":         "document-service/s3local",
	"golang.org/x/crypto/bcrypt":           "auth-service/internal/password",
	"github.com/twmb/franz-go/pkg/kfake":   "deploy/stack",
	"github.com/wneessen/go-mail":          "notification-service/internal/mail",
	"github.com/emersion/go-smtp":          "notification-service/mailsink",
	"github.com/emersion/go-sasl":          "notification-service/mailsink",
}

// outside looks behind the services: chaos checks what they stored.
var outside = []string{"deploy/chaos"}

// adapters are the rooms of a service's internal folder that hide a
// dependency; every other room there is domain.
var adapters = []string{"filetype", "httpapi", "mail", "password", "s3store", "secret", "textfile", "throttle"}

// domainMay is what a domain imports besides the standard library and the
// domain rooms of its own service. jsontext is the syntax of JSON alone.
var domainMay = []string{
	house + "pkg/auth", house + "pkg/event", house + "pkg/fault", house + "pkg/idempotency", house + "pkg/store", house + "pkg/wire",
	"github.com/go-json-experiment/json/jsontext",
}

type pkg struct {
	ImportPath, Dir                    string
	Imports, Deps                      []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func main() {
	packages, err := list()
	if err == nil {
		err = check(packages)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("doors: %d packages keep them\n", len(packages))
}

// list returns the packages of the workspace.
func list() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles", "work")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, err
		}
		packages = append(packages, p)
	}
}

func check(packages []pkg) error {
	var errs []error
	for _, p := range packages {
		if err := leaky(p); err != nil {
			errs = append(errs, err)
		}
		from := strings.TrimPrefix(p.ImportPath, house)
		for _, to := range p.Imports {
			if why := closed(from, to); why != "" {
				errs = append(errs, fmt.Errorf("%s imports %s: %s", from, strings.TrimPrefix(to, house), why))
			}
		}
		if !domain(from) {
			continue
		}
		for _, dep := range p.Deps {
			if owners[dep] != "" && !slices.Contains(p.Imports, dep) {
				errs = append(errs, fmt.Errorf("%s depends on %s: a domain does not, not even through others", from, dep))
			}
		}
	}
	return errors.Join(errs...)
}

// closed says why a package may not import another, or nothing.
func closed(from, to string) string {
	if owner := owned(to); owner != "" && owner != from && !strings.HasPrefix(from, owner+"/") && !slices.Contains(outside, from) {
		return "only " + owner + " does"
	}
	inner, ours := strings.CutPrefix(to, house)
	fromModule, toModule := module(from), module(inner)
	switch {
	case domain(from):
		if standard(to) || slices.Contains(domainMay, to) || ours && fromModule == toModule && domain(inner) {
			return ""
		}
		return "a domain imports no adapter and no driver"
	case !ours || fromModule == "deploy":
		return ""
	case toModule == "deploy":
		return "nobody imports deploy"
	case fromModule == "pkg" && toModule != "pkg":
		return "pkg imports no service"
	case toModule != "pkg" && toModule != fromModule:
		return "a service imports no other"
	case adapter(from) && adapter(inner):
		return "adapters meet in the wiring alone"
	}
	return ""
}

// owned returns the package that has a dependency to itself.
func owned(path string) (owner string) {
	for dep, owner := range owners {
		if path == dep || strings.HasPrefix(path, dep+"/") {
			return owner
		}
	}
	return ""
}

func module(path string) string { name, _, _ := strings.Cut(path, "/"); return name }

// room returns the name of a room in a service's internal folder.
func room(path string) string {
	_, rest, ok := strings.Cut(path, "-service/internal/")
	if !ok {
		return ""
	}
	return rest
}

func adapter(path string) bool { return slices.Contains(adapters, room(path)) }

func domain(path string) bool { return room(path) != "" && !adapter(path) }

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

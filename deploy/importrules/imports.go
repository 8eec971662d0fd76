package main

import (
	"fmt"
	"slices"
	"strings"
)

// owners maps a dependency to the only package that may import it.
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
	"github.com/wneessen/go-mail":          "pkg/mail",
	"github.com/emersion/go-smtp":          "pkg/mail/mailsink",
	"github.com/emersion/go-sasl":          "pkg/mail/mailsink",
	"github.com/coreos/go-oidc/v3":         "auth-service/internal/provider",
	"github.com/pquerna/otp":               "auth-service/internal/totp",
}

// direct are the packages that are exempt from owners: they read the data in the back ends, or
// create users there.
var direct = []string{"deploy/chaos", "deploy/mongousers"}

// adapters are the names of internal packages that wrap a dependency; outputs are those that
// write a format without knowing HTTP. All other internal packages are domain packages.
var (
	adapters = []string{"accountmail", "desk", "documents", "filetype", "httpapi", "password", "provider", "s3store", "secret", "textfile", "throttle", "totp"}
	outputs  = []string{"carrier", "datamatrix", "page", "pdf", "resolver"}
)

// domainImports are the packages that a domain package may import in addition to the
// standard library and the domain packages of its service.
var domainImports = []string{
	project + "pkg/auth", project + "pkg/event", project + "pkg/fault", project + "pkg/idempotency", project + "pkg/readable", project + "pkg/store", project + "pkg/task", project + "pkg/trace",
	project + "pkg/weburl", project + "pkg/wire",
	"github.com/go-json-experiment/json/jsontext", "github.com/hashicorp/golang-lru/v2", "github.com/google/uuid", "golang.org/x/sync", "golang.org/x/net/idna", "golang.org/x/text",
}

// withinService maps a kind of package to the kinds that it may import in its service.
var withinService = map[string][]string{
	"main":    {"wiring"},
	"wiring":  {"adapter", "output", "domain"},
	"adapter": {"output", "domain"},
	"output":  {"output", "domain"},
	"domain":  {"domain"},
	"tool":    {},
}

// checkImports returns an error for each import of a package that the rules forbid.
func checkImports(p *pkg) (errs []error) {
	for _, to := range p.Imports {
		if reason := forbidden(p.name(), to); reason != "" {
			errs = append(errs, fmt.Errorf("%s imports %s: %s", p.name(), strings.TrimPrefix(to, project), reason))
		}
	}
	for _, dep := range p.Deps {
		if o := owner(dep); kind(p.name()) == "domain" && o != "" && o != "pkg/boot" && !slices.Contains(p.Imports, dep) {
			errs = append(errs, fmt.Errorf("%s depends on %s: a domain package must not depend on it, even indirectly", p.name(), dep))
		}
	}
	return errs
}

// forbidden returns the reason why package from may not import to, or "".
func forbidden(from, to string) string {
	inner, ours := strings.CutPrefix(to, project)
	same := ours && module(from) == module(inner)
	if o := owner(to); o != "" && !within(from, o) && !slices.Contains(direct, from) {
		return "only " + o + " may import it"
	}
	switch {
	case (kind(from) == "domain" || kind(from) == "output") && (within(to, "net/http") || within(to, "database/sql")):
		return "only adapters may use HTTP and databases"
	case kind(from) == "domain" && !standard(to) && !(same && kind(inner) == "domain") &&
		!slices.ContainsFunc(domainImports, func(allowed string) bool { return to == allowed || !ours && within(to, allowed) }):
		return "a domain package must not import adapters or drivers"
	case from == "pkg/fault" && !standard(to):
		return "pkg/fault must import only the standard library"
	case !ours || module(from) == "deploy" || module(inner) == "pkg":
		return ""
	case !same:
		return "deploy and the packages of a service must not be imported by other modules"
	case !slices.Contains(withinService[kind(from)], kind(inner)):
		return fmt.Sprintf("a package of kind %s must not import one of kind %s", kind(from), kind(inner))
	}
	return ""
}

// kind returns the kind of a service package: main, wiring, domain, output, adapter or tool. It
// returns "" for packages of other modules.
func kind(path string) string {
	service, rest, _ := strings.Cut(path, "/")
	name, ok := strings.CutSuffix(service, "-service")
	internal, inside := strings.CutPrefix(rest, "internal/")
	switch {
	case !ok:
		return ""
	case rest == "":
		return "main"
	case rest == name+"d":
		return "wiring"
	case inside && slices.Contains(adapters, internal):
		return "adapter"
	case inside && slices.Contains(outputs, internal):
		return "output"
	case inside:
		return "domain"
	}
	return "tool"
}

// owner returns the only package that may import a dependency, or "".
func owner(path string) string {
	for dep, owner := range owners {
		if within(path, dep) {
			return owner
		}
	}
	return ""
}

func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func module(path string) string { name, _, _ := strings.Cut(path, "/"); return name }

func standard(path string) bool { return !strings.Contains(module(path), ".") }

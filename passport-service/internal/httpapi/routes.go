// Package httpapi implements the HTTP API of the passport-service.
package httpapi

import (
	_ "embed"
	"net/http"
	"sync"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// examples are written by TestExamples of deploy/e2e, which executes them.
//
//go:embed examples.json
var examples []byte

// OpenAPI describes the service in its OpenAPI document.
var OpenAPI = rest.Document{
	Name: "Passport", Path: "/api/passports", Title: "Battery Passport Service",
	Description: "Battery passports under Regulation (EU) 2023/1542: create, check, publish and archive passports, read the part that the caller may access, and inspect the version history.",
	Tags: map[string]string{
		"passports":        "Passports: create, check, publish, change and archive them; read their versions and codes; rule sets.",
		"namespaces":       "Hosts and GS1 company prefixes under which organisations issue identifiers of batteries.",
		"public passports": "Published passports; no login is needed.",
	},
	Examples: examples,
}

const maxBody = 1 << 20 // bytes

// API contains the handlers of the service.
type API struct {
	Passports  *passport.Service
	Namespaces *namespace.Service
	Exchange   *exchange.Service
	Verifier   *token.Verifier
	Responses  *ResponseCache

	MaxImportBytes int64 // of an import

	schemas sync.Map // JSON by schemaKey
}

// Register adds the operations to r. It must be called once.
func (a *API) Register(r *rest.API) {
	reader, writer := rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.Verifier.Require(auth.Admin, auth.Operator))
	reader.Cache = rest.Revalidate
	catalogue, list, public := reader, reader, rest.Public
	catalogue.Cache, list.Cache = "private, max-age=3600", rest.NoStore
	public.Cache = "public, max-age=60" // short, so that clients soon see that a passport is archived

	a.registerPassports(r, reader, list, writer)
	a.registerExchange(r, list, writer, public)
	a.registerStates(r, writer, rest.SignedIn(a.Verifier.Require(auth.Admin)))
	a.registerVersions(r, reader)
	a.registerNamespaces(r, list, writer)
	a.registerRuleSets(r, list, catalogue, writer, public)
	cached := public
	cached.Compress = false // responses in the cache are compressed
	a.registerPublic(r, cached)
	a.registerCarriers(r, reader, writer, public)
	for name, schema := range a.Passports.Schemas() {
		r.Schema(name, schema)
	}
}

var conflict, gone, full = rest.Errors(http.StatusConflict), rest.Errors(http.StatusGone), rest.Errors(http.StatusInsufficientStorage)

const publishedChange = "A change of a published passport needs a reason, must not add a compliance error, and must not change batteryIdentifier, " +
	"batteryPassportIdentifier, batteryCategory or batteryStatus."

func (a *API) registerPassports(r *rest.API, reader, list, writer rest.Policy) {
	body := rest.MaxBody(maxBody)
	rest.Handle(r, "POST /api/passports", writer, a.create, "createPassport", "Create a passport", body, conflict, full, rest.Status(http.StatusCreated),
		rest.Description("Stores a draft. The structure of the data must be valid; mandatory fields may be missing until the passport is published."))
	rest.Handle(r, "GET /api/passports", list, a.list, "listPassports", "List passports",
		rest.Description("Owners get the passports of their organisation with all data, admins all passports. Authorities and callers with a legitimate interest get the public part of all published passports."))
	rest.Handle(r, "GET /api/passports/{id}", reader, a.get, "getPassport", "Get a passport", gone,
		rest.Description("Owners and admins get all data. Other callers get the part of published passports that Article 77(2) grants them."))
	rest.Handle(r, "PUT /api/passports/{id}", writer, a.replace, "replacePassport", "Replace the data of a passport", body, conflict, gone, full,
		rest.Description("The response of getPassport can be sent back: members that the service sets are ignored if they are those of the passport; others are refused. If the data is the same, no version is created. "+publishedChange))
	rest.Handle(r, "PATCH /api/passports/{id}", writer, a.patch, "patchPassport", "Patch the data of a passport", body, conflict, gone, full,
		rest.Description("The body is a JSON merge patch (RFC 7396): null removes a field, an array replaces the array, an object is merged. "+publishedChange))
	rest.Handle(r, "DELETE /api/passports/{id}", writer, a.delete, "deletePassport", "Delete a draft passport", conflict, gone, rest.Status(http.StatusNoContent),
		rest.Description("Published passports cannot be deleted, only archived."))

	rest.Handle(r, "GET /api/passports/{id}/compliance", reader, a.compliance, "getCompliance", "Check a passport for compliance", gone,
		rest.Description("Findings of severity error prevent publishing. Use ruleSet and on to check the passport against another rule set or on another day."))
}

func (a *API) registerExchange(r *rest.API, list, writer, public rest.Policy) {
	names, titles := a.foreignFormats()
	foreign := rest.Enum("format", names, titles)
	rest.Handle(r, "POST /api/passports/import", writer, a.importPassports, "importPassports", "Import passports", conflict, foreign, rest.Consumes(importBodies),
		rest.Description("Creates or changes a passport for each row of a file, and sends a result line for each row while it reads. A row finds its passport by data.generalInformation.batteryIdentifier. "+
			"Rows with the same data as the passport change nothing, so that a file can be sent again after an interruption. An account has one import at a time."))
	rest.Handle(r, "GET /api/passports/import/template", list, a.importTemplate, "getImportTemplate", "Get a template for imports", rest.Produces(csvType, xlsxType),
		rest.Description("An empty table with the columns for a category. Rows whose first cell begins with # are comments: units, values, duties and an example."))
	files := rest.Produces("application/x-ndjson", csvType, xlsxType)
	one := rest.Produces("application/x-ndjson", csvType, xlsxType, "application/json", aasx.MediaType)
	ofOne := rest.Enum("format", append(names, aasxFormat), titles+"; aasx: idta-02035 as a package (AASX)")
	rest.Handle(r, "GET /api/passports/export", list, a.exportPassports, "exportPassports", "Export passports", files, foreign, gone, rest.Errors(http.StatusNotFound),
		rest.Description("Returns the passports that the list has for the caller, oldest first, or those with the ids. An import of the file gives passports with the same data."))
	rest.Handle(r, "GET /api/passports/{id}/export", list, a.exportPassport, "exportPassport", "Export a passport", one, ofOne, gone,
		rest.Description("Returns the part of a passport that the caller may read. Documents of other data models have a Content-Digest, and a Link to the report of their losses."))
	rest.Handle(r, "GET /api/public/passports/{id}/export", public, a.exportPublicPassport, "exportPublicPassport", "Export the public part of a passport", one, ofOne, gone,
		rest.Description("Returns the attributes of Annex XIII point 1. No login is needed."))
}

func (a *API) registerStates(r *rest.API, writer, admin rest.Policy) {
	rest.Handle(r, "POST /api/passports/{id}/publish", writer, a.publish, "publishPassport", "Publish a passport", conflict, gone,
		rest.Description("Everyone may read the public part of a published passport. If the passport has compliance errors, the response is 422 with all of them."))
	rest.Handle(r, "POST /api/passports/{id}/archive", writer, a.archive, "archivePassport", "Archive a published passport", conflict, gone, rest.EmptyBody,
		rest.Description("After archiving, only the owner, admins and authorities read the passport; everyone else gets 410 with the date. Its identifiers cannot be used again."))
	rest.Handle(r, "POST /api/passports/{id}/void", admin, a.void, "voidPassport", "Void a false passport", conflict, rest.EmptyBody,
		rest.Description("For admins, after complaints about a passport that someone published for a battery of another company. It is final: everyone but the owner, admins and authorities gets 410 with the date, the history stays, and the identifiers are free for the true passport."))
}

func (a *API) registerVersions(r *rest.API, reader rest.Policy) {
	rest.Handle(r, "GET /api/passports/{id}/versions", reader, a.versions, "listVersions", "List the versions of a passport", gone,
		rest.Description("Newest version first."))
	rest.Handle(r, "GET /api/passports/{id}/versions/{version}", reader, a.version, "getVersion", "Get a version of a passport", gone,
		rest.Description("Only the owner and admins may read versions of a draft."))
	rest.Handle(r, "GET /api/passports/{id}/diff", reader, a.diff, "compareVersions", "Compare two versions of a passport", gone,
		rest.Description("Returns the fields that differ and that the caller may read."))
	rest.Handle(r, "GET /api/passports/{id}/verify", reader, a.verify, "verifyHistory", "Verify the history of a passport", gone,
		rest.Description("Recomputes the hash chain of the versions and names the first version that was modified or is missing. A request verifies at most 1,000 versions and 16 MiB; repeat it until complete is true, within 10 minutes of the first request. Every result is based on the records as they were read during that time."))
}

func (a *API) registerRuleSets(r *rest.API, list, catalogue, writer, public rest.Policy) {
	rest.Handle(r, "POST /api/passports/validate", writer, a.validate, "validatePassport", "Validate passport data without storing it",
		rest.Description("For one JSON body, the response is a report. For NDJSON, with one body per line, the response has one line per body with its report or, if the line is not valid, its problem."))
	rest.Handle(r, "GET /api/passports/rulesets", list, a.ruleSets, "listRuleSets", "List rule sets",
		rest.Description("Every rule set of the service, with the day from which it applies."))
	rest.Handle(r, "GET /api/passports/rulesets/{id}/attributes", catalogue, a.attributes, "getRuleSet", "Get a rule set",
		rest.Description("The whole rule set as JSON: each attribute with its type, unit, allowed values, duty per category, access class and legal reference, and the rules and conditions of duties."))
	public.Cache = "public, max-age=3600"
	rest.Handle(r, "GET /api/passports/rulesets/{id}/schema", public, a.schema, "getSchema", "Get a JSON Schema", rest.Produces(schemaType),
		rest.Description("Returns the JSON Schema (2020-12) of the body of a passport, by the duties of today. No login is needed. A body that POST /api/passports/validate finds complete has the schema; rules with calculations, times or other passports are not in it."))
}

func (a *API) registerCarriers(r *rest.API, reader, writer, public rest.Policy) {
	picture := rest.Produces("image/svg+xml", "image/png")
	const symbol = "Returns the QR code or Data Matrix of the battery, with its quiet zone."
	rest.Handle(r, "GET /api/passports/{id}/carrier", reader, a.carrier, "getCarrier", "Get the code of a battery", conflict, gone, picture, rest.Description(symbol))
	rest.Handle(r, "GET /api/public/passports/{id}/carrier", public, a.publicCarrier, "getPublicCarrier", "Get the code of a published battery", gone, picture, rest.Description(symbol+" No login is needed."))
	rest.Handle(r, "POST /api/passports/labels", writer, a.labels, "printLabels", "Print labels", rest.Produces("application/pdf", "x-application/zpl"),
		rest.Description("Returns labels with code, model and serial number as PDF or ZPL, for passports by id or by filter. If one of them has no label, the response is 422 with all problems."))
}

func (a *API) registerPublic(r *rest.API, public rest.Policy) {
	rest.Handle(r, "GET /api/public/passports", public, a.findPublic, "findPublicPassport", "Find a published passport by battery identifier", rest.Errors(http.StatusNotFound), gone,
		rest.Description("Returns the public part of the passport of a battery, by the identifier in its QR code. No login is needed."))
	public.Query = rest.LenientQuery // the resolver redirects to it, and passes on the query
	rest.Handle(r, "GET /api/public/passports/{id}", public, a.public, "getPublicPassport", "Get the public part of a passport", gone,
		rest.Description("Returns the attributes of Annex XIII point 1. No login is needed."))
}

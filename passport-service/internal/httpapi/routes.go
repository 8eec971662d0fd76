// Package httpapi implements the HTTP API of the passport-service.
package httpapi

import (
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// Title and description of the OpenAPI document.
const (
	Title       = "Battery Passport Service"
	Description = "Battery passports under Regulation (EU) 2023/1542: create, check, publish and archive passports, read the part that the caller may access, and inspect the version history."
)

const maxBody = 1 << 20 // bytes

// API contains the handlers of the service.
type API struct {
	Passports *passport.Service
	Verifier  *token.Verifier

	etags *lru.Cache[passport.Revision, string] // entity tags of public parts
}

// Register adds the operations to r. It must be called once.
func (a *API) Register(r *rest.API) {
	a.etags, _ = lru.New[passport.Revision, string](etagCacheSize) // fails only for a size below 1
	reader, writer := rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.Verifier.Require(auth.Admin, auth.Operator))
	reader.Cache = rest.Revalidate
	catalogue, list, public := reader, reader, rest.Public
	catalogue.Cache, list.Cache = "private, max-age=3600", rest.NoStore
	public.Cache = "public, max-age=60" // short, so that clients soon see that a passport is archived

	a.registerPassports(r, reader, list, writer)
	a.registerVersions(r, reader)
	a.registerRuleSets(r, list, catalogue, writer)
	a.registerPublic(r, public)
	r.Schema("PassportData", a.Passports.Schema())
}

var conflict, gone = rest.Errors(http.StatusConflict), rest.Errors(http.StatusGone)

const publishedChange = "A change of a published passport needs a reason, must not add a compliance error, and must not change batteryIdentifier, " +
	"batteryPassportIdentifier, batteryCategory or batteryStatus."

func (a *API) registerPassports(r *rest.API, reader, list, writer rest.Policy) {
	body := rest.MaxBody(maxBody)
	rest.Handle(r, "POST /api/passports", writer, a.create, "createPassport", "Create a passport", body, conflict, rest.Status(http.StatusCreated),
		rest.Description("Stores a draft. The structure of the data must be valid; mandatory fields may be missing until the passport is published."))
	rest.Handle(r, "GET /api/passports", list, a.list, "listPassports", "List passports",
		rest.Description("Owners get the passports of their organisation with all data, admins all passports. Authorities and callers with a legitimate interest get the public part of all published passports."))
	rest.Handle(r, "GET /api/passports/{id}", reader, a.get, "getPassport", "Get a passport", gone,
		rest.Description("Owners and admins get all data. Other callers get the part of published passports that Article 77(2) grants them."))
	rest.Handle(r, "PUT /api/passports/{id}", writer, a.replace, "replacePassport", "Replace the data of a passport", body, conflict, gone,
		rest.Description("If the data is the same, no version is created. "+publishedChange))
	rest.Handle(r, "PATCH /api/passports/{id}", writer, a.patch, "patchPassport", "Patch the data of a passport", body, conflict, gone,
		rest.Description("The body is a JSON merge patch (RFC 7396): null removes a field, an array replaces the array, an object is merged. "+publishedChange))
	rest.Handle(r, "DELETE /api/passports/{id}", writer, a.delete, "deletePassport", "Delete a draft passport", conflict, gone, rest.Status(http.StatusNoContent),
		rest.Description("Published passports cannot be deleted, only archived."))

	rest.Handle(r, "GET /api/passports/{id}/compliance", reader, a.compliance, "getCompliance", "Check a passport for compliance", gone,
		rest.Description("Findings of severity error prevent publishing. Use ruleSet and on to check the passport against another rule set or on another day."))
	rest.Handle(r, "POST /api/passports/{id}/publish", writer, a.publish, "publishPassport", "Publish a passport", conflict, gone,
		rest.Description("Everyone may read the public part of a published passport. If the passport has compliance errors, the response is 422 with all of them."))
	rest.Handle(r, "POST /api/passports/{id}/archive", writer, a.archive, "archivePassport", "Archive a published passport", conflict, gone,
		rest.Description("After archiving, only the owner, admins and authorities read the passport; everyone else gets 410 with the date. Its identifiers cannot be used again."))
}

func (a *API) registerVersions(r *rest.API, reader rest.Policy) {
	rest.Handle(r, "GET /api/passports/{id}/versions", reader, a.versions, "listVersions", "List the versions of a passport", gone,
		rest.Description("Newest version first."))
	rest.Handle(r, "GET /api/passports/{id}/versions/{version}", reader, a.version, "getVersion", "Get a version of a passport", gone,
		rest.Description("Only the owner and admins may read versions of a draft."))
	rest.Handle(r, "GET /api/passports/{id}/diff", reader, a.diff, "compareVersions", "Compare two versions of a passport", gone,
		rest.Description("Returns the fields that differ and that the caller may read."))
	rest.Handle(r, "GET /api/passports/{id}/verify", reader, a.verify, "verifyHistory", "Verify the history of a passport", gone,
		rest.Description("Recomputes the hash chain of all versions and names the first version that was modified or is missing."))
}

func (a *API) registerRuleSets(r *rest.API, list, catalogue, writer rest.Policy) {
	rest.Handle(r, "POST /api/passports/validate", writer, a.validate, "validatePassport", "Validate passport data without storing it",
		rest.Description("For one JSON body, the response is a report. For NDJSON, with one body per line, the response has one line per body with its report or, if the line is not valid, its problem."))
	rest.Handle(r, "GET /api/passports/rulesets", list, a.ruleSets, "listRuleSets", "List rule sets",
		rest.Description("Every rule set of the service, with the day from which it applies."))
	rest.Handle(r, "GET /api/passports/rulesets/{id}/attributes", catalogue, a.attributes, "getRuleSet", "Get a rule set",
		rest.Description("The whole rule set as JSON: each attribute with its type, unit, allowed values, duty per category, access class and legal reference, and the rules and conditions of duties."))
}

func (a *API) registerPublic(r *rest.API, public rest.Policy) {
	rest.Handle(r, "GET /api/public/passports", public, a.findPublic, "findPublicPassport", "Find a published passport by battery identifier", rest.Errors(http.StatusNotFound), gone,
		rest.Description("Returns the public part of the passport of a battery, by the identifier in its QR code. No login is needed."))
	rest.Handle(r, "GET /api/public/passports/{id}", public, a.public, "getPublicPassport", "Get the public part of a passport", gone,
		rest.Description("Returns the attributes of Annex XIII point 1. No login is needed."))
}

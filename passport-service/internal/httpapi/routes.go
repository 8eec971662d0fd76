// Package httpapi is the HTTP face of the passport-service.
package httpapi

import (
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// What the API document says of the service.
const (
	Title       = "Battery Passport Service"
	Description = "Battery passports by Regulation (EU) 2023/1542: from draft to published, what they lack, who reads what, and what changed when."
)

const maxBody = 1 << 20

// API is what the operations need.
type API struct {
	Passports *passport.Service
	Verifier  *token.Verifier

	tags *lru.Cache[passport.Revision, string] // of what the public has read
}

// Register adds the operations to r.
func (a *API) Register(r *rest.API) {
	a.tags, _ = lru.New[passport.Revision, string](rememberedTags) // fails for a size below 1
	reader, writer := rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.Verifier.Require(auth.Admin, auth.Operator))
	reader.Cache = rest.Revalidate
	catalogue, list, public := reader, reader, rest.Public
	catalogue.Cache, list.Cache = "private, max-age=3600", rest.NoStore
	public.Cache = "public, max-age=60" // an archived passport must be seen as such soon

	a.registerChanges(r, reader, list, writer)
	a.registerVersions(r, reader)
	a.registerRuleSets(r, list, catalogue, writer)
	a.registerPublic(r, public)
	r.Schema("Data", a.Passports.Schema())
}

var conflict, ended = rest.Errors(http.StatusConflict), rest.Errors(http.StatusGone)

// registerChanges adds the operations on passports as they are now.
func (a *API) registerChanges(r *rest.API, reader, list, writer rest.Policy) {
	body := rest.MaxBody(maxBody)
	rest.Handle(r, "POST /api/passports", writer, a.create, "createPassport", "Create a passport", body, conflict, rest.Status(http.StatusCreated),
		rest.Description("Stores a draft. Its structure has to be right; it may lack what a published passport needs."))
	rest.Handle(r, "GET /api/passports", list, a.list, "listPassports", "List passports",
		rest.Description("Those that the caller keeps, whole. Authorities and those with a legitimate interest get the public part of all that are published."))
	rest.Handle(r, "GET /api/passports/{id}", reader, a.get, "getPassport", "Get a passport", ended,
		rest.Description("As far as the caller reads it: those who keep it all; others what Article 77(2) gives them, of published passports alone."))
	rest.Handle(r, "PUT /api/passports/{id}", writer, a.replace, "replacePassport", "Replace the data of a passport", body, conflict, ended)
	rest.Handle(r, "PATCH /api/passports/{id}", writer, a.patch, "patchPassport", "Patch the data of a passport", body, conflict, ended,
		rest.Description("A JSON merge patch (RFC 7396): null removes, an array replaces, an object is merged. A published passport needs a reason, "+
			"may not get an error that it did not have, and keeps what publishing fixed."))
	rest.Handle(r, "DELETE /api/passports/{id}", writer, a.delete, "deletePassport", "Delete a draft passport", conflict, ended, rest.Status(http.StatusNoContent))

	rest.Handle(r, "GET /api/passports/{id}/compliance", reader, a.compliance, "getCompliance", "Check a passport for compliance", ended,
		rest.Description("What stops it from being published has the severity error. A rule set or a day may be given to see what would be."))
	rest.Handle(r, "POST /api/passports/{id}/publish", writer, a.publish, "publishPassport", "Publish a passport", conflict, ended,
		rest.Description("Everybody reads its public part from now on. It is refused with everything that is missing or wrong."))
	rest.Handle(r, "POST /api/passports/{id}/archive", writer, a.archive, "archivePassport", "Archive a published passport", conflict, ended,
		rest.Description("The public is told that it ended, and when. Its identifier is never used again."))
}

func (a *API) registerVersions(r *rest.API, reader rest.Policy) {
	rest.Handle(r, "GET /api/passports/{id}/versions", reader, a.versions, "listVersions", "List the versions of a passport", ended,
		rest.Description("The newest first."))
	rest.Handle(r, "GET /api/passports/{id}/versions/{version}", reader, a.version, "getVersion", "Get a version of a passport", ended)
	rest.Handle(r, "GET /api/passports/{id}/diff", reader, a.diff, "compareVersions", "Compare two versions of a passport", ended)
	rest.Handle(r, "GET /api/passports/{id}/verify", reader, a.verify, "verifyHistory", "Verify the history of a passport", ended,
		rest.Description("Computes the hash of every version again, and names the first that is another than it was."))
}

func (a *API) registerRuleSets(r *rest.API, list, catalogue, writer rest.Policy) {
	rest.Handle(r, "POST /api/passports/validate", writer, a.validate, "validatePassport", "Validate passport data without storing it",
		rest.Description("Of one body its findings. Of many, one on each line (NDJSON), the findings of each on a line as it comes; a broken line is told in its place."))
	rest.Handle(r, "GET /api/passports/rulesets", list, a.ruleSets, "listRuleSets", "List rule sets")
	rest.Handle(r, "GET /api/passports/rulesets/{id}/attributes", catalogue, a.attributes, "listAttributes", "List the attributes of a rule set",
		rest.Description("Every attribute with its type, unit, allowed values, duty by category, access class and legal reference; the rules, and the conditions of duties."))
}

func (a *API) registerPublic(r *rest.API, public rest.Policy) {
	rest.Handle(r, "GET /api/public/passports", public, a.publicOf, "findPublicPassport", "Find a published passport by battery identifier", rest.Errors(http.StatusNotFound), ended,
		rest.Description("By the identifier that the QR code holds. The public part, for everybody."))
	rest.Handle(r, "GET /api/public/passports/{id}", public, a.public, "getPublicPassport", "Get the public part of a passport", ended,
		rest.Description("The public part (Annex XIII point 1), for everybody."))
}

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

	tags *lru.Cache[passport.Part, string] // of what the public has read
}

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	a.tags, _ = lru.New[passport.Part, string](rememberedTags) // fails for a size below 1
	reader, writer := a.Verifier.Require(), a.Verifier.Require(auth.Admin, auth.Operator)
	large, clash, ended := rest.MaxBody(maxBody), rest.Fails(http.StatusConflict), rest.Fails(http.StatusGone)

	rest.Handle(r, "POST /api/passports", writer, a.create, "Create a passport", large, clash, rest.Status(http.StatusCreated),
		rest.Describe("Stores a draft. Its structure has to be right; it may lack what a published passport needs."))
	rest.Handle(r, "GET /api/passports", reader, a.list, "List passports",
		rest.Describe("Those that the caller keeps, whole. Authorities and those with a legitimate interest get the public part of all that are published."))
	rest.Handle(r, "GET /api/passports/{id}", reader, a.get, "Read a passport", ended,
		rest.Describe("As far as the caller reads it: those who keep it all; others what Article 77(2) gives them, of published passports alone."))
	rest.Handle(r, "PUT /api/passports/{id}", writer, a.replace, "Replace the data of a passport", large, clash, ended)
	rest.Handle(r, "PATCH /api/passports/{id}", writer, a.patch, "Change parts of the data of a passport", large, clash, ended,
		rest.Describe("A JSON merge patch (RFC 7396): null removes, an array replaces, an object is merged. A published passport needs a reason, "+
			"may not get an error that it did not have, and keeps what publishing fixed."))
	rest.Handle(r, "DELETE /api/passports/{id}", writer, a.delete, "Delete a draft", clash, ended, rest.Status(http.StatusNoContent))

	rest.Handle(r, "GET /api/passports/{id}/compliance", reader, a.compliance, "See what a passport lacks", ended,
		rest.Describe("What stops it from being published has the severity error. A rule set or a day may be given to see what would be."))
	rest.Handle(r, "POST /api/passports/{id}/publish", writer, a.publish, "Publish a passport", clash, ended,
		rest.Describe("Everybody reads its public part from now on. It is refused with everything that is missing or wrong."))
	rest.Handle(r, "POST /api/passports/{id}/archive", writer, a.archive, "Archive a published passport", clash, ended,
		rest.Describe("The public is told that it ended, and when. Its identifier is never used again."))

	rest.Handle(r, "GET /api/passports/{id}/versions", reader, a.versions, "List the versions of a passport", ended,
		rest.Describe("The newest first."))
	rest.Handle(r, "GET /api/passports/{id}/versions/{version}", reader, a.version, "Read a version of a passport", ended)
	rest.Handle(r, "GET /api/passports/{id}/diff", reader, a.diff, "Compare two versions of a passport", ended)
	rest.Handle(r, "GET /api/passports/{id}/verify", reader, a.verify, "Verify the history of a passport", ended,
		rest.Describe("Computes the hash of every version again, and names the first that is another than it was."))

	rest.Handle(r, "POST /api/passports/validate", writer, a.validate, "Validate what is not stored",
		rest.Describe("Of one body its findings. Of many, one on each line (NDJSON), the findings of each on a line as it comes; a broken line is told in its place."))
	rest.Handle(r, "GET /api/passports/rulesets", reader, a.ruleSets, "List the rule sets")
	rest.Handle(r, "GET /api/passports/rulesets/{id}/attributes", reader, a.attributes, "Read the catalogue of a rule set",
		rest.Describe("Every attribute with its type, unit, allowed values, duty by category, access class and legal reference; the rules, and the conditions of duties."))

	rest.Handle(r, "GET /api/public/passports", rest.Open, a.publicOf, "Find the published passport of a battery", rest.Fails(http.StatusNotFound),
		rest.Describe("By the identifier that the QR code holds. The public part, for everybody."))
	rest.Handle(r, "GET /api/public/passports/{id}", rest.Open, a.public, "Read a published passport",
		rest.Describe("The public part (Annex XIII point 1), for everybody."))

	r.Define("Data", a.Passports.Schema())
}

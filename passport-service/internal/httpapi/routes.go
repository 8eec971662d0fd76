// Package httpapi is the HTTP face of the passport-service.
package httpapi

import (
	"net/http"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// What the API document says of the service.
const (
	Title       = "Battery Passport Service"
	Description = "Battery passports by Regulation (EU) 2023/1542: drafts, their versions, and what changed when."
)

const maxBody = 1 << 20

// API is what the operations need.
type API struct {
	Passports *passport.Service
	Verifier  *token.Verifier
}

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	reader, writer := a.Verifier.Require(), a.Verifier.Require(auth.Admin, auth.Operator)
	large, clash := rest.MaxBody(maxBody), rest.Fails(http.StatusConflict)

	rest.Handle(r, "POST /api/passports", writer, a.create, "Create a passport", large, clash, rest.Status(http.StatusCreated),
		rest.Describe("Stores a draft. Its structure has to be right; it may lack what a published passport needs."))
	rest.Handle(r, "GET /api/passports", reader, a.list, "List passports")
	rest.Handle(r, "GET /api/passports/{id}", reader, a.get, "Read a passport")
	rest.Handle(r, "PUT /api/passports/{id}", writer, a.replace, "Replace the data of a passport", large, clash)
	rest.Handle(r, "PATCH /api/passports/{id}", writer, a.patch, "Change parts of the data of a passport", large, clash,
		rest.Describe("A JSON merge patch (RFC 7396): null removes, an array replaces, an object is merged."))
	rest.Handle(r, "DELETE /api/passports/{id}", writer, a.delete, "Delete a draft", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/passports/{id}/versions", reader, a.versions, "List the versions of a passport",
		rest.Describe("The newest first."))
	rest.Handle(r, "GET /api/passports/{id}/versions/{version}", reader, a.version, "Read a version of a passport")
}

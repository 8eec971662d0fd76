package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/rest"
)

type newOrganisation struct {
	ID          string           `json:"id" example:"nordlicht-battery" doc:"2 to 40 characters of a-z, 0-9 and hyphen; never changes"`
	Name        string           `json:"name" example:"Nordlicht Batterie GmbH" doc:"name for display; can change"`
	Identifiers identifiersInput `json:"identifiers,omitzero" doc:"identifiers in public registers"`
	Address     addressInput     `json:"address,omitzero" doc:"postal address"`
	WebAddress  string           `json:"webAddress,omitempty" example:"https://nordlicht.example" doc:"https URL with a host that can exist, at most 200 characters"`
}

// Identifiers and addresses in requests.
type (
	identifiersInput organisation.Identifiers
	addressInput     organisation.Address
)

// OrganisationID is the path parameter of the operations on one organisation.
type OrganisationID struct {
	ID string `path:"id" doc:"id of the organisation"`
}

type changeOrganisationInput struct {
	OrganisationID
	rest.Precondition
	Body organisationChange
}

type organisationChange organisation.Change

type organisationsInput struct{ rest.Paging }

func (a *API) registerOrganisations(r *rest.API, user, admin, manager rest.Policy) {
	a.registerClients(r, manager)
	rest.Handle(r, "POST /api/auth/organisations", admin, a.createOrganisation, "createOrganisation", "Create an organisation", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("Accounts can be assigned to existing organisations only. The id never changes; the name can."))
	rest.Handle(r, "GET /api/auth/organisations", admin, a.listOrganisations, "listOrganisations", "List organisations")
	rest.Handle(r, "GET /api/auth/organisations/{id}", user, a.getOrganisation, "getOrganisation", "Get an organisation",
		rest.Description("For admins and for the members of the organisation; for everybody else it does not exist."))
	rest.Handle(r, "PATCH /api/auth/organisations/{id}", admin, a.changeOrganisation, "updateOrganisation", "Update an organisation", rest.Errors(http.StatusConflict),
		rest.Description("Members that are absent or null stay unchanged; an empty text removes a member. formerIds replaces the list: from their next refresh, access tokens of accounts with one of these ids carry the id of the organisation, and also give access to data of the former ids."))
	rest.Handle(r, "DELETE /api/auth/organisations/{id}", admin, a.deleteOrganisation, "deleteOrganisation", "Delete an organisation", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("An organisation with accounts cannot be deleted. The id of a deleted organisation cannot be used again."))
}

func (a *API) createOrganisation(ctx context.Context, in *input[newOrganisation]) (*versioned[organisation.Organisation], error) {
	o, err := a.Organisations.Create(withOrigin(ctx), organisation.Organisation{
		ID: in.Body.ID, Name: in.Body.Name, WebAddress: in.Body.WebAddress,
		Identifiers: organisation.Identifiers(in.Body.Identifiers), Address: organisation.Address(in.Body.Address),
	})
	return newVersioned(o.Organisation, o.LastEntry), err
}

func (a *API) listOrganisations(ctx context.Context, in *organisationsInput) (*output[rest.List[organisation.Organisation]], error) {
	page, err := a.Organisations.List(ctx, in.Cursor, in.Limit)
	return listOf(page, func(r organisation.Record) organisation.Organisation { return r.Organisation }), err
}

func (a *API) getOrganisation(ctx context.Context, in *OrganisationID) (*versioned[organisation.Organisation], error) {
	o, err := a.Organisations.View(ctx, in.ID)
	return newVersioned(o.Organisation, o.LastEntry), err
}

func (a *API) changeOrganisation(ctx context.Context, in *changeOrganisationInput) (*versioned[organisation.Organisation], error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	o, err := a.Organisations.Change(withOrigin(ctx), in.ID, organisation.Change(in.Body), versions...)
	return newVersioned(o.Organisation, o.LastEntry), err
}

func (a *API) deleteOrganisation(ctx context.Context, in *OrganisationID) (*struct{}, error) {
	return nil, a.Organisations.Delete(withOrigin(ctx), in.ID)
}

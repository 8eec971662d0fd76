package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/client"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

type clientRegistration struct {
	Name         string    `json:"name" example:"ERP" doc:"name for display, 1 to 100 characters"`
	Role         auth.Role `json:"role" enum:"operator,user,legitimate_interest,authority" doc:"role of the client, see Account; it never changes; managers give user and operator only"`
	Organisation string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of an existing organisation; it never changes; required for admins; for managers, their own if absent"`
}

// createdClient is a client with its first secret.
type createdClient struct {
	client.APIClient
	Secret string `json:"clientSecret" example:"bps_q1Xb0vO3m5cZr8…" doc:"first secret of the client; it is shown only once"`
}

// createdSecret is a secret with its value.
type createdSecret struct {
	client.Secret
	Value string `json:"clientSecret" example:"bps_q1Xb0vO3m5cZr8…" doc:"value of the secret; it is shown only once"`
}

// ClientID is the path parameter of the operations on one API client.
type ClientID struct {
	ID string `path:"id" id:"true" doc:"id of the API client"`
}

type clientsInput struct {
	rest.Paging
	Organisation string `query:"organisation" doc:"only clients of the organisation with this id"`
}

type changeClientInput struct {
	ClientID
	rest.Precondition
	Body clientChange
}

type clientChange client.Change

type secretInput struct {
	ClientID
	Secret string `path:"secretId" id:"true" doc:"id of the secret"`
}

func (a *API) registerClients(r *rest.API, manager rest.Policy) {
	a.registerOAuth(r)
	rest.Handle(r, "POST /api/auth/clients", manager, a.createClient, "createClient", "Create an API client", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("An API client is a program of an organisation, such as an ERP system. It gets access tokens with POST /api/auth/token, and has the rights of an account with its role and organisation. The secret is shown only once. An organisation has at most 100 clients. Managers create clients of their organisation with the roles user and operator."))
	rest.Handle(r, "GET /api/auth/clients", manager, a.listClients, "listClients", "List API clients",
		rest.Description("Managers get the users and operators among the clients of their organisation. A page may have fewer items than the limit."))
	rest.Handle(r, "GET /api/auth/clients/{id}", manager, a.getClient, "getClient", "Get an API client")
	rest.Handle(r, "PATCH /api/auth/clients/{id}", manager, a.changeClient, "updateClient", "Update an API client",
		rest.Description("Members that are absent or null stay unchanged. All services refuse the access tokens of a disabled client within 5 seconds."))
	rest.Handle(r, "DELETE /api/auth/clients/{id}", manager, a.deleteClient, "deleteClient", "Delete an API client", rest.Status(http.StatusNoContent),
		rest.Description("All services refuse its access tokens within 5 seconds. Data that it created stays."))
	rest.Handle(r, "POST /api/auth/clients/{id}/secrets", manager, a.addSecret, "addClientSecret", "Add a secret to an API client", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("For a rotation without an outage: a client may have two secrets. Configure the new one in the client, check with lastUsedAt that it is used, and delete the old one."))
	rest.Handle(r, "DELETE /api/auth/clients/{id}/secrets/{secretId}", manager, a.removeSecret, "deleteClientSecret", "Delete a secret of an API client", rest.Status(http.StatusNoContent),
		rest.Description("All services refuse the access tokens that were issued for this secret within 5 seconds. Tokens of the other secret stay valid."))
}

func (a *API) createClient(ctx context.Context, in *input[clientRegistration]) (*versioned[createdClient], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, secret, err := a.Clients.Create(withOrigin(ctx), by, client.APIClient{Name: in.Body.Name, Role: in.Body.Role, Organisation: in.Body.Organisation})
	return newVersioned(createdClient{r.APIClient, secret}, r.LastEntry), err
}

func (a *API) listClients(ctx context.Context, in *clientsInput) (*output[rest.List[client.APIClient]], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	page, err := a.Clients.List(ctx, by, in.Organisation, in.Cursor, in.Limit)
	return listOf(page, func(r client.Record) client.APIClient { return r.APIClient }), err
}

func (a *API) getClient(ctx context.Context, in *ClientID) (*versioned[client.APIClient], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Clients.Get(ctx, by, in.ID)
	return newVersioned(r.APIClient, r.LastEntry), err
}

func (a *API) changeClient(ctx context.Context, in *changeClientInput) (*versioned[client.APIClient], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	r, err := a.Clients.Change(withOrigin(ctx), by, in.ID, client.Change(in.Body), versions...)
	return newVersioned(r.APIClient, r.LastEntry), err
}

func (a *API) deleteClient(ctx context.Context, in *ClientID) (*struct{}, error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.Clients.Delete(withOrigin(ctx), by, in.ID)
}

func (a *API) addSecret(ctx context.Context, in *ClientID) (*output[createdSecret], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	added, value, err := a.Clients.AddSecret(withOrigin(ctx), by, in.ID)
	return &output[createdSecret]{createdSecret{added, value}}, err
}

func (a *API) removeSecret(ctx context.Context, in *secretInput) (*struct{}, error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.Clients.RemoveSecret(withOrigin(ctx), by, in.ID, in.Secret)
}

// clientProfile returns the client of the access token like an account, without email
// address.
func (a *API) clientProfile(ctx context.Context) (*output[account.Account], error) {
	r, err := a.Clients.Caller(ctx)
	return &output[account.Account]{account.Account{
		ID: r.ID, Role: r.Role, Organisation: r.Organisation, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}}, err
}

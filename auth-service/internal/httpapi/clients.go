package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/client"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

type newClient struct {
	Name         string    `json:"name" example:"ERP" doc:"name for display, 1 to 100 characters"`
	Role         auth.Role `json:"role" enum:"operator,user,legitimate_interest,authority" doc:"role of the client, see Account; it never changes"`
	Organisation string    `json:"organisation" example:"nordlicht-battery" doc:"id of an existing organisation; it never changes"`
}

// createdClient is a client with its first secret.
type createdClient struct {
	client.Client
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

// everyClient is an administrator that may see and change all clients. Only admins reach the
// operations.
type everyClient struct{}

func (everyClient) Administers(auth.Role, string) bool { return true }

func (a *API) registerClients(r *rest.API, admin rest.Policy) {
	a.registerOAuth(r)
	rest.Handle(r, "POST /api/auth/clients", admin, a.createClient, "createClient", "Create an API client", rest.Status(http.StatusCreated),
		rest.Description("An API client is a program of an organisation, such as an ERP system. It gets access tokens with POST /api/auth/token, and has the rights of an account with its role and organisation. The secret is shown only once."))
	rest.Handle(r, "GET /api/auth/clients", admin, a.listClients, "listClients", "List API clients")
	rest.Handle(r, "GET /api/auth/clients/{id}", admin, a.getClient, "getClient", "Get an API client")
	rest.Handle(r, "PATCH /api/auth/clients/{id}", admin, a.changeClient, "updateClient", "Update an API client",
		rest.Description("Members that are absent or null stay unchanged. All services refuse the access tokens of a disabled client within 5 seconds."))
	rest.Handle(r, "DELETE /api/auth/clients/{id}", admin, a.deleteClient, "deleteClient", "Delete an API client", rest.Status(http.StatusNoContent),
		rest.Description("All services refuse its access tokens within 5 seconds. Data that it created stays."))
	rest.Handle(r, "POST /api/auth/clients/{id}/secrets", admin, a.addSecret, "addClientSecret", "Add a secret to an API client", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("For a rotation without an outage: a client may have two secrets. Configure the new one in the client, check with lastUsedAt that it is used, and delete the old one."))
	rest.Handle(r, "DELETE /api/auth/clients/{id}/secrets/{secretId}", admin, a.removeSecret, "deleteClientSecret", "Delete a secret of an API client", rest.Status(http.StatusNoContent),
		rest.Description("All services refuse the access tokens that were issued for this secret within 5 seconds. Tokens of the other secret stay valid."))
}

func (a *API) createClient(ctx context.Context, in *input[newClient]) (*versioned[createdClient], error) {
	r, secret, err := a.Clients.Create(withOrigin(ctx), everyClient{}, client.Client{Name: in.Body.Name, Role: in.Body.Role, Organisation: in.Body.Organisation})
	return newVersioned(createdClient{r.Client, secret}, r.LastEntry), err
}

func (a *API) listClients(ctx context.Context, in *clientsInput) (*output[rest.List[client.Client]], error) {
	page, err := a.Clients.List(ctx, everyClient{}, in.Organisation, in.Cursor, in.Limit)
	return listOf(page, func(r client.Record) client.Client { return r.Client }), err
}

func (a *API) getClient(ctx context.Context, in *ClientID) (*versioned[client.Client], error) {
	r, err := a.Clients.Get(ctx, everyClient{}, in.ID)
	return newVersioned(r.Client, r.LastEntry), err
}

func (a *API) changeClient(ctx context.Context, in *changeClientInput) (*versioned[client.Client], error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	r, err := a.Clients.Change(withOrigin(ctx), everyClient{}, in.ID, client.Change(in.Body), versions...)
	return newVersioned(r.Client, r.LastEntry), err
}

func (a *API) deleteClient(ctx context.Context, in *ClientID) (*struct{}, error) {
	return nil, a.Clients.Delete(withOrigin(ctx), everyClient{}, in.ID)
}

func (a *API) addSecret(ctx context.Context, in *ClientID) (*output[createdSecret], error) {
	added, value, err := a.Clients.AddSecret(withOrigin(ctx), everyClient{}, in.ID)
	return &output[createdSecret]{createdSecret{added, value}}, err
}

func (a *API) removeSecret(ctx context.Context, in *secretInput) (*struct{}, error) {
	return nil, a.Clients.RemoveSecret(withOrigin(ctx), everyClient{}, in.ID, in.Secret)
}

// clientProfile returns the client of the access token like an account, without email
// address.
func (a *API) clientProfile(ctx context.Context) (*output[account.Account], error) {
	r, err := a.Clients.Caller(ctx)
	return &output[account.Account]{account.Account{
		ID: r.ID, Role: r.Role, Organisation: r.Organisation, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}}, err
}

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

// Namespace is a host or GS1 company prefix of an organisation.
type Namespace struct {
	ID           string          `json:"id" format:"uuid" doc:"id of the namespace"`
	Organisation string          `json:"organisation" doc:"id of the organisation that issues identifiers in the namespace"`
	Kind         namespace.Kind  `json:"kind" enum:"host,gs1CompanyPrefix" doc:"host: identifiers with this host; gs1CompanyPrefix: GS1 Digital Links whose GTIN has this prefix"`
	Value        string          `json:"value" doc:"host name in lower case, or digits of the prefix"`
	State        namespace.State `json:"state" enum:"requested,confirmed,refused,withdrawn" doc:"requested: waits for an admin; confirmed: other organisations may not use it; refused: by an admin; withdrawn: given up by the organisation or taken away by an admin"`
	Reason       string          `json:"reason,omitempty" doc:"why it was refused or withdrawn"`
	CreatedAt    time.Time       `json:"createdAt" doc:"when it was requested"`
	CreatedBy    string          `json:"createdBy" format:"uuid" doc:"id of the account that requested it"`
	UpdatedAt    time.Time       `json:"updatedAt" doc:"when its state changed"`
	UpdatedBy    string          `json:"updatedBy" format:"uuid" doc:"id of the account that changed its state"`
}

func newNamespace(n namespace.Namespace) Namespace {
	return Namespace{n.ID, n.Organisation, n.Kind, n.Value, n.State, n.Reason, n.CreatedAt, n.CreatedBy, n.UpdatedAt, n.UpdatedBy}
}

// NamespaceRequest is the body of a request for a namespace.
type NamespaceRequest struct {
	Kind         namespace.Kind `json:"kind" enum:"host,gs1CompanyPrefix" doc:"host, or gs1CompanyPrefix"`
	Value        string         `json:"value" minLength:"1" maxLength:"300" doc:"host name without scheme, port and path, international names in Punycode; or GS1 company prefix of 4 to 12 digits with its leading zeros (the prefix of a 12-digit U.P.C. number with a 0 before it)" example:"id.nordlicht.example"`
	Organisation string         `json:"organisation,omitempty" minLength:"1" maxLength:"200" doc:"id of the organisation, for admins; default: your own"`
}

// NamespaceDecision is the body of a decision with a reason.
type NamespaceDecision struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"why the namespace is refused or withdrawn; its organisation reads it"`
}

type namespaceOutput struct{ Body Namespace }

type createNamespaceOutput struct {
	rest.Replayed
	Location string `header:"Location" doc:"path of the namespace"`
	Body     Namespace
}

// NamespaceID is the path parameter of the operations on one namespace.
type NamespaceID struct {
	ID string `path:"id" id:"true" doc:"id of the namespace"`
}

type decisionInput struct {
	NamespaceID
	Body rest.JSON[NamespaceDecision]
}

func respondNamespace(n namespace.Namespace, err error) (*namespaceOutput, error) {
	if err != nil {
		return nil, err
	}
	return &namespaceOutput{newNamespace(n)}, nil
}

func (a *API) createNamespace(ctx context.Context, in *struct {
	rest.IdempotencyKey
	Body NamespaceRequest
}) (*createNamespaceOutput, error) {
	n, replayed, err := a.Namespaces.Create(ctx, namespace.Request{Kind: in.Body.Kind, Value: in.Body.Value, Organisation: in.Body.Organisation}, in.Key)
	if err != nil {
		return nil, err
	}
	return &createNamespaceOutput{Replayed: rest.ReplayedIf(replayed), Location: "/api/namespaces/" + n.ID, Body: newNamespace(n)}, nil
}

type namespacesInput struct {
	rest.Paging
	State namespace.State `query:"state" enum:"requested,confirmed,refused,withdrawn" doc:"only namespaces in this state"`
}

type namespacesOutput struct{ Body rest.List[Namespace] }

func (a *API) namespaces(ctx context.Context, in *namespacesInput) (*namespacesOutput, error) {
	page, err := a.Namespaces.List(ctx, namespace.ListParams{State: in.State, Cursor: in.Cursor, Limit: in.Limit})
	out := &namespacesOutput{rest.List[Namespace]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, newNamespace(row.Doc))
	}
	return out, err
}

func (a *API) namespace(ctx context.Context, in *NamespaceID) (*namespaceOutput, error) {
	return respondNamespace(a.Namespaces.Get(ctx, in.ID))
}

func (a *API) confirmNamespace(ctx context.Context, in *NamespaceID) (*namespaceOutput, error) {
	return respondNamespace(a.Namespaces.Confirm(ctx, in.ID))
}

func (a *API) refuseNamespace(ctx context.Context, in *decisionInput) (*namespaceOutput, error) {
	reason, err := passport.ParseReason(in.Body.Value)
	if err != nil {
		return nil, err
	}
	return respondNamespace(a.Namespaces.Refuse(ctx, in.ID, reason))
}

func (a *API) withdrawNamespace(ctx context.Context, in *decisionInput) (*namespaceOutput, error) {
	reason, err := passport.ParseReason(in.Body.Value)
	if err != nil {
		return nil, err
	}
	return respondNamespace(a.Namespaces.Withdraw(ctx, in.ID, reason))
}

func (a *API) registerNamespaces(r *rest.API, list, writer rest.Policy) {
	admin := rest.SignedIn(a.Verifier.Require(auth.Admin))
	rest.Handle(r, "POST /api/namespaces", writer, a.createNamespace, "createNamespace", "Request a namespace", conflict, rest.Status(http.StatusCreated),
		rest.Description("Requests a host or GS1 company prefix under which your organisation issues battery identifiers. After an admin has confirmed it, other organisations cannot use it; see IDENTIFIER_NAMESPACES."))
	rest.Handle(r, "GET /api/namespaces", list, a.namespaces, "listNamespaces", "List namespaces",
		rest.Description("Those of your organisation, for admins those of all organisations. Newest first."))
	rest.Handle(r, "GET /api/namespaces/{id}", list, a.namespace, "getNamespace", "Get a namespace",
		rest.Description("Only for members of the organisation and admins."))
	rest.Handle(r, "POST /api/namespaces/{id}/confirm", admin, a.confirmNamespace, "confirmNamespace", "Confirm a namespace", conflict,
		rest.Description("For admins, who must know that the host or prefix belongs to the organisation. If it overlaps with a confirmed namespace of another organisation, the response is 409 and names it."))
	rest.Handle(r, "POST /api/namespaces/{id}/refuse", admin, a.refuseNamespace, "refuseNamespace", "Refuse a namespace", conflict, rest.EmptyBody,
		rest.Description("For admins. The organisation may request it again."))
	rest.Handle(r, "POST /api/namespaces/{id}/withdraw", writer, a.withdrawNamespace, "withdrawNamespace", "Withdraw a namespace", conflict, rest.EmptyBody,
		rest.Description("Gives up a requested or confirmed namespace, so that another organisation can get it. Published passports stay as they are."))
}

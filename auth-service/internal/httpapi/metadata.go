package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

const (
	tokenPath    = "/api/auth/token"
	metadataPath = "/.well-known/oauth-authorization-server"
	openIDPath   = "/.well-known/openid-configuration"
)

// metadata describes the service to OAuth clients and resource servers (RFC 8414).
type metadata struct {
	Issuer        string   `json:"issuer" example:"http://127.0.0.1:4000" doc:"ISSUER_URL, the iss claim of access tokens"`
	TokenEndpoint string   `json:"token_endpoint" example:"http://127.0.0.1:4000/api/auth/token" doc:"URL of POST /api/auth/token"`
	KeySet        string   `json:"jwks_uri" example:"http://127.0.0.1:4000/.well-known/jwks.json" doc:"URL of the public keys"`
	GrantTypes    []string `json:"grant_types_supported" doc:"grant types of the token endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported" doc:"how API clients authenticate; none is for refresh tokens of people"`
	Scopes        []string `json:"scopes_supported" doc:"scopes of access tokens; a role has some of them"`
	ResponseTypes []string `json:"response_types_supported" doc:"none, because the service has no authorization endpoint"`
	SubjectTypes  []string `json:"subject_types_supported" doc:"public: an account or a client has the same sub for everyone"`
	Documentation string   `json:"service_documentation" example:"http://127.0.0.1:4000/docs" doc:"URL of the API documentation"`
}

func (a *API) registerOAuth(r *rest.API) {
	token := rest.Open
	token.RateLimit.Class = rest.NoRate // limited by package throttle, which knows the client
	token.Query = rest.LenientQuery     // the handler refuses any query
	token.ErrorPage = writeTokenError
	rest.Handle(r, "POST "+tokenPath, token, a.token, "issueToken", "Get an access token (OAuth 2.0)",
		rest.Errors(http.StatusUnauthorized, http.StatusTooManyRequests),
		rest.ErrorResponse[tokenError](http.StatusBadRequest, "Bad Request. The parameters are not valid: invalid_request, invalid_grant, invalid_scope or unsupported_grant_type."),
		rest.ErrorResponse[tokenError](http.StatusUnauthorized, "Unauthorized. The client is unknown or disabled, or its secret is wrong: invalid_client."),
		rest.ErrorResponse[tokenError](http.StatusForbidden, "Forbidden. Web pages of other origins must not use this path."),
		rest.ErrorResponse[tokenError](http.StatusTooManyRequests, "Too Many Requests. Send the request again after Retry-After seconds: temporarily_unavailable."),
		rest.ErrorResponse[tokenError](http.StatusServiceUnavailable, "Service Unavailable. Send the request again after Retry-After seconds: temporarily_unavailable."),
		rest.ErrorResponse[tokenError](http.StatusMisdirectedRequest, "Misdirected Request. This service does not serve the host."),
		rest.Description("The token endpoint of RFC 6749. With client_credentials, an API client gets an access token: it sends its id and a secret in the header Authorization (Basic), or as client_id and client_secret. With refresh_token, the login of a person continues, as with POST /api/auth/refresh. Parameters must be in the body."))
	for path, id := range map[string]string{metadataPath: "getAuthorizationServerMetadata", openIDPath: "getOpenIDConfiguration"} {
		rest.Handle(r, "GET "+path, a.keysPolicy(), a.metadata, id, "Get the authorization server metadata", rest.Group(OpenAPI.Title),
			rest.Description("RFC 8414: what OAuth libraries and API gateways need to know, such as the URLs of the token endpoint and of the keys. Both well-known paths return the same, with the members that OpenID Connect Discovery requires, except authorization_endpoint and id_token_signing_alg_values_supported: the service issues access tokens, but no ID tokens."))
	}
}

func (a *API) metadata(context.Context, *struct{}) (*output[metadata], error) {
	return &output[metadata]{metadata{
		Issuer: a.Issuer, TokenEndpoint: a.Issuer + tokenPath, KeySet: a.Issuer + auth.KeysPath, Documentation: a.Issuer + "/docs",
		GrantTypes: []string{clientCredentials, refreshToken}, AuthMethods: []string{"client_secret_basic", "client_secret_post", "none"},
		Scopes: auth.Admin.Scopes(), ResponseTypes: []string{"none"}, // RFC 8414 requires an array that is not empty
		SubjectTypes: []string{"public"},
	}}, nil
}

package authd_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestTokenErrorsAreThoseOfOAuth sends wrong requests to the token endpoint.
func TestTokenErrorsAreThoseOfOAuth(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root := s.register("root@x.example", "admin")
	erp := s.newClient(root, "user", s.organisation(root, "nordlicht"))
	off := s.newClient(root, "user", "nordlicht")
	s.Call("PATCH /api/auth/clients/"+off.ID, root.Token, `{"disabled":true}`).Want(200, nil)
	valid := credentialsForm(erp.ID, erp.Secret)
	const grantType = "grant_type=client_credentials"
	for name, c := range map[string]struct {
		form    string
		headers []string
		status  int
		code    string
	}{
		"empty":                       {"", nil, 400, "invalid_request"},
		"no grant type":               {"client_id=x", nil, 400, "invalid_request"},
		"grant type twice":            {valid + "&" + grantType, nil, 400, "invalid_request"},
		"another grant type":          {"grant_type=password", nil, 400, "unsupported_grant_type"},
		"no credentials":              {grantType, nil, 401, "invalid_client"},
		"no secret":                   {grantType + "&client_id=" + erp.ID, nil, 401, "invalid_client"},
		"wrong secret":                {credentialsForm(erp.ID, "bps_x"), nil, 401, "invalid_client"},
		"truncated secret":            {credentialsForm(erp.ID, erp.Secret[:46]), nil, 401, "invalid_client"},
		"secret of another client":    {credentialsForm(erp.ID, off.Secret), nil, 401, "invalid_client"},
		"unknown client":              {credentialsForm("none", erp.Secret), nil, 401, "invalid_client"},
		"disabled client":             {credentialsForm(off.ID, off.Secret), nil, 401, "invalid_client"},
		"account as client":           {credentialsForm(root.User.ID, "drop anchor"), nil, 401, "invalid_client"},
		"header and body":             {valid, []string{"Authorization", basic(erp.ID, erp.Secret)}, 400, "invalid_request"},
		"another client_id":           {grantType + "&client_id=" + off.ID, []string{"Authorization", basic(erp.ID, erp.Secret)}, 400, "invalid_request"},
		"Bearer":                      {grantType, []string{"Authorization", "Bearer " + root.Token}, 401, "invalid_client"},
		"Basic without colon":         {grantType, []string{"Authorization", "Basic eA=="}, 401, "invalid_client"},
		"Basic not base64":            {grantType, []string{"Authorization", "Basic *"}, 401, "invalid_client"},
		"unknown scope":               {valid + "&scope=root", nil, 400, "invalid_scope"},
		"scope of another role":       {valid + "&scope=passports:read+passports:write", nil, 400, "invalid_scope"},
		"JSON":                        {`{"grant_type":"client_credentials"}`, []string{"Content-Type", "application/json"}, 400, "invalid_request"},
		"no content type":             {valid, []string{"Content-Type", ""}, 400, "invalid_request"},
		"broken encoding":             {valid + "&x=%zz", nil, 400, "invalid_request"},
		"too large":                   {valid + "&x=" + strings.Repeat("x", 70_000), nil, 400, "invalid_request"},
		"cross-site":                  {valid, []string{"Sec-Fetch-Site", "cross-site"}, 403, "invalid_request"},
		"no refresh token":            {"grant_type=refresh_token", nil, 400, "invalid_request"},
		"wrong refresh token":         {"grant_type=refresh_token&refresh_token=x", nil, 400, "invalid_grant"},
		"refresh token of a client":   {"grant_type=refresh_token&refresh_token=x", []string{"Authorization", basic(erp.ID, erp.Secret)}, 401, "invalid_client"},
		"refresh with unknown scope":  {"grant_type=refresh_token&scope=root&refresh_token=" + root.RefreshToken, nil, 400, "invalid_scope"},
		"refresh with another client": {"grant_type=refresh_token&client_id=x&refresh_token=" + root.RefreshToken, nil, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			on := &service{s.On(t), nil, nil}
			var got issued
			a := on.tokenRequest(c.form, c.headers...).Want(c.status, &got)
			if got.Error != c.code || got.Description == "" || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("response %s, header %v, want %s", a.Text, a.Header, c.code)
			}
			if challenge := a.Header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(challenge, "Basic ") {
				t.Errorf("WWW-Authenticate = %q", challenge)
			}
		})
	}
	// A secret in a URL is refused, although it is right.
	for _, query := range []string{"?" + valid, "?client_secret=" + erp.Secret, "?x"} {
		var got issued
		if s.Do("POST /api/auth/token"+query, valid, "Content-Type", formType).Want(400, &got); got.Error != "invalid_request" {
			t.Errorf("query: %+v", got)
		}
	}
	s.Do("GET /api/auth/token?"+valid, "").Want(405, nil)
	if text := s.log.String(); strings.Contains(text, erp.Secret) {
		t.Error("the log contains the secret of a URL")
	}
	s.clientToken(erp.ID, erp.Secret)
	s.refreshed(root.RefreshToken) // refused requests did not use it up
}

// TestRefreshTokenGrant: the token endpoint continues the login of a person. A token that was
// used before ends it.
func TestRefreshTokenGrant(t *testing.T) {
	var c clock
	s := start(t, connect.Config{Dir: t.TempDir()}, c.set)
	ann := s.register("ann@x.example", "")
	refresh := func(text string) resttest.Response {
		return s.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}, "client_id": {token.WebClient}}.Encode())
	}
	var first, second issued
	refresh(ann.RefreshToken).Want(200, &first)
	refresh(first.RefreshToken).Want(200, &second)
	s.Call("GET /api/auth/profile", second.AccessToken, nil).Want(200, nil)
	c.advance(3 * time.Minute)
	var got issued
	if refresh(ann.RefreshToken).Want(400, &got); got.Error != "invalid_grant" {
		t.Errorf("reuse: %+v", got)
	}
	refresh(second.RefreshToken).Want(400, nil)
	s.eventuallyRefused(second.AccessToken)
}

// TestMetadataDescribesTheService: discovery has the URLs of the token endpoint and of the keys.
func TestMetadataDescribesTheService(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	var documents [2]map[string]any
	s.Do("GET /.well-known/oauth-authorization-server", "").Want(200, &documents[0])
	s.Do("GET /.well-known/openid-configuration", "").Want(200, &documents[1])
	for i, d := range documents {
		if d["issuer"] != s.URL || d["token_endpoint"] != s.URL+"/api/auth/token" || d["jwks_uri"] != s.URL+"/.well-known/jwks.json" {
			t.Errorf("document %d: %v", i, d)
		}
	}
	if got := fmt.Sprint(documents[1]["subject_types_supported"]); got != "[public]" || !reflect.DeepEqual(documents[0], documents[1]) {
		t.Errorf("subject types = %s; documents:\n%v\n%v", got, documents[0], documents[1])
	}
	for name, value := range documents[0] {
		if list, ok := value.([]any); ok && len(list) == 0 {
			t.Errorf("%s is empty: RFC 8414, 3.2, requires to omit it", name)
		}
	}
	var set struct{ Keys []map[string]string }
	s.Call("GET /.well-known/jwks.json", "", nil).Want(200, &set)
	if len(set.Keys) != 1 || set.Keys[0]["alg"] != "ES256" || set.Keys[0]["use"] != "sig" || set.Keys[0]["kty"] != "EC" || set.Keys[0]["kid"] == "" {
		t.Errorf("keys = %v", set.Keys)
	}
}

"""Authlib as a client: discovery, client credentials with both methods, requests with the token, a wrong secret."""
import os
from importlib.metadata import version

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

issuer, client_id, secret = (os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))
passports = os.environ["PASSPORT_URL"] + "/api/passports"

metadata = AuthorizationServerMetadata(requests.get(get_well_known_url(issuer, external=True), timeout=30).json())
metadata.validate()
assert metadata.issuer == issuer, metadata

for method in "client_secret_basic", "client_secret_post":
    assert method in metadata.token_endpoint_auth_methods_supported, metadata
    # The session requests the token from the endpoint in the metadata.
    session = OAuth2Session(client_id, secret, token_endpoint_auth_method=method, **metadata)
    token = session.fetch_token(grant_type="client_credentials")
    assert "passports:write" in token["scope"].split() and token["expires_in"] > 0, token
    created = session.post(passports, json={"data": {}}, timeout=30)
    assert created.status_code == 201 and created.json()["createdBy"] == client_id, created.text
    assert created.json()["owner"]["organisation"] == os.environ["ORGANISATION"], created.text

    session = OAuth2Session(client_id, secret + "x", token_endpoint_auth_method=method, **metadata)
    try:
        session.fetch_token(grant_type="client_credentials")
        raise AssertionError("a wrong secret got a token")
    except OAuthError as error:
        assert error.error == "invalid_client", error

# Authlib renews an expired token of the client by itself.
session = OAuth2Session(client_id, secret, grant_type="client_credentials", token=token | {"expires_at": 1}, **metadata)
assert session.get(passports, timeout=30).status_code == 200
assert session.token["expires_at"] > 1, session.token

print(f"Authlib {version('authlib')}: discovered the token endpoint and validated the metadata (RFC 8414), got tokens with Basic and form credentials, "
      "created passports, renewed an expired token; wrong secret: OAuthError invalid_client")

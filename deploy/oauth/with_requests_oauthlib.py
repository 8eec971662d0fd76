"""requests-oauthlib as a client: OpenID discovery, client credentials, a request with the token, a wrong secret."""
import os
from importlib.metadata import version

import requests
from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidClientError
from requests_oauthlib import OAuth2Session

client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
endpoint = requests.get(os.environ["ISSUER"] + "/.well-known/openid-configuration", timeout=30).json()["token_endpoint"]

session = OAuth2Session(client=BackendApplicationClient(client_id))
session.fetch_token(endpoint, client_secret=secret)
assert session.get(os.environ["PASSPORT_URL"] + "/api/passports", timeout=30).status_code == 200

# A token has all scopes of the role. By default, oauthlib refuses a response with other scopes than requested.
scopes = session.token["scope"]
for requested, is_refused in (scopes, False), (scopes[:1], True):
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=requested))
    try:
        session.fetch_token(endpoint, client_secret=secret)
        assert not is_refused, session.token
    except Warning as warning:
        assert is_refused and set(warning.new_scope) == set(scopes), warning

try:
    session.fetch_token(endpoint, client_secret=secret + "x")
    raise AssertionError("a wrong secret got a token")
except InvalidClientError as error:
    assert error.error == "invalid_client" and error.status_code == 401, error

print(f"requests-oauthlib {version('requests-oauthlib')}: got tokens from the endpoint in /.well-known/openid-configuration, without "
      "scopes or with all of the role, listed passports; wrong secret: InvalidClientError")

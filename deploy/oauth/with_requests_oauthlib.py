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

# By default, oauthlib refuses a response with other scopes than requested.
for requested in session.token["scope"], ["passports:read"]:
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=requested))
    session.fetch_token(endpoint, client_secret=secret)
    assert set(session.token["scope"]) == set(requested), session.token
assert session.get(os.environ["PASSPORT_URL"] + "/api/passports", timeout=30).status_code == 200
created = session.post(os.environ["PASSPORT_URL"] + "/api/passports", json={"data": {}}, timeout=30)
assert created.status_code == 403 and "passports:write" in created.json()["detail"], created.text

try:
    session.fetch_token(endpoint, client_secret=secret + "x")
    raise AssertionError("a wrong secret got a token")
except InvalidClientError as error:
    assert error.error == "invalid_client" and error.status_code == 401, error

print(f"requests-oauthlib {version('requests-oauthlib')}: got tokens from the endpoint in /.well-known/openid-configuration, without "
      "scopes, with all of the role and with one that cannot write, listed passports; wrong secret: InvalidClientError")

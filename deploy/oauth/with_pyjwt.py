"""PyJWT as a resource server, such as an API gateway: finds the key of an access token, and verifies signature and claims."""
import os
import time
from importlib.metadata import version

import jwt
import requests

issuer, client_id = os.environ["ISSUER"], os.environ["CLIENT_ID"]
metadata = requests.get(issuer + "/.well-known/oauth-authorization-server", timeout=30).json()
token = requests.post(metadata["token_endpoint"], {"grant_type": "client_credentials"},
                      auth=(client_id, os.environ["CLIENT_SECRET"]), timeout=30).json()
access = token["access_token"]
keys = jwt.PyJWKClient(metadata["jwks_uri"])


def verify(text, audience="battery-passport", issuer=issuer):
    return jwt.decode_complete(text, keys.get_signing_key_from_jwt(text), algorithms=["ES256"], audience=audience, issuer=issuer,
                               options={"require": ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]})


verified = verify(access)
header, claims = verified["header"], verified["payload"]
assert header["typ"] == "at+jwt" and header["alg"] == "ES256", header
assert claims["client_id"] == claims["sub"] == client_id, claims
assert claims["scope"] == token["scope"] and "passports:write" in claims["scope"].split(), claims
assert 0 <= time.time() + token["expires_in"] - claims["exp"] < 30, (token, claims)

head, body, signature = access.split(".")
changed = ".".join((head, body, ("B" if signature[0] == "A" else "A") + signature[1:]))
for error, arguments in [(jwt.InvalidSignatureError, {"text": changed}),
                         (jwt.InvalidAudienceError, {"text": access, "audience": "another"}),
                         (jwt.InvalidIssuerError, {"text": access, "issuer": "https://another.example"})]:
    try:
        verify(**arguments)
        raise AssertionError(f"no {error.__name__}")
    except error:
        pass

print(f"PyJWT {version('pyjwt')}: PyJWKClient found the key of the token; verified signature (ES256), typ, iss, aud, exp, client_id and scope; "
      "refused a changed signature, another audience and another issuer")

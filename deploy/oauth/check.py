"""Creates an API client as an admin, and runs the program of each library with its id and secret."""
import os
import pathlib
import subprocess
import sys

import requests

ORGANISATION = "nordlicht-battery"
ACCOUNT = {"email": "ann@nordlicht.example", "password": "correct horse battery"}
PROGRAMS = {"with_authlib.py": sys.executable, "with_requests_oauthlib.py": sys.executable,
            "with_pyjwt.py": sys.executable, "with_oauth4webapi.js": "node"}

auth = os.environ["AUTH_URL"]


def post(path, body, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.post(auth + path, json=body, headers=headers, timeout=30)
    response.raise_for_status()
    return response.json()


# The first account of an installation may be an admin.
post("/api/auth/register", ACCOUNT | {"role": "admin"})
admin = post("/api/auth/login", ACCOUNT)["token"]
post("/api/auth/organisations", {"id": ORGANISATION, "name": "Nordlicht Battery"}, admin)
client = post("/api/auth/clients", {"name": "ERP", "role": "operator", "organisation": ORGANISATION}, admin)

# The issuer is all that a library is told, apart from the credentials. The variables of Authlib and OAuthlib allow
# HTTP, as their documentation says, because the suite of this test has no certificate.
environment = os.environ | {
    "ISSUER": auth, "CLIENT_ID": client["clientId"], "CLIENT_SECRET": client["clientSecret"], "ORGANISATION": ORGANISATION,
    "AUTHLIB_INSECURE_TRANSPORT": "1", "OAUTHLIB_INSECURE_TRANSPORT": "1",
}
folder = pathlib.Path(__file__).parent
failed = [name for name, command in PROGRAMS.items()
          if subprocess.run([command, folder / name], env=environment, timeout=60).returncode]
if failed:
    sys.exit(f"deploy/oauth/check: {', '.join(failed)} failed")

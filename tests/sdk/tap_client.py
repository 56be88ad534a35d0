"""What tap-salesforce and Airbyte's connector do, with the library they use: fixed hosts, a proxy from the environment.

Arguments: client id, client secret. HTTPS_PROXY and REQUESTS_CA_BUNDLE are set. Prints one JSON object.
"""

import json
import sys

import requests

client_id, secret = sys.argv[1:3]
token_url = "https://login.salesforce.com/services/oauth2/token"
session = requests.Session()


def token(**form):
    answer = session.post(token_url, data={"client_id": client_id, "client_secret": secret, **form})
    answer.raise_for_status()
    return answer.json()


first = token(grant_type="client_credentials")
instance = first["instance_url"]


def query(soql, access_token):
    return session.get(
        f"{instance}/services/data/v62.0/query",
        params={"q": soql},
        headers={"Authorization": f"Bearer {access_token}"},
    )


seen = {"instance": instance}
seen["accounts"] = len(query("SELECT Name FROM Account LIMIT 1", first["access_token"]).json()["records"])
second = token(grant_type="refresh_token", refresh_token=first["refresh_token"])
seen["refreshed"] = query("SELECT Name FROM Account LIMIT 1", second["access_token"]).status_code == 200
refused = query("SELECT Phone FROM Account", second["access_token"])
seen["refused"] = {"status": refused.status_code, "code": refused.json()[0]["errorCode"]}
try:
    session.get("https://evil.example/", timeout=10)
    seen["elsewhere"] = "reached"
except requests.exceptions.ProxyError:
    seen["elsewhere"] = "refused"
print(json.dumps(seen))

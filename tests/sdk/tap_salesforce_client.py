"""tap-salesforce, unmodified, through Forcefield: its hosts are fixed, HTTPS_PROXY leads it here.

Arguments: the tap's command, client id, client secret, a folder to work in. HTTPS_PROXY and REQUESTS_CA_BUNDLE are set.
Prints one JSON object.
"""

import json
import pathlib
import subprocess
import sys

import requests

tap, client_id, secret, folder = sys.argv[1:5]
folder = pathlib.Path(folder)
client = {"client_id": client_id, "client_secret": secret}


def first_refresh_token():
    """What the operator of the tap does once."""
    url = "https://login.salesforce.com/services/oauth2/token"
    return requests.post(url, data={"grant_type": "client_credentials", **client}).json()["refresh_token"]


def run(kind, *arguments):
    config = folder / f"config-{kind}.json"
    if not config.exists():
        fields = {"refresh_token": first_refresh_token(), "start_date": "2000-01-01T00:00:00Z", "api_type": kind}
        config.write_text(json.dumps({**client, **fields}))
    return subprocess.run([tap, "--config", config, *arguments], capture_output=True, text=True)


def succeed(*arguments):
    done = run(*arguments)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def rows(text):
    messages = [json.loads(line) for line in text.splitlines()]
    records = [message for message in messages if message["type"] == "RECORD"]
    return {stream: sum(1 for record in records if record["stream"] == stream) for stream in ["Account", "Contact"]}


seen = {}
for kind in ["REST", "BULK"]:
    catalog = json.loads(succeed(kind, "--discover"))
    seen[f"{kind} streams"] = sorted(stream["tap_stream_id"] for stream in catalog["streams"])
    for stream in catalog["streams"]:
        selected = stream["tap_stream_id"] in ("Account", "Contact")
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = selected
    file = folder / f"catalog-{kind}.json"
    file.write_text(json.dumps(catalog))
    seen[f"{kind} rows"] = rows(succeed(kind, "--properties", file))

    # A stream that somebody adds by hand, without a grant for it.
    stolen = json.loads(json.dumps(catalog).replace("Contact", "Case"))
    stolen["streams"] = [stream for stream in stolen["streams"] if stream["tap_stream_id"] == "Case"]
    file.write_text(json.dumps(stolen))
    refused = run(kind, "--properties", file)
    seen[f"{kind} refused"] = {"code": refused.returncode, "told": "403" in refused.stderr or "400" in refused.stderr}

print(json.dumps(seen))

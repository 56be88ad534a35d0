"""Airbyte's Salesforce source, unmodified, through Forcefield: its hosts are fixed, HTTPS_PROXY leads it here.

Arguments: the source's command, client id, client secret, a folder to work in. HTTPS_PROXY and REQUESTS_CA_BUNDLE are
set. Prints one JSON object.
"""

import json
import pathlib
import subprocess
import sys

import requests

source, client_id, secret, folder = sys.argv[1:5]
folder = pathlib.Path(folder)
client = {"client_id": client_id, "client_secret": secret}
login = requests.post(
    "https://login.salesforce.com/services/oauth2/token", data={"grant_type": "client_credentials", **client}
).json()
config = {**client, "refresh_token": login["refresh_token"], "auth_type": "Client", "is_sandbox": False}
(folder / "config.json").write_text(json.dumps({**config, "start_date": "2000-01-01T00:00:00Z"}))


def run(*arguments):
    command = [source, *arguments, "--config", folder / "config.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done, messages


def read(streams):
    chosen = [
        {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"} for stream in streams
    ]
    (folder / "catalog.json").write_text(json.dumps({"streams": chosen}))
    return run("read", "--catalog", folder / "catalog.json")


done, messages = run("check")
status = [message["connectionStatus"]["status"] for message in messages if message["type"] == "CONNECTION_STATUS"]
seen = {"check": status}
done, messages = run("discover")
catalogs = [message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG"]
if not catalogs:
    sys.exit(done.stdout + done.stderr)
seen["streams"] = sorted(stream["name"] for stream in catalogs[0])
done, messages = read([stream for stream in catalogs[0] if stream["name"] in ("Account", "Contact")])
records = [message["record"]["stream"] for message in messages if message["type"] == "RECORD"]
seen["records"] = {name: records.count(name) for name in ["Account", "Contact"]}
if done.returncode:
    sys.exit(done.stdout[-4000:] + done.stderr[-4000:])

# A stream that somebody adds by hand, without a grant for it.
stolen = [{**stream, "name": "Case"} for stream in catalogs[0] if stream["name"] == "Contact"]
done, messages = read(stolen)
seen["refused"] = sum(1 for message in messages if message["type"] == "RECORD")
print(json.dumps(seen))

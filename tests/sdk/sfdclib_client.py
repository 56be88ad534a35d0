"""sfdclib, unmodified, through Forcefield: its hosts end in .salesforce.com, HTTPS_PROXY leads it here.

Arguments: user name, password. HTTPS_PROXY and REQUESTS_CA_BUNDLE are set. Prints one JSON object.
"""

import csv
import io
import json
import sys

from sfdclib import SfdcBulkApi, SfdcRestApi, SfdcSession

username, password = sys.argv[1:3]
session = SfdcSession(username=username, password=password, api_version="62.0")
session.login()
rest, bulk = SfdcRestApi(session), SfdcBulkApi(session)
seen = {"server": session.get_server_url()}
seen["page"] = len(rest.soql_query("SELECT Id, LastName FROM Contact")["records"])
created = rest.post("/sobjects/Account", {"Name": "From sfdclib"})["id"]
seen["read"] = rest.get(f"/sobjects/Account/{created}")["Name"]
rest.delete(f"/sobjects/Account/{created}")
seen["exported"] = len(list(csv.DictReader(io.StringIO(bulk.export("Contact", "SELECT Id, LastName FROM Contact")))))
for name, call in {
    "query refused": lambda: rest.soql_query("SELECT SSN__c FROM Contact"),
    "export refused": lambda: bulk.export("Case", "SELECT Id FROM Case"),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except Exception as error:  # the library raises nothing more special
        seen[name] = "forcefield: nightly may not" in str(error)

print(json.dumps(seen))

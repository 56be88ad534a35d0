"""simple-salesforce, unmodified, through Forcefield: what an integration developer's script does.

Arguments: HOST:PORT, client id, client secret. REQUESTS_CA_BUNDLE names the CA. Prints one JSON object.
"""

import json
import sys

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

host, client_id, secret = sys.argv[1:4]
# The library writes `https://{domain}.salesforce.com/...`; a path in the domain keeps the host as it is.
salesforce = Salesforce(domain=f"{host}/forcefield", consumer_key=client_id, consumer_secret=secret, version="62.0")

seen = {"instance": salesforce.sf_instance}
rows = salesforce.query_all("SELECT Id, LastName FROM Contact")
seen["contacts"] = len(rows["records"])
seen["objects"] = sorted(item["name"] for item in salesforce.describe()["sobjects"])
seen["fields"] = [field["name"] for field in salesforce.Account.describe()["fields"]]

created = salesforce.Account.create({"Name": "From Python"})
account = created["id"]
salesforce.Account.update(account, {"Industry": "Energy"})
seen["read"] = salesforce.Account.get(account)["Industry"]
salesforce.Account.delete(account)
upserted = salesforce.Invoice__c.upsert("ExtId__c/PY-1", {"Status__c": "Open"})
seen["upsert"] = upserted

for name, call in {
    "field": lambda: salesforce.query("SELECT SSN__c FROM Contact LIMIT 1"),
    "object": lambda: salesforce.query("SELECT Id FROM Case LIMIT 1"),
    "write": lambda: salesforce.Contact.create({"LastName": "x"}),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except SalesforceError as error:
        seen[name] = {"class": type(error).__name__, "status": error.status, "code": error.content[0]["errorCode"]}

print(json.dumps(seen))

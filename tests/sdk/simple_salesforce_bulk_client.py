"""simple-salesforce, unmodified, through Forcefield: both generations of the Bulk API, with a token.

Arguments: HOST:PORT, token. REQUESTS_CA_BUNDLE names the CA. Prints one JSON object.
"""

import csv
import io
import json
import sys

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

host, token = sys.argv[1:3]
salesforce = Salesforce(session_id=token, instance=host, version="62.0")
seen = {}

pages = salesforce.bulk2.Contact.query("SELECT Id, LastName FROM Contact", max_records=2000)
lengths = [len(list(csv.DictReader(io.StringIO(page)))) for page in pages]
seen["bulk2"] = lengths
loaded = salesforce.bulk2.Contact.insert(records=[{"LastName": "One"}, {"LastName": "Two"}])
seen["loaded"] = loaded[0]["numberRecordsProcessed"]

seen["bulk1"] = len(salesforce.bulk.Contact.query("SELECT Id, LastName FROM Contact"))
inserted = salesforce.bulk.Contact.insert([{"LastName": "Three"}])
seen["inserted"] = [result["success"] for result in inserted]

for name, call in {
    "field2": lambda: list(salesforce.bulk2.Contact.query("SELECT SSN__c FROM Contact")),
    "object2": lambda: list(salesforce.bulk2.Case.query("SELECT Id FROM Case")),
    "field1": lambda: salesforce.bulk.Contact.query("SELECT SSN__c FROM Contact"),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except SalesforceError as error:
        seen[name] = {"class": type(error).__name__, "status": error.status}

print(json.dumps(seen))

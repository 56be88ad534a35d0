"""salesforce-bulk, unmodified, through Forcefield: Bulk API 1.0 in XML and JSON, the session in its own header.

Arguments: URL, token. REQUESTS_CA_BUNDLE names the CA. Prints one JSON object.
"""

import csv
import io
import json
import sys

from salesforce_bulk import SalesforceBulk
from salesforce_bulk.salesforce_bulk import BulkApiError

url, token = sys.argv[1:3]
bulk = SalesforceBulk(sessionId=token, host=url, API_version="62.0")
seen = {}


def rows(content):
    job = bulk.create_query_job("Contact", contentType=content)
    batch = bulk.query(job, "SELECT Id, LastName FROM Contact")
    bulk.close_job(job)
    bulk.wait_for_batch(job, batch, timeout=30, sleep_interval=0.2)
    for result in bulk.get_all_results_for_query_batch(batch):
        yield result.read()


seen["csv"] = sum(len(list(csv.DictReader(io.StringIO(text.decode())))) for text in rows("CSV"))
seen["json"] = sum(len(json.loads(text)) for text in rows("JSON"))

job = bulk.create_insert_job("Contact", contentType="CSV")
batch = bulk.post_batch(job, iter([b"LastName\n", b"From Python\n", b"And again\n"]))
bulk.close_job(job)
bulk.wait_for_batch(job, batch, timeout=30, sleep_interval=0.2)
seen["inserted"] = [result.success for result in bulk.get_batch_results(batch)]

job = bulk.create_query_job("Contact", contentType="CSV")
for name, call in {
    "field": lambda: bulk.query(job, "SELECT SSN__c FROM Contact"),
    "object": lambda: bulk.create_query_job("Case", contentType="CSV"),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except BulkApiError as error:
        seen[name] = {"class": type(error).__name__, "status": error.status_code}

print(json.dumps(seen))

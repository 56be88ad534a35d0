"""dlt's REST client, unmodified, through Forcefield: client credentials, pages by nextRecordsUrl.

Arguments: URL, client id, client secret. REQUESTS_CA_BUNDLE names the CA. Prints one JSON object.
"""

import json
import sys

from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator
from requests.exceptions import HTTPError

url, client_id, secret = sys.argv[1:4]
auth = OAuth2ClientCredentials(
    access_token_url=f"{url}/services/oauth2/token", client_id=client_id, client_secret=secret
)
client = RESTClient(
    base_url=url, auth=auth, paginator=JSONLinkPaginator("nextRecordsUrl"), data_selector="records"
)


def rows(soql):
    pages = client.paginate("/services/data/v62.0/query", params={"q": soql})
    return [row for page in pages for row in page]


seen = {"contacts": len(rows("SELECT Id, LastName FROM Contact"))}
for name, soql in {"field": "SELECT SSN__c FROM Contact", "object": "SELECT Id FROM Case"}.items():
    try:
        rows(soql)
        seen[name] = "allowed"
    except HTTPError as error:
        seen[name] = error.response.status_code

print(json.dumps(seen))

"""CumulusCI, unmodified, through Forcefield: a JWT login, the user's document, records by its own client.

Arguments: URL, user name, a private key's file. SF_PROD_LOGIN_URL, SF_SANDBOX_LOGIN_URL and REQUESTS_CA_BUNDLE are set.
Prints one JSON object.
"""

import json
import pathlib
import sys

from cumulusci.core.config import OrgConfig
from cumulusci.core.exceptions import ServiceNotConfigured
from cumulusci.oauth.salesforce import jwt_session
from cumulusci.salesforce_api.utils import get_simple_salesforce_connection
from simple_salesforce.exceptions import SalesforceError

url, username, key = sys.argv[1:4]
login = jwt_session("ci", pathlib.Path(key).read_text(), username, url=url)
fields = {key: login[key] for key in ("access_token", "instance_url", "id")}
org = OrgConfig(fields, "test")
org._load_userinfo()
seen = {"instance": org.instance_url, "user": org.user_id == login["id"].split("/")[-1]}
seen["version"] = org.latest_api_version


class Project:
    project__package__api_version = "62.0"
    class keychain:
        @staticmethod
        def get_service(name):
            raise ServiceNotConfigured(name)


client = get_simple_salesforce_connection(Project, org, api_version="62.0")
seen["contacts"] = len(client.query_all("SELECT Id, LastName FROM Contact")["records"])
created = client.Account.create({"Name": "From CumulusCI"})["id"]
seen["read"] = client.Account.get(created)["Name"]
client.Account.delete(created)
try:
    client.query("SELECT SSN__c FROM Contact")
    seen["refused"] = "allowed"
except SalesforceError as error:
    seen["refused"] = {"class": type(error).__name__, "status": error.status}

print(json.dumps(seen))

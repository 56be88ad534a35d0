"""salesforce-api, unmodified, through Forcefield: every login it has, records, Bulk 2.0.

Arguments: HOST:PORT, client id, client secret, user name, password. REQUESTS_CA_BUNDLE names the CA. Prints one JSON
object.
"""

import json
import os
import sys

import requests
from salesforce_api import Salesforce, exceptions

host, client_id, secret, username, password = sys.argv[1:6]
version = "62.0"
api = Salesforce(domain=host, client_id=client_id, client_secret=secret, api_version=version)
seen = {"instance": api.connection.instance_url}
seen["contacts"] = len(api.sobjects.query("SELECT Id, LastName FROM Contact"))
created = api.sobjects.Account.insert({"Name": "From salesforce-api"})["id"]
api.sobjects.Account.update(created, {"Industry": "Energy"})
seen["read"] = api.sobjects.Account.get(created)["Industry"]
api.sobjects.Account.delete(created)
api.sobjects.Invoice__c.upsert("ExtId__c", "SA-1", {"Status__c": "Open"})
loaded = api.bulk_v2.insert("Contact", [{"LastName": "One"}, {"LastName": "Two"}])
seen["loaded"] = [type(one).__name__ for one in loaded]

for name, call in {
    "field": lambda: api.sobjects.query("SELECT SSN__c FROM Contact"),
    "object": lambda: api.sobjects.Case.insert({"Subject": "x"}),
    "bulk": lambda: api.bulk_v2.insert("Case", [{"Subject": "x"}]),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except exceptions.SalesforceBaseError as error:
        seen[name] = type(error).__name__

token = Salesforce(domain=host, access_token=api.connection.access_token, api_version=version)
seen["token"] = len(token.sobjects.query("SELECT Id FROM Account LIMIT 1"))
try:
    Salesforce(domain=host, client_id=client_id, client_secret="wrong", api_version=version)
    seen["login"] = "allowed"
except exceptions.AuthenticationError as error:
    seen["login"] = type(error).__name__

# SOAP logins work on Salesforce's own names only.
os.environ["HTTPS_PROXY"] = os.environ["TUNNELS"]
soap = Salesforce(username=username, password_and_security_token=password, api_version=version)
seen["soap"] = len(soap.sobjects.query("SELECT Id FROM Account LIMIT 1"))
try:
    Salesforce(username=username, password_and_security_token="wrong", api_version=version)
    seen["soap login"] = "allowed"
except exceptions.AuthenticationError as error:
    seen["soap login"] = type(error).__name__

print(json.dumps(seen))

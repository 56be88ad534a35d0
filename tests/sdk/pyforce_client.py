"""pyforce, unmodified, through Forcefield: SOAP from the login on, envelopes packed with gzip.

Arguments: URL, user name, password. REQUESTS_CA_BUNDLE names the CA. Prints one JSON object.
"""

import json
import sys

import pyforce

url, username, password = sys.argv[1:4]
endpoint = url + "/services/Soap/u/62.0"
client = pyforce.PythonClient(serverUrl=endpoint)
login = client.login(username, password)
seen = {"server": login["serverUrl"], "user": client.getUserInfo()["userId"]}

page = client.query("SELECT Id, LastName FROM Contact")
contacts = len(page)
while not page.done:
    page = client.queryMore(page.queryLocator)
    contacts += len(page)
seen["contacts"] = contacts
seen["objects"] = sorted(item.name for item in client.describeGlobal()["sobjects"])
seen["fields"] = sorted(client.describeSObjects("Account")[0].fields)

created = client.create({"type": "Account", "Name": "From SOAP"})[0]["id"]
seen["updated"] = client.update({"type": "Account", "Id": created, "Industry": "Energy"})[0]["success"]
seen["read"] = client.retrieve("Industry", "Account", [created])[0]["Industry"]
seen["deleted"] = client.delete([created])[0]["success"]

for name, call in {
    "field": lambda: client.query("SELECT SSN__c FROM Contact"),
    "object": lambda: client.query("SELECT Id FROM Case"),
    "write": lambda: client.delete(["003000000000001"]),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except pyforce.SoapFaultError as error:
        seen[name] = {"class": type(error).__name__, "code": error.faultCode}

with_token = pyforce.PythonClient(serverUrl=endpoint)
with_token.useSession(login["sessionId"], login["serverUrl"])
seen["session"] = len(with_token.query("SELECT Id FROM Account LIMIT 1"))
client.logout()
for name, call in {
    "after": lambda: with_token.query("SELECT Id FROM Account LIMIT 1"),
    "login": lambda: pyforce.PythonClient(serverUrl=endpoint).login(username, "wrong"),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except (pyforce.SoapFaultError, pyforce.SessionTimeoutError) as error:
        seen[name] = {"class": type(error).__name__, "code": error.faultCode}

print(json.dumps(seen))

"""aiosalesforce, unmodified, through Forcefield: its host must be a My Domain, HTTPS_PROXY leads it here.

Arguments: client id, client secret, user name, password, a private key's file. HTTPS_PROXY and SSL_CERT_FILE are set.
Prints one JSON object.
"""

import asyncio
import json
import sys

from aiosalesforce import ClientCredentialsFlow, JwtBearerFlow, Salesforce, SoapLogin
from aiosalesforce.exceptions import SalesforceError
from httpx import AsyncClient

client_id, secret, username, password, key = sys.argv[1:6]
HOST = "https://acme.my.salesforce.com"


async def main():
    seen = {}
    async with AsyncClient() as http:
        logins = {
            "client": ClientCredentialsFlow(client_id, secret),
            "soap": SoapLogin(username, password, ""),
            "jwt": JwtBearerFlow(client_id="ci", username=username, private_key_file=key),
        }
        for name, auth in logins.items():
            api = Salesforce(http, base_url=HOST, auth=auth, version="62.0")
            seen[name] = len([row async for row in api.query("SELECT Id FROM Account LIMIT 3")])
        api = Salesforce(http, base_url=HOST, auth=logins["client"], version="62.0")
        seen["contacts"] = len([row async for row in api.query("SELECT Id, LastName FROM Contact")])
        created = await api.sobject.create("Account", {"Name": "From asyncio"})
        await api.sobject.update("Account", created, {"Industry": "Energy"})
        seen["read"] = (await api.sobject.get("Account", created))["Industry"]
        await api.sobject.upsert("Invoice__c", "AIO-1", "ExtId__c", {"Status__c": "Open"})
        async with api.composite.batch() as batch:
            one, two = batch.query("SELECT Id FROM Account LIMIT 1"), batch.sobject.delete("Account", created)
        seen["batch"] = [one.status_code, two.status_code]
        loaded = await api.bulk_v2.insert("Contact", [{"LastName": "One"}, {"LastName": "Two"}])
        seen["loaded"] = len(loaded.successful_results)
        for name, call in {
            "field": lambda: anext(aiter(api.query("SELECT SSN__c FROM Contact"))),
            "object": lambda: api.sobject.create("Case", {"Subject": "x"}),
            "bulk": lambda: api.bulk_v2.insert("Case", [{"Subject": "x"}]),
            "login": lambda: Salesforce(
                http, base_url=HOST, auth=ClientCredentialsFlow(client_id, "wrong"), version="62.0"
            ).get_limits(),
        }.items():
            try:
                await call()
                seen[name] = "allowed"
            except SalesforceError as error:
                seen[name] = {"class": type(error).__name__, "code": error.error_code}
    print(json.dumps(seen))


asyncio.run(main())

// jsforce, unmodified, through Forcefield: what an integration developer's script does.
//
// Arguments: URL, client id, client secret. NODE_EXTRA_CA_CERTS names the CA. Prints one JSON object.

const jsforce = require("jsforce");

async function main() {
  const [url, clientId, clientSecret] = process.argv.slice(2);
  const connection = new jsforce.Connection({
    oauth2: { loginUrl: url, clientId, clientSecret },
    version: "62.0",
    maxRequest: 5,
  });
  await connection.authorize({ grant_type: "client_credentials" });
  const seen = { instance: connection.instanceUrl };

  const contacts = await connection.query("SELECT Id, LastName FROM Contact", { autoFetch: true, maxFetch: 10000 });
  seen.contacts = contacts.records.length;
  seen.objects = (await connection.describeGlobal()).sobjects.map((item) => item.name).sort();
  seen.fields = (await connection.sobject("Account").describe()).fields.map((field) => field.name);

  const account = connection.sobject("Account");
  const created = await account.create({ Name: "From JavaScript" });
  await account.update({ Id: created.id, Industry: "Energy" });
  seen.read = (await account.retrieve(created.id)).Industry;
  await account.destroy(created.id);
  seen.upsert = (await connection.sobject("Invoice__c").upsert({ ExtId__c: "JS-1", Status__c: "Open" }, "ExtId__c")).success;

  const refused = {
    field: () => connection.query("SELECT SSN__c FROM Contact LIMIT 1"),
    object: () => connection.query("SELECT Id FROM Case LIMIT 1"),
    write: () => connection.sobject("Contact").create({ LastName: "x" }),
  };
  for (const [name, call] of Object.entries(refused)) {
    try {
      await call();
      seen[name] = "allowed";
    } catch (error) {
      seen[name] = { class: error.name, code: error.errorCode };
    }
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

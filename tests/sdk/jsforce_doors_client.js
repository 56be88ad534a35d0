// jsforce, unmodified, through Forcefield: SOAP login and calls, both generations of the Bulk API.
//
// Arguments: URL, user name, password. NODE_EXTRA_CA_CERTS names the CA. Prints one JSON object.

const jsforce = require("jsforce");

async function main() {
  const [url, username, password] = process.argv.slice(2);
  const connection = new jsforce.Connection({ loginUrl: url, version: "62.0" });
  await connection.login(username, password);
  const seen = { instance: connection.instanceUrl };

  const created = await connection.soap.create({ type: "Account", Name: "From SOAP" });
  seen.created = [created].flat().every((result) => result.success);

  connection.bulk.pollInterval = 200;
  connection.bulk.pollTimeout = 30000;
  connection.bulk2.pollInterval = 200;
  connection.bulk2.pollTimeout = 30000;
  const soql = "SELECT Id, LastName FROM Contact";
  const read = async (stream) => (await stream.toArray()).length;
  seen.bulk1 = await read(await connection.bulk.query(soql));
  seen.bulk2 = await read(await connection.bulk2.query(soql));
  const loaded = await connection.bulk.load("Contact", "insert", [{ LastName: "One" }, { LastName: "Two" }]);
  seen.loaded1 = loaded.map((result) => result.success);
  const results = await connection.bulk2.loadAndWaitForResults({
    object: "Contact",
    operation: "insert",
    input: [{ LastName: "Three" }],
  });
  seen.loaded2 = results.successfulResults.length;

  const refused = {
    soapRefused: () => connection.soap.create({ type: "Case", Subject: "x" }),
    bulk1Refused: () => connection.bulk.load("Case", "insert", [{ Subject: "x" }]),
    bulk2Refused: () => connection.bulk2.query("SELECT SSN__c FROM Contact"),
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

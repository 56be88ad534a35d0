// nforce, unmodified, through Forcefield: password login, lower-case names, refresh, identity.
//
// Arguments: URL, client id, client secret, user name, password. NODE_EXTRA_CA_CERTS names the CA. Prints one JSON
// object.

const nforce = require("nforce");

const [url, clientId, clientSecret, username, password] = process.argv.slice(2);

async function main() {
  const org = nforce.createConnection({
    clientId,
    clientSecret,
    redirectUri: "http://localhost/unused",
    loginUri: `${url}/services/oauth2/token`,
    apiVersion: "v62.0",
    mode: "single",
    autoRefresh: true,
  });
  const seen = {};
  const login = await org.authenticate({ username, password });
  seen.instance = login.instance_url;
  seen.id = login.id.startsWith(`${url}/id/00D`);
  seen.user = (await org.getIdentity()).user_id === login.id.split("/").pop();
  const all = await org.query({ query: "SELECT Id, LastName FROM Contact", fetchAll: true });
  seen.contacts = all.records.length;

  const account = nforce.createSObject("Account");
  account.set("Name", "From nforce");
  const created = await org.insert({ sobject: account });
  account.set("Industry", "Energy");
  await org.update({ sobject: account });
  seen.read = (await org.getRecord({ type: "Account", id: created.id })).get("industry");
  await org.delete({ sobject: account });

  for (const [name, call] of Object.entries({
    field: () => org.query({ query: "SELECT SSN__c FROM Contact" }),
    object: () => org.insert({ sobject: nforce.createSObject("Case", { Subject: "x" }) }),
    login: () => org.authenticate({ username, password: "wrong" }),
  })) {
    try {
      await call();
      seen[name] = "allowed";
    } catch (error) {
      seen[name] = { status: error.statusCode, code: error.errorCode || error.message };
    }
  }
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

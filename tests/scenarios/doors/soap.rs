//! SOAP, partner and enterprise: logins end here, calls carry their session in the envelope only.

use bytes::Bytes;
use forcefield_emulator::{Carrier, Server, Side, Trouble};
use forcefield_tests::{Client, Proxy, Reply, SECRET};
use std::io::Write as _;

use super::{all, touched};
use crate::{before, data_requests, salesforce, with};

const GRANTS: &str = "allow:
  Account: { read: [Name, Industry], create: [Name, Industry], update: [Name], delete: true }
  Contact: { read: [LastName] }
also: [describe-global, userinfo]
";

fn envelope(letter: &str, session: &str, body: &str) -> String {
    let dialect = if letter == "u" { "partner" } else { "enterprise" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:{dialect}.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Header><urn:SessionHeader>\
         <urn:sessionId>{session}</urn:sessionId></urn:SessionHeader></soapenv:Header>\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

/// A client without a header that identifies it, and the session that it logged in to by SOAP.
struct Soap {
    client: Client,
    session: String,
}

impl Soap {
    async fn login(proxy: &Proxy, name: &str) -> Self {
        let client = proxy.anonymous().unwrap().with_header("SOAPAction", "\"\"");
        let login = format!(
            "<urn:login><urn:username>{name}@test.example</urn:username><urn:password>{SECRET}</urn:password></urn:login>"
        );
        let soap = Self { client, session: String::new() };
        let reply = soap.call("u", &login).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let session = all(&reply.text(), "sessionId").remove(0);
        let port = proxy.address().port();
        let server = all(&reply.text(), "serverUrl").remove(0);
        assert!(
            server.starts_with(&format!("https://localhost:{port}/services/Soap/u/62.0/00D")),
            "{server}"
        );
        Self { session, ..soap }
    }

    async fn call(&self, letter: &str, body: &str) -> Reply {
        let bytes = Bytes::from(envelope(letter, &self.session, body));
        let target = format!("/services/Soap/{letter}/62.0");
        self.client.send("POST", &target, Some(("text/xml; charset=UTF-8", bytes))).await.unwrap()
    }

    async fn partner(&self, body: &str) -> String {
        let reply = self.call("u", body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text()
    }

    async fn fault(&self, body: &str) -> String {
        let reply = self.call("u", body).await;
        assert_eq!(reply.status, 500, "{}", reply.text());
        assert!(reply.header("content-type").starts_with("text/xml"), "{:?}", reply.headers);
        all(&reply.text(), "faultcode").remove(0)
    }
}

fn query(soql: &str) -> String {
    format!("<urn:query><urn:queryString>{soql}</urn:queryString></urn:query>")
}

fn more(locator: &str) -> String {
    format!("<urn:queryMore><urn:queryLocator>{locator}</urn:queryLocator></urn:queryMore>")
}

/// Every request that reached the org carried the org's session and nothing of the client's.
fn only_the_orgs_sessions(salesforce: &Server, session: &str) {
    for received in data_requests(salesforce) {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        assert!(!body.contains(session), "the client's session went on");
        assert!(
            received.credentials.iter().all(|one| one.carrier == Carrier::Soap),
            "{:?}",
            received.credentials
        );
    }
}

#[tokio::test]
async fn a_soap_client_logs_in_here_and_pages_its_own_cursor() {
    let salesforce = salesforce().await;
    let proxy =
        before(&salesforce).identity("nightly", GRANTS).identity("other", GRANTS).start().await.unwrap();
    let (nightly, other) = (Soap::login(&proxy, "nightly").await, Soap::login(&proxy, "other").await);
    let mut text = nightly.partner(&query("SELECT LastName FROM Contact")).await;
    let (mut rows, mut pages) = (0, 0);
    loop {
        rows += text.matches("<sf:LastName>").count();
        pages += 1;
        let Some(locator) = all(&text, "queryLocator").pop() else { break };
        assert_eq!(other.fault(&more(&locator)).await, "sf:INSUFFICIENT_ACCESS");
        text = nightly.partner(&more(&locator)).await;
    }
    assert_eq!((rows, pages), (5000, 3));
    assert_eq!(touched(&salesforce), ["read Contact", "read Contact.LastName"]);
    assert_eq!(data_requests(&salesforce).len(), 3, "what was refused did not arrive");
    only_the_orgs_sessions(&salesforce, &nightly.session);
}

#[tokio::test]
async fn records_are_made_read_changed_and_deleted_in_both_dialects() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let soap = Soap::login(&proxy, "nightly").await;
    let text = soap
        .partner(
            "<urn:create><urn:sObjects><type>Account</type><Name>S&amp;P</Name></urn:sObjects></urn:create>",
        )
        .await;
    let id = all(&text, "id").remove(0);
    assert_eq!(salesforce.value(&id, "Name").as_deref(), Some("S&P"));
    let enterprise = format!(
        "<urn:update><urn:sObjects xsi:type=\"ens:Account\" xmlns:ens=\"urn:sobject.enterprise.soap.sforce.com\">\
         <ens:Id>{id}</ens:Id><ens:Name>Moody</ens:Name></urn:sObjects></urn:update>"
    );
    let reply = soap.call("c", &enterprise).await;
    assert_eq!(all(&reply.text(), "success"), ["true"], "{}", reply.text());
    let retrieve = |fields: &str| {
        format!(
            "<urn:retrieve><urn:fieldList>{fields}</urn:fieldList><urn:sObjectType>Account</urn:sObjectType>\
             <urn:ids>{id}</urn:ids></urn:retrieve>"
        )
    };
    let text = soap.partner(&retrieve("Id, Name")).await;
    assert_eq!(all(&text, "sf:Name"), ["Moody"]);
    assert_eq!(soap.fault(&retrieve("Id, Phone")).await, "sf:INSUFFICIENT_ACCESS");
    let phone = format!(
        "<urn:update><urn:sObjects><type>Account</type><Id>{id}</Id><Phone>1</Phone></urn:sObjects></urn:update>"
    );
    assert_eq!(soap.fault(&phone).await, "sf:INSUFFICIENT_ACCESS");
    assert_eq!(soap.fault(&query("SELECT Phone FROM Account")).await, "sf:INSUFFICIENT_ACCESS");
    assert_eq!(
        soap.fault(&query("SELECT Name FROM Account WHERE Phone = '1'")).await,
        "sf:INSUFFICIENT_ACCESS"
    );
    let text = soap.partner(&format!("<urn:delete><urn:ids>{id}</urn:ids></urn:delete>")).await;
    assert_eq!(all(&text, "success"), ["true"]);
    assert_eq!(touched(&salesforce), ["delete Account"]);
    assert_eq!(data_requests(&salesforce).len(), 4, "what was refused did not arrive");
    only_the_orgs_sessions(&salesforce, &soap.session);
}

#[tokio::test]
async fn descriptions_are_cut_to_the_grant() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let soap = Soap::login(&proxy, "nightly").await;
    let text = soap.partner("<urn:describeGlobal/>").await;
    assert!(text.contains("<name>Account</name>") && text.contains("<name>Contact</name>"), "{text}");
    assert!(!text.contains("<name>Case</name>") && !text.contains("Invoice__c"), "{text}");
    let text = soap
        .partner("<urn:describeSObjects><urn:sObjectType>Account</urn:sObjectType></urn:describeSObjects>")
        .await;
    assert!(text.contains("<name>Industry</name>") && !text.contains("<name>Phone</name>"), "{text}");
    assert!(!text.contains(salesforce.url()), "the org's address went out");
    let case = "<urn:describeSObjects><urn:sObjectType>Case</urn:sObjectType></urn:describeSObjects>";
    assert_eq!(soap.fault(case).await, "sf:INSUFFICIENT_ACCESS");
}

#[tokio::test]
async fn a_packed_envelope_is_read_and_a_dead_session_told() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let mut soap = Soap::login(&proxy, "nightly").await;
    let packed = |session: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder
            .write_all(envelope("u", session, &query("SELECT Name FROM Account LIMIT 1")).as_bytes())
            .unwrap();
        Bytes::from(encoder.finish().unwrap())
    };
    let client = soap.client.clone().with_header("content-encoding", "gzip");
    let send = async |session: &str| {
        client.send("POST", "/services/Soap/u/62.0", Some(("text/xml", packed(session)))).await.unwrap()
    };
    let reply = send(&soap.session).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(send("00D000000000001!dead").await.status, 500);
    soap.session = "00D000000000001!dead_dead_dead_dead_dead_dead".to_owned();
    assert_eq!(soap.fault(&query("SELECT Name FROM Account LIMIT 1")).await, "sf:INVALID_SESSION_ID");
    assert_eq!(data_requests(&salesforce).len(), 1);
}

#[tokio::test]
async fn a_session_that_the_org_ends_is_renewed_once() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let soap = Soap::login(&proxy, "nightly").await;
    let soql = query("SELECT Name FROM Account LIMIT 1");
    soap.partner(&soql).await;
    let minted = salesforce.tokens_minted().len();
    salesforce.expire_all_sessions();
    soap.partner(&soql).await;
    assert_eq!(salesforce.tokens_minted().len(), minted + 1);
    salesforce.fail_next(Side::Data, Trouble::SessionRefused, 4);
    assert_eq!(
        soap.fault(&soql).await,
        "sf:SERVER_UNAVAILABLE",
        "never `INVALID_SESSION_ID` for the org's fault"
    );
    salesforce.heal();
    // A message that only repeats the words of a request renews nothing.
    let minted = salesforce.tokens_minted().len();
    let echo =
        query("SELECT Name FROM Account WHERE Name = 'INVALID_SESSION_ID' AND Industry &gt; 5 LIMIT 1");
    soap.call("u", &echo).await;
    assert_eq!(salesforce.tokens_minted().len(), minted);
}

//! What was not granted is refused, says what is missing, and never reaches the org.

use serde_json::json;

use crate::{data_requests, salesforce, with};

const GRANTS: &str = r#"
allow:
  Account: { read: [Name, Industry], update: [Industry] }
  Case:    { read: [CaseNumber, Subject] }
also: [versions]
"#;

#[tokio::test]
async fn a_field_that_is_not_granted_is_refused_in_every_clause() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    for soql in [
        "SELECT Phone FROM Account",
        "SELECT Name FROM Account WHERE Phone LIKE '1%'",
        "SELECT Name FROM Account ORDER BY Phone",
        "SELECT COUNT(Id), Phone FROM Account GROUP BY Phone",
        "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Email != null)",
        "SELECT Name, (SELECT LastName FROM Contacts) FROM Account",
        "SELECT Name, Owner.Email FROM Account",
        "SELECT COUNT() FROM User",
        "SELECT MAX(Description) FROM Case",
    ] {
        let reply = client.query(soql).await.unwrap();
        assert_eq!(reply.status, 403, "{soql}: {}", reply.text());
        assert_eq!(reply.json()[0]["errorCode"], "INSUFFICIENT_ACCESS", "{soql}");
        let message = reply.json()[0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with("forcefield: nightly may not "), "{message}");
        assert!(message.contains(reply.header("x-forcefield-decision")), "{message}");
    }
    assert_eq!(
        client.query("SELECT Name FROM Account WHERE Industry != null ORDER BY Name").await.unwrap().status,
        200
    );
    assert_eq!(data_requests(&salesforce).len(), 1, "only the granted query may arrive");
}

#[tokio::test]
async fn a_write_that_is_not_granted_is_refused() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let id = salesforce.org().first_id("Account").unwrap();
    let path = format!("/services/data/v62.0/sobjects/Account/{id}");
    assert_eq!(client.json("PATCH", &path, &json!({"Phone": "1"})).await.unwrap().status, 403);
    assert_eq!(
        client.json("PATCH", &path, &json!({"Industry": "Energy", "phone": "1"})).await.unwrap().status,
        403
    );
    assert_eq!(client.delete(&path).await.unwrap().status, 403);
    let create =
        client.json("POST", "/services/data/v62.0/sobjects/Account", &json!({"Name": "x"})).await.unwrap();
    assert_eq!(create.status, 403);
    assert!(create.text().contains("may not create Account"), "{}", create.text());
    assert!(data_requests(&salesforce).is_empty());
    assert_eq!(client.json("PATCH", &path, &json!({"Industry": "Energy"})).await.unwrap().status, 204);
}

#[tokio::test]
async fn names_that_do_not_exist_are_refused_like_names_that_are_not_granted() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let unknown = client.query("SELECT Id FROM Nonexistent__c").await.unwrap();
    let known = client.query("SELECT Id FROM Opportunity").await.unwrap();
    assert_eq!((unknown.status, known.status), (403, 403));
    let shape = |text: String, name: &str, decision: &str| text.replace(name, "X").replace(decision, "D");
    assert_eq!(
        shape(unknown.text(), "Nonexistent__c", unknown.header("x-forcefield-decision")).replace("X.Id", "X"),
        shape(known.text(), "Opportunity", known.header("x-forcefield-decision")).replace("X.Id", "X"),
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_400_and_says_where() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    for target in [
        "/services/data/v62.0/query?q=SELECT+Name+FROM",
        "/services/data/v62.0/query?q=SELECT+Name+FROM+Account&q=SELECT+Id+FROM+User",
        "/services/data/v62.0/query/../sobjects/User",
        "/services/data/v62/query?q=SELECT+Name+FROM+Account",
        "/services/data/v62.0/frobnicator",
        "/services/data/v62.0/query?q=SELECT+Name+FROM+Account&_HttpMethod=DELETE",
    ] {
        let reply = client.get(target).await.unwrap();
        assert_eq!(reply.status, 400, "{target}: {}", reply.text());
        assert!(
            reply.json()[0]["message"].as_str().is_some_and(|text| text.len() > 20),
            "{target}: {}",
            reply.text()
        );
    }
    let path = "/services/data/v62.0/sobjects/Account/001000000000001AAA";
    let twice = client
        .send("PATCH", path, Some(("application/json", r#"{"Industry":"a","Industry":"b"}"#.into())))
        .await;
    assert_eq!(twice.unwrap().status, 400);
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn a_name_space_header_or_a_second_credential_changes_nothing_for_the_caller() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let spaced = client.clone().with_header("Sforce-Call-Options", "client=a, defaultNamespace=acme");
    assert_eq!(spaced.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 400);
    let plain = client.clone().with_header("Sforce-Call-Options", "client=a");
    assert_eq!(plain.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    let cookie = client.with_header("Cookie", "sid=00D000000000001!stolen");
    assert_eq!(cookie.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    for received in data_requests(&salesforce) {
        assert_eq!(received.credentials.len(), 1, "{received:?}");
    }
}

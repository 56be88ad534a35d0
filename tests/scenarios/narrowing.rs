//! Where a grant is narrower than the request, the request is made to fit.

use forcefield_tests::Reply;
use serde_json::{Value, json};

use crate::{data_requests, salesforce, with};

#[tokio::test]
async fn a_condition_is_added_wherever_the_object_is_read() {
    let salesforce = salesforce().await;
    let grants = "
allow:
  Account: { read: [Name, Region__c], where: \"Region__c = 'EU'\" }
  Contact: { read: [LastName, AccountId] }
";
    let proxy = with(&salesforce, grants).await;
    let client = proxy.client("nightly").await.unwrap();
    let regions = |reply: forcefield_tests::Reply| {
        let json = reply.json();
        let of = |record: &serde_json::Value| record["Region__c"].as_str().unwrap_or_default().to_owned();
        let mut regions: Vec<String> =
            json["records"].as_array().cloned().unwrap_or_default().iter().map(of).collect();
        regions.dedup();
        regions
    };
    assert_eq!(regions(client.query("SELECT Region__c FROM Account").await.unwrap()), ["EU"]);
    assert_eq!(
        regions(
            client.query("SELECT Region__c FROM Account WHERE Name != null OR Name = null").await.unwrap()
        ),
        ["EU"]
    );
    let us = client.query("SELECT Name FROM Account WHERE Region__c = 'US'").await.unwrap();
    assert_eq!(us.json()["totalSize"], 0, "{}", us.text());
    // A parent path reads the account too: contacts of other regions' accounts do not show it.
    let contacts = client.query("SELECT LastName, Account.Region__c FROM Contact LIMIT 300").await.unwrap();
    assert_eq!(contacts.status, 200, "{}", contacts.text());
    assert!(!contacts.text().contains("\"US\"") && contacts.text().contains("\"EU\""));
    // A read by id cannot carry the condition.
    let id = salesforce.org().first_id("Account").unwrap();
    assert_eq!(client.get(&format!("/services/data/v62.0/sobjects/Account/{id}")).await.unwrap().status, 403);
}

#[tokio::test]
async fn rows_are_clamped() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name], max_rows: 7 }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    for soql in ["SELECT Name FROM Account", "SELECT Name FROM Account LIMIT 100"] {
        assert_eq!(client.query(soql).await.unwrap().json()["totalSize"], 7);
    }
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().json()["totalSize"], 3);
}

#[tokio::test]
async fn graphql_is_narrowed_like_queries() {
    let salesforce = salesforce().await;
    let grants = "
allow:
  Account: { read: [Name, Region__c], where: \"Region__c = 'EU'\", max_rows: 7 }
  Contact: { read: [LastName, AccountId] }
";
    let proxy = with(&salesforce, grants).await;
    let client = proxy.client("nightly").await.unwrap();
    let ask = async |query: &str, variables: Value| {
        let body = json!({"query": query, "variables": variables});
        client.json("POST", "/services/data/v62.0/graphql", &body).await.unwrap()
    };
    let accounts = |reply: &Reply| {
        let edges = reply.json()["data"]["uiapi"]["query"]["Account"]["edges"].as_array().cloned();
        edges.unwrap_or_else(|| panic!("{}", reply.text())).len()
    };
    let all = "{uiapi{query{Account(first:50){edges{node{Region__c{value}}}}}}}";
    let reply = ask(all, Value::Null).await;
    assert_eq!(accounts(&reply), 7, "{}", reply.text());
    assert!(reply.text().contains("\"EU\"") && !reply.text().contains("\"US\""), "{}", reply.text());
    let some =
        "query($n:Int,$w:Account_Filter){uiapi{query{Account(first:$n,where:$w){edges{node{Name{value}}}}}}}";
    let eu = ask(some, json!({"n": 3, "w": {"Region__c": {"eq": "EU"}}})).await;
    assert_eq!(accounts(&eu), 3, "{}", eu.text());
    let us = ask(some, json!({"n": 3, "w": {"Region__c": {"eq": "US"}}})).await;
    assert_eq!(accounts(&us), 0, "{}", us.text());
    let arrived = data_requests(&salesforce).len();
    // No condition can be put on a parent: contacts of other regions' accounts would show it.
    let parent = ask("{uiapi{query{Contact{edges{node{Account{Region__c{value}}}}}}}}", Value::Null).await;
    assert_eq!(parent.status, 403, "{}", parent.text());
    assert_eq!(data_requests(&salesforce).len(), arrived);
    let contacts = ask("{uiapi{query{Contact{edges{node{LastName{value}}}}}}}", Value::Null).await;
    assert_eq!(contacts.status, 200, "{}", contacts.text());
}

#[tokio::test]
async fn a_read_without_fields_gets_the_granted_ones() {
    let salesforce = salesforce().await;
    let proxy = with(
        &salesforce,
        "allow:\n  Contact: { read: \"*\", except: [SSN__c] }\n  Account: { read: [Name] }\n",
    )
    .await;
    let client = proxy.client("nightly").await.unwrap();
    let id = salesforce.org().first_id("Contact").unwrap();
    let contact = client.get(&format!("/services/data/v62.0/sobjects/Contact/{id}")).await.unwrap();
    assert_eq!(contact.status, 200, "{}", contact.text());
    assert!(contact.json()["LastName"].is_string() && contact.json().get("SSN__c").is_none());
    let all = client.query("SELECT FIELDS(ALL) FROM Contact LIMIT 5").await.unwrap();
    assert_eq!(all.status, 200, "{}", all.text());
    assert!(!all.text().contains("SSN__c") && all.text().contains("LastName"));
    let id = salesforce.org().first_id("Account").unwrap();
    let account = client.get(&format!("/services/data/v62.0/sobjects/Account/{id}")).await.unwrap();
    let keys: Vec<String> = account.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["attributes", "Id", "Name"]);
}

#[tokio::test]
async fn lists_and_descriptions_show_what_is_granted() {
    let salesforce = salesforce().await;
    let grants = "allow:\n  Contact: { read: \"*\", except: [SSN__c] }\n  Account: { read: [Name] }\nalso: [describe-global]\n";
    let proxy = with(&salesforce, grants).await;
    let client = proxy.client("nightly").await.unwrap();
    let list = client.get("/services/data/v62.0/sobjects").await.unwrap().json();
    let mut names: Vec<&str> =
        list["sobjects"].as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Account", "Contact"]);
    let contact = client.get("/services/data/v62.0/sobjects/Contact/describe").await.unwrap();
    assert_eq!(contact.status, 200);
    assert!(!contact.text().contains("SSN__c") && contact.text().contains("\"LastName\""));
    assert_eq!(client.get("/services/data/v62.0/sobjects/Case/describe").await.unwrap().status, 403);
}

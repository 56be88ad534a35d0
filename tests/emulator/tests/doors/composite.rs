//! Many requests, or many records, in one.

use crate::client::Client;
use serde_json::{Value as Json, json};

const BASE: &str = "/services/data/v60.0/composite";

fn part(method: &str, url: &str, reference: &str, body: Json) -> Json {
    let url = format!("/services/data/v60.0/{url}");
    json!({ "method": method, "url": url, "referenceId": reference, "body": body })
}

#[tokio::test]
async fn later_parts_are_made_of_earlier_answers() {
    let client = Client::start().await;
    let body = json!({ "allOrNone": true, "compositeRequest": [
        part("POST", "sobjects/Account", "a", json!({ "Name": "New" })),
        part("POST", "sobjects/Contact", "c", json!({ "LastName": "B", "AccountId": "@{a.id}" })),
        part("GET", "query?q=SELECT+Id,Account.Name+FROM+Contact+WHERE+Id='@{c.id}'", "q", json!(null)),
        part("GET", "sobjects/Account/@{q.records[0].Account.attributes.type}", "odd", json!(null)),
    ]});
    let answer = client.post(BASE, &body).await;
    let parts = answer.json()["compositeResponse"].as_array().unwrap().clone();
    assert_eq!(parts[3]["httpStatusCode"], 404, "the last part failed, and took the others back");
    assert_eq!(parts[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(client.server.count("Account"), Some(2000));
    let mut body = body;
    body["compositeRequest"].as_array_mut().unwrap().pop();
    let parts = client.post(BASE, &body).await.json()["compositeResponse"].as_array().unwrap().clone();
    assert_eq!(parts[0]["httpStatusCode"], 201);
    assert!(
        parts[0]["httpHeaders"]["Location"]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v60.0/sobjects/Account/001")
    );
    assert_eq!(parts[2]["body"]["records"][0]["Account"]["Name"], "New");
    let touched = client.touched();
    for touch in ["create Account.Name", "create Contact.AccountId", "read Account.Name", "read Contact.Id"] {
        assert!(touched.contains(&touch.to_owned()), "{touch}");
    }
}

#[tokio::test]
async fn a_reference_can_choose_the_object_as_the_reference_warns() {
    let client = Client::start().await;
    let note = json!({ "Description": "User" });
    let body = json!({ "compositeRequest": [
        part("PATCH", "sobjects/Account/001D000000IRt53IAD", "w", note),
        part("GET", "sobjects/Account/001D000000IRt53IAD?fields=Description", "n", json!(null)),
        part("GET", "query?q=SELECT+Username+FROM+@{n.Description}", "q", json!(null)),
    ]});
    let parts = client.post(BASE, &body).await.json();
    assert_eq!(parts["compositeResponse"][2]["body"]["totalSize"], 5);
    assert!(client.touched().contains(&"read User.Username".to_owned()), "what happened is what is recorded");
}

#[tokio::test]
async fn without_all_or_none_the_good_parts_stay() {
    let client = Client::start().await;
    let body = json!({ "compositeRequest": [
        part("POST", "sobjects/Account", "a", json!({ "Name": "Stays" })),
        part("POST", "sobjects/Contact", "b", json!({})),
        part("GET", "sobjects/Account/@{b.id}", "c", json!(null)),
    ]});
    let parts = client.post(BASE, &body).await.json();
    let statuses: Vec<&Json> =
        parts["compositeResponse"].as_array().unwrap().iter().map(|part| &part["httpStatusCode"]).collect();
    assert_eq!(statuses, [201, 400, 400]);
    assert_eq!(client.server.count("Account"), Some(2001));
}

#[tokio::test]
async fn batches_run_on_and_graphs_do_not() {
    let client = Client::start().await;
    let batch = json!({ "haltOnError": true, "batchRequests": [
        { "method": "PATCH", "url": "v60.0/sobjects/account/001D000000IRt53IAD", "richInput": { "Site": "S" } },
        { "method": "GET", "url": "/services/data/v59.0/sobjects/Nope/1" },
        { "method": "GET", "url": "v60.0/limits" },
    ]});
    let answer = client.post(&format!("{BASE}/batch"), &batch).await.json();
    assert_eq!(answer["hasErrors"], true);
    let statuses: Vec<&Json> =
        answer["results"].as_array().unwrap().iter().map(|result| &result["statusCode"]).collect();
    assert_eq!(statuses, [204, 404, 412]);
    let graph = |name: &str, last: Json| {
        json!({ "graphId": name, "compositeRequest": [
            part("POST", "sobjects/Account", "r1", json!({ "Name": name })),
            part("POST", "sobjects/Contact", "r2", last),
        ]})
    };
    let graphs = json!({ "graphs": [
        graph("good", json!({ "LastName": "x", "AccountId": "@{r1.id}" })),
        graph("bad", json!({ "FirstName": "x" })),
    ]});
    let answer = client.post(&format!("{BASE}/graph"), &graphs).await.json();
    assert_eq!(answer["graphs"][0]["isSuccessful"], true);
    assert_eq!(answer["graphs"][1]["isSuccessful"], false);
    assert_eq!(client.server.count("Account"), Some(2001));
}

#[tokio::test]
async fn trees_grow_whole_or_not_at_all() {
    let client = Client::start().await;
    let tree = |last: Json| {
        json!({ "records": [{
            "attributes": { "type": "Account", "referenceId": "r1" }, "name": "Root",
            "Contacts": { "records": [{ "attributes": { "type": "Contact", "referenceId": "r2" }, "lastname": last }] },
        }]})
    };
    let answer = client.post(&format!("{BASE}/tree/Account"), &tree(json!("Leaf"))).await;
    assert_eq!((answer.status, &answer.json()["hasErrors"]), (201, &json!(false)));
    let id = answer.json()["results"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.server.value(&id, "AccountId").as_deref(), answer.json()["results"][0]["id"].as_str());
    let answer = client.post(&format!("{BASE}/tree/Account"), &tree(json!(null))).await;
    assert_eq!((answer.status, &answer.json()["results"][0]["referenceId"]), (400, &json!("r2")));
    assert_eq!(client.server.count("Account"), Some(2001));
}

#[tokio::test]
async fn collections_in_their_six_forms() {
    let client = Client::start().await;
    let path = format!("{BASE}/sobjects");
    let record = |kind: &str, name: &str, value: &str| json!({ "attributes": { "type": kind }, name: value });
    let mixed = json!({ "allOrNone": false, "records": [
        record("Account", "Name", "A"), record("Contact", "LastName", "B"), record("Contact", "FirstName", "C"),
    ]});
    let created = client.post(&path, &mixed).await.json();
    assert_eq!(created[2]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    let ids: Vec<String> = (0..2).map(|place| created[place]["id"].as_str().unwrap().to_owned()).collect();

    let changes =
        json!({ "records": [{ "attributes": { "type": "Contact" }, "id": ids[0], "Site": "by id" }] });
    assert_eq!(client.patch(&path, &changes).await.json()[0]["success"], true);
    assert!(client.touched().contains(&"update Account.Site".to_owned()), "the id decides, not the type");

    let upserts = json!({ "records": [
        { "attributes": { "type": "Invoice__c" }, "ExtId__c": "E-0", "Amount__c": 1 },
        { "attributes": { "type": "Invoice__c" }, "ExtId__c": "E-new", "Amount__c": 2 },
    ]});
    let upserted = client.patch(&format!("{path}/Invoice__c/ExtId__c"), &upserts).await.json();
    assert_eq!((&upserted[0]["created"], &upserted[1]["created"]), (&json!(false), &json!(true)));

    let read =
        client.get(&format!("{path}/Account?ids={},001000000000000AAA&fields=Id,Name", ids[0])).await.json();
    assert_eq!((&read[0]["Name"], &read[1]), (&json!("A"), &json!(null)));
    let read =
        client.post(&format!("{path}/Account"), &json!({ "ids": [ids[0]], "fields": ["Site"] })).await.json();
    assert_eq!(read[0]["Site"], "by id");
    assert_eq!(client.touched(), ["read Account", "read Account.Site"]);

    let gone = client.delete(&format!("{path}?ids={}&allOrNone=true", ids.join(","))).await.json();
    assert_eq!(gone[1]["success"], true);
    assert_eq!(client.touched(), ["delete Account", "delete Contact"]);

    let whole = json!({ "allOrNone": true, "records": [record("Account", "Name", "A"), record("Contact", "FirstName", "C")] });
    let undone = client.post(&path, &whole).await.json();
    assert_eq!(undone[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(client.server.count("Account"), Some(2000));
}

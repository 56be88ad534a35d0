//! Records, one at a time.

use crate::client::Client;
use serde_json::json;

const BASE: &str = "/services/data/v60.0/sobjects";

#[tokio::test]
async fn versions_and_resources() {
    let client = Client::start().await;
    let versions = client.bare("GET", "/services/data", &[], b"").await.unwrap().json();
    assert!(versions.as_array().unwrap().iter().any(|version| {
        *version == json!({ "label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0" })
    }));
    let answer = client.get("/services/data/v60.0/").await;
    assert_eq!(answer.json()["query"], "/services/data/v60.0/query");
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    assert!(answer.header("sforce-limit-info").starts_with("api-usage=1/15000"));
    assert!(answer.header("set-cookie").starts_with("BrowserId="));
    assert_eq!(client.get("/services/data/v20.0").await.status, 410);
}

#[tokio::test]
async fn describe_has_what_a_loader_needs() {
    let client = Client::start().await;
    let global = client.get(BASE).await.json();
    let find = |name: &str| {
        global["sobjects"].as_array().unwrap().iter().find(|object| object["name"] == name).unwrap().clone()
    };
    assert_eq!(find("Account")["keyPrefix"], "001");
    assert_eq!(find("AccountHistory")["associateParentEntity"], "Account");
    assert_eq!(find("Invoice__c")["custom"], true);
    let contact = client.get(&format!("{BASE}/contact/describe")).await.json();
    let field = |name: &str| {
        contact["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone()
    };
    assert_eq!(field("AccountId")["referenceTo"], json!(["Account"]));
    assert_eq!(field("AccountId")["relationshipName"], "Account");
    assert_eq!(field("MailingCity")["compoundFieldName"], "MailingAddress");
    assert_eq!(field("External_Id__c")["externalId"], true);
    let children = contact["childRelationships"].as_array().unwrap();
    assert!(
        children.iter().any(|child| child["relationshipName"] == "Cases" && child["field"] == "ContactId")
    );
    let edit = contact["urls"]["uiEditTemplate"].as_str().unwrap();
    assert_eq!(edit, format!("{}/{{ID}}/e", client.server.url()));
    assert_eq!(client.touched(), ["describe Contact"]);
}

#[tokio::test]
async fn a_record_lives_and_dies() {
    let client = Client::start().await;
    let created = client.post(&format!("{BASE}/Contact"), &json!({ "LastName": "New", "SSN__c": "1" })).await;
    assert_eq!(created.status, 201);
    assert_eq!(client.touched(), ["create Contact", "create Contact.LastName", "create Contact.SSN__c"]);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{BASE}/Contact/{id}");
    assert_eq!(created.header("location"), path);
    let changed = client.patch(&path, &json!({ "FirstName": "Very" })).await;
    assert_eq!((changed.status, changed.body.len()), (204, 0));
    let read = client.get(&format!("{path}?fields=name,Account.Name")).await;
    assert_eq!(read.json()["Name"], "Very New");
    assert_eq!(read.json()["Account"], json!(null));
    assert_eq!(
        client.touched(),
        ["read Account.Name", "read Contact", "read Contact.AccountId", "read Contact.Name"]
    );
    assert_eq!(
        client.get(&format!("{BASE}/Contact/{}", &id.to_lowercase())).await.status,
        200,
        "case is repaired"
    );
    assert_eq!(client.delete(&path).await.status, 204);
    let gone = client.get(&path).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ENTITY_IS_DELETED"));
    let bin = client.get("/services/data/v60.0/queryAll?q=SELECT+Id+FROM+Contact+WHERE+IsDeleted=true").await;
    assert_eq!(bin.json()["totalSize"], 1);
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_with_a_reason() {
    let client = Client::start().await;
    for (object, body, code) in [
        ("Contact", json!({ "FirstName": "x" }), "REQUIRED_FIELD_MISSING"),
        ("Contact", json!({ "LastName": "x", "Nope": 1 }), "INVALID_FIELD"),
        (
            "Contact",
            json!({ "LastName": "x", "CreatedDate": "2024-01-01T00:00:00Z" }),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        ("Contact", json!({ "LastName": "x", "AccountId": "short" }), "MALFORMED_ID"),
        ("Invoice__c", json!({ "Amount__c": "lots" }), "JSON_PARSER_ERROR"),
        ("Invoice__c", json!({ "ExtId__c": "E-1" }), "DUPLICATE_VALUE"),
        ("Contact", json!({ "LastName": "x", "Account": { "External_Id__c": "none" } }), "INVALID_FIELD"),
    ] {
        let answer = client.post(&format!("{BASE}/{object}"), &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}");
    }
    let cut = client.send("POST", &format!("{BASE}/Contact"), &[], "{\"LastName\":").await;
    assert_eq!((cut.status, cut.code().as_str()), (400, "JSON_PARSER_ERROR"));
    assert_eq!(client.get(&format!("{BASE}/Nope__c/describe")).await.status, 404);
    assert_eq!(client.get(&format!("{BASE}/Case/001D000000IRt53IAD")).await.status, 404);
}

#[tokio::test]
async fn upsert_answers_as_its_version_does() {
    let client = Client::start().await;
    let path = |version: &str, value: &str| {
        format!("/services/data/v{version}/sobjects/Invoice__c/ExtId__c/{value}")
    };
    let body = json!({ "Amount__c": 5, "Account__r": { "External_Id__c": "A-7" } });
    let created = client.patch(&path("60.0", "a%2Fb"), &body).await;
    assert_eq!((created.status, &created.json()["created"]), (201, &json!(true)));
    assert!(client.touched().contains(&"read Account.External_Id__c".to_owned()));
    assert!(client.touched().contains(&"create Invoice__c.Account__c".to_owned()));
    let updated = client.patch(&path("60.0", "a%2Fb"), &body).await;
    assert_eq!((updated.status, &updated.json()["created"]), (200, &json!(false)));
    assert_eq!(client.patch(&path("45.0", "a%2Fb"), &body).await.status, 204);
    let read = client.get(&format!("{}?fields=Account__r.Name", path("60.0", "a%2Fb"))).await.json();
    assert_eq!(read["Account__r"]["Name"], "Account 0007");
    assert_eq!(client.patch(&format!("{BASE}/Invoice__c/Name/x"), &json!({})).await.status, 201);
    let unknown = client.patch(&format!("{BASE}/Invoice__c/Notes__c/x"), &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn relationships_lead_to_other_records() {
    let client = Client::start().await;
    let contact = format!("{BASE}/Contact/003D000000QV9n2IAD");
    let account = client.get(&format!("{contact}/Account?fields=Name")).await;
    assert_eq!(account.json()["Name"], "Account 0000");
    assert_eq!(client.touched(), ["read Account", "read Account.Name", "read Contact.AccountId"]);
    let contacts = client.get(&format!("{BASE}/Account/001D000000IRt53IAD/Contacts?fields=LastName")).await;
    assert_eq!(contacts.json()["totalSize"], 3);
    let changed = client.patch(&format!("{contact}/Account"), &json!({ "Site": "x" })).await;
    assert_eq!(changed.status, 204);
    assert!(client.touched().contains(&"update Account.Site".to_owned()));
    assert_eq!(client.get(&format!("{contact}/Nothing")).await.status, 404);
}

#[tokio::test]
async fn blobs_are_bytes() {
    let client = Client::start().await;
    let id = client.server.first_id("ContentVersion").unwrap();
    let bytes = client.get(&format!("{BASE}/ContentVersion/{id}/VersionData")).await;
    assert!(bytes.text().contains("CANARY-FILE-1"));
    assert_eq!(client.touched(), ["read ContentVersion", "read ContentVersion.VersionData"]);
    let log = client.server.first_id("EventLogFile").unwrap();
    let log = client.get(&format!("{BASE}/EventLogFile/{log}/LogFile")).await;
    assert!(log.text().starts_with("\"EVENT_TYPE\""));
    let form = "--B\r\nContent-Disposition: form-data; name=\"entity_attachment\";\r\nContent-Type: application/json\r\n\r\n\
        {\"Name\":\"a.txt\",\"ParentId\":\"001D000000IRt53IAD\"}\r\n--B\r\nContent-Disposition: form-data; name=\"Body\"; \
        filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let created = client.send("POST", &format!("{BASE}/Attachment"), &headers, form).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("{BASE}/Attachment/{id}/Body")).await.text(), "hello");
}

#[tokio::test]
async fn changes_in_a_window_of_time() {
    let client = Client::start().await;
    let window = "start=2024-01-01T00:00:00%2B00:00&end=2024-01-01T05:00:00%2B00:00";
    let updated = client.get(&format!("{BASE}/Lead/updated?{window}")).await.json();
    assert_eq!(updated["ids"].as_array().unwrap().len(), 5);
    let deleted = client.get(&format!("{BASE}/Lead/deleted?{window}")).await.json();
    assert_eq!(deleted["deletedRecords"], json!([]));
}

#[tokio::test]
async fn bypasses_are_carried_out_and_recorded_as_what_they_do() {
    let client = Client::start().await;
    let contact = "003D000000QV9n2IAD";
    let tunnelled =
        client.post(&format!("{BASE}/Contact/{contact}?_HttpMethod=PATCH"), &json!({ "Title": "x" })).await;
    assert_eq!(tunnelled.status, 204);
    assert_eq!(client.server.requests().last().unwrap().effective_method, "PATCH");
    assert!(client.touched().contains(&"update Contact.Title".to_owned()));
    assert_eq!(client.get("//services//data/v60.0//sobjects/Account/").await.status, 200);
    assert_eq!(client.get("/services/data/v57.0/sobjects/Account.json").await.status, 200);
    assert_eq!(client.get("/services/data/v58.0/sobjects/Account.json").await.status, 404);
    let headers = [("sforce-call-options", "client=x, defaultNamespace=acme")];
    let path = "/services/data/v60.0/query?q=SELECT+Color__c+FROM+Widget__c+LIMIT+1";
    assert_eq!(client.send("GET", path, &headers, "").await.status, 200);
    assert!(client.touched().contains(&"read acme__Widget__c.acme__Color__c".to_owned()));
    let twice =
        client.send("PATCH", &format!("{BASE}/Contact/{contact}"), &[], r#"{"Title":"a","Title":"b"}"#).await;
    assert_eq!(twice.status, 204);
    assert_eq!(client.server.value(contact, "Title").as_deref(), Some("b"), "the last of two keys counts");
}

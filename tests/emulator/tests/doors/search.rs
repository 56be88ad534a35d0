//! Searches, the UI API, and the small doors.

use crate::client::{Client, escape};
use serde_json::json;

const BASE: &str = "/services/data/v60.0";

#[tokio::test]
async fn sosl_finds_and_returns() {
    let client = Client::start().await;
    let sosl = "FIND {ximenes AND hugo*} IN NAME FIELDS RETURNING Contact(Id, Name, Account.Name WHERE Title = 'Manager' \
        ORDER BY CreatedDate LIMIT 3), Lead LIMIT 10";
    let answer = client.get(&format!("{BASE}/search/?q={}", escape(sosl))).await.json();
    let records = answer["searchRecords"].as_array().unwrap();
    assert_eq!(records.len(), 10);
    assert_eq!(records[0]["Name"], "Hugo Ximenes");
    assert!(records[0]["Account"]["Name"].as_str().unwrap().starts_with("Account"));
    assert_eq!(records[3]["attributes"]["type"], "Lead");
    let touched = client.touched();
    assert!(
        touched.contains(&"read Contact.Title".to_owned()) && touched.contains(&"read Lead.Name".to_owned())
    );
    let secret = escape("FIND {CANARY-SSN-000123} RETURNING Contact(Id)");
    let answer = client.get(&format!("{BASE}/search?q={secret}")).await.json();
    assert_eq!(
        answer["searchRecords"].as_array().unwrap().len(),
        1,
        "a search looks at fields it does not return"
    );
    assert!(client.touched().contains(&"read Contact.SSN__c".to_owned()));
    let refused = client.get(&format!("{BASE}/search?q={}", escape("FIND {x} RETURNING"))).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "MALFORMED_SEARCH"));
}

#[tokio::test]
async fn parameterized_searches_agree_with_each_other() {
    let client = Client::start().await;
    let query = "q=0007&in=NAME&sobject=Account,Opportunity&Account.fields=Id,Name&fields=Id&Account.where=Region__c='US'";
    let by_query = client.get(&format!("{BASE}/parameterizedSearch?{query}")).await.json();
    let body = json!({ "q": "0007", "in": "NAME", "fields": ["Id"], "sobjects": [
        { "name": "Account", "fields": ["Id", "Name"], "where": "Region__c='US'" }, { "name": "Opportunity" }] });
    let by_body = client.post(&format!("{BASE}/parameterizedSearch"), &body).await.json();
    assert_eq!(by_query, by_body);
    assert_eq!(by_query["searchRecords"][0]["Name"], "Account 0007");
    assert_eq!(by_query["searchRecords"].as_array().unwrap().len(), 2);
    assert!(client.touched().contains(&"read Account.Region__c".to_owned()));
    let suggested = client.get(&format!("{BASE}/search/suggestions?q=0007&sobject=Account")).await.json();
    assert_eq!(suggested["autoSuggestResults"][0]["Name"], "Account 0007");
}

#[tokio::test]
async fn the_ui_api_qualifies_its_fields() {
    let client = Client::start().await;
    let contact = "003D000000QV9n2IAD";
    let path = format!("{BASE}/ui-api/records/{contact}");
    let read = client.get(&format!("{path}?fields=Contact.LastName,Contact.Account.Name")).await.json();
    assert_eq!(read["fields"]["LastName"]["value"], "Rossi");
    assert_eq!(read["fields"]["Account"]["value"]["fields"]["Name"]["value"], "Account 0000");
    assert_eq!(
        client.touched(),
        ["read Account.Name", "read Contact", "read Contact.AccountId", "read Contact.LastName"]
    );
    assert_eq!(client.get(&format!("{path}?fields=LastName")).await.status, 400);
    let all = client.get(&format!("{path}?layoutTypes=Full&modes=View")).await.json();
    assert_eq!(all["fields"]["SSN__c"]["value"], "CANARY-SSN-000000");
    let changed = client.patch(&path, &json!({ "fields": { "Title": "T" } })).await.json();
    assert_eq!(changed["fields"]["Title"]["value"], "T");
    let created = client
        .post(
            &format!("{BASE}/ui-api/records"),
            &json!({ "apiName": "Lead", "fields": { "LastName": "L", "Company": "C" } }),
        )
        .await;
    assert_eq!((created.status, &created.json()["apiName"]), (201, &json!("Lead")));
    let related = client
        .get(&format!("{BASE}/ui-api/related-list-records/001D000000IRt53IAD/Contacts?fields=Contact.Email"))
        .await
        .json();
    assert_eq!(related["count"], 3);
    let info = client.get(&format!("{BASE}/ui-api/object-info/Account")).await.json();
    assert_eq!(info["fields"]["OwnerId"]["referenceToInfos"][0]["apiName"], "User");
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.touched(), ["delete Contact"]);
}

#[tokio::test]
async fn the_small_doors() {
    let client = Client::start().await;
    let limits = client.get(&format!("{BASE}/limits/")).await.json();
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 15000, "Remaining": 14999 }));
    let counts = client.get(&format!("{BASE}/limits/recordCount?sObjects=Account,User")).await.json();
    assert_eq!(counts["sObjects"][0], json!({ "count": 2000, "name": "Account" }));
    client.get(&format!("{BASE}/sobjects/Account/001D000000IRt53IAD?fields=Phone")).await;
    let recent = client.get(&format!("{BASE}/recent?limit=1")).await.json();
    assert_eq!(recent[0]["Name"], "Account 0000");
    let about = client.get(&format!("{BASE}/sobjects/Account")).await.json();
    assert_eq!(about["recentItems"][0]["Id"], "001D000000IRt53IAD");
    let report =
        client.get(&format!("{BASE}/analytics/reports")).await.json()[0]["url"].as_str().unwrap().to_owned();
    let run = client.get(&format!("{report}?includeDetails=true")).await.json();
    assert_eq!(run["factMap"]["0!T"]["aggregates"][1]["value"], 250);
    assert!(client.touched().contains(&"read Opportunity.Amount".to_owned()), "the request did not name it");
    let echo = client.post("/services/apexrest/orders/7?x=1", &json!({ "a": 1 })).await.json();
    assert_eq!((&echo["method"], &echo["body"]), (&json!("POST"), &json!({ "a": 1 })));
    assert_eq!(client.touched(), ["execute apexrest/orders/7"]);
    let plan = client.get(&format!("{BASE}/query?explain={}", escape("SELECT Id FROM Lead"))).await.json();
    assert_eq!(plan["plans"][0]["sobjectCardinality"], 500);
    client.get(&format!("{BASE}/tooling/executeAnonymous/?anonymousBody=x")).await;
    assert_eq!(client.touched(), ["execute executeAnonymous"]);
    let event =
        client.post(&format!("{BASE}/sobjects/Order_Event__e"), &json!({ "Order_Number__c": "1" })).await;
    assert_eq!(event.status, 201);
    assert_eq!(client.touched(), ["publish Order_Event__e", "publish Order_Event__e.Order_Number__c"]);
    assert_eq!(client.get("/secur/frontdoor.jsp").await.status, 404);
}

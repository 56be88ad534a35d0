//! SOQL against answers worked out by hand from the rules in `src/data`.

use crate::client::{Client, escape};
use forcefield_emulator::Org;
use serde_json::{Value as Json, json};

/// The values of one column.
fn column(answer: &Json, name: &str) -> Vec<Json> {
    answer["records"].as_array().unwrap().iter().map(|record| record[name].clone()).collect()
}

async fn total(client: &Client, soql: &str) -> u64 {
    client.query(soql).await["totalSize"].as_u64().unwrap()
}

async fn refused(client: &Client, soql: &str) -> String {
    let answer = client.get(&format!("/services/data/v60.0/query?q={}", escape(soql))).await;
    assert_eq!(answer.status, 400, "{soql}: {}", answer.text());
    answer.code()
}

#[tokio::test]
async fn filters_select_what_they_should() {
    let client = Client::start().await;
    for (filter, expected) in [
        ("FROM Account", 2000),
        ("FROM Account WHERE Region__c = 'eu'", 667),
        ("FROM Account WHERE Region__c != 'EU' AND Industry = 'Energy'", 266),
        ("FROM Account WHERE Region__c IN ('US','APAC')", 1333),
        ("FROM Account WHERE Region__c NOT IN ('US','APAC')", 667),
        ("FROM Account WHERE Phone = null", 667),
        ("FROM Account WHERE Phone != null", 1333),
        ("FROM Account WHERE Name LIKE 'account 00_5'", 10),
        ("FROM Account WHERE Name LIKE '%99'", 20),
        (r"FROM Account WHERE Name LIKE 'Account\_0%'", 0),
        ("FROM Account WHERE AnnualRevenue >= 1990000", 10),
        ("FROM Account WHERE AnnualRevenue > = 1990000", 10),
        ("FROM Account WHERE NOT (AnnualRevenue > 5000)", 6),
        ("FROM Account WHERE (AnnualRevenue < 5000 OR AnnualRevenue > 1997000) AND Region__c = 'EU'", 3),
        ("FROM Contact WHERE Account.Region__c = 'EU' AND Email = null", 418),
        ("FROM Contact WHERE Account.Owner.Username = 'user0@acme.example'", 1000),
        ("FROM Contact WHERE Interests__c INCLUDES ('Golf;Wine')", 1250),
        ("FROM Contact WHERE Interests__c EXCLUDES ('Golf')", 2500),
        ("FROM Contact WHERE AccountId = '001D000000IRt53'", 3),
        ("FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE Amount > 99000)", 9),
        ("FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity)", 1000),
        ("FROM Case WHERE IsClosed = true", 1000),
        ("FROM Task WHERE Who.Type = 'Contact'", 334),
        ("FROM Task WHERE What.Type = 'Account'", 334),
        ("FROM Lead WHERE CreatedDate < 2024-01-02T00:00:00Z", 24),
        ("FROM Opportunity WHERE CloseDate >= 2024-01-01 AND CloseDate < 2024-02-01", 31),
        ("FROM Opportunity WHERE CALENDAR_YEAR(CloseDate) = 2025", 365),
        ("FROM Invoice__c WHERE DISTANCE(Loc__c, GEOLOCATION(0,0), 'km') < 10", 2),
        ("FROM Account WHERE Name = 'x\\' FROM User WHERE Name=\\''", 0),
        ("FROM Account $ WHERE Name = 'hidden'", 2000),
    ] {
        assert_eq!(total(&client, &format!("SELECT Id {filter}")).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn date_names_follow_the_clock() {
    // 2024-05-15 12:00 UTC, a Wednesday.
    let client = Client::over(Org::builder().now(1_715_774_400).build()).await;
    for (formula, expected) in [
        ("= TODAY", 1),
        ("= LAST_N_DAYS:9", 10),
        ("< LAST_MONTH", 91),
        ("= THIS_WEEK", 7),
        ("= THIS_QUARTER", 91),
        ("= NEXT_YEAR", 365),
        ("> THIS_YEAR", 634),
        ("= N_MONTHS_AGO:4", 31),
    ] {
        let soql = format!("SELECT Id FROM Opportunity WHERE CloseDate {formula}");
        assert_eq!(total(&client, &soql).await, expected, "{formula}");
    }
}

#[tokio::test]
async fn order_limit_and_offset() {
    let client = Client::start().await;
    let answer = client.query("SELECT Name FROM Account ORDER BY AnnualRevenue DESC LIMIT 2 OFFSET 1").await;
    assert_eq!(column(&answer, "Name"), ["Account 1998", "Account 1997"]);
    let answer = client.query("SELECT Name FROM Account ORDER BY Phone NULLS LAST, Name LIMIT 1").await;
    assert_eq!(column(&answer, "Name"), ["Account 0001"]);
    let answer = client.query("SELECT Name FROM Account ORDER BY Phone, Name LIMIT 1").await;
    assert_eq!(column(&answer, "Name"), ["Account 0000"], "nothing comes first");
    let answer =
        client.query("SELECT Name FROM Account ORDER BY Region__c, Industry DESC, Name LIMIT 1").await;
    assert_eq!(column(&answer, "Name"), ["Account 0008"], "APAC, then Technology");
}

#[tokio::test]
async fn parents_are_nested_and_children_listed() {
    let client = Client::start().await;
    let answer = client
        .query("SELECT Id, Account.Name, Account.Owner.Alias FROM Contact WHERE External_Id__c = 'C-2007'")
        .await;
    let record = &answer["records"][0];
    assert_eq!(record["Account"]["Name"], "Account 0007");
    assert_eq!(record["Account"]["Owner"]["Alias"], "user2");
    assert_eq!(record["Account"]["attributes"]["type"], "Account");
    assert_eq!(
        client.touched(),
        [
            "read Account.Name",
            "read Account.OwnerId",
            "read Contact",
            "read Contact.AccountId",
            "read Contact.External_Id__c",
            "read Contact.Id",
            "read User.Alias",
        ]
    );
    let answer = client
        .query(
            "SELECT Name, (SELECT LastName FROM Contacts ORDER BY External_Id__c DESC LIMIT 2), \
             (SELECT Id FROM Invoices__r WHERE Amount__c > 9999) FROM Account WHERE External_Id__c = 'A-0'",
        )
        .await;
    let contacts = &answer["records"][0]["Contacts"];
    assert_eq!((&contacts["totalSize"], &contacts["done"]), (&json!(2), &json!(true)));
    assert_eq!(contacts["records"][0]["LastName"], "Umarov", "C-4000 sorts last");
    assert_eq!(answer["records"][0]["Invoices__r"], json!(null));
}

#[tokio::test]
async fn aggregates_are_what_a_hand_finds() {
    let client = Client::start().await;
    let count = client.query("SELECT COUNT() FROM Contact WHERE Email = null").await;
    assert_eq!(count, json!({ "totalSize": 1250, "done": true, "records": [] }));
    assert_eq!(client.touched(), ["read Contact", "read Contact.Email"]);
    let answer = client
        .query(
            "SELECT Region__c, COUNT(Id) n, SUM(AnnualRevenue), MIN(Name) first FROM Account GROUP BY Region__c \
             HAVING COUNT(Id) > 666 ORDER BY COUNT(Id) DESC, Region__c",
        )
        .await;
    assert_eq!(column(&answer, "Region__c"), ["EU", "US"]);
    assert_eq!(column(&answer, "n"), [667, 667]);
    // 0 + 3 + ... + 1998 thousand.
    assert_eq!(answer["records"][0]["expr0"], json!(666_333_000.0));
    assert_eq!(answer["records"][1]["first"], "Account 0001");
    assert_eq!(answer["records"][0]["attributes"], json!({ "type": "AggregateResult" }));
    let answer =
        client.query("SELECT COUNT_DISTINCT(StageName), AVG(Amount), MAX(CloseDate) FROM Opportunity").await;
    assert_eq!(answer["records"][0]["expr0"], 4);
    assert_eq!(answer["records"][0]["expr1"], json!(49_950.0));
    assert_eq!(answer["records"][0]["expr2"], "2026-09-26");
    let by_year = client
        .query("SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) ORDER BY CALENDAR_YEAR(CloseDate)")
        .await;
    assert_eq!(column(&by_year, "y"), [2024, 2025, 2026]);
    assert_eq!(column(&by_year, "expr0"), [366, 365, 269]);
}

#[tokio::test]
async fn typeof_fields_aliases_and_compounds() {
    let client = Client::start().await;
    let answer = client
        .query("SELECT TYPEOF What WHEN Account THEN Phone, Name ELSE Name END FROM Task ORDER BY ActivityDate LIMIT 2")
        .await;
    assert_eq!(answer["records"][1]["What"]["Phone"], "+1 555 0001");
    assert!(client.touched().contains(&"read Account.Phone".to_owned()));
    assert!(client.touched().contains(&"read Task.WhatId".to_owned()));
    let answer = client.query("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1").await;
    assert_eq!(answer["records"][0]["Region__c"], "US");
    assert_eq!(refused(&client, "SELECT FIELDS(ALL) FROM Account").await, "MALFORMED_QUERY");
    let answer = client
        .query("SELECT toLabel(Industry), FORMAT(AnnualRevenue) Rating, BillingAddress FROM Account a WHERE a.External_Id__c = 'A-1'")
        .await;
    let record = &answer["records"][0];
    assert_eq!((&record["Industry"], &record["Rating"]), (&json!("Banking"), &json!("1000")));
    assert_eq!(record["BillingAddress"]["city"], "Boston");
    let aliased =
        client.query("SELECT c.Id, u.Email FROM Contact c, c.Owner u WHERE u.Alias = 'user1' LIMIT 1").await;
    assert_eq!(aliased["records"][0]["Owner"]["Email"], "user1@acme.example");
    let mine = client.query("SELECT Id FROM Lead USING SCOPE mine").await;
    assert_eq!(mine["totalSize"], 100);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let client = Client::start().await;
    let path = "/services/data/v60.0/query?q=SELECT+Foo+FROM+Account";
    let message = client.get(path).await.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(
            "\nSELECT Foo FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo'"
        )
    );
    for (soql, code) in [
        ("SELECT Foo FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Foo", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Nothing) FROM Account", "INVALID_TYPE"),
        ("SELECT Nothing.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Phone = 'b' OR Site = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2024-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Name = 'it''s'", "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT 5 OFFSET 3000", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),
        ("SELECT Id FROM Order_Event__e", "INVALID_TYPE"),
    ] {
        assert_eq!(refused(&client, soql).await, code, "{soql}");
    }
}

#[tokio::test]
async fn pages_follow_one_another() {
    let client = Client::start().await;
    let headers = [("sforce-query-options", "batchSize=200")];
    let path = "/services/data/v60.0/query/?q=SELECT+Name+FROM+Account+ORDER+BY+Name+LIMIT+450";
    let mut page = client.send("GET", path, &headers, "").await.json();
    let mut names = column(&page, "Name");
    let mut sizes = vec![names.len()];
    while page["done"] == false {
        let next = page["nextRecordsUrl"].as_str().unwrap().to_owned();
        page = client.send("GET", &next, &headers, "").await.json();
        sizes.push(page["records"].as_array().unwrap().len());
        names.extend(column(&page, "Name"));
    }
    assert_eq!(sizes, [200, 200, 50]);
    assert_eq!(names[449], "Account 0449");
    assert!(client.touched().contains(&"read Account.Name".to_owned()), "a page touches what its query did");
    assert_eq!(
        client.get("/services/data/v60.0/query/0r8000000000000AAA-200").await.code(),
        "INVALID_QUERY_LOCATOR"
    );
    let other = client.server.open_session("user1@acme.example");
    let first = client.send("GET", path, &headers, "").await.json();
    let bearer = format!("Bearer {other}");
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let stolen = client.bare("GET", next, &[("authorization", &bearer)], b"").await.unwrap();
    assert_eq!(stolen.status, 400, "a locator belongs to the user");
}

#[tokio::test]
async fn children_page_too() {
    let client = Client::start().await;
    client.server.set_page_size(Some(2));
    let answer =
        client.query("SELECT Id, (SELECT Id FROM Contacts) FROM Account WHERE External_Id__c = 'A-0'").await;
    let contacts = &answer["records"][0]["Contacts"];
    assert_eq!((&contacts["totalSize"], &contacts["done"]), (&json!(3), &json!(false)));
    let next = client.get(contacts["nextRecordsUrl"].as_str().unwrap()).await.json();
    assert_eq!((next["records"].as_array().unwrap().len(), &next["done"]), (1, &json!(true)));
}

#[tokio::test]
async fn millions_of_rows_cost_nothing_until_read() {
    let client = Client::over(Org::builder().virtual_rows(13_900_000).build()).await;
    let first = client.query("SELECT Id, Name FROM Reading__c").await;
    assert_eq!((&first["totalSize"], first["records"].as_array().unwrap().len()), (&json!(13_900_000), 2000));
    let locator = first["nextRecordsUrl"].as_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    let last = client.get(&format!("{locator}-13898000")).await.json();
    assert_eq!((&last["done"], &last["records"][1999]["Name"]), (&json!(true), &json!("Reading 13899999")));
    assert_eq!(total(&client, "SELECT COUNT() FROM Reading__c").await, 13_900_000);
    let id = first["records"][5]["Id"].as_str().unwrap().to_owned();
    let read = client.get(&format!("/services/data/v60.0/sobjects/Reading__c/{id}?fields=Value__c")).await;
    assert_eq!(read.json()["Value__c"], json!(5.0));
}

//! GraphQL, in the shapes of the reference.

use crate::client::Client;
use serde_json::{Value as Json, json};

async fn ask(client: &Client, query: &str, variables: Json) -> Json {
    let body = json!({ "query": query, "variables": variables });
    let answer = client.post("/services/data/v66.0/graphql", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn connections_page_and_nest() {
    let client = Client::start().await;
    let query = "query Q($w: Account_Filter, $after: String) { uiapi { query {
        big: Account(first: 2, after: $after, where: $w, orderBy: {AnnualRevenue: {order: DESC}}) {
          edges { node { Id Name @optional(fields: [\"Name\"]) { value displayValue } ...more
            Owner { ... on User { Email { value } } }
            Contacts(first: 1, where: {Email: {like: \"%@example.com\"}}) { edges { node { LastName { value } } } } } }
          pageInfo { hasNextPage endCursor } totalCount } } } }
        fragment more on Account { Region__c { value } }";
    let filter = json!({ "w": { "Region__c": { "eq": "EU" }, "or": [{ "AnnualRevenue": { "gt": 1_000_000 } }, { "Name": { "like": "%0003" } }] } });
    let answer = ask(&client, query, filter.clone()).await;
    let big = &answer["data"]["uiapi"]["query"]["big"];
    assert_eq!(big["totalCount"], 334, "{answer}");
    let node = &big["edges"][0]["node"];
    assert_eq!(node["Name"], json!({ "value": "Account 1998", "displayValue": "Account 1998" }));
    assert_eq!(
        (&node["Region__c"]["value"], &node["Owner"]["Email"]["value"]),
        (&json!("EU"), &json!("user3@acme.example"))
    );
    assert_eq!(node["Contacts"]["edges"].as_array().unwrap().len(), 1);
    let touched = client.touched();
    for touch in [
        "read Account.AnnualRevenue",
        "read Account.OwnerId",
        "read User.Email",
        "read Contact.AccountId",
        "read Contact.Email",
    ] {
        assert!(touched.contains(&touch.to_owned()), "{touch}");
    }
    let mut next = filter;
    next["after"] = big["pageInfo"]["endCursor"].clone();
    let answer = ask(&client, query, next).await;
    assert_eq!(answer["data"]["uiapi"]["query"]["big"]["edges"][0]["node"]["Name"]["value"], "Account 1992");
}

#[tokio::test]
async fn semi_joins_hide_objects_in_values() {
    let client = Client::start().await;
    let query = "{uiapi{query{Account(where:{Id:{inq:{Contact:{SSN__c:{eq:\"CANARY-SSN-000123\"}},ApiName:\"AccountId\"}}}){edges{node{Id}}}}}}";
    let answer = ask(&client, query, json!({})).await;
    assert_eq!(answer["data"]["uiapi"]["query"]["Account"]["edges"].as_array().unwrap().len(), 1);
    assert!(client.touched().contains(&"read Contact.SSN__c".to_owned()));
}

#[tokio::test]
async fn aggregates_group() {
    let client = Client::start().await;
    let query = "{uiapi{aggregate{Opportunity(groupBy:{StageName:{group:true}},orderBy:{StageName:{order:ASC}})\
        {edges{node{aggregate{StageName{value} Amount{sum{value} max{value}} Id{count{value}}}}}}}}}";
    let answer = ask(&client, query, json!({})).await;
    let first = &answer["data"]["uiapi"]["aggregate"]["Opportunity"]["edges"][0]["node"]["aggregate"];
    assert_eq!(first["StageName"]["value"], "Closed Lost", "{answer}");
    // 3, 7, ..., 999, each times 100.
    assert_eq!(first["Amount"], json!({ "sum": { "value": 12_525_000.0 }, "max": { "value": 99_900.0 } }));
    assert_eq!(first["Id"]["count"]["value"], 250);
}

#[tokio::test]
async fn mutations_write_and_read_back() {
    let client = Client::start().await;
    let query = "mutation M { uiapi { a: AccountCreate(input: {Account: {Name: \"Acme\"}}) { Record { Id Name { value } Phone { value } } } } }";
    let answer = ask(&client, query, json!({})).await;
    let record = &answer["data"]["uiapi"]["a"]["Record"];
    assert_eq!(record["Name"]["value"], "Acme", "{answer}");
    let touched = client.touched();
    assert!(
        touched.contains(&"create Account.Name".to_owned())
            && touched.contains(&"read Account.Phone".to_owned())
    );
    let id = record["Id"].as_str().unwrap();
    let update = format!(
        "mutation {{uiapi{{ContactUpdate(input:{{Id:\"{id}\",Contact:{{Site:\"x\"}}}}){{success}}}}}}"
    );
    assert_eq!(ask(&client, &update, json!({})).await["data"]["uiapi"]["ContactUpdate"]["success"], true);
    assert!(client.touched().contains(&"update Account.Site".to_owned()), "the id decides");
    let delete = "mutation($id: ID){uiapi{CaseDelete(input:{Id:$id}){Id}}}";
    assert_eq!(ask(&client, delete, json!({ "id": id })).await["data"]["uiapi"]["CaseDelete"]["Id"], id);
    assert_eq!(client.touched(), ["delete Account"]);
}

#[tokio::test]
async fn describe_and_errors() {
    let client = Client::start().await;
    let infos =
        ask(&client, "{uiapi{objectInfos(apiNames:[\"Account\",\"Lead\"]){ApiName label}}}", json!({})).await;
    assert_eq!(infos["data"]["uiapi"]["objectInfos"][1], json!({ "ApiName": "Lead", "label": "Lead" }));
    assert_eq!(client.touched(), ["describe Account", "describe Lead"]);
    for bad in [
        "{uiapi{query{Nope{edges{node{Id}}}}}}",
        "{uiapi{query{Account{edges{node{Nope{value}}}}}}}",
        "{uiapi{query{Account{edges{node{...gone}}}}}}",
        "query A{__typename} query B{__typename}",
        "{uiapi",
    ] {
        let answer = ask(&client, bad, json!({})).await;
        assert_eq!(answer["data"], json!(null), "{bad}");
        assert!(!answer["errors"][0]["message"].as_str().unwrap().is_empty());
    }
}

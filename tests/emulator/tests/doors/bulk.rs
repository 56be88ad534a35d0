//! Bulk jobs of both generations.

use crate::client::{Answer, Client};
use forcefield_emulator::Org;
use serde_json::{Value as Json, json};

const QUERY: &str = "/services/data/v60.0/jobs/query";
const INGEST: &str = "/services/data/v60.0/jobs/ingest";
const CLASSIC: &str = "/services/async/60.0/job";

async fn export(client: &Client, soql: &str) -> String {
    let job = client.post(QUERY, &json!({ "operation": "query", "query": soql })).await;
    assert_eq!(job.status, 200, "{}", job.text());
    assert_eq!(job.json()["state"], "UploadComplete");
    job.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_query_job_pages_its_result() {
    let client = Client::start().await;
    client.server.set_bulk_polls(2);
    let id = export(
        &client,
        "SELECT Id, Account.Name, CreatedDate FROM Contact WHERE LastName = 'Rossi' ORDER BY CreatedDate",
    )
    .await;
    let touched = [
        "read Account.Name",
        "read Contact",
        "read Contact.AccountId",
        "read Contact.CreatedDate",
        "read Contact.Id",
        "read Contact.LastName",
    ];
    assert_eq!(client.touched(), touched);
    let early = client.get(&format!("{QUERY}/{id}/results")).await;
    assert_eq!((early.status, early.code().as_str()), (400, "INVALIDJOBSTATE"));
    assert_eq!(client.get(&format!("{QUERY}/{id}")).await.json()["state"], "InProgress");
    let done = client.get(&format!("{QUERY}/{id}")).await.json();
    assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(715)));

    let mut locator = String::new();
    let mut lines = 0;
    let mut pages = 0;
    while locator != "null" {
        let query = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let page = client.get(&format!("{QUERY}/{id}/results?maxRecords=300{query}")).await;
        let text = page.text();
        assert!(text.starts_with("\"Id\",\"Account.Name\",\"CreatedDate\"\n"));
        let rows: usize = page.header("sforce-numberofrecords").parse().unwrap();
        assert_eq!(text.lines().count(), rows + 1);
        lines += rows;
        pages += 1;
        locator = page.header("sforce-locator").to_owned();
        if pages == 1 {
            assert_eq!(locator, "MzAw");
            assert!(text.lines().nth(1).unwrap().ends_with("\"Account 0000\",\"2024-01-01T00:00:00.000Z\""));
            assert_eq!(client.touched(), touched, "reading a result touches what its query did");
        }
    }
    assert_eq!((lines, pages), (715, 3));
    let seen = client.server.jobs();
    assert_eq!(
        (seen[0].kind, seen[0].owner.as_str(), seen[0].state),
        ("V2Query", "user0@acme.example", "JobComplete")
    );
    assert_eq!(client.get(QUERY).await.json()["records"][0]["id"], id.as_str());
    assert_eq!(client.delete(&format!("{QUERY}/{id}")).await.status, 204);
    assert_eq!(client.get(&format!("{QUERY}/{id}")).await.status, 404);
}

#[tokio::test]
async fn result_pages_can_be_fetched_side_by_side() {
    let client = Client::over(Org::builder().virtual_rows(420_000).build()).await;
    let id = export(&client, "SELECT Id, Name FROM Reading__c").await;
    let pages = client.get(&format!("{QUERY}/{id}/resultPages")).await.json();
    assert_eq!((pages["resultPages"].as_array().unwrap().len(), &pages["done"]), (5, &json!(false)));
    let more = client.get(pages["nextRecordsUrl"].as_str().unwrap()).await.json();
    assert_eq!((more["resultPages"].as_array().unwrap().len(), &more["done"]), (4, &json!(true)));
    let last = client.get(more["resultPages"][3]["resultUrl"].as_str().unwrap()).await;
    assert_eq!((last.header("sforce-locator"), last.header("sforce-numberofrecords")), ("null", "20000"));
    assert!(last.text().contains("\"Reading 00419999\""));
    assert_eq!(client.get(&format!("/services/data/v61.0/jobs/query/{id}/resultPages")).await.status, 409);
}

#[tokio::test]
async fn a_result_can_be_any_number_of_bytes() {
    let client = Client::start().await;
    client.server.set_bulk_result_bytes(Some(20_000_001));
    let id = export(&client, "SELECT Id FROM Case").await;
    let result = client.get(&format!("{QUERY}/{id}/results")).await;
    assert_eq!((result.body.len(), result.header("sforce-locator")), (20_000_001, "null"));
}

#[tokio::test]
async fn bulk_queries_cannot_do_everything() {
    let client = Client::start().await;
    for soql in [
        "SELECT COUNT(Id) FROM Account",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT BillingAddress FROM Account",
        "SELECT Id FROM Account LIMIT 5 OFFSET 5",
    ] {
        let refused = client.post(QUERY, &json!({ "operation": "query", "query": soql })).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "INVALIDJOB"), "{soql}");
    }
    let id = export(&client, "SELECT Id FROM Account").await;
    let aborted = client.patch(&format!("{QUERY}/{id}"), &json!({ "state": "Aborted" })).await.json();
    assert_eq!(aborted["state"], "Aborted");
    assert_eq!(client.get(&format!("{QUERY}/{id}/results")).await.status, 400);
}

async fn upload(client: &Client, spec: &Json, csv: &str) -> String {
    let job = client.post(INGEST, spec).await;
    assert_eq!((job.status, &job.json()["state"]), (200, &json!("Open")), "{}", job.text());
    let id = job.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(job.json()["contentUrl"], format!("services/data/v60.0/jobs/ingest/{id}/batches"));
    let put =
        client.send("PUT", &format!("{INGEST}/{id}/batches"), &[("content-type", "text/csv")], csv).await;
    assert_eq!((put.status, put.body.len()), (201, 0));
    let closed = client.patch(&format!("{INGEST}/{id}"), &json!({ "state": "UploadComplete" })).await;
    assert_eq!(closed.json()["state"], "UploadComplete");
    id
}

#[tokio::test]
async fn an_ingest_job_says_what_became_of_each_record() {
    let client = Client::start().await;
    let spec = json!({ "object": "Invoice__c", "operation": "upsert", "externalIdFieldName": "ExtId__c",
        "columnDelimiter": "SEMICOLON" });
    let csv = "ExtId__c;Notes__c;Account__r.External_Id__c\nE-0;\"a;b\";A-5\nE-n;#N/A;A-6\nE-x;c;none\n";
    let id = upload(&client, &spec, csv).await;
    let touched = client.touched();
    for touch in ["read Account.External_Id__c", "create Invoice__c.Account__c", "update Invoice__c.Notes__c"]
    {
        assert!(touched.contains(&touch.to_owned()), "{touch}");
    }
    let done = client.get(&format!("{INGEST}/{id}")).await.json();
    assert_eq!((&done["state"], &done["numberRecordsFailed"]), (&json!("JobComplete"), &json!(1)));
    let good = client.get(&format!("{INGEST}/{id}/successfulResults")).await.text();
    let lines: Vec<&str> = good.lines().collect();
    assert_eq!(
        lines[0],
        "\"sf__Id\";\"sf__Created\";\"ExtId__c\";\"Notes__c\";\"Account__r.External_Id__c\""
    );
    assert_eq!(lines[1], "\"a015f00000GhIjKAAV\";\"false\";\"E-0\";\"a;b\";\"A-5\"");
    assert!(lines[2].contains(";\"true\";\"E-n\""));
    let bad = client.get(&format!("{INGEST}/{id}/failedResults")).await.text();
    assert!(bad.lines().nth(1).unwrap().contains("Foreign key external ID: none not found"));
    assert_eq!(client.get(&format!("{INGEST}/{id}/unprocessedrecords")).await.text().lines().count(), 1);
    let again = client.send("PUT", &format!("{INGEST}/{id}/batches"), &[], csv).await;
    assert_eq!(again.status, 400, "the data comes once");
}

#[tokio::test]
async fn records_are_deleted_by_id_alone() {
    let client = Client::start().await;
    let lead = client.server.first_id("Lead").unwrap();
    let case = client.server.first_id("Case").unwrap();
    let csv = format!("Id\n{lead}\n{case}\n");
    upload(&client, &json!({ "object": "Lead", "operation": "delete" }), &csv).await;
    assert_eq!(client.touched(), ["delete Case", "delete Lead"], "the id decides, not the job");
}

#[tokio::test]
async fn a_form_of_two_parts_does_everything_at_once() {
    let client = Client::start().await;
    let form = "--B\r\nContent-Disposition: form-data; name=\"job\"\r\nContent-Type: application/json\r\n\r\n\
        {\"object\":\"Contact\",\"operation\":\"insert\"}\r\n--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\
        Content-Type: text/csv\r\n\r\nLastName\nOne\nTwo\n\r\n--B--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let job = client.send("POST", INGEST, &headers, form).await;
    assert_eq!((job.status, &job.json()["state"]), (200, &json!("UploadComplete")), "{}", job.text());
    assert_eq!(client.server.count("Contact"), Some(5002));
}

async fn classic(client: &Client, method: &str, path: &str, kind: &str, body: &str) -> Answer {
    let headers = [("x-sfdc-session", client.token.as_str()), ("content-type", kind)];
    client.bare(method, &format!("{CLASSIC}{path}"), &headers, body.as_bytes()).await.unwrap()
}

#[tokio::test]
async fn the_first_generation_queries_in_xml_and_csv() {
    let client = Client::start().await;
    let info = "<?xml version=\"1.0\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
        <operation>query</operation><object>Account</object><contentType>CSV</contentType></jobInfo>";
    let job = classic(&client, "POST", "", "application/xml; charset=UTF-8", info).await;
    assert_eq!((job.status, job.header("content-type")), (201, "application/xml"), "{}", job.text());
    let id = between(&job.text(), "<id>", "</id>");
    let soql = "SELECT Id, Owner.Alias FROM Account WHERE Region__c = 'EU'";
    let batch = classic(&client, "POST", &format!("/{id}/batch"), "text/csv; charset=UTF-8", soql).await;
    assert_eq!(batch.status, 201);
    assert!(client.touched().contains(&"read User.Alias".to_owned()));
    let batch = between(&batch.text(), "<id>", "</id>");
    let status = classic(&client, "GET", &format!("/{id}/batch/{batch}"), "application/xml", "").await.text();
    assert_eq!(between(&status, "<state>", "</state>"), "Completed");
    let list =
        classic(&client, "GET", &format!("/{id}/batch/{batch}/result"), "application/xml", "").await.text();
    let result = between(&list, "<result>", "</result>");
    assert!(result.starts_with("752"));
    let rows =
        classic(&client, "GET", &format!("/{id}/batch/{batch}/result/{result}"), "application/xml", "").await;
    assert_eq!((rows.header("content-type"), rows.text().lines().count()), ("text/csv", 668));
    let request =
        classic(&client, "GET", &format!("/{id}/batch/{batch}/request"), "application/xml", "").await;
    assert_eq!(request.text(), soql);
    let close = "<jobInfo xmlns=\"x\"><state>Closed</state></jobInfo>";
    let closed = classic(&client, "POST", &format!("/{id}"), "application/xml", close).await;
    assert!(closed.text().contains("<state>Closed</state>"));
}

#[tokio::test]
async fn the_first_generation_loads_json() {
    let client = Client::start().await;
    let spec =
        json!({ "operation": "insert", "object": "Contact", "concurrencyMode": 0, "contentType": "JSON" });
    let job = classic(&client, "POST", "", "application/json", &spec.to_string()).await;
    assert_eq!((job.status, job.header("content-type")), (201, "application/json"));
    let id = job.json()["id"].as_str().unwrap().to_owned();
    let records = json!([{ "LastName": "One" }, { "FirstName": "Nobody" }]);
    let batch =
        classic(&client, "POST", &format!("/{id}/batch"), "application/json", &records.to_string()).await;
    let batch = batch.json()["id"].as_str().unwrap().to_owned();
    let result =
        classic(&client, "GET", &format!("/{id}/batch/{batch}/result"), "application/json", "").await.json();
    assert_eq!((&result[0]["success"], &result[1]["success"]), (&json!(true), &json!(false)));
    assert_eq!(client.server.count("Contact"), Some(5001));
}

#[tokio::test]
async fn a_mapping_renames_columns_and_adds_constants() {
    let client = Client::start().await;
    let spec = json!({ "operation": "insert", "object": "Contact", "contentType": "CSV" });
    let job = classic(&client, "POST", "", "application/json", &spec.to_string()).await;
    let id = job.json()["id"].as_str().unwrap().to_owned();
    let mapping = "Salesforce Field,Csv Header,Value,Hint\nLastName,Family,,\nSSN__c,,secret,\n";
    assert_eq!(classic(&client, "POST", &format!("/{id}/spec"), "text/csv", mapping).await.status, 201);
    assert_eq!(
        classic(&client, "POST", &format!("/{id}/batch"), "text/csv", "Family\nX\n").await.status,
        201
    );
    assert!(client.touched().contains(&"create Contact.SSN__c".to_owned()), "the header did not say so");
}

#[tokio::test]
async fn the_first_generation_refuses_in_its_own_shape() {
    let client = Client::start().await;
    let path = format!("{CLASSIC}/750000000000001AAA");
    let xml = client.bare("GET", &path, &[("x-sfdc-session", "gone")], b"").await.unwrap();
    assert_eq!(xml.status, 400);
    assert_eq!(between(&xml.text(), "<exceptionCode>", "</exceptionCode>"), "InvalidSessionId");
    let json = classic(&client, "GET", "/750000000000001AAA", "application/json", "").await;
    assert_eq!((json.status, &json.json()["exceptionCode"]), (400, &json!("InvalidJob")));
    let headers = [("x-sfdc-session", client.token.as_str())];
    let old = client.bare("POST", "/services/async/20.0/job", &headers, b"").await.unwrap();
    assert_eq!(between(&old.text(), "<exceptionCode>", "</exceptionCode>"), "InvalidVersion");
}

fn between(text: &str, from: &str, to: &str) -> String {
    let after = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
    after.split_once(to).unwrap().0.to_owned()
}

#[tokio::test]
async fn ten_thousand_upserts_take_no_time() {
    let client = Client::start().await;
    let spec = json!({ "object": "Invoice__c", "operation": "upsert", "externalIdFieldName": "ExtId__c" });
    let rows: String = (0..10_000).map(|row| format!("E-{row},{row}\n")).collect();
    let id = upload(&client, &spec, &format!("ExtId__c,Amount__c\n{rows}")).await;
    let done = client.get(&format!("{INGEST}/{id}")).await.json();
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(10_000), &json!(0)));
    assert_eq!(client.server.count("Invoice__c"), Some(10_000));
}

#[tokio::test]
async fn the_first_generation_loads_and_queries_xml_and_splits_when_asked() {
    let client = Client::start().await;
    let info = |operation: &str| {
        format!(
            "<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><operation>{operation}</operation>\
             <object>Contact</object><contentType>XML</contentType></jobInfo>"
        )
    };
    let job = classic(&client, "POST", "", "application/xml", &info("insert")).await;
    let id = between(&job.text(), "<id>", "</id>");
    let records = "<sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><sObject><LastName>A&amp;B</LastName>\
        <Account><sObject><External_Id__c>A-7</External_Id__c></sObject></Account></sObject></sObjects>";
    let batch = classic(&client, "POST", &format!("/{id}/batch"), "application/xml", records).await;
    let batch = between(&batch.text(), "<id>", "</id>");
    assert!(client.touched().contains(&"create Contact.AccountId".to_owned()));
    let result =
        classic(&client, "GET", &format!("/{id}/batch/{batch}/result"), "application/xml", "").await.text();
    assert_eq!(between(&result, "<success>", "</success>"), "true");

    let headers = [
        ("x-sfdc-session", client.token.as_str()),
        ("content-type", "application/xml"),
        ("sforce-enable-pkchunking", "chunkSize=100000"),
    ];
    let job = client.bare("POST", CLASSIC, &headers, info("query").as_bytes()).await.unwrap();
    let id = between(&job.text(), "<id>", "</id>");
    let soql = "SELECT LastName, Account.Name FROM Contact WHERE LastName = 'A&B'";
    classic(&client, "POST", &format!("/{id}/batch"), "application/xml", soql).await;
    let list = classic(&client, "GET", &format!("/{id}/batch"), "application/xml", "").await.text();
    let states: Vec<String> =
        list.split("<batchInfo>").skip(1).map(|part| between(part, "<state>", "</state>")).collect();
    assert_eq!(states, ["NotProcessed", "Completed"]);
    let second = between(list.split("<batchInfo>").nth(2).unwrap(), "<id>", "</id>");
    let ids =
        classic(&client, "GET", &format!("/{id}/batch/{second}/result"), "application/xml", "").await.text();
    let result = between(&ids, "<result>", "</result>");
    let rows =
        classic(&client, "GET", &format!("/{id}/batch/{second}/result/{result}"), "application/xml", "")
            .await;
    assert!(rows.text().contains("<LastName>A&amp;B</LastName>"), "{}", rows.text());
    assert!(rows.text().contains("<type>Account</type><Id xsi:nil=\"true\"/><Name>Account 0007</Name>"));
}

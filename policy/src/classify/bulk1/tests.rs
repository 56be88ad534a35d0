//! Both Bulk APIs: they share jobs, columns and queries.

use crate::classify::spec::{ALL, Sample, allow, fields, get, grants, json, keeps_its_reading, post};
use crate::decision::{Denial, Reason};
use crate::request::{Cut, JobOperation, JobOrigin, Origin};

const JOB: &str = "/services/async/60.0/job/750R0000000zlh9IAA";
const INGEST: &str = "/services/data/v60.0/jobs/ingest";
const XMLNS: &str = "http://www.force.com/2009/06/asyncapi/dataload";

fn origin(object: &str, operation: JobOperation) -> Origin {
    let job = JobOrigin {
        object: object.to_owned(),
        operation,
        external_id: Some("ExtId__c".to_owned()),
        delimiter: b',',
        columns: Some(Vec::new()),
    };
    Origin { reads: vec![(object.to_owned(), Vec::new())], job: Some(job), ..Origin::default() }
}

fn batch(content_type: &str, body: &str) -> Sample {
    post(&format!("{JOB}/batch"), content_type, body)
}

fn reason(result: Result<crate::decision::Permit, Denial>) -> Reason {
    result.unwrap_err().reason
}

#[test]
fn a_batch_is_a_query_or_data_and_its_job_of_the_same_sort() {
    let query = batch("text/csv", " SELECT Id FROM Account\n");
    let rows = batch("text/csv", "Name,Phone\nx,1\n");
    let (asks, takes) = (origin("account", JobOperation::Query), origin("Account", JobOperation::Insert));
    assert!(query.decide_with(&ALL, &asks).is_ok() && rows.decide_with(&ALL, &takes).is_ok());
    assert!(matches!(reason(query.decide_with(&ALL, &takes)), Reason::Job(_)));
    assert!(matches!(reason(rows.decide_with(&ALL, &asks)), Reason::Job(_)));
    assert!(matches!(
        reason(query.decide_with(&ALL, &origin("Contact", JobOperation::QueryAll))),
        Reason::Job(_)
    ));
    assert!(matches!(reason(query.decide(&ALL)), Reason::NotOwn(_)), "a job that nobody recorded");
    // Clients send queries with the content type of the job's results.
    assert_eq!(batch("application/json", "select Id from Account").read(), "bulk1 export Account Account.Id");
}

#[test]
fn a_bulk_query_is_narrowed_and_exports() {
    let mut account = allow("Account");
    account.read = fields(&["Name"]);
    account.condition = Some("Rating = 'Hot'".to_owned());
    let permit = batch("text/csv", "SELECT Name FROM Account")
        .decide_with(&grants(vec![account.clone()]), &origin("Account", JobOperation::Query))
        .unwrap();
    assert_eq!(permit.body("").unwrap(), "SELECT Name FROM Account WHERE (Rating = 'Hot')");
    let permit = json(
        "/services/data/v60.0/jobs/query",
        r#"{"operation":"query","query":"SELECT \u004eame FROM Account"}"#,
    )
    .decide(&grants(vec![account]))
    .unwrap();
    assert_eq!(
        permit.body("").unwrap(),
        r#"{"operation":"query","query":"SELECT Name FROM Account WHERE (Rating = 'Hot')"}"#
    );
    assert!(permit.is_export());
    for odd in [
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT COUNT() FROM Account",
        "SELECT Industry FROM Account GROUP BY Industry",
        "SELECT BillingAddress FROM Account",
        "SELECT Id FROM Account OFFSET 5",
    ] {
        assert!(batch("text/csv", odd).refused(), "{odd}");
    }
}

#[test]
fn records_of_every_format_name_their_columns() {
    let contact = origin("Contact", JobOperation::Insert);
    let mut grant = allow("Contact");
    grant.create = fields(&["LastName", "AccountId"]);
    let mut account = allow("Account");
    account.read = fields(&["AccountNumber"]);
    let grants = grants(vec![grant, account]);
    let xml = |inner: &str| format!("<sObjects xmlns=\"{XMLNS}\">{inner}</sObjects>");
    for (content_type, body) in [
        ("text/csv", "LastName,Account.AccountNumber\nA,7\n".to_owned()),
        (
            "application/json",
            r#"[{"LastName":"A"},{"LastName":"B","Account":{"AccountNumber":"7"}}]"#.to_owned(),
        ),
        (
            "application/xml",
            xml(
                "<sObject><LastName>A</LastName><Account><sObject><AccountNumber>7</AccountNumber></sObject></Account></sObject>",
            ),
        ),
    ] {
        let permit = batch(content_type, &body).decide_with(&grants, &contact);
        assert!(permit.is_ok(), "{content_type}: {:?}", permit.err());
    }
    for (content_type, body) in [
        ("text/csv", "LastName,Email\nA,a@b.c\n".to_owned()),
        ("application/json", r#"[{"LastName":"A"},{"Email":"B"}]"#.to_owned()),
        (
            "application/xml",
            xml("<sObject><LastName>A</LastName></sObject><sObject><Email>A</Email></sObject>"),
        ),
        ("application/json", r#"[{"Account":{"Name":"7"}}]"#.to_owned()),
        ("application/json", r#"[{"Owner":{"Username":"7"}}]"#.to_owned()),
    ] {
        assert!(batch(content_type, &body).decide_with(&grants, &contact).is_err(), "{content_type}: {body}");
    }
}

#[test]
fn batches_with_two_readings_are_refused() {
    for (content_type, body) in [
        ("zip/csv", "PK"),
        ("text/plain", "SELECT Id FROM Account"),
        ("text/csv", "SELECT Id FROM"),
        ("text/csv", "(SELECT Id FROM Account)"),
        ("text/csv", "Name,name\n1,2\n"),
        ("application/json", "{\"Name\":\"x\"}"),
        ("application/json", "[{\"Name\":\"x\",\"name\":\"y\"}]"),
        ("application/json", "[{\"attributes\":{\"type\":\"User\"},\"Name\":\"x\"}]"),
        ("application/json", "[{\"Account\":{\"Owner\":{\"Email\":\"x\"}}}]"),
        ("application/json", "[{\"Name\":[1]}]"),
        ("application/json", "[]"),
        ("application/xml", "<sObjects><sObject><Name>x</Name></sObject></sObjects>"),
    ] {
        assert!(batch(content_type, body).refused(), "{content_type} {body}");
    }
    assert!(post(&format!("{JOB}/spec"), "text/csv", "Salesforce Field,Csv Header,Value,Hint\n").refused());
    assert!(get("/services/async/60.0/job/751R0000000zlh9").refused());
    assert!(get("/services/async/v60.0/job/750R0000000zlh9").refused());
    assert!(get(&format!("{JOB}/batch/750R0000000zlh9/result")).refused());
}

#[test]
fn jobs_are_declared_in_both_formats() {
    // simple-salesforce sends a number, salesforce-api a null.
    let number = r#"{"operation":"insert","object":"contact","concurrencyMode":0,"contentType":"JSON"}"#;
    assert_eq!(json("/services/async/62.0/job", number).read(), "bulk1 create Contact -");
    assert_eq!(
        json(INGEST, r#"{"object":"Contact","operation":"insert","externalIdFieldName":null}"#).read(),
        "bulk2 create Contact -"
    );
    let xml = |inner: &str| {
        post(
            "/services/async/62.0/job",
            "application/xml",
            &format!("<jobInfo xmlns=\"{XMLNS}\">{inner}</jobInfo>"),
        )
    };
    let upsert = xml(
        "<operation>upsert</operation><object>Invoice__c</object><externalIdFieldName>ExtId__c</externalIdFieldName><contentType>CSV</contentType>",
    );
    let request = upsert.request().unwrap();
    assert_eq!(
        request.job.unwrap(),
        JobOrigin {
            object: "Invoice__c".into(),
            operation: JobOperation::Upsert,
            external_id: Some("ExtId__c".into()),
            delimiter: b',',
            columns: Some(Vec::new()),
        }
    );
    assert_eq!(request.version.unwrap().to_string(), "62.0");
    for odd in [
        "<operation>insert</operation><object>Account</object><contentType>ZIP_CSV</contentType>",
        "<operation>upsert</operation><object>Account</object>",
        "<operation>insert</operation><object>Account</object><object>User</object>",
        "<operation>insert</operation><object>Account</object><id>750R0000000zlh9</id>",
        "<operation>explode</operation><object>Account</object>",
        "<operation>insert</operation><object x=\"1\">Account</object>",
    ] {
        assert!(xml(odd).refused(), "{odd}");
    }
    for odd in [
        r#"{"object":"Contact","operation":"query"}"#,
        r#"{"object":"Contact","operation":"insert","contentType":"JSON"}"#,
        r#"{"object":"Contact","operation":"insert","columnDelimiter":"SPACE"}"#,
        r#"{"object":"Contact","operation":"insert","Operation":"delete"}"#,
        r#"{"object":"Contact","operation":"insert","externalIdFieldName":"Email"}"#,
    ] {
        assert!(json(INGEST, odd).refused(), "{odd}");
    }
}

#[test]
fn an_upload_is_held_to_its_job() {
    let put = |body: &str| {
        post(&format!("{INGEST}/750R0000000zlh9IAA/batches"), "text/csv; charset=UTF-8", body).method("PUT")
    };
    let upsert = origin("Invoice__c", JobOperation::Upsert);
    assert!(put("ExtId__c,Amount__c,Account__r.AccountNumber\n1,2,3\n").decide_with(&ALL, &upsert).is_ok());
    assert!(
        put("ExtId__c|Amount__c\n").decide_with(&ALL, &upsert).is_err(),
        "another delimiter than declared"
    );
    assert!(put("ExtId__c,Nothing__c\n").decide_with(&ALL, &upsert).is_err());
    let permit = put("ExtId__c\n1\n").decide_with(&ALL, &upsert).unwrap();
    assert!(permit.body("").is_none(), "the rows stream through");
    let mut event = allow("Order_Event__e");
    event.create = fields(&["Total__c"]);
    let publish = origin("Order_Event__e", JobOperation::Insert);
    assert!(put("Total__c\n1\n").decide_with(&grants(vec![event.clone()]), &publish).is_err());
    event.verbs = vec![crate::request::Verb::Publish];
    assert!(put("Total__c\n1\n").decide_with(&grants(vec![event]), &publish).is_ok());
}

#[test]
fn results_are_the_creator_s() {
    let results = get(&format!("{JOB}/batch/7515f00000AAAAA/result/7525f00000AAAAA"));
    assert!(matches!(reason(results.decide(&ALL)), Reason::NotOwn(_)));
    assert!(results.decide_with(&ALL, &origin("Account", JobOperation::Query)).is_ok());
    assert!(matches!(
        reason(results.decide_with(&grants(vec![]), &origin("Account", JobOperation::Query))),
        Reason::NoGrant(..)
    ));
    assert!(
        results.decide_with(&grants(vec![]), &origin("Account", JobOperation::Insert)).is_ok(),
        "what became of own rows"
    );
    assert_eq!(get("/services/data/v60.0/jobs/ingest").request().unwrap().answer.cut, Cut::Jobs);
}

#[test]
fn a_whole_job_in_one_body_names_its_columns() {
    let body = |job: &str, csv: &str| {
        let parts = format!(
            "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{job}\r\n--B\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n{csv}\r\n--B--\r\n"
        );
        post(INGEST, "multipart/form-data; boundary=B", &parts)
    };
    let job = r#"{"object":"Contact","operation":"insert","contentType":"CSV"}"#;
    let sample = body(job, "LastName,Email\nA,a@b.c\n");
    let sent = sample.as_sent(&sample.decide(&ALL).unwrap());
    assert_eq!(sent.read(), sample.read());
    assert!(body(job, "LastName;Email\nA;B\n").refused());
    assert_eq!(body(job, "LastName,Nothing__c\n").unknown_name().unwrap(), "Nothing__c");
    assert!(body(r#"{"object":"Contact","operation":"query"}"#, "LastName\n").refused());
    keeps_its_reading(
        &[
            sample,
            json(
                "/services/data/v60.0/jobs/query",
                r#"{"operation":"query","query":"SELECT Id FROM Account"}"#,
            ),
            json(
                "/services/async/60.0/job",
                r#"{"operation":"upsert","object":"Invoice__c","externalIdFieldName":"ExtId__c"}"#,
            ),
            post(
                "/services/async/60.0/job",
                "text/xml",
                &format!(
                    "<jobInfo xmlns=\"{XMLNS}\"><operation>insert</operation><object>Account</object></jobInfo>"
                ),
            ),
        ],
        4_000,
    );
    let batches = [
        batch("application/json", r#"[{"LastName":"A","Account":{"AccountNumber":"7"}}]"#),
        batch("text/csv", "A,B\n"),
        batch(
            "text/xml",
            &format!("<sObjects xmlns=\"{XMLNS}\"><sObject><Name>x</Name></sObject></sObjects>"),
        ),
    ];
    let mut dice = crate::classify::spec::Dice::new(11);
    for round in 0..3_000 {
        let sample = &batches[round % 3];
        let _ = Sample { body: dice.changed(&sample.body), ..sample.clone() }.request();
    }
}

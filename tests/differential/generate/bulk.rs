//! Both generations of the Bulk API: jobs, uploads and results, in any order.

use super::Soql;
use crate::ask::{Ask, xml};
use crate::random::Random;
use crate::world::World;
use forcefield_policy::request::HandleKind;
use serde_json::json;

const V2: &str = "/services/data/v60.0/jobs";
const V1: &str = "/services/async/60.0/job";

/// Uploads: object, operation, external id, header, a row.
const LOADS: [(&str, &str, &str, &str, &str); 7] = [
    ("Contact", "insert", "", "LastName,Title", "Bulk,x"),
    ("Contact", "insert", "", "LastName,Account.External_Id__c,ssn__c", "Bulk,A-3,123"),
    ("Account", "update", "", "Id,Site", "001D000000IRt53IAD,here"),
    ("Invoice__c", "upsert", "ExtId__c", "ExtId__c,Notes__c", "E-1,bulk"),
    ("Invoice__c", "upsert", "ExtId__c", "ExtId__c,Account__r.External_Id__c", "E-2,A-4"),
    ("Task", "delete", "", "Id", "00T000000000001AAA"),
    ("Lead", "insert", "", "\"LastName\",Company", "Bulk,\"a, b\""),
];

pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    match random.below(10) {
        0 | 1 => query_job(random, world),
        2 => ingest_job(random),
        3..=5 => later(random, world).unwrap_or_else(|| query_job(random, world)),
        6 => classic_job(random),
        _ => classic_later(random, world).unwrap_or_else(|| classic_job(random)),
    }
}

fn query_job(random: &mut Random, world: &World) -> Ask {
    let soql = Soql::new(random, world).query();
    let operation = random.pick(&["query", "query", "queryAll"]);
    let body = json!({ "operation": operation, "query": soql });
    Ask::new("bulk", "POST", format!("{V2}/query")).json(&body)
}

fn ingest_job(random: &mut Random) -> Ask {
    let (object, operation, key, _, _) = random.pick(&LOADS);
    let mut body =
        json!({ "object": object, "operation": operation, "contentType": "CSV", "lineEnding": "LF" });
    if !key.is_empty() {
        body["externalIdFieldName"] = json!(key);
    }
    Ask::new("bulk", "POST", format!("{V2}/ingest")).json(&body)
}

/// Something with a job that was made earlier.
fn later(random: &mut Random, world: &World) -> Option<Ask> {
    if random.chance(40) {
        let id = world.handle(random, HandleKind::QueryJob)?;
        let path = format!("{V2}/query/{id}");
        return Some(match random.below(6) {
            0 => Ask::new("bulk", "GET", path),
            1 => Ask::new("bulk", "DELETE", path),
            _ => Ask::new("bulk", "GET", format!("{path}/results{}", random.pick(&["", "?maxRecords=2"]))),
        });
    }
    let id = world.handle(random, HandleKind::IngestJob)?;
    let path = format!("{V2}/ingest/{id}");
    Some(match random.below(6) {
        0 => Ask::new("bulk", "GET", path),
        1 => Ask::new(
            "bulk",
            "GET",
            format!("{path}/{}", random.pick(&["successfulResults", "failedResults", "unprocessedrecords"])),
        ),
        2 => Ask::new("bulk", "PATCH", path).json(&json!({ "state": "UploadComplete" })),
        3 => Ask::new("bulk", "DELETE", path),
        _ => {
            let csv = rows(random, world, HandleKind::IngestJob, &id);
            Ask::new("bulk", "PUT", format!("{path}/batches")).with_body("text/csv", csv)
        }
    })
}

/// Rows that fit a job, most times.
fn rows(random: &mut Random, world: &World, kind: HandleKind, id: &str) -> String {
    let job = world.job(kind, id).and_then(|origin| origin.job);
    let fitting: Vec<&(&str, &str, &str, &str, &str)> = LOADS
        .iter()
        .filter(|(object, ..)| {
            random.chance(5) || job.as_ref().is_some_and(|job| job.object.eq_ignore_ascii_case(object))
        })
        .collect();
    let (_, _, _, header, row) = if fitting.is_empty() { LOADS[0] } else { *random.pick(&fitting) };
    format!("{header}\n{row}\n")
}

fn classic_job(random: &mut Random) -> Ask {
    let (object, operation, key, _, _) = random.pick(&LOADS);
    let operation = if random.chance(50) { "query" } else { operation };
    let kind = if random.chance(60) { "CSV" } else { random.pick(&["JSON", "XML"]) };
    if random.chance(50) {
        let mut body = json!({ "operation": operation, "object": object, "contentType": kind });
        if operation == "upsert" {
            body["externalIdFieldName"] = json!(key);
        }
        return Ask::new("bulk1", "POST", V1).json(&body);
    }
    let key = if operation == "upsert" {
        format!("<externalIdFieldName>{key}</externalIdFieldName>")
    } else {
        String::new()
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
         <operation>{operation}</operation><object>{object}</object>{key}<contentType>{kind}</contentType></jobInfo>"
    );
    Ask::new("bulk1", "POST", V1).with_body("application/xml; charset=UTF-8", body)
}

fn classic_later(random: &mut Random, world: &World) -> Option<Ask> {
    let id = world.handle(random, HandleKind::ClassicJob)?;
    let path = format!("{V1}/{id}");
    let job = world.job(HandleKind::ClassicJob, &id).and_then(|origin| origin.job)?;
    Some(match random.below(7) {
        0 => Ask::new("bulk1", "GET", path),
        1 => Ask::new("bulk1", "GET", format!("{path}/batch")),
        2 => Ask::new("bulk1", "POST", path).json(&json!({ "state": "Closed" })),
        _ if job.is_query() => {
            let soql = classic_query(random, world, &job.object);
            let kind = random.pick(&["text/csv", "application/json", "application/xml"]);
            Ask::new("bulk1", "POST", format!("{path}/batch")).with_body(kind, soql)
        }
        3 => {
            let records =
                json!([{ "LastName": "J", "Account": { "External_Id__c": "A-1" } }, { "Title": "x" }]);
            Ask::new("bulk1", "POST", format!("{path}/batch")).json(&records)
        }
        4 => {
            let field = random.pick(&["LastName", "Notes__c", "Site"]);
            let records = format!(
                "<sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><sObject><{field}>{}</{field}></sObject></sObjects>",
                xml("a & b")
            );
            Ask::new("bulk1", "POST", format!("{path}/batch")).with_body("application/xml", records)
        }
        _ => {
            let csv = rows(random, world, HandleKind::ClassicJob, &id);
            Ask::new("bulk1", "POST", format!("{path}/batch")).with_body("text/csv; charset=UTF-8", csv)
        }
    })
}

/// A query on the job's object, most times.
fn classic_query(random: &mut Random, world: &World, object: &str) -> String {
    let mut soql = Soql::new(random, world);
    if soql.random.chance(20) {
        return soql.query();
    }
    let Some((_, known)) = world.schema.look_up(object) else { return soql.query() };
    let (column, condition) = (soql.path(known, None), soql.condition(known, None, 1));
    format!("SELECT Id, {column} FROM {object} WHERE {condition} LIMIT 20")
}

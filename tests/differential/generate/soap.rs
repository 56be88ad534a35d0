//! SOAP, in both dialects.

use super::{Soql, record, search};
use crate::ask::{Ask, xml};
use crate::random::Random;
use crate::world::World;
use forcefield_policy::request::HandleKind;
use serde_json::{Map, Value as Json};

pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    let letter = random.pick(&["u", "c"]);
    let dialect = if letter == "u" { "partner" } else { "enterprise" };
    let body = body(random, world, letter == "u");
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:{dialect}.soap.sforce.com\" \
         xmlns:so=\"urn:sobject.{dialect}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Header><urn:SessionHeader><urn:sessionId>ours</urn:sessionId></urn:SessionHeader></soapenv:Header>\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Ask::new("soap", "POST", format!("/services/Soap/{letter}/60.0"))
        .with_body("text/xml; charset=UTF-8", envelope)
        .header("soapaction", "\"\"")
}

fn body(random: &mut Random, world: &World, partner: bool) -> String {
    match random.below(12) {
        0..=2 => {
            let soql = xml(&Soql::new(random, world).query());
            let operation = random.pick(&["query", "query", "queryAll"]);
            format!("<urn:{operation}><urn:queryString>{soql}</urn:queryString></urn:{operation}>")
        }
        3 => match world.handle(random, HandleKind::Locator) {
            Some(id) => {
                format!("<urn:queryMore><urn:queryLocator>{id}-200</urn:queryLocator></urn:queryMore>")
            }
            None => "<urn:getServerTimestamp/>".to_owned(),
        },
        4 | 5 => {
            let object = random.pick(&["Account", "Contact", "Case", "Invoice__c"]);
            let fields = record::fields(random, world, object);
            let ids: String = random
                .several(3, |random| format!("<urn:ids>{}</urn:ids>", world.id(random, object)))
                .concat();
            format!(
                "<urn:retrieve><urn:fieldList>{fields}</urn:fieldList><urn:sObjectType>{object}</urn:sObjectType>{ids}</urn:retrieve>"
            )
        }
        6 | 7 => {
            let records: String = random
                .several(2, |random| {
                    let (object, body) = record::new_record(random, world);
                    record_of(object, &body, None, partner)
                })
                .concat();
            format!("<urn:create>{records}</urn:create>")
        }
        8 => {
            let (object, body) = record::changed(random, world);
            let id = world.id(random, object);
            format!("<urn:update>{}</urn:update>", record_of(object, &body, Some(&id), partner))
        }
        9 => upsert(random, partner),
        10 => {
            let object = random.pick(&["Lead", "Task"]);
            let operation = random.pick(&["delete", "undelete", "emptyRecycleBin"]);
            format!("<urn:{operation}><urn:ids>{}</urn:ids></urn:{operation}>", world.id(random, object))
        }
        _ => {
            let sosl = xml(&search::sosl(random, world, "Account"));
            let window = "<urn:startDate>2024-01-01T00:00:00.000Z</urn:startDate><urn:endDate>2024-01-02T00:00:00.000Z</urn:endDate>";
            random.pick(&[
                format!("<urn:search><urn:searchString>{sosl}</urn:searchString></urn:search>"),
                format!("<urn:getUpdated><urn:sObjectType>Lead</urn:sObjectType>{window}</urn:getUpdated>"),
                "<urn:describeSObjects><urn:sObjectType>Contact</urn:sObjectType></urn:describeSObjects>"
                    .to_owned(),
            ])
        }
    }
}

fn upsert(random: &mut Random, partner: bool) -> String {
    let mut body = Map::new();
    body.insert("ExtId__c".to_owned(), Json::String(format!("E-{}", random.below(400))));
    body.insert("Notes__c".to_owned(), Json::String("soap".to_owned()));
    let record = record_of("Invoice__c", &body, None, partner);
    format!("<urn:upsert><urn:externalIDFieldName>ExtId__c</urn:externalIDFieldName>{record}</urn:upsert>")
}

fn record_of(object: &str, body: &Map<String, Json>, id: Option<&str>, partner: bool) -> String {
    let mut members = String::new();
    let mut cleared = String::new();
    if let Some(id) = id {
        members.push_str(&format!("<so:Id>{id}</so:Id>"));
    }
    for (name, value) in body {
        match value {
            Json::Null => cleared.push_str(&format!("<so:fieldsToNull>{name}</so:fieldsToNull>")),
            Json::Object(parent) => {
                let kind = if partner { "<so:type>Account</so:type>" } else { "" };
                let typed = if partner { "" } else { " xsi:type=\"so:Account\"" };
                let keys: String = parent
                    .iter()
                    .map(|(key, value)| {
                        format!("<so:{key}>{}</so:{key}>", xml(value.as_str().unwrap_or_default()))
                    })
                    .collect();
                members.push_str(&format!("<so:{name}{typed}>{kind}{keys}</so:{name}>"));
            }
            value => {
                let text = xml(value.as_str().unwrap_or_default());
                members.push_str(&format!("<so:{name}>{text}</so:{name}>"));
            }
        }
    }
    if partner {
        format!("<urn:sObjects><so:type>{object}</so:type>{cleared}{members}</urn:sObjects>")
    } else {
        format!("<urn:sObjects xsi:type=\"so:{object}\">{cleared}{members}</urn:sObjects>")
    }
}

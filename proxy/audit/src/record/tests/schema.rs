//! The framework's schema, as far as events of ours use it, and a checker of events against it.
//!
//! Written from the public schema of version 1.5.0: classes 6003 (API Activity) and 0 (Base Event) with the profile
//! `security_control`. An attribute that is not listed is not one that we may write.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};

/// One class or object a paragraph: its name, what of it must be there, then `attribute type`; `!` marks what is
/// required, `[]` a list, `a|b` the numbers of an enumeration, `at-least-one` a constraint.
const SCHEMA: &str = "
6003
time! timestamp
class_uid! 6003
class_name string
category_uid! 6
activity_id! 0|1|2|3|4|99
activity_name string
type_uid! type
severity_id! 0|1|2|3|4|5|6|99
status_id 0|1|2|99
status_code string
status_detail string
action_id 0|1|2|3|4|99
disposition_id 0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|99
message string
start_time timestamp
end_time timestamp
duration integer
metadata! metadata
actor! actor
src_endpoint! network_endpoint
dst_endpoint network_endpoint
api! api
http_request http_request
http_response http_response
resources[] resource_details
unmapped json

0
time! timestamp
class_uid! 0
class_name string
category_uid! 0
activity_id! 0|99
activity_name string
type_uid! type
severity_id! 0|1|2|3|4|5|6|99
status_id 0|1|2|99
message string
metadata! metadata
unmapped json

metadata
version! string
product! product
profiles[] string
uid string
correlation_uid string

product at-least-one name uid
name string
uid string
vendor_name string
version string

actor at-least-one user session app_name app_uid
user user
session session

user at-least-one name uid account
name string
uid string
type string
type_id 0|1|2|3|99

session
uid string
credential_uid string
issuer string

network_endpoint at-least-one ip uid name hostname
ip ip
port port
name string
hostname string

api
operation! string
service service
version string
request request
response response

service at-least-one name uid
name string
uid string
version string

request
uid! string

response
code integer
message string

http_request
http_method string
user_agent string
uid string

http_response
code! integer
length integer

resource_details at-least-one name uid
name string
uid string
type string
data json
";

/// An attribute of a class or an object.
struct Attribute {
    name: &'static str,
    kind: &'static str,
    required: bool,
    list: bool,
}

/// A class or an object.
#[derive(Default)]
struct Thing {
    attributes: Vec<Attribute>,
    at_least_one: Vec<&'static str>,
}

/// What of an event is not as the schema has it.
pub(crate) fn problems(event: &Value) -> Vec<String> {
    let schema = schema();
    let mut problems = Vec::new();
    let class = event["class_uid"].to_string();
    match event.as_object() {
        Some(members) if schema.contains_key(class.as_str()) => {
            check(&schema, &class, members, "", &mut problems)
        }
        _ => problems.push(format!("no event of a known class: {class}")),
    }
    let number = |name: &str| event[name].as_u64().unwrap_or(u64::MAX);
    if number("type_uid") != number("class_uid").wrapping_mul(100).wrapping_add(number("activity_id")) {
        problems.push("type_uid is not class_uid × 100 + activity_id".to_owned());
    }
    let controlled = event["metadata"]["profiles"] == serde_json::json!(["security_control"]);
    if !controlled && (event.get("action_id").is_some() || event.get("disposition_id").is_some()) {
        problems.push("action_id and disposition_id belong to the profile security_control".to_owned());
    }
    problems
}

fn schema() -> BTreeMap<&'static str, Thing> {
    let mut things = BTreeMap::new();
    for paragraph in SCHEMA.trim().split("\n\n") {
        let mut lines = paragraph.lines();
        let mut head = lines.next().unwrap().split(' ');
        let name = head.next().unwrap();
        let thing = Thing {
            at_least_one: head.skip(1).collect(),
            attributes: lines.map(|line| attribute(line.split_once(' ').unwrap())).collect(),
        };
        things.insert(name, thing);
    }
    things
}

fn attribute((name, kind): (&'static str, &'static str)) -> Attribute {
    let (required, list) = (name.ends_with('!'), name.ends_with("[]"));
    Attribute { name: name.trim_end_matches(['!', '[', ']']), kind, required, list }
}

fn check(
    schema: &BTreeMap<&str, Thing>,
    name: &str,
    members: &Map<String, Value>,
    at: &str,
    problems: &mut Vec<String>,
) {
    let Thing { attributes, at_least_one } = &schema[name];
    for attribute in attributes.iter().filter(|attribute| attribute.required) {
        if !members.contains_key(attribute.name) {
            problems.push(format!("{at}{} is missing", attribute.name));
        }
    }
    if !at_least_one.is_empty() && !at_least_one.iter().any(|name| members.contains_key(*name)) {
        problems.push(format!("{at} has none of {at_least_one:?}"));
    }
    for (key, value) in members {
        let at = format!("{at}{key}");
        let Some(attribute) = attributes.iter().find(|attribute| attribute.name == key) else {
            problems.push(format!("{at} is no attribute of {name}"));
            continue;
        };
        let values = match value {
            Value::Array(values) if attribute.list => values.as_slice(),
            value if !attribute.list => std::slice::from_ref(value),
            _ => {
                problems.push(format!("{at} is no list"));
                continue;
            }
        };
        values.iter().for_each(|value| one(schema, attribute.kind, value, &at, problems));
    }
}

fn one(schema: &BTreeMap<&str, Thing>, kind: &str, value: &Value, at: &str, problems: &mut Vec<String>) {
    if let (Some(_), Some(members)) = (schema.get(kind), value.as_object()) {
        return check(schema, kind, members, &format!("{at}."), problems);
    }
    let fits = match kind {
        "string" => value.is_string(),
        "integer" | "type" => value.is_i64() || value.is_u64(),
        // Milliseconds of this century, not seconds and not microseconds.
        "timestamp" => {
            value.as_i64().is_some_and(|time| (946_684_800_000..4_102_444_800_000).contains(&time))
        }
        "port" => value.as_u64().is_some_and(|port| u16::try_from(port).is_ok()),
        "ip" => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "json" => true,
        numbers => {
            value.as_u64().is_some_and(|number| numbers.split('|').any(|known| known == number.to_string()))
        }
    };
    if !fits {
        problems.push(format!("{at} is {value}, not {kind}"));
    }
}

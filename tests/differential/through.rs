//! The same requests through the running proxy: what the org touched is on record and granted, and what was refused
//! never arrived.

use std::collections::HashMap;

use bytes::Bytes;
use forcefield_emulator::Received;
use forcefield_policy::grant::{AllowSpec, FieldsSpec, Grants};
use forcefield_policy::names::FieldName;
use forcefield_policy::request::Verb;
use forcefield_policy::schema::Schema;
use forcefield_tests::{Builder, Client, Proxy};
use serde_json::Value as Json;

use crate::ask::Ask;
use crate::belief::{Belief, granted, is_common};
use crate::holding::Holding;
use crate::laws::conditions;
use crate::random::Random;
use crate::world::{World, is_sendable};

const BINARY: &str = env!("CARGO_BIN_EXE_forcefield-under-test");

/// An integration of the proxy, and what it holds.
struct Caller {
    client: Client,
    grants: Grants,
    conditions: Belief,
}

/// One request that was sent: who sent it, what was answered, what arrived at the org.
struct Sent {
    caller: usize,
    ask: Ask,
    decision: String,
    status: u16,
    arrived: Vec<Received>,
}

/// Sends requests as two integrations, one that may do everything and one that may do little, and holds what the org
/// did against their records.
pub(crate) async fn hold(random: &mut Random, corpus: &[Ask], requests: usize) {
    let world = Box::pin(World::start()).await;
    let holdings = [("wide", Holding::full(&world)), ("narrow", narrow())];
    let mut builder = Builder::before(world.org(), BINARY)
        .unwrap()
        .section("destinations:\n  here: { networks: [127.0.0.0/8] }\n");
    for (name, holding) in &holdings {
        builder = builder.identity(name, &holding.written());
    }
    let proxy = builder.start().await.unwrap();
    let mut callers = Vec::new();
    for (name, holding) in holdings {
        let (client, grants) = (proxy.client(name).await.unwrap(), holding.compile(&world));
        let conditions = conditions(&grants);
        callers.push(Caller { client, grants, conditions });
    }
    let mut all = Vec::new();
    while all.len() < requests {
        let ask = crate::one(random, &world, corpus);
        if is_sendable(&ask) {
            all.extend(sent(&world, &callers, random.below(callers.len()), ask).await);
        }
    }
    let records = records(&proxy);
    let broken: Vec<String> = all
        .iter()
        .flat_map(|sent| broken(sent, &callers[sent.caller], records.get(&sent.decision), &world.schema))
        .collect();
    let touched = all.iter().filter(|sent| sent.arrived.iter().any(|got| !got.touched.is_empty())).count();
    let refused = all.iter().filter(|sent| sent.arrived.is_empty()).count();
    println!("through the proxy: {} asked, {refused} did not arrive, {touched} touched", all.len());
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n\n"));
    assert!(
        touched * 5 >= requests && refused * 5 >= requests,
        "{touched} touched, {refused} did not arrive"
    );
}

/// Sends one request. `None` when no answer came because the front closed the connection on it.
async fn sent(world: &World, callers: &[Caller], caller: usize, ask: Ask) -> Option<Sent> {
    let before = world.org().received_count();
    let body = Bytes::from(ask.body.clone());
    let reply = callers[caller].client.raw(&ask.method, &ask.target, &ask.headers, body).await;
    let mut arrived = world.org().received_since(before);
    arrived.retain(|received| !is_own(received));
    match reply {
        Ok(reply) => {
            let decision = reply.header("x-forcefield-decision").to_owned();
            Some(Sent { caller, ask, decision, status: reply.status, arrived })
        }
        Err(_) => {
            assert!(arrived.is_empty(), "without an answer, but at the org: {ask}");
            None
        }
    }
}

/// Whether Forcefield asked it for itself: logins, and descriptions, which name no user agent.
fn is_own(received: &Received) -> bool {
    let (target, body) = (&received.target, String::from_utf8_lossy(&received.body));
    let listed = received.method == "GET" && target.ends_with("/sobjects");
    let described = target.ends_with("/composite/batch") && body.contains("/describe\"");
    target.starts_with("/services/oauth2/")
        || received.header("user-agent").is_none() && (listed || described)
}

/// Every record by its decision. An answer ends after its record is written, so all are there.
fn records(proxy: &Proxy) -> HashMap<String, Json> {
    let records = proxy.records().unwrap().into_iter();
    records
        .map(|record| (record["metadata"]["uid"].as_str().unwrap_or_default().to_owned(), record))
        .collect()
}

fn broken(sent: &Sent, caller: &Caller, record: Option<&Json>, schema: &Schema) -> Vec<String> {
    let Sent { ask, decision, status, arrived, .. } = sent;
    let told = |what: String| format!("{what}\n  status {status}, decision {decision}\n  asked {ask}");
    let Some(record) = record else { return vec![told("there is no record".to_owned())] };
    let refused = record["unmapped"]["outcome"] == "refused";
    if refused && !arrived.is_empty() {
        return vec![told("was refused and arrived".to_owned())];
    }
    let mut broken = Vec::new();
    for touch in arrived.iter().flat_map(|received| &received.touched) {
        if caller.conditions.covers(touch, schema) {
            continue;
        }
        let resources = record["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let on_record = |object: &str| resources.iter().any(|one| one["name"] == object);
        // What several objects have in common, and what a merge takes along, is on record as those objects.
        let is_itself = !is_common(touch) && schema.look_up(&touch.object).is_some();
        if is_itself && !on_record(&touch.object) && !resources.iter().any(|one| merges(one, record)) {
            broken.push(told(format!("did `{touch}`, which is not on record: {resources:?}")));
        }
        if !granted(&caller.grants, touch) {
            broken.push(told(format!("did `{touch}`, which is not granted")));
        }
    }
    broken
}

fn merges(resource: &Json, record: &Json) -> bool {
    resource["type"] == "sobject"
        && record["api"]["operation"].as_str().is_some_and(|done| done.contains("merge"))
}

/// Little: some fields of some objects, with a condition and a bound.
fn narrow() -> Holding {
    let fields = |names: &[&str]| {
        FieldsSpec::Listed(names.iter().map(|name| FieldName::try_from(*name).unwrap()).collect())
    };
    let allow = |key: &str, read: FieldsSpec| AllowSpec {
        key: key.to_owned(),
        read: Some(read),
        ..AllowSpec::default()
    };
    Holding::of([
        AllowSpec {
            condition: Some("Region__c = 'EU'".to_owned()),
            max_rows: Some(5),
            ..allow("Account", fields(&["Name", "Industry", "Region__c", "OwnerId"]))
        },
        AllowSpec {
            except: vec![FieldName::try_from("SSN__c").unwrap()],
            update: Some(fields(&["Email", "Phone"])),
            ..allow("Contact", FieldsSpec::Every)
        },
        AllowSpec {
            create: Some(FieldsSpec::Every),
            verbs: vec![Verb::Delete],
            ..allow("Invoice__c", FieldsSpec::Every)
        },
        allow("User", fields(&["Name"])),
    ])
}

//! The laws that every request is held to.

use crate::ask::Ask;
use crate::belief::{Belief, granted, is_key};
use crate::holding::{CONDITIONS, Condition, Holding, forbidden_secrets, outside};
use crate::random::Random;
use crate::tally::Tally;
use crate::world::{Outcome, World, is_sendable};
use forcefield_emulator::Touch;
use forcefield_policy::classify::{BodyUse, body_use, classify};
use forcefield_policy::decision::{Denial, Permit, decide};
use forcefield_policy::grant::Grants;
use forcefield_policy::request::{Cut, HandleKind, Origin, Request};
use serde_json::Value as Json;
use std::collections::HashMap;

/// What bounds the rows that a request may give, beside the fields.
#[derive(Default)]
struct Bounds {
    condition: Option<Condition>,
    rows: Option<u64>,
}

/// Holds one request to all laws.
pub(crate) async fn hold(
    world: &mut World,
    full: &Grants,
    random: &mut Random,
    ask: &Ask,
    tally: &mut Tally,
) {
    if !is_sendable(ask) {
        return;
    }
    let counts = tally.of(ask.family);
    counts.asked += 1;
    if read(world, ask).is_none() {
        counts.unclear += 1;
        return;
    }
    let (least, outcome) = least(world, ask);
    let grants = least.compile(world);
    let permit = match outcome {
        Ok(permit) => permit,
        Err(denial) => {
            if decided(world, full, ask).is_ok_and(|_| denial.reason.can_be_observed()) {
                tally.broken(ask, &format!("all grants allow it, what denials ask for does not: {denial}"));
            }
            tally.of(ask.family).refused += 1;
            return;
        }
    };
    if let Err(denial) = decided(world, full, ask) {
        tally.broken(ask, &format!("the least grant allows it, all grants do not: {denial}"));
    }
    if let Some(less) = least.without_one(random)
        && decided(world, &less.compile(world), ask).is_ok()
        && !permit
            .narrowings()
            .iter()
            .any(|one| matches!(one, forcefield_policy::decision::Narrowing::Fields(_)))
    {
        tally.of(ask.family).spare += 1;
    }
    Box::pin(send(world, (&grants, &Bounds::default()), ask, permit, tally)).await;
    Box::pin(variants(world, &least, random, ask, tally)).await;
}

/// Sends it under grants that narrow it.
async fn variants(world: &mut World, least: &Holding, random: &mut Random, ask: &Ask, tally: &mut Tally) {
    if random.chance(30) {
        let wider = least.widened(world, random).compile(world);
        Box::pin(under(world, (&wider, Bounds::default()), ask, tally)).await;
    }
    let condition = random.pick(&CONDITIONS);
    if let Some(less) = least.conditioned(&condition) {
        let grants = less.compile(world);
        Box::pin(under(world, (&grants, Bounds { condition: Some(condition), rows: None }), ask, tally))
            .await;
    }
    if random.chance(25) {
        let rows = u64::try_from(1 + random.below(5)).unwrap();
        let grants = least.bounded(rows).compile(world);
        Box::pin(under(world, (&grants, Bounds { condition: None, rows: Some(rows) }), ask, tally)).await;
    }
}

async fn under(world: &mut World, (grants, bounds): (&Grants, Bounds), ask: &Ask, tally: &mut Tally) {
    match decided(world, grants, ask) {
        Ok(permit) => {
            tally.of(ask.family).narrowed += usize::from(!permit.narrowings().is_empty());
            Box::pin(send(world, (grants, &bounds), ask, permit, tally)).await;
        }
        Err(_) => tally.of(ask.family).refused_narrow += 1,
    }
}

/// The grants that a request needs, found by giving what each denial names, and the decision under them.
fn least(world: &World, ask: &Ask) -> (Holding, Result<Permit, Denial>) {
    let mut holding = Holding::default();
    for _ in 0..400 {
        match decided(world, &holding.compile(world), ask) {
            Ok(permit) => return (holding, Ok(permit)),
            Err(denial) if holding.add(&denial.reason) => {}
            Err(denial) => return (holding, Err(denial)),
        }
    }
    panic!("denials do not end: {ask}");
}

fn read(world: &World, ask: &Ask) -> Option<Request> {
    ask.head(|head| {
        let seen = match body_use(head) {
            BodyUse::Start(most) => ask.body.get(..most).unwrap_or(&ask.body),
            BodyUse::None | BodyUse::Whole(_) => &ask.body,
        };
        classify(&world.schema, head, seen).ok()
    })
}

fn decided(world: &World, grants: &Grants, ask: &Ask) -> Result<Permit, Denial> {
    let request = read(world, ask).unwrap_or_else(|| panic!("read once, it reads again: {ask}"));
    let origins: Vec<Option<Origin>> = request.handles().map(|handle| world.origin(handle)).collect();
    decide(grants, request, &origins)
}

async fn send(
    world: &mut World,
    (grants, bounds): (&Grants, &Bounds),
    ask: &Ask,
    permit: Permit,
    tally: &mut Tally,
) {
    let belief = Belief::of(&read(world, ask).unwrap(), world);
    let outcome = world.permitted(&permit, &ask.body).await;
    let counts = tally.of(ask.family);
    counts.allowed += 1;
    counts.answered += usize::from((200..300).contains(&outcome.status));
    counts.touched += usize::from(!outcome.received.touched.is_empty());
    for broken in broken(world, (grants, bounds), (&permit, &belief), &outcome) {
        let sent = format!("{} {}", permit.method().as_str(), permit.target());
        let body = permit.body("SESSION").unwrap_or_default();
        tally.broken(ask, &format!("{broken}\n  sent {sent}\n  {}", String::from_utf8_lossy(&body)));
    }
    world.keep(&permit, (&belief, &conditions(grants)), &outcome.body);
}

/// What an exchange did or told that it may not.
fn broken(
    world: &World,
    (grants, bounds): (&Grants, &Bounds),
    (permit, belief): (&Permit, &Belief),
    outcome: &Outcome,
) -> Vec<String> {
    let mut broken = Vec::new();
    // What is cut out of an answer on its way back is read all the same.
    let is_cut = permit.answer().cut != Cut::Nothing;
    let mut conditions = conditions(grants);
    permit
        .handles()
        .iter()
        .filter_map(|handle| world.conditions(handle))
        .for_each(|known| conditions.extend(known));
    for touch in outcome.received.touched.iter().filter(|_| !is_cut) {
        if conditions.covers(touch, grants.schema()) {
            continue;
        }
        if !belief.covers(touch, grants.schema()) {
            broken.push(format!("did `{touch}`, which was not foreseen\n  but {belief:?}"));
        }
        // What a handle stands for was decided field by field when it was made and filled.
        let as_a_whole = Touch { field: None, ..touch.clone() };
        let is_granted = match permit.handles() {
            [] => granted(grants, touch),
            _ => {
                [touch, &as_a_whole].iter().any(|touch| granted(grants, touch))
                    || is_key(touch, grants.schema())
            }
        };
        if !is_granted {
            broken.push(format!("did `{touch}`, which is not granted"));
        }
    }
    if is_cut {
        return broken;
    }
    let text = String::from_utf8_lossy(&outcome.body);
    let decoded = text.replace("\\u002B", "+");
    for (secret, object) in forbidden_secrets(grants) {
        if text.contains(secret) {
            broken.push(format!("told `{secret}` of {object}"));
        }
    }
    if let Some(condition) = bounds.condition.filter(|_| !belief.writes() && !is_classic(permit)) {
        for mark in outside(world, &condition, &decoded) {
            broken.push(format!("told of `{mark}`, outside of `{}`", condition.text));
        }
    }
    if let Some(most) = bounds.rows.filter(|_| permit.handles().is_empty()) {
        let rows = most_rows(&text);
        if rows > most {
            broken.push(format!("told {rows} rows in one list, {most} are granted"));
        }
    }
    broken
}

/// What the conditions of the grants read.
pub(crate) fn conditions(grants: &Grants) -> Belief {
    let mut all = Belief::default();
    for (_, grant) in grants.objects() {
        if let Some(condition) = grant.condition() {
            all.extend(&Belief::of_condition(condition, grants.schema()));
        }
    }
    all
}

/// The batches of a classic job are held to conditions one by one.
fn is_classic(permit: &Permit) -> bool {
    permit.handles().iter().any(|handle| handle.kind == HandleKind::ClassicJob)
}

/// The longest list of rows in an answer of any format.
fn most_rows(text: &str) -> u64 {
    if let Ok(json) = serde_json::from_str::<Json>(text) {
        return longest(&json);
    }
    if text.starts_with('<') {
        if !text.contains("<records") {
            return 0;
        }
        let sizes = text.split("<size>").skip(1).filter_map(|rest| rest.split('<').next()?.parse().ok());
        return sizes.max().unwrap_or(0);
    }
    u64::try_from(text.lines().count().saturating_sub(1)).unwrap_or(u64::MAX)
}

fn longest(json: &Json) -> u64 {
    match json {
        Json::Array(items) => items.iter().map(longest).max().unwrap_or(0),
        Json::Object(members) => {
            let lists = ["records", "searchRecords", "edges"];
            let own =
                lists.iter().filter_map(|name| members.get(*name)?.as_array()).map(|rows| of_one(rows)).max();
            let inner = members.values().map(longest).max().unwrap_or(0);
            inner.max(own.unwrap_or(0))
        }
        _ => 0,
    }
}

/// The most rows of one object in a list: a search answers rows of several.
fn of_one(rows: &[Json]) -> u64 {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for row in rows {
        *counts.entry(row["attributes"]["type"].as_str().unwrap_or_default()).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

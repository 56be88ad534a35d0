//! `sObjects` and ids: which objects and fields the records of a SOAP request write.

use std::collections::HashSet;

use crate::classify::call::Call;
use crate::classify::unclear::{Unclear, UnclearKind};
use crate::classify::xml::Node;
use crate::id::RecordId;
use crate::request::{Access, Verb};
use crate::schema::{Object, ObjectId};

/// How records say what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// By a first child `type` (partner).
    Type,
    /// By `xsi:type` (enterprise).
    XsiType,
}

/// A record as it was read.
#[derive(Debug)]
pub(super) struct Record {
    /// Its object.
    pub(super) object: ObjectId,
    /// Its id, if it has one.
    pub(super) id: Option<RecordId>,
    /// The fields that it writes, lookups by parents' keys included.
    pub(super) accesses: Vec<Access>,
}

/// The most records or ids of one request.
pub(super) const MOST: usize = 2_000;

/// Reads one record, each of whose fields is written with each of `verbs`; `key` is the field of an upsert that finds
/// the record.
pub(super) fn record(
    call: &Call<'_>,
    node: Node<'_>,
    style: Style,
    verbs: &[Verb],
) -> Result<Record, Unclear> {
    let object =
        object(call, node, style)?.ok_or_else(|| node.unclear("does not say what it is a record of"))?;
    let known = call.schema.object(object);
    let (mut id, mut accesses, mut seen) = (None, Vec::new(), HashSet::new());
    for child in fields(node, style) {
        let name = child.local();
        if name == "fieldsToNull" {
            let name = child.text()?;
            let field = known.find(name).ok_or_else(|| unknown(child, name))?;
            accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, field)));
            continue;
        }
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(child.unclear("is given twice"));
        }
        if name.eq_ignore_ascii_case("Id") {
            id = self::id(child)?;
        } else if child.has_children() {
            accesses.extend(parent(call, (object, known), child, style, verbs)?);
        } else {
            let field = known.find(name).ok_or_else(|| unknown(child, name))?;
            accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, field)));
        }
    }
    if let Some(id) = id.filter(|id| !call.schema.with_prefix(id.prefix()).any(|found| found == object)) {
        return Err(node.unclear(format!("has the id {id}, which is not one of {}", known.name())));
    }
    Ok(Record { object, id, accesses })
}

/// The objects that ids belong to, each once.
pub(super) fn objects(call: &Call<'_>, ids: &[Node<'_>]) -> Result<Vec<ObjectId>, Unclear> {
    let mut objects = Vec::new();
    for node in ids {
        let id = id(*node)?.ok_or_else(|| node.unclear("is empty"))?;
        let found = call.objects_of(&id.to_string(), *node)?;
        objects.extend(found);
        objects.sort_unstable();
        objects.dedup();
    }
    Ok(objects)
}

/// The id that an element holds; `None` when it is empty.
pub(super) fn id(node: Node<'_>) -> Result<Option<RecordId>, Unclear> {
    let text = node.text()?;
    if node.xsi("nil").is_some() {
        return Err(node.unclear("must not be nil"));
    }
    if text.is_empty() {
        return Ok(None);
    }
    RecordId::parse(text).map(Some).ok_or_else(|| node.unclear("is not a record id"))
}

/// The object of a record; `None` when it does not say.
fn object(call: &Call<'_>, node: Node<'_>, style: Style) -> Result<Option<ObjectId>, Unclear> {
    let typed = node.xsi("type").map(|name| name.rsplit_once(':').map_or(name, |(_, local)| local));
    let name = match style {
        Style::XsiType => match node.one("type")? {
            Some(odd) => return Err(odd.unclear("is not how enterprise records say what they are")),
            None => typed,
        },
        Style::Type => {
            let first = node.children().next().filter(|first| first.local() == "type");
            let Some(first) = first else { return Ok(None) };
            node.one("type")?;
            let name = first.text()?;
            if typed.is_some_and(|typed| typed != "sObject" && !typed.eq_ignore_ascii_case(name)) {
                return Err(node.unclear("has a `type` and an `xsi:type` that disagree"));
            }
            Some(name)
        }
    };
    name.map(|name| call.object_at(name, node)).transpose()
}

/// The children that are fields.
fn fields<'d>(node: Node<'d>, style: Style) -> impl Iterator<Item = Node<'d>> {
    node.children().skip(usize::from(style == Style::Type))
}

/// A parent named by its key: `<Account><type>Account</type><ExtId__c>7</ExtId__c></Account>`.
fn parent(
    call: &Call<'_>,
    (object, known): (ObjectId, &Object),
    node: Node<'_>,
    style: Style,
    verbs: &[Verb],
) -> Result<Vec<Access>, Unclear> {
    let name = node.local();
    let key = known.parent(name).ok_or_else(|| unknown(node, name))?;
    let reference = known.field(key).reference().ok_or_else(|| unknown(node, name))?;
    let mut accesses: Vec<Access> = verbs.iter().map(|verb| Access::field(*verb, object, key)).collect();
    let target = match (self::object(call, node, style)?, &*reference.targets, reference.more) {
        (Some(target), _, true) => target,
        (Some(target), targets, false)
            if targets.iter().any(|known| known.eq_ignore_ascii_case(call.schema.object(target).name())) =>
        {
            target
        }
        (None, [only], false) if style == Style::XsiType => call.object_at(only, node)?,
        _ => return Err(node.unclear("does not say which of its parents is meant")),
    };
    accesses.push(Access::object(Verb::Read, target));
    let parent = call.schema.object(target);
    for child in fields(node, style) {
        child.text()?;
        let field = parent.find(child.local()).ok_or_else(|| unknown(child, child.local()))?;
        accesses.push(Access::field(Verb::Read, target, field));
    }
    Ok(accesses)
}

/// A name that the schema does not have.
pub(super) fn unknown(node: Node<'_>, name: &str) -> Unclear {
    let name: String = name.chars().take(80).collect();
    let what = format!("`{name}` is not known (byte {})", node.offset());
    Unclear::new(UnclearKind::Name(name.into()), node, what)
}

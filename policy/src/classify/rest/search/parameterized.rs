//! `/parameterizedSearch`, as parameters or as JSON, written as SOSL.

use std::fmt::Write as _;

use crate::classify::call::Call;
use crate::classify::json::{Kind, Value};
use crate::classify::parameters::Parameters;
use crate::classify::{Place, Unclear};
use crate::names::is_api_name;
use crate::request::{Api, Body, Encoding, Method, Needs, Operation, Request, Template};
use crate::soql;

/// Reads a parameterized search.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.segments.len() != 1 {
        return Err(call.unknown());
    }
    let asked = match call.method {
        Method::Get => by_parameters(call)?,
        Method::Post => {
            call.parameters(&[])?;
            by_body(call)?
        }
        Method::Head | Method::Patch | Method::Put | Method::Delete => return Err(call.unknown()),
    };
    let what = call.sosl(&asked.text()?, &Place::Path)?;
    let mut target = Template::from(call.root.prefix());
    if let Some(version) = call.version {
        target.text(format!("/v{version}"));
    }
    target.text("/search").hole(0, "?q=", Encoding::Form);
    let request = call.request(Api::Search, Operation::Search, Needs::new(what), Template::default());
    let draft = crate::request::Draft { method: Method::Get, ..call.draft(target, Body::Empty) };
    Ok(Request { draft, answer: super::answer(call), ..request })
}

/// What is searched for.
#[derive(Default)]
struct Asked {
    term: String,
    scope: Option<String>,
    objects: Vec<Returned>,
    fields: Vec<String>,
    default_limit: Option<u32>,
    overall_limit: Option<u32>,
    offset: Option<u32>,
    /// Clauses behind RETURNING, in order.
    with: Vec<String>,
    /// What is tracked.
    update: Vec<&'static str>,
}

/// One object to search.
#[derive(Default)]
struct Returned {
    name: String,
    fields: Vec<String>,
    condition: Option<String>,
    order: Option<String>,
    limit: Option<u32>,
}

// === impl Asked ===

impl Asked {
    /// The search as SOSL.
    fn text(&self) -> Result<String, Unclear> {
        if self.objects.is_empty() {
            return Err(wrong("without objects it searches every object: name them"));
        }
        if self.offset.is_some() && self.objects.len() > 1 {
            return Err(wrong("an offset is for one object"));
        }
        let mut text = format!("FIND {{{}}}", escaped(&self.term)?);
        if let Some(scope) = &self.scope {
            if !["ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(scope))
            {
                return Err(wrong("`in` is one of ALL, NAME, EMAIL, PHONE and SIDEBAR"));
            }
            let _ = write!(text, " IN {scope} FIELDS");
        }
        for (number, object) in self.objects.iter().enumerate() {
            text.push_str(if number == 0 { " RETURNING " } else { ", " });
            self.returned(object, &mut text)?;
        }
        self.with.iter().for_each(|clause| text.extend([" WITH ", clause.as_str()]));
        if let Some(limit) = self.overall_limit {
            let _ = write!(text, " LIMIT {limit}");
        }
        if !self.update.is_empty() {
            let _ = write!(text, " UPDATE {}", self.update.join(", "));
        }
        Ok(text)
    }

    fn returned(&self, object: &Returned, text: &mut String) -> Result<(), Unclear> {
        let own = if object.fields.is_empty() { &self.fields } else { &object.fields };
        let is_path = |field: &String| field.split('.').all(is_api_name);
        if !is_api_name(&object.name) || !own.iter().all(is_path) {
            return Err(wrong("objects and fields are named by their API names"));
        }
        text.push_str(&object.name);
        let limit = object.limit.or(self.default_limit);
        let bare = own.is_empty()
            && object.condition.is_none()
            && object.order.is_none()
            && limit.is_none()
            && self.offset.is_none();
        if bare {
            return Ok(());
        }
        text.push('(');
        text.push_str(&if own.is_empty() { "Id".to_owned() } else { own.join(", ") });
        if let Some(condition) = &object.condition {
            soql::parse_condition(condition).map_err(|error| wrong(error.to_string()))?;
            text.extend([" WHERE ", condition]);
        }
        if let Some(order) = &object.order {
            soql::parse_order_by(order).map_err(|error| wrong(error.to_string()))?;
            text.extend([" ORDER BY ", order]);
        }
        if let Some(limit) = limit {
            let _ = write!(text, " LIMIT {limit}");
        }
        if let Some(offset) = self.offset {
            let _ = write!(text, " OFFSET {offset}");
        }
        text.push(')');
        Ok(())
    }
}

/// A term inside the braces of SOSL: what would be structure there is text here. Wildcards and phrases stay.
fn escaped(term: &str) -> Result<String, Unclear> {
    if term.trim().is_empty() {
        return Err(wrong("`q` is missing or empty"));
    }
    let phrases = term.matches('"').count().is_multiple_of(2);
    let mut text = String::with_capacity(term.len() + 8);
    for character in term.chars() {
        if "&|!{}[]()^~:\\'+-".contains(character) || (character == '"' && !phrases) {
            text.push('\\');
        }
        text.push(character);
    }
    Ok(text)
}

fn wrong(what: impl Into<String>) -> Unclear {
    Unclear::form(Place::Path, what)
}

/// Reads `q=term&sobject=Account&Account.fields=id,name`.
fn by_parameters(call: &Call<'_>) -> Result<Asked, Unclear> {
    let loose = call.any_but_repeated("sobject")?;
    let names: Vec<String> = loose
        .iter()
        .filter(|(name, _)| *name == "sobject")
        .flat_map(|(_, list)| list.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    let own = ["fields", "limit", "where", "orderBy"];
    let dotted: Vec<String> =
        names.iter().flat_map(|name| own.map(|property| format!("{name}.{property}"))).collect();
    let known: Vec<&str> = PARAMETERS.iter().copied().chain(dotted.iter().map(String::as_str)).collect();
    let parameters = call.repeatable(&known, &["sobject"])?;
    let mut asked = Asked {
        term: parameters.required("q")?.to_owned(),
        scope: parameters.get("in").map(str::to_owned),
        fields: list(parameters.get("fields")),
        default_limit: number(&parameters, "defaultLimit")?,
        overall_limit: number(&parameters, "overallLimit")?,
        offset: number(&parameters, "offset")?,
        ..Asked::default()
    };
    for name in names {
        asked.objects.push(Returned {
            fields: list(parameters.get(&format!("{name}.fields"))),
            condition: parameters.get(&format!("{name}.where")).map(str::to_owned),
            order: parameters.get(&format!("{name}.orderBy")).map(str::to_owned),
            limit: number(&parameters, &format!("{name}.limit"))?,
            name,
        });
    }
    for (name, clause) in [("division", "DIVISION = "), ("netId", "NETWORK = "), ("metadata", "METADATA = ")]
    {
        asked.with.extend(parameters.get(name).map(|value| format!("{clause}{}", quoted(value))));
    }
    let on = |name: &str| switch(parameters.get(name), &Place::Parameter(name.into()));
    if on("spellCorrection")? == Some(false) {
        asked.with.push("SPELL_CORRECTION = false".to_owned());
    }
    asked.update.extend((on("updateTracking")? == Some(true)).then_some("TRACKING"));
    asked.update.extend((on("updateViewStat")? == Some(true)).then_some("VIEWSTAT"));
    Ok(asked)
}

const PARAMETERS: [&str; 12] = [
    "q",
    "in",
    "fields",
    "defaultLimit",
    "overallLimit",
    "offset",
    "division",
    "netId",
    "metadata",
    "spellCorrection",
    "updateTracking",
    "updateViewStat",
];

fn list(text: Option<&str>) -> Vec<String> {
    text.into_iter().flat_map(|text| text.split(',')).map(|name| name.trim().to_owned()).collect()
}

fn number(parameters: &Parameters<'_>, name: &str) -> Result<Option<u32>, Unclear> {
    let parsed = parameters.get(name).map(str::parse).transpose();
    parsed.map_err(|_| Unclear::form(Place::Parameter(name.into()), "it is a number"))
}

fn switch(text: Option<&str>, place: &Place) -> Result<Option<bool>, Unclear> {
    match text {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Unclear::form(place.clone(), "it is `true` or `false`")),
    }
}

/// A string of SOSL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Reads the JSON form.
fn by_body(call: &Call<'_>) -> Result<Asked, Unclear> {
    let document = call.json()?;
    let body = document.root().only(&BODY)?;
    let mut asked = Asked {
        term: body.required("q")?.string()?.into_owned(),
        scope: text_of(body.get("in"))?,
        fields: names_of(body.get("fields"))?,
        default_limit: number_of(body.get("defaultLimit"))?,
        overall_limit: number_of(body.get("overallLimit"))?,
        offset: number_of(body.get("offset"))?,
        ..Asked::default()
    };
    for object in body.required("sobjects")?.is(Kind::Array)?.items() {
        object.only(&["name", "fields", "where", "orderBy", "limit"])?;
        asked.objects.push(Returned {
            name: object.required("name")?.string()?.into_owned(),
            fields: names_of(object.get("fields"))?,
            condition: text_of(object.get("where"))?,
            order: text_of(object.get("orderBy"))?,
            limit: number_of(object.get("limit"))?,
        });
    }
    asked.with.extend(text_of(body.get("division"))?.map(|name| format!("DIVISION = {}", quoted(&name))));
    asked.with.extend(body.get("dataCategories").map(categories).transpose()?);
    if let Some(snippet) = body.get("snippet") {
        let length = number_of(snippet.only(&["targetLength"])?.get("targetLength"))?;
        let length = length.map_or_else(String::new, |length| format!("(target_length={length})"));
        asked.with.push(format!("SNIPPET{length}"));
    }
    let networks: Vec<String> = names_of(body.get("netIds"))?.iter().map(|id| quoted(id)).collect();
    if !networks.is_empty() {
        asked.with.push(format!("NETWORK IN ({})", networks.join(", ")));
    }
    asked.with.extend(text_of(body.get("metadata"))?.map(|name| format!("METADATA = {}", quoted(&name))));
    if switch_of(body.get("spellCorrection"))? == Some(false) {
        asked.with.push("SPELL_CORRECTION = false".to_owned());
    }
    asked.update.extend((switch_of(body.get("updateTracking"))? == Some(true)).then_some("TRACKING"));
    asked.update.extend((switch_of(body.get("updateViewStat"))? == Some(true)).then_some("VIEWSTAT"));
    Ok(asked)
}

const BODY: [&str; 15] = [
    "q",
    "in",
    "fields",
    "sobjects",
    "defaultLimit",
    "overallLimit",
    "offset",
    "division",
    "dataCategories",
    "snippet",
    "netIds",
    "metadata",
    "spellCorrection",
    "updateTracking",
    "updateViewStat",
];

/// `DATA CATEGORY Geo__c AT (eu__c) AND ..`
fn categories(list: Value<'_>) -> Result<String, Unclear> {
    let mut clauses = Vec::new();
    for filter in list.is(Kind::Array)?.items() {
        filter.only(&["groupName", "operator", "categories"])?;
        let group = filter.required("groupName")?.string()?;
        let operator = filter.required("operator")?.string()?.to_ascii_uppercase();
        let names = names_of(filter.get("categories"))?;
        let known = ["AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"].contains(&operator.as_str());
        if !known || !is_api_name(&group) || names.is_empty() || !names.iter().all(|name| is_api_name(name)) {
            return Err(
                filter.unclear("it has a group, one of AT, ABOVE, BELOW, ABOVE_OR_BELOW, and categories")
            );
        }
        clauses.push(format!("{group} {operator} ({})", names.join(", ")));
    }
    if clauses.is_empty() {
        Err(list.unclear("there is no category"))
    } else {
        Ok(format!("DATA CATEGORY {}", clauses.join(" AND ")))
    }
}

fn text_of(value: Option<Value<'_>>) -> Result<Option<String>, Unclear> {
    value.map(|value| value.string().map(String::from)).transpose()
}

fn names_of(value: Option<Value<'_>>) -> Result<Vec<String>, Unclear> {
    let Some(value) = value else { return Ok(Vec::new()) };
    value.is(Kind::Array)?.items().map(|item| item.string().map(String::from)).collect()
}

fn number_of(value: Option<Value<'_>>) -> Result<Option<u32>, Unclear> {
    let parsed = |value: Value<'_>| {
        let number = value.is(Kind::Number)?.raw().parse();
        number.map_err(|_| value.unclear("expected a whole number"))
    };
    value.map(parsed).transpose()
}

fn switch_of(value: Option<Value<'_>>) -> Result<Option<bool>, Unclear> {
    crate::classify::rest::collections::switch(value)?;
    Ok(value.map(|value| value.kind() == Kind::True))
}

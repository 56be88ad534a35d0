//! `explain`: what a request means, and whether an integration may make it. The same code as the data plane.

mod score;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use forcefield_policy::classify::classify;
use forcefield_policy::decision::{Narrowing, decide};
use forcefield_policy::explain::{Explained, batch, request};
use forcefield_policy::grant::Grants;
use forcefield_policy::request::Head;
use serde::Serialize;

use crate::args::{Explain, Output};
use crate::grants::{compile, identity, schema};
use crate::read::read_config;
use crate::terminal::{Exit, Terminal};

/// What was decided, and in which form the request would be sent.
#[derive(Serialize)]
struct Decided {
    identity: String,
    allowed: bool,
    /// Why not; or, in `observe` and `warn`, why `enforce` would not.
    reason: Option<String>,
    rule: Option<&'static str>,
    method: Option<&'static str>,
    target: Option<String>,
    body: Option<String>,
    narrowings: Vec<String>,
}

/// One request explained, for programs.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    explained: Explained,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decided>,
}

pub(crate) fn run(args: &Explain, terminal: &mut Terminal<'_>) -> Result<Exit> {
    match &args.batch {
        Some(file) => table(file, args.score, terminal),
        None => one(args, terminal),
    }
}

fn table(file: &Path, score: bool, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows = batch(&text).with_context(|| format!("cannot read {}", file.display()))?;
    for row in &rows {
        terminal.json(row)?;
    }
    if score {
        score::write(&text, &rows, terminal)?;
    }
    Ok(Exit::Done)
}

fn one(args: &Explain, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let (Some(method), Some(path)) = (&args.method, &args.path) else { bail!("method and path are missing") };
    let body = body(args.body.as_deref(), terminal)?;
    let headers: Vec<(String, &str)> = args.headers.iter().map(|text| header(text)).collect::<Result<_>>()?;
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
    let head = Head { method, target: path, headers: &headers };
    let schema = Arc::new(schema(args.schema.as_deref())?);
    let explained = request(&schema, &head, &body, 1);
    let decision = match (&args.config, &args.identity) {
        (Some(config), Some(name)) => {
            let config = read_config(config, terminal.today)?.config;
            let grants = compile(identity(&config, name)?, &schema, terminal)?;
            Some(decided(&grants, &head, &body))
        }
        _ => None,
    };
    let allowed = decision.as_ref().map_or(explained.reason.is_none(), |decision| decision.allowed);
    let answer = Answer { explained, decision };
    match terminal.output {
        Output::Json => terminal.json(&answer)?,
        Output::Text => text(&answer, terminal)?,
    }
    Ok(if allowed { Exit::Done } else { Exit::Refused })
}

/// Decides a request as if no cursor or job were known: those that it names are refused.
fn decided(grants: &Grants, head: &Head<'_>, body: &[u8]) -> Decided {
    let identity = grants.identity().to_string();
    let refused = |reason: String, rule: Option<&'static str>| Decided {
        identity: identity.clone(),
        allowed: false,
        reason: Some(reason),
        rule,
        method: None,
        target: None,
        body: None,
        narrowings: Vec::new(),
    };
    let request = match classify(grants.schema(), head, body) {
        Ok(request) => request,
        Err(unclear) => return refused(unclear.to_string(), None),
    };
    let unknown: Vec<_> = request.handles().map(|_| None).collect();
    let permit = match decide(grants, request, &unknown) {
        Ok(permit) => permit,
        Err(denial) => return refused(format!("{identity} {denial}"), Some(denial.reason.rule())),
    };
    let sent = permit.body("SESSION").filter(|body| !body.is_empty());
    let overlooked = permit.overlooked();
    Decided {
        allowed: true,
        reason: overlooked.map(|denial| format!("{identity} {denial}")),
        rule: overlooked.map(|denial| denial.reason.rule()),
        method: Some(permit.method().as_str()),
        target: Some(permit.target().to_owned()),
        body: sent.map(|body| String::from_utf8_lossy(&body).into_owned()),
        narrowings: permit.narrowings().iter().map(narrowing).collect(),
        identity,
    }
}

fn text(answer: &Answer, terminal: &mut Terminal<'_>) -> Result<()> {
    let Explained { api, operation, objects, fields, bulk_export, reason, .. } = &answer.explained;
    let list = |names: &Option<Vec<String>>| match names {
        None => "not determined by the request alone, or none".to_owned(),
        Some(names) => names.join(", "),
    };
    let out = &mut terminal.out;
    writeln!(out, "door        {api}\noperation   {operation}")?;
    match reason {
        Some(reason) => writeln!(out, "refused     {reason}")?,
        None => writeln!(
            out,
            "objects     {}\nfields      {}\nexport      {bulk_export}",
            list(objects),
            list(fields)
        )?,
    }
    let Some(decision) = &answer.decision else { return Ok(()) };
    let verdict = if decision.allowed { "allowed" } else { "refused" };
    writeln!(out, "decision    {verdict} for {}", decision.identity)?;
    if let Some(reason) = decision.reason.as_ref().filter(|_| reason.is_none()) {
        let what = if decision.allowed { "overlooked" } else { "reason" };
        writeln!(out, "{what:<12}{reason}")?;
    }
    if let (Some(method), Some(target)) = (decision.method, &decision.target) {
        writeln!(out, "sent        {method} {target}")?;
    }
    if let Some(body) = &decision.body {
        writeln!(out, "body        {body}")?;
    }
    for narrowing in &decision.narrowings {
        writeln!(out, "narrowed    {narrowing}")?;
    }
    Ok(())
}

fn narrowing(narrowing: &Narrowing) -> String {
    match narrowing {
        Narrowing::Condition(object) => format!("the grant's condition was added for {object}"),
        Narrowing::Rows(object, rows) => format!("at most {rows} rows of {object}"),
        Narrowing::Fields(object) => format!("only the granted fields of {object}"),
        Narrowing::NameFields => "the search matches names only".to_owned(),
    }
}

fn body(file: Option<&Path>, terminal: &mut Terminal<'_>) -> Result<Vec<u8>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    if file.as_os_str() == "-" {
        let mut body = Vec::new();
        terminal.input.read_to_end(&mut body).context("cannot read standard input")?;
        return Ok(body);
    }
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn header(text: &str) -> Result<(String, &str)> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| anyhow!("`{text}` is not a header; write `Name: value`"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim()))
}

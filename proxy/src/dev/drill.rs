//! `forcefield dev --drill NAME`: a breach as it happened, against the emulated org itself and through Forcefield.
//!
//! The stolen thing is the same each time: what the integration proves itself with. Straight, it opens the org to whoever
//! has it. Through Forcefield it is worth what the integration was granted, within its budget, until it looks around.

mod plays;
mod report;
mod thief;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use forcefield_audit::Filter;
use forcefield_cli::{Drill, Output};
use forcefield_emulator::{Org, Server};
use jiff::Timestamp;
use serde_json::Value;

use super::client::Client;
use super::scene::{Scene, Staging};
use plays::{Act, Play};
use report::{Report, Run, Step};
use thief::Thief;

/// Plays a breach, prints what came of it. Success only if Forcefield held.
///
/// # Errors
/// When the drill cannot be set up.
pub(super) async fn run(drill: Drill, output: Output, folder: &Path) -> Result<ExitCode> {
    let play = match drill {
        Drill::Drift => &plays::DRIFT,
        Drill::Klue => &plays::KLUE,
    };
    let mut runs = vec![Box::pin(straight(play)).await.context("straight at the org")?];
    for (number, variant) in VARIANTS.iter().enumerate() {
        let folder = folder.join(number.to_string());
        runs.push(Box::pin(through(play, variant, &folder)).await.context(variant.name)?);
    }
    let report = Report { play, runs };
    match output {
        Output::Text => super::say(&report.text()),
        Output::Json => super::say(&report.json().to_string()),
    }
    Ok(if report.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One way in which Forcefield stands before the org.
struct Variant {
    name: &'static str,
    wide: bool,
    /// Whether signals may stop the integration; else they only record, and the budget alone holds.
    stops: bool,
}

const VARIANTS: [Variant; 3] = [
    Variant { name: "narrow grant", wide: false, stops: true },
    Variant { name: "over-wide grant", wide: true, stops: true },
    Variant { name: "over-wide, unstopped", wide: true, stops: false },
];

/// The thief holds a token of the org.
async fn straight(play: &'static Play) -> Result<Run> {
    let salesforce = org().await?;
    let token = salesforce.open_session("integration@sample.example");
    let client = Client::new(salesforce.address(), salesforce.ca_pem())?.acting_as(play.thieves.0);
    let mut thief = Thief::new(&client, &token, play.thieves.1);
    let mut run = Run::new("straight");
    steps(&mut run, &mut thief, play).await?;
    if run.rows() == 0 {
        run.problems.push("the emulated org gave nothing away, so the drill proves nothing".to_owned());
    }
    if play.moves.iter().any(|step| matches!(step.act, Act::DeleteJob)) {
        run.job_kept = Some(!salesforce.jobs().is_empty());
    }
    run.record.push("nothing of this is on a record of yours".to_owned());
    Ok(run)
}

/// The thief holds the secret of an integration at Forcefield.
async fn through(play: &'static Play, variant: &Variant, folder: &Path) -> Result<Run> {
    let scene = stage(play, variant, folder).await?;
    let own = Client::new(scene.address(), scene.ca_pem())?.acting_as(play.own.0);
    let token = scene.token(&own, play.identity).await?;
    ordinary_day(play, &own, &token).await?;
    let since = Timestamp::from_millisecond(Timestamp::now().as_millisecond())?;
    let client = Client::new(scene.address(), scene.ca_pem())?.acting_as(play.thieves.0);
    let mut thief = Thief::new(&client, &token, play.thieves.1);
    let mut run = Run::new(variant.name);
    steps(&mut run, &mut thief, play).await?;
    let findings = findings(&scene.audit(), variant.stops).await?;
    run.budget = Some(play.budget);
    run.quarantined(&findings, since);
    let job = thief.job().map(str::to_owned);
    if let Some(job) = job {
        run.job_kept = Some(scene.jobs().iter().any(|kept| same_job(&kept.id, &job)));
        let named = |finding: &Value| finding.to_string().contains(job.get(..15).unwrap_or(&job));
        run.job_named = Some(findings.iter().any(named));
    }
    the_record(&mut run, &scene.audit(), play, since)?;
    run.record.extend(findings.iter().flat_map(told));
    judge(&mut run, play, variant);
    scene.end().await;
    Ok(run)
}

/// Whether the promises held.
fn judge(run: &mut Run, play: &Play, variant: &Variant) {
    let mut problems = Vec::new();
    let stolen: u64 = if variant.wide { 0 } else { run.rows_without(play.granted) };
    if stolen > 0 {
        problems.push(format!("{stolen} rows went out of what was not granted"));
    }
    let rows = run.rows().max(run.recorded);
    if rows > play.budget {
        problems.push(format!("{rows} rows went out; the budget is {}", play.budget));
    }
    match &run.quarantine {
        Some(quarantine) if quarantine.step <= 3 => {}
        Some(quarantine) => problems.push(format!("quarantined at step {} only", quarantine.step)),
        None if variant.stops => problems.push("it was not quarantined".to_owned()),
        None => {}
    }
    if variant.stops && run.steps.last().is_some_and(|last| last.loot.status < 400) {
        problems.push("the last move was let through".to_owned());
    }
    if !variant.stops && (run.job_kept == Some(false) || run.job_named == Some(false)) {
        problems.push("the deleted export job is gone, or no finding names it".to_owned());
    }
    run.problems.append(&mut problems);
}

/// Plays every move.
async fn steps(run: &mut Run, thief: &mut Thief<'_>, play: &'static Play) -> Result<()> {
    for step in play.moves {
        let loot = thief.play(&step.act).await.with_context(|| step.title)?;
        run.steps.push(Step { title: step.title, loot });
    }
    Ok(())
}

/// The integration's own work, from which signals learn what is usual.
async fn ordinary_day(play: &Play, client: &Client, token: &str) -> Result<()> {
    for _ in 0..ORDINARY {
        for soql in play.ordinary {
            let target = format!("/services/data/{}/query?q={}", play.own.1, soql.replace(' ', "+"));
            let answer = client.call("GET", &target, Some(token), None).await?;
            anyhow::ensure!(answer.status.is_success(), "its ordinary work is refused: {}", answer.status);
        }
    }
    Ok(())
}

async fn stage(play: &'static Play, variant: &Variant, folder: &Path) -> Result<Scene> {
    let grants = if variant.wide { play.wide } else { play.narrow };
    let level = if variant.stops { "quarantine" } else { "record" };
    let identity = format!(
        "identity: {0}\nowner: drills@example.com\npurpose: the vendor whose access is stolen\nexpires: {{EXPIRES}}\norg: sample\n\
         authenticate:\n  - client: {{ id: {0}, secret_hash: \"{{HASH}}\" }}\n\
         credential:\n  client_credentials: {{ client_id: file:keys/client_id, client_secret: file:keys/client_secret }}\n\
         {grants}limits: {{ requests: 1000/s, burst: 1000, rows: {1}/day }}\n",
        play.identity, play.budget,
    );
    let sections = format!(
        "destinations:\n  anywhere: {{ networks: [127.0.0.0/8] }}\n\
         signals:\n  learning: {{ days: 1, requests: {LEARNED} }}\n  reconnaissance: {{ level: {level} }}\n  row_rate: {{ level: record }}\n"
    );
    let files = vec![(play.identity, identity)];
    let listen = ([127, 0, 0, 1], 0).into();
    let staging = Staging { folder, listen, org: org().await?, files, sections };
    Box::pin(Scene::stage(staging)).await
}

async fn org() -> Result<Server> {
    Org::builder().virtual_rows(ROWS).start().await.context("starting the emulated org")
}

/// What signals found, waiting a moment for what has to come.
async fn findings(folder: &Path, quarantine: bool) -> Result<Vec<Value>> {
    let wanted = |finding: &Value| {
        let level = finding.pointer("/unmapped/level").and_then(Value::as_str);
        let rule = finding.pointer("/unmapped/rule").and_then(Value::as_str);
        if quarantine { level == Some("quarantine") } else { rule == Some("job_deleted") }
    };
    let waiting = Instant::now();
    loop {
        let mut found = Vec::new();
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let text = std::fs::read_to_string(path)?;
                let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                found.extend(lines.filter(|line| line.get("class_uid") == Some(&2004.into())));
            }
        }
        if found.iter().any(wanted) || waiting.elapsed() > PATIENCE {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the record says of the thief.
fn the_record(run: &mut Run, folder: &Path, play: &Play, since: Timestamp) -> Result<()> {
    let filter = Filter { identity: Some(play.identity.to_owned()), from: Some(since), ..Filter::default() };
    let summary = forcefield_audit::query(folder, &filter, |_| {})?;
    run.recorded = summary.rows;
    let outcomes: Vec<String> =
        summary.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let objects: Vec<&str> = summary.objects.keys().map(String::as_str).collect();
    let objects = if objects.is_empty() { "nothing".to_owned() } else { objects.join(", ") };
    run.record.push(format!(
        "{} exchanges ({}); {} rows; touched {objects}",
        summary.exchanges,
        outcomes.join(", "),
        summary.rows
    ));
    Ok(())
}

/// What a finding says: what was found, what was done, and the decisions that it names.
fn told(finding: &Value) -> Vec<String> {
    let text =
        |of: &Value, path: &str| of.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (rule, level) = (text(finding, "/unmapped/rule"), text(finding, "/unmapped/level"));
    let (title, done) = (text(finding, "/finding_info/title"), text(finding, "/message"));
    let mut lines = vec![format!("{rule} ({level}): {title}; {done}")];
    for evidence in finding.pointer("/evidences").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("  {} {}", text(evidence, "/api/request/uid"), text(evidence, "/data/what")));
    }
    lines
}

/// Whether two ids are of one job; one of them may be without its checksum.
fn same_job(one: &str, other: &str) -> bool {
    one.get(..15).is_some_and(|start| other.starts_with(start))
}

/// Rows of `Reading__c`.
const ROWS: u64 = 13_900_000;
/// Calls of an ordinary day, and how many of them are enough to learn from: a week is compressed into moments.
const ORDINARY: usize = 25;
const LEARNED: usize = 20;
/// How long findings are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

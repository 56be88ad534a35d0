//! Who has the stolen token: plays moves, and counts what came of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::plays::Act;
use crate::dev::client::{Answer, Client};

/// A bearer of a token, at the org itself or at Forcefield.
pub(super) struct Thief<'a> {
    client: &'a Client,
    token: &'a str,
    version: &'static str,
    /// The export job that was made.
    job: Option<String>,
}

/// What came of one move.
#[derive(Debug)]
pub(super) struct Loot {
    /// The object it was after, if one.
    pub(super) object: Option<&'static str>,
    /// The last status.
    pub(super) status: u16,
    /// Rows of data that came.
    pub(super) rows: u64,
    /// The calls it took.
    pub(super) calls: u32,
    /// The decisions of all of its calls.
    pub(super) decisions: Vec<String>,
    /// Whether an answer said that the integration is quarantined.
    pub(super) quarantined: bool,
    /// How long it took.
    pub(super) took: Duration,
}

// === impl Thief ===

impl<'a> Thief<'a> {
    pub(super) fn new(client: &'a Client, token: &'a str, version: &'static str) -> Self {
        Self { client, token, version, job: None }
    }

    /// The id of the export job that was made.
    pub(super) fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    /// Plays a move to its end.
    pub(super) async fn play(&mut self, act: &Act) -> Result<Loot> {
        let (mut loot, began) = (Loot::new(), Instant::now());
        match act {
            Act::List => drop(self.get("/sobjects", &mut loot).await?),
            Act::Describe(object) => {
                loot.object = Some(object);
                self.get(&format!("/sobjects/{object}/describe"), &mut loot).await?;
            }
            Act::Count(object) => {
                loot.object = Some(object);
                self.query(&format!("SELECT COUNT() FROM {object}"), &mut loot).await?;
            }
            Act::Query(object, soql) => {
                loot.object = Some(object);
                self.query(soql, &mut loot).await?;
            }
            Act::Burst(objects, times) => {
                for object in objects.iter().cycle().take(usize::try_from(*times)?) {
                    self.query(&format!("SELECT Id, Name FROM {object} LIMIT 50"), &mut loot).await?;
                }
            }
            Act::Page(object, soql, pages) => {
                loot.object = Some(object);
                self.page(soql, *pages, &mut loot).await?;
            }
            Act::Export(object, soql) => {
                loot.object = Some(object);
                self.export(soql, &mut loot).await?;
            }
            Act::DeleteJob => {
                let job = self.job.clone().unwrap_or_else(|| NO_JOB.to_owned());
                self.call("DELETE", &format!("/jobs/query/{job}"), None, &mut loot).await?;
            }
        }
        loot.took = began.elapsed();
        Ok(loot)
    }

    async fn page(&self, soql: &str, pages: u32, loot: &mut Loot) -> Result<()> {
        let mut answer = self.query(soql, loot).await?;
        for page in 1..=pages {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let Some(next) = json.get("nextRecordsUrl").and_then(Value::as_str) else {
                // Refused, or cut short: once more from the start.
                answer = self.query(soql, loot).await?;
                if page > TRIES && !answer.status.is_success() {
                    return Ok(());
                }
                continue;
            };
            let next = next.split_once("/query/").map_or(next, |(_, locator)| locator).to_owned();
            if page < pages {
                answer = self.get(&format!("/query/{next}"), loot).await?;
                continue;
            }
            let total = json.get("totalSize").and_then(Value::as_u64).unwrap_or_default();
            let cursor = next.split_once('-').map_or(&*next, |(cursor, _)| cursor);
            self.get(&format!("/query/{cursor}-{}", total.saturating_sub(1000)), loot).await?;
        }
        Ok(())
    }

    async fn export(&mut self, soql: &str, loot: &mut Loot) -> Result<()> {
        let body = serde_json::json!({ "operation": "query", "query": soql }).to_string();
        let made = self.call("POST", "/jobs/query", Some(&body), loot).await?;
        let json: Value = serde_json::from_slice(&made.body).unwrap_or_default();
        let Some(job) = json.get("id").and_then(Value::as_str) else { return Ok(()) };
        self.job = Some(job.to_owned());
        for _ in 0..POLLS {
            let state = self.get(&format!("/jobs/query/{job}"), loot).await?;
            if String::from_utf8_lossy(&state.body).contains("JobComplete") {
                break;
            }
        }
        let whole = self.get(&format!("/jobs/query/{job}/results"), loot).await?;
        let (mut taken, mut locator) = (whole.status.is_success(), String::new());
        // What does not fit into a budget as a whole is taken in pieces.
        for _ in 0..POLLS {
            if taken {
                break;
            }
            let piece = format!("/jobs/query/{job}/results?maxRecords={PIECE}{locator}");
            let piece = self.get(&piece, loot).await?;
            locator = format!("&locator={}", piece.locator);
            taken = !piece.status.is_success() || piece.locator.is_empty() || piece.locator == "null";
        }
        Ok(())
    }

    async fn query(&self, soql: &str, loot: &mut Loot) -> Result<Answer> {
        let soql = soql.replace(' ', "+");
        self.get(&format!("/query?q={soql}"), loot).await
    }

    async fn get(&self, path: &str, loot: &mut Loot) -> Result<Answer> {
        self.call("GET", path, None, loot).await
    }

    async fn call(&self, method: &str, path: &str, body: Option<&str>, loot: &mut Loot) -> Result<Answer> {
        let target = format!("/services/data/{}{path}", self.version);
        let body = body.map(|body| ("application/json", body));
        let answer = self.client.call(method, &target, Some(self.token), body).await?;
        loot.take(path, &answer);
        Ok(answer)
    }
}

// === impl Loot ===

impl Loot {
    fn new() -> Self {
        Self {
            object: None,
            status: 0,
            rows: 0,
            calls: 0,
            decisions: Vec::new(),
            quarantined: false,
            took: Duration::ZERO,
        }
    }

    /// Counts an answer.
    fn take(&mut self, path: &str, answer: &Answer) {
        let text = String::from_utf8_lossy(&answer.body);
        self.calls += 1;
        self.status = answer.status.as_u16();
        self.decisions.push(answer.decision.clone());
        self.quarantined |= answer.status == http::StatusCode::FORBIDDEN && text.contains("is quarantined");
        if !answer.status.is_success() {
            return;
        }
        if path.contains("/results") {
            self.rows += text.lines().skip(1).count() as u64;
        } else if path.starts_with("/query") {
            self.rows += text.matches("\"attributes\"").count() as u64;
        }
    }
}

/// An id of a job that is none, for who could not make one.
const NO_JOB: &str = "750000000000001AAA";
/// How often the state of a job, or a piece of its results, is asked for.
const POLLS: usize = 50;
/// Rows of a piece.
const PIECE: u32 = 120;
/// How often a query that is refused is tried again.
const TRIES: u32 = 5;

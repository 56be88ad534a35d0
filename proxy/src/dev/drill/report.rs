//! What came of a drill, side by side.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::plays::Play;
use super::thief::Loot;

/// A drill that was played.
pub(super) struct Report {
    /// Which.
    pub(super) play: &'static Play,
    /// The ways in which it was played.
    pub(super) runs: Vec<Run>,
}

/// One way.
pub(super) struct Run {
    name: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) budget: Option<u64>,
    /// Rows by the record's count.
    pub(super) recorded: u64,
    pub(super) quarantine: Option<Quarantine>,
    /// Whether the export job is still at the org after the thief deleted it.
    pub(super) job_kept: Option<bool>,
    /// Whether a finding names that job.
    pub(super) job_named: Option<bool>,
    /// What the record says.
    pub(super) record: Vec<String>,
    /// What did not hold.
    pub(super) problems: Vec<String>,
}

/// One move and what came of it.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) loot: Loot,
}

/// When the integration was quarantined.
pub(super) struct Quarantine {
    /// By which move, counted from 1.
    pub(super) step: usize,
    milliseconds: i64,
}

// === impl Run ===

impl Run {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            steps: Vec::new(),
            budget: None,
            recorded: 0,
            quarantine: None,
            job_kept: None,
            job_named: None,
            record: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Rows that the thief has.
    pub(super) fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.loot.rows).sum()
    }

    /// Rows of anything but these objects.
    pub(super) fn rows_without(&self, granted: &[&str]) -> u64 {
        let other = |step: &&Step| step.loot.object.is_none_or(|object| !granted.contains(&object));
        self.steps.iter().filter(other).map(|step| step.loot.rows).sum()
    }

    /// Takes from the findings when and by which move it was quarantined.
    pub(super) fn quarantined(&mut self, findings: &[Value], since: Timestamp) {
        let is_quarantine = |finding: &&Value| {
            finding.pointer("/unmapped/level").and_then(Value::as_str) == Some("quarantine")
        };
        let Some(finding) = findings.iter().find(is_quarantine) else { return };
        let evidences = finding.pointer("/evidences").and_then(Value::as_array);
        let last = evidences.and_then(|all| all.last()?.pointer("/api/request/uid")?.as_str());
        let by = |step: &Step| step.loot.decisions.iter().any(|decision| Some(decision.as_str()) == last);
        let time = finding.get("time").and_then(Value::as_i64).unwrap_or_default();
        if let Some(step) = self.steps.iter().position(by) {
            let milliseconds = time - since.as_millisecond();
            self.quarantine = Some(Quarantine { step: step + 1, milliseconds });
        }
    }
}

// === impl Report ===

impl Report {
    /// Whether all that had to hold did.
    pub(super) fn held(&self) -> bool {
        self.runs.iter().all(|run| run.problems.is_empty())
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.play.story.to_owned(), String::new()];
        lines.push(self.row("", |run| run.name.to_owned()));
        for (number, step) in self.play.moves.iter().enumerate() {
            let title = format!("{:>2} {}", number + 1, step.title);
            lines.push(self.row(&title, |run| run.steps.get(number).map(cell).unwrap_or_default()));
        }
        lines.push(String::new());
        lines.push(self.row("rows out", |run| run.rows().max(run.recorded).to_string()));
        let budget =
            |run: &Run| run.budget.map_or_else(|| "none".to_owned(), |budget| format!("{budget} a day"));
        lines.push(self.row("budget", budget));
        lines.push(self.row("quarantined", |run| {
            let quarantine = run.quarantine.as_ref();
            quarantine.map_or_else(
                || "never".to_owned(),
                |quarantine| format!("step {}, {} ms", quarantine.step, quarantine.milliseconds),
            )
        }));
        if self.runs.iter().any(|run| run.job_kept.is_some()) {
            lines.push(self.row("the job, after its deletion", |run| match run.job_kept {
                Some(true) => "still at the org".to_owned(),
                Some(false) => "gone".to_owned(),
                None => "never made".to_owned(),
            }));
        }
        for run in &self.runs {
            lines.push(format!("\nThe record, {}:", run.name));
            lines.extend(run.record.iter().map(|line| format!("  {line}")));
            lines.extend(run.problems.iter().map(|problem| format!("  NOT HELD: {problem}")));
        }
        lines.push(String::new());
        lines.push(if self.held() { "Everything held." } else { "NOT EVERYTHING HELD." }.to_owned());
        lines.join("\n")
    }

    fn row(&self, title: &str, cell: impl Fn(&Run) -> String) -> String {
        let mut row = format!("{title:<TITLE$}");
        for run in &self.runs {
            row.push_str(&format!("{:<CELL$}", cell(run)));
        }
        row.trim_end().to_owned()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let runs: Vec<Value> = self.runs.iter().map(Run::json).collect();
        json!({ "drill": self.play.name, "story": self.play.story, "held": self.held(), "runs": runs })
    }
}

impl Run {
    fn json(&self) -> Value {
        let step = |step: &Step| {
            json!({
                "title": step.title, "status": step.loot.status, "rows": step.loot.rows,
                "calls": step.loot.calls, "quarantined": step.loot.quarantined,
                "milliseconds": u64::try_from(step.loot.took.as_millis()).unwrap_or(u64::MAX),
            })
        };
        let quarantine = self.quarantine.as_ref();
        json!({
            "name": self.name,
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "rows": self.rows().max(self.recorded),
            "budget": self.budget,
            "quarantine": quarantine.map(|it| json!({ "step": it.step, "milliseconds": it.milliseconds })),
            "job_kept": self.job_kept,
            "job_named": self.job_named,
            "record": self.record,
            "problems": self.problems,
        })
    }
}

/// A move in a column.
fn cell(step: &Step) -> String {
    let loot = &step.loot;
    let calls = if loot.calls > 1 { format!(" in {} calls", loot.calls) } else { String::new() };
    if loot.quarantined {
        return "quarantined".to_owned();
    }
    match loot.rows {
        0 if loot.status < 400 => format!("yes{calls}"),
        0 => format!("refused ({})", loot.status),
        rows => format!("{rows} rows{calls}"),
    }
}

const TITLE: usize = 48;
const CELL: usize = 26;

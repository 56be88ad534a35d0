//! `forcefield dev`: an emulated org, Forcefield before it, three sample integrations, live decisions.
//!
//! Needs nothing and leaves nothing: keys, certificates and state are made in a folder that goes away with the process.

mod client;
mod drill;
mod sample;
mod scene;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use forcefield_cli::{Drill, Output};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::exchange::Decided;
use client::Client;
use sample::{STEPS, Step};
use scene::Scene;

/// How `forcefield dev` is to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where Forcefield listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// Run the sample traffic once and say whether everything went as it has to.
    pub once: bool,
    /// Play a breach instead.
    pub drill: Option<Drill>,
    /// In which form what came of a drill is printed.
    pub output: Output,
}

/// Runs until interrupted, or through the sample traffic once, or through a drill. Everything is made in `folder`, which
/// has to stay until the runtime is gone.
///
/// # Errors
/// When the sample cannot be set up: an address in use, a folder that cannot be written.
pub async fn run(options: Options, folder: &Path) -> Result<ExitCode> {
    if let Some(drill) = options.drill {
        return Box::pin(drill::run(drill, options.output, folder)).await;
    }
    let scene = Box::pin(Scene::set(options.listen, folder)).await?;
    let client = Client::new(scene.address(), scene.ca_pem())?;
    if options.once {
        let code = once(&scene, &client).await;
        scene.end().await;
        return code;
    }
    say(&scene.greeting());
    let watched = tokio::spawn(watch(scene.decisions()));
    let traffic = async {
        loop {
            for step in STEPS {
                if let Err(error) = play(&scene, &client, step).await {
                    say(&format!("the sample traffic stumbled: {error:#}"));
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    };
    tokio::select! {
        () = traffic => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for an interrupt")?,
    }
    watched.abort();
    scene.end().await;
    Ok(ExitCode::SUCCESS)
}

/// Plays every step once. Success only if each went as it has to and no refused request reached the org.
async fn once(scene: &Scene, client: &Client) -> Result<ExitCode> {
    let mut failures = 0_usize;
    for step in STEPS {
        let outcome = play(scene, client, step).await?;
        let mark = if outcome.is_none() { "ok  " } else { "FAIL" };
        say(&format!("{mark}  {:<10} {} ({})", step.identity, step.title, step.status));
        if let Some(problem) = outcome {
            failures += 1;
            say(&format!("      {problem}"));
        }
    }
    let leaked = scene.canaries_in_answers();
    say(&format!(
        "\n{} steps, {failures} failed; {} requests reached the org; {leaked} secret values left it through Forcefield",
        STEPS.len(),
        scene.requests_at_org(),
    ));
    Ok(if failures == 0 && leaked == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays one step; gives what was wrong with its answer.
async fn play(scene: &Scene, client: &Client, step: &Step) -> Result<Option<String>> {
    let token = scene.token(client, step.identity).await?;
    let before = scene.data_requests_at_org();
    let answer = client.call(step.method, step.target, Some(&token), step.body).await?;
    let text = String::from_utf8_lossy(&answer.body);
    scene.note_answer(&text);
    let arrived = scene.data_requests_at_org() > before;
    let expected = step.status < 300;
    let problem = if answer.status.as_u16() != step.status {
        Some(format!("answered {}: {text}", answer.status))
    } else if !text.contains(step.contains) {
        Some(format!("the answer lacks `{}`: {text}", step.contains))
    } else if !step.lacks.is_empty() && text.contains(step.lacks) {
        Some(format!("the answer contains `{}`", step.lacks))
    } else if answer.decision.is_empty() {
        Some("the answer names no decision".to_owned())
    } else if arrived && !expected {
        Some("a refused request reached the org".to_owned())
    } else {
        None
    };
    Ok(problem)
}

/// Prints decisions as they happen.
async fn watch(mut decisions: Receiver<Decided>) {
    loop {
        match decisions.recv().await {
            Ok(decided) => say(&decided.to_string()),
            Err(RecvError::Lagged(missed)) => say(&format!("... {missed} more decisions")),
            Err(RecvError::Closed) => return,
        }
    }
}

#[expect(clippy::print_stdout, reason = "`forcefield dev` talks to a person on a terminal")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

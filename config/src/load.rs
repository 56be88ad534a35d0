//! Files as they are written to a configuration as it is served, or every problem in them.

pub(crate) mod fragment;
mod identity;
mod main;
mod responders;
mod shared;
mod signals;
mod telemetry;
mod vault;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::civil::Date;

use crate::config::{Config, Identity};
use crate::problem::{Place, Problem, Problems, Report, Severity};
use crate::raw;
use crate::read::{Leaf, Placed, Read, TrustDomain};
use crate::yaml::{self, Node, Value};

/// The text of one file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Config {
    /// Loads a configuration from the texts of its files, with what is odd about it.
    ///
    /// `root` is the folder that relative paths start from: where the main file is. `identities` are the files of the
    /// folder that [`identities_folder`] names. `today` tells which dates are past.
    ///
    /// # Errors
    /// Every problem in every file, when one of them keeps the configuration from being served.
    pub fn load(
        root: &Path,
        main: &Source,
        identities: &[Source],
        today: Date,
    ) -> Result<(Self, Vec<Problem>), Problems> {
        let mut report = Report::new(&main.path);
        let tree = yaml::read(&main.text, &mut report);
        let known = tree.as_ref().map(Known::of);
        let raw = tree.as_ref().and_then(|tree| Placed::<raw::Main>::read(tree, &mut report));
        let served = raw.and_then(|raw| main::main(raw, root, &mut report));
        if known.as_ref().is_some_and(|known| !known.vault) {
            report.has_no_vault();
        }
        if identities.is_empty() {
            report.warning(START, "no integration is configured", "add a file to the folder of `identities`");
        }
        let mut problems = report.into_problems();

        let context = identity::Context { known: known.as_ref(), main: served.as_ref(), today };
        let mut claims = shared::Claims::default();
        let mut loaded = BTreeMap::new();
        for outcome in side_by_side(identities, |source| read_identity(source, &context)) {
            claims.add(outcome.claims);
            problems.extend(outcome.problems);
            loaded.extend(outcome.identity.map(|identity| (identity.name.clone(), identity)));
        }
        problems.extend(claims.problems());
        let order: BTreeMap<&str, usize> = identities.iter().map(|source| &*source.path).zip(1..).collect();
        problems.sort_by_key(|problem| {
            (order.get(&*problem.file).copied().unwrap_or(0), problem.line, problem.column)
        });
        match served {
            Some(served) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
                Ok((Self { identities: loaded, ..served }, problems))
            }
            _ => Err(Problems(problems)),
        }
    }
}

/// The folder of the identities' files as the main file names it: `identities/` where it does not, or cannot be read.
#[must_use]
pub fn identities_folder(source: &Source) -> PathBuf {
    let mut report = Report::new(&source.path);
    let tree = yaml::read(&source.text, &mut report);
    match tree.as_ref().and_then(|tree| tree.find("identities")).map(|node| &node.value) {
        Some(Value::Scalar(scalar)) if !scalar.is_null() => PathBuf::from(&*scalar.text),
        _ => PathBuf::from(main::IDENTITIES),
    }
}

/// The names that identities may refer to, taken from the tree, so that a mistake elsewhere hides none of them.
struct Known {
    orgs: Vec<String>,
    destinations: Vec<String>,
    issuers: Vec<String>,
    /// The trust domains of those issuers that issue JWT-SVIDs.
    issuer_domains: HashMap<String, String>,
    /// Whether `listen.proxy.tls` says who certifies clients.
    client_ca: bool,
    /// The trust domains of `listen.proxy.tls`, when it names any.
    trust_domains: Vec<String>,
    /// Whether `vault` is written.
    vault: bool,
}

impl Known {
    fn of(tree: &Node<'_>) -> Self {
        let names = |section: &str| {
            let section = tree.find(section);
            section.map(|section| section.keys().map(str::to_owned).collect()).unwrap_or_default()
        };
        let tls =
            tree.find("listen").and_then(|listen| listen.find("proxy")).and_then(|proxy| proxy.find("tls"));
        let issuers = tree.find("issuers");
        let domain = |name: &str| match &issuers?.find(name)?.find("trust_domain")?.value {
            Value::Scalar(scalar) => Some((name.to_owned(), TrustDomain::leaf(scalar).ok()?.0)),
            Value::Map(_) | Value::List(_) => None,
        };
        Self {
            orgs: names("orgs"),
            destinations: names("destinations"),
            issuers: names("issuers"),
            issuer_domains: issuers.iter().flat_map(|all| all.keys()).filter_map(domain).collect(),
            vault: tree.find("vault").is_some(),
            client_ca: tls
                .is_some_and(|tls| tls.find("client_ca").is_some() || tls.find("trust_domains").is_some()),
            trust_domains: tls
                .and_then(|tls| tls.find("trust_domains"))
                .map(|domains| domains.keys().map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }
}

/// What reading one identity's file gave.
struct Outcome {
    identity: Option<Identity>,
    claims: Option<shared::Own>,
    problems: Vec<Problem>,
}

fn read_identity(source: &Source, context: &identity::Context<'_>) -> Outcome {
    let mut report = Report::new(&source.path);
    let tree = yaml::read(&source.text, &mut report);
    let raw = tree.and_then(|tree| raw::identity::Identity::read(&tree, &mut report));
    if context.known.is_some_and(|known| !known.vault) {
        report.has_no_vault();
    }
    let claims = raw.as_ref().and_then(|raw| shared::Own::of(&source.path, raw));
    let identity = raw.and_then(|raw| identity::identity(raw, context, &mut report));
    Outcome { identity, claims, problems: report.into_problems() }
}

/// Does the same with every element, on all processors, and gives the results in order.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = items.len().div_ceil(workers).max(SMALLEST_SHARE);
    let work = &work;
    thread::scope(|scope| {
        let spawn = |share: &'_ [T]| -> Vec<R> { share.iter().map(work).collect() };
        let started: Vec<_> = items.chunks(share).map(|share| scope.spawn(move || spawn(share))).collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

const START: Place = Place { line: 1, column: 1 };

/// Fewer files than this are read sooner than a thread is started.
const SMALLEST_SHARE: usize = 64;

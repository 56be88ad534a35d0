//! Files as they are written to a configuration as it is served, or every problem in them.

mod identity;
mod main;
mod shared;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::config::Config;
use crate::problem::{Place, Problem, Problems, Report, Severity};
use crate::raw;
use crate::read::{Placed, Read};
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
        if identities.is_empty() {
            report.warning(START, "no integration is configured", "add a file to the folder of `identities`");
        }
        let mut problems = report.into_problems();

        let context = identity::Context { known: known.as_ref(), main: served.as_ref(), today };
        let mut claims = shared::Claims::default();
        let mut loaded = BTreeMap::new();
        for source in identities {
            let mut report = Report::new(&source.path);
            if let Some(raw) = read_identity(&source.text, &mut report) {
                claims.add(&source.path, &raw);
                if let Some(identity) = identity::identity(raw, &context, &mut report) {
                    loaded.insert(identity.name.clone(), identity);
                }
            }
            problems.extend(report.into_problems());
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
    /// Whether `listen.proxy.tls.client_ca` is written.
    client_ca: bool,
}

impl Known {
    fn of(tree: &Node<'_>) -> Self {
        let names = |section: &str| {
            let section = tree.find(section);
            section.map(|section| section.keys().map(str::to_owned).collect()).unwrap_or_default()
        };
        let tls =
            tree.find("listen").and_then(|listen| listen.find("proxy")).and_then(|proxy| proxy.find("tls"));
        Self {
            orgs: names("orgs"),
            destinations: names("destinations"),
            issuers: names("issuers"),
            client_ca: tls.is_some_and(|tls| tls.find("client_ca").is_some()),
        }
    }
}

fn read_identity(text: &str, report: &mut Report<'_>) -> Option<raw::identity::Identity> {
    raw::identity::Identity::read(&yaml::read(text, report)?, report)
}

const START: Place = Place { line: 1, column: 1 };

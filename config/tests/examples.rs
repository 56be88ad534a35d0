//! The examples that ship load, and mean what they say.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files fails")]

use std::fs;
use std::path::{Path, PathBuf};

use forcefield_config::config::{Authenticate, Config, Credential, KnownBy, Mode, Window};
use forcefield_config::{Problem, Problems, Source, identities_folder};
use forcefield_policy::names::IdentityName;
use jiff::civil::{Date, date};

const TODAY: Date = date(2026, 11, 25);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn source(path: &Path) -> Source {
    Source { path: path.display().to_string(), text: fs::read_to_string(path).unwrap() }
}

fn examples() -> Result<(Config, Vec<Problem>), Problems> {
    let main = source(&folder().join("forcefield.yaml"));
    let identities = fs::read_dir(folder().join(identities_folder(&main))).unwrap();
    let identities: Vec<Source> = identities.map(|entry| source(&entry.unwrap().path())).collect();
    Config::load(&folder(), &main, &identities, TODAY)
}

#[test]
fn every_example_loads_without_a_word() {
    let (config, warnings) = examples().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(warnings, []);
    assert_eq!(config.identities.len(), 5);
    assert_eq!(config.orgs["production"].url.base(), "https://acme.my.salesforce.com");
    assert_eq!(config.orgs["production"].id, "00D5g000004XyZE");
    assert_eq!(config.orgs["sandbox"].url.port, 8443);
    assert!(config.orgs["sandbox"].client_certificate.is_some());
    assert_eq!(config.issuers["ci"].known_by, KnownBy::Claim("ci".to_owned()));
    assert_eq!(config.responders.len(), 2);
    assert_eq!(config.timeouts, forcefield_config::config::Timeouts::default());
}

#[test]
fn an_identity_is_served_as_it_is_written() {
    let (config, _) = examples().unwrap();
    let billing = &config.identities[&IdentityName::try_from("billing-sync").unwrap()];
    assert_eq!(billing.expires, date(2027, 3, 31));
    assert_eq!(billing.mode, Mode::Enforce);
    assert_eq!(billing.authenticate.len(), 4);
    assert!(matches!(&billing.authenticate[2], Authenticate::Client { id, .. } if id == "billing-sync"));
    assert!(
        matches!(&billing.credential, Credential::JwtBearer { username, .. } if username == "billing@acme.example")
    );
    assert_eq!(billing.session.as_secs(), 1800);
    assert_eq!(billing.exports[0].to, ["warehouse"]);
    assert_eq!(billing.exports[0].rows.unwrap().amount.get(), 5_000_000);
    assert_eq!(billing.limits.bytes.unwrap().amount.get(), 500 << 20);
    assert_eq!(billing.limits.rows.unwrap().window, Window::Day);
    assert_eq!(billing.limits.daily_api_share, Some(5.0));
    let account = &billing.grants.allow[0];
    assert_eq!((account.key.as_str(), account.max_rows), ("Account", Some(10_000)));
    assert_eq!(account.condition.as_deref(), Some("Region__c = 'EU'"));
    assert_eq!(billing.grants.patterns.len(), 1);
}

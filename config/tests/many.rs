//! Ten thousand identities load in a second. A measurement, for quiet machines:
//! `cargo test --release -p forcefield-config --test many -- --ignored --nocapture`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use forcefield_config::{Config, Source};
use jiff::civil::date;

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "the ban is for the crate: this measures it from outside")]
fn ten_thousand_identities_load_in_a_second() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let source = |path: &str, text: String| Source { path: path.to_owned(), text };
    let main = source("main.yaml", fs::read_to_string(folder.join("forcefield.yaml")).unwrap());
    let one = fs::read_to_string(folder.join("identities/billing-sync.yaml")).unwrap();
    let own = |number: usize| {
        let name = format!("billing-{number}");
        let text = one.replace("billing-sync", &name).replace("sa/sync", &format!("sa/{name}"));
        let text = text.replace("heads/main", &format!("heads/{name}")).replace("sync@", &format!("{name}@"));
        let text =
            text.replace("billing.sf", &format!("{name}.sf")).replace("CLIENT_ID", &format!("ID_{number}"));
        source(&format!("identities/{name}.yaml"), text)
    };
    let identities: Vec<Source> = (0..10_000).map(own).collect();
    let size: usize = identities.iter().map(|source| source.text.len()).sum();

    let started = Instant::now();
    let (config, _) = Config::load(&folder, &main, &identities, date(2026, 11, 25)).unwrap();
    let took = started.elapsed();
    assert_eq!(config.identities.len(), 10_000);
    eprintln!("10,000 identities of {} bytes: {took:?}", size / 10_000);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

//! How fast rows are counted, handles found, budgets spent and the ledger written:
//! `cargo run --profile bench -p forcefield-limits --example throughput`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use forcefield_limits::{Clock, Format, HandleKey, Issued, Limits, Scanner};
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::{Handle, HandleKind, HandleUse, Origin, Rows};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let locators = |format| Some((HandleKind::Locator, format));
    for (name, rows, handles, text) in [
        ("rows in CSV, every field quoted", Rows::Csv, None, csv()),
        ("rows in JSON", Rows::JsonRecords, None, json()),
        ("handles in JSON", Rows::None, locators(Format::Json), json()),
        ("both in JSON", Rows::JsonRecords, locators(Format::Json), json()),
        ("rows in XML", Rows::XmlRecords, None, xml()),
        ("both in XML", Rows::XmlRecords, locators(Format::Xml), xml()),
    ] {
        let text = text.repeat((64 << 20) / text.len());
        let mut scanner = Scanner::new(rows, handles);
        eprintln!("{name}: {:.0} MB/s", measure(&text, |chunk| drop(scanner.feed(chunk))));
    }
    ledger()
}

/// The best of five, in chunks of 16 KiB.
fn measure(text: &str, mut feed: impl FnMut(&[u8])) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        text.as_bytes().chunks(16 << 10).for_each(&mut feed);
        best = best.min(start.elapsed());
    }
    text.len() as f64 / 1e6 / best.as_secs_f64()
}

fn ledger() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::TempDir::new_in(".")?;
    let limits = Limits::open(folder.path(), &BTreeMap::new(), Clock::system(), None)?;
    let identity = IdentityName::try_from("drift")?;
    let issued = |at: usize| Issued {
        key: HandleKey { kind: HandleKind::Locator, id: format!("0r8{at:012}").into() },
        offset: Some(2000),
    };
    let origin = Origin {
        reads: vec![("Account".into(), vec!["Name".into(); 20])],
        conditions: Vec::new(),
        job: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    for together in [1, 64] {
        let start = Instant::now();
        let rounds = 50;
        for round in 0..rounds {
            let records: Vec<_> = (0..together)
                .map(|at| {
                    let (ledger, identity, origin) =
                        (limits.ledger().clone(), identity.clone(), origin.clone());
                    let issued = issued(together * 100_000 + round * together + at);
                    runtime.spawn(async move { ledger.record(&identity, issued, origin).await })
                })
                .collect();
            for record in records {
                runtime.block_on(record)??;
            }
        }
        let each = start.elapsed() / u32::try_from(rounds)?;
        eprintln!("ledger: {together} records at once are durable after {each:?}");
    }
    let handle = Handle {
        kind: HandleKind::Locator,
        id: "0r8000000100000".into(),
        offset: Some(2000),
        use_: HandleUse::Page,
    };
    let start = Instant::now();
    for _ in 0..10_000 {
        runtime.block_on(limits.ledger().look_up(&identity, &handle))?.ok_or("not found")?;
    }
    eprintln!("ledger: a look-up takes {:?}", start.elapsed() / 10_000);
    Ok(())
}

fn csv() -> String {
    let row = |at: usize| {
        format!(
            "\"001D000000{at:05}IAW\",\"Acme {at}\",\"Energy\",\"1 Main Street\nSpringfield\",\"2026-01-0{}T00:00:00.000Z\",\"\"\n",
            at % 9 + 1
        )
    };
    (0..1000).map(row).collect()
}

fn json() -> String {
    let row = |at: usize| {
        format!(
            "{{\"attributes\":{{\"type\":\"Account\",\"url\":\"/services/data/v60.0/sobjects/Account/001D000000{at:05}IAW\"}},\
             \"Id\":\"001D000000{at:05}IAW\",\"Name\":\"Acme {at}\",\"Industry\":\"Energy\",\"AnnualRevenue\":{at}.5,\"Description\":null}},"
        )
    };
    format!(
        "{{\"totalSize\":1000,\"done\":true,\"records\":[{}null]}}",
        (0..1000).map(row).collect::<String>()
    )
}

fn xml() -> String {
    let row = |at: usize| {
        format!(
            "<records xsi:type=\"sf:sObject\"><sf:type>Account</sf:type><sf:Id>001D000000{at:05}IAW</sf:Id>\
             <sf:Name>Acme {at}</sf:Name><sf:Industry>Energy</sf:Industry></records>"
        )
    };
    (0..1000).map(row).collect()
}

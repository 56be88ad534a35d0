//! Whose a cursor or a job is, whatever happens in between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use forcefield_policy::request::{HandleUse, JobOperation, JobOrigin};
use tempfile::TempDir;

use super::*;
use crate::{Clock, Limits};

const NOW: Duration = Duration::from_secs(1_790_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

struct World {
    folder: TempDir,
    ticks: Arc<AtomicU64>,
    limits: Option<Limits>,
}

impl World {
    fn new() -> Self {
        let mut world = Self { folder: TempDir::new().unwrap(), ticks: Arc::default(), limits: None };
        world.restart();
        world
    }

    fn restart(&mut self) {
        self.limits = None;
        let ticks = Arc::clone(&self.ticks);
        let start = ticks.load(Ordering::Relaxed);
        let clock = Clock::new(NOW + Duration::from_secs(start), move || {
            Duration::from_secs(ticks.load(Ordering::Relaxed) - start)
        });
        self.limits = Some(Limits::open(self.folder.path(), &BTreeMap::new(), clock, None).unwrap());
    }

    fn ledger(&self) -> &Ledger {
        self.limits.as_ref().unwrap().ledger()
    }

    fn pass(&self, time: Duration) {
        self.ticks.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

fn identity(name: &str) -> IdentityName {
    IdentityName::try_from(name).unwrap()
}

fn origin(object: &str) -> Origin {
    Origin { reads: vec![(object.into(), vec!["Name".into()])], ..Origin::default() }
}

fn locator(id: &str, offset: u64) -> Issued {
    Issued { key: HandleKey { kind: HandleKind::Locator, id: id.into() }, offset: Some(offset) }
}

fn job(id: &str) -> HandleKey {
    HandleKey { kind: HandleKind::QueryJob, id: id.into() }
}

fn page(id: &str, offset: u64) -> Handle {
    Handle { kind: HandleKind::Locator, id: id.into(), offset: Some(offset), use_: HandleUse::Page }
}

fn results(id: &str) -> Handle {
    Handle { kind: HandleKind::QueryJob, id: id.into(), offset: None, use_: HandleUse::Results }
}

#[tokio::test]
async fn a_cursor_belongs_to_who_was_given_it_also_after_a_restart() {
    let mut world = World::new();
    let (drift, other) = (identity("drift"), identity("other"));
    world.ledger().record(&drift, locator("0r8A", 2000), origin("Account")).await.unwrap();
    for restarted in [false, true] {
        assert_eq!(world.ledger().look_up(&drift, &page("0r8A", 2000)).await, Ok(Some(origin("Account"))));
        assert_eq!(
            world.ledger().look_up(&other, &page("0r8A", 2000)).await,
            Ok(None),
            "restarted: {restarted}"
        );
        assert_eq!(world.ledger().look_up(&drift, &page("0r8B", 2000)).await, Ok(None));
        assert_eq!(world.ledger().look_up(&drift, &results("0r8A")).await, Ok(None), "kinds are apart");
        world.restart();
    }
    let stolen = world.ledger().record(&other, locator("0r8A", 4000), origin("Case")).await;
    assert_eq!(stolen, Err(LedgerError::Foreign));
    assert_eq!(world.ledger().owner(&locator("0r8A", 0).key).await, Ok(Some(drift)));
}

#[tokio::test]
async fn offsets_are_those_issued_or_multiples_of_the_batch() {
    let world = World::new();
    let drift = identity("drift");
    let accepted = async || {
        let mut accepted = Vec::new();
        for offset in [0, 1, 500, 777, 778, 1000, 1500] {
            let found = world.ledger().look_up(&drift, &page("0r8A", offset)).await.unwrap();
            accepted.extend(found.map(|_| offset));
        }
        accepted
    };
    world.ledger().record(&drift, locator("0r8A", 500), origin("Account")).await.unwrap();
    assert_eq!(accepted().await, [0, 500, 1000, 1500]);
    world.ledger().record(&drift, locator("0r8A", 777), origin("Account")).await.unwrap();
    assert_eq!(accepted().await, [0, 500, 777, 1000, 1500]);
}

#[tokio::test]
async fn a_deleted_job_is_gone_for_the_client_and_due_later() {
    let mut world = World::new();
    let (drift, other) = (identity("drift"), identity("other"));
    let created = Issued { key: job("750A"), offset: None };
    world.ledger().record(&drift, created.clone(), origin("Case")).await.unwrap();
    assert_eq!(world.ledger().defer(&other, job("750A"), DAY).await, Err(LedgerError::Foreign));
    world.ledger().defer(&drift, job("750A"), DAY).await.unwrap();
    assert_eq!(world.ledger().look_up(&drift, &results("750A")).await, Ok(None));
    assert_eq!(world.ledger().defer(&drift, job("750A"), DAY).await, Err(LedgerError::Unknown));
    assert_eq!(world.ledger().due().await, Ok(Vec::new()));
    assert!(world.ledger().list(&drift, HandleKind::QueryJob).await.unwrap()[0].deferred.is_some());
    world.pass(DAY);
    world.restart();
    let due = world.ledger().due().await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].key, &due[0].identity), (&job("750A"), &drift));
    world.ledger().delete(&drift, job("750A")).await.unwrap();
    assert_eq!(world.ledger().due().await, Ok(Vec::new()));
    assert_eq!(world.ledger().owner(&job("750A")).await, Ok(None));
}

#[tokio::test]
async fn evidence_outlives_the_job_it_is_of() {
    let world = World::new();
    let drift = identity("drift");
    world.ledger().record(&drift, Issued { key: job("750A"), offset: None }, origin("Case")).await.unwrap();
    world.ledger().defer(&drift, job("750A"), 20 * DAY).await.unwrap();
    world.pass(20 * DAY);
    world.limits.as_ref().unwrap().flush().unwrap();
    assert_eq!(world.ledger().due().await.unwrap().len(), 1);
}

#[tokio::test]
async fn batches_add_to_what_a_job_reads() {
    let world = World::new();
    let drift = identity("drift");
    let key = HandleKey { kind: HandleKind::ClassicJob, id: "750A".into() };
    let amend =
        |reads: Vec<(String, Vec<String>)>| world.ledger().amend(&drift, key.clone(), Learned::Reads(reads));
    assert_eq!(amend(origin("Case").reads).await, Err(LedgerError::Unknown));
    world
        .ledger()
        .record(&drift, Issued { key: key.clone(), offset: None }, Origin::default())
        .await
        .unwrap();
    amend(vec![("Case".into(), vec!["Name".into()])]).await.unwrap();
    amend(vec![("Case".into(), vec!["Name".into(), "Subject".into()]), ("User".into(), vec![])])
        .await
        .unwrap();
    let handle =
        Handle { kind: HandleKind::ClassicJob, id: "750A".into(), offset: None, use_: HandleUse::Results };
    let reads = world.ledger().look_up(&drift, &handle).await.unwrap().unwrap().reads;
    assert_eq!(reads, [("Case".into(), vec!["Name".into(), "Subject".into()]), ("User".into(), vec![])]);
    assert_eq!(world.ledger().list(&drift, HandleKind::ClassicJob).await.unwrap().len(), 1);
}

#[tokio::test]
async fn uploads_add_to_the_columns_of_a_job_where_they_are_kept() {
    let world = World::new();
    let drift = identity("drift");
    let uploaded = async |id: &str, before: Option<Vec<String>>| {
        let job = JobOrigin {
            object: "Case".into(),
            operation: JobOperation::Insert,
            external_id: None,
            delimiter: b',',
            columns: before,
        };
        let origin = Origin { job: Some(job), ..Origin::default() };
        let key = HandleKey { kind: HandleKind::ClassicJob, id: id.into() };
        world.ledger().record(&drift, Issued { key: key.clone(), offset: None }, origin).await.unwrap();
        for names in [["Subject", "Origin"], ["SUBJECT", "Status"]] {
            let names = names.map(Box::from).to_vec();
            world.ledger().amend(&drift, key.clone(), Learned::Columns(names)).await.unwrap();
        }
        let names = Learned::Columns(vec!["Status".into()]);
        let foreign = world.ledger().amend(&identity("other"), key.clone(), names).await;
        assert_eq!(foreign, Err(LedgerError::Foreign));
        let handle = Handle { kind: key.kind, id: key.id, offset: None, use_: HandleUse::Readback };
        world.ledger().look_up(&drift, &handle).await.unwrap().unwrap().job.unwrap().columns
    };
    let known = uploaded("750A", Some(Vec::new())).await;
    assert_eq!(known.unwrap(), ["Subject", "Origin", "Status"]);
    assert_eq!(uploaded("750B", None).await, None, "what came before is not known");
}

#[tokio::test]
async fn what_is_over_is_unknown_and_swept() {
    let world = World::new();
    let drift = identity("drift");
    world.ledger().record(&drift, locator("0r8A", 2000), origin("Account")).await.unwrap();
    world.ledger().record(&drift, Issued { key: job("750A"), offset: None }, origin("Case")).await.unwrap();
    world.pass(2 * DAY);
    assert_eq!(world.ledger().look_up(&drift, &page("0r8A", 2000)).await, Ok(None));
    assert!(world.ledger().look_up(&drift, &results("750A")).await.unwrap().is_some());
    let stored = |table| world.limits.as_ref().map(|_| count(world.ledger(), table)).unwrap();
    assert_eq!(stored(HANDLES), 2);
    world.limits.as_ref().unwrap().flush().unwrap();
    assert_eq!(stored(HANDLES), 1);
    world.ledger().record(&identity("other"), locator("0r8A", 2000), origin("Case")).await.unwrap();
}

fn count(ledger: &Ledger, table: redb::TableDefinition<'static, (u8, &'static str), &'static [u8]>) -> usize {
    ledger.0.store.read().unwrap().open_table(table).unwrap().iter().unwrap().count()
}

#[tokio::test]
async fn lists_hold_ones_own_only_oldest_first() {
    let world = World::new();
    let (drift, other) = (identity("drift"), identity("other"));
    for (who, id) in [(&drift, "750C"), (&other, "750B"), (&drift, "750A")] {
        world.ledger().record(who, Issued { key: job(id), offset: None }, origin("Case")).await.unwrap();
        world.pass(Duration::from_secs(1));
    }
    let list = async |who: &IdentityName| {
        let entries = world.ledger().list(who, HandleKind::QueryJob).await.unwrap();
        entries.into_iter().map(|entry| entry.key.id.into_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(&drift).await, ["750C", "750A"]);
    assert_eq!(list(&other).await, ["750B"]);
    assert!(list(&identity("drif")).await.is_empty());
}

#[tokio::test]
async fn many_records_at_once_share_their_commits() {
    let world = World::new();
    let drift = identity("drift");
    let records: Vec<_> = (0..300)
        .map(|at| {
            let (ledger, drift) = (world.ledger().clone(), drift.clone());
            tokio::spawn(async move {
                ledger.record(&drift, locator(&format!("0r8{at:012}"), 2000), origin("A")).await
            })
        })
        .collect();
    for record in records {
        record.await.unwrap().unwrap();
    }
    assert_eq!(world.ledger().list(&drift, HandleKind::Locator).await.unwrap().len(), 300);
}

//! The promises of the room, on a real state folder: budgets hold exactly under concurrency, over restarts, crashes
//! and reloads.

mod clock;
mod shared;

use std::io::{BufRead, BufReader, Write};
use std::num::{NonZeroU32, NonZeroU64};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use forcefield_config::config::{
    Budget, Credential, Export, Limits as Configured, Mode, Rate, Rated, Window,
};
use forcefield_config::secret::SecretRef;
use forcefield_policy::decision::decide;
use forcefield_policy::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use forcefield_policy::names::{ApiVersion, ApiVersions, ObjectName};
use forcefield_policy::request::{
    Access, Answer, Api, Body, Draft, Handle, HandleKind, HandleUse, Method, Needs, Operation, Request, Rows,
    Template, Verb, What,
};
use forcefield_policy::schema::Schema;
use tempfile::TempDir;

use super::*;
use crate::handles::Issued;
use crate::ledger::HandleKey;
use crate::meter::{Counted, Ended, Spent};

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::from_secs(1_790_000_000);

/// A state folder, and a clock that the test moves.
struct World {
    folder: TempDir,
    ticks: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), ticks: Arc::default() }
    }

    /// Opens the state, with the wall clock at `wall`.
    fn open_at(&self, wall: Duration, limits: Configured) -> Limits {
        let ticks = Arc::clone(&self.ticks);
        let start = ticks.load(Ordering::Relaxed);
        let elapsed = move || Duration::from_secs(ticks.load(Ordering::Relaxed) - start);
        Limits::open(self.folder.path(), &identities(limits), Clock::new(wall, elapsed), None).unwrap()
    }

    fn open(&self, limits: Configured) -> Limits {
        self.open_at(NOW + Duration::from_secs(self.ticks.load(Ordering::Relaxed)), limits)
    }

    fn pass(&self, time: Duration) {
        self.ticks.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

fn drift() -> IdentityName {
    IdentityName::try_from("drift").unwrap()
}

fn spec() -> GrantsSpec {
    let every =
        |key: &str| AllowSpec { key: key.into(), read: Some(FieldsSpec::Every), ..AllowSpec::default() };
    GrantsSpec {
        identity: drift(),
        versions: ApiVersions { oldest: ApiVersion::new(50), newest: ApiVersion::new(70) },
        allow: vec![every("Account"), every("Case")],
        named: Vec::new(),
        patterns: Vec::new(),
        exports: vec![ObjectName::try_from("Case").unwrap()],
        enforcement: Enforcement::Enforce,
    }
}

fn identities(limits: Configured) -> BTreeMap<IdentityName, Identity> {
    let export = Export {
        object: ObjectName::try_from("Case").unwrap(),
        to: vec!["warehouse".into()],
        rows: Some(budget(50, Window::Day)),
    };
    let identity = Identity {
        name: drift(),
        owner: "revops".into(),
        purpose: "tests".into(),
        expires: "2030-01-01".parse().unwrap(),
        org: "production".into(),
        mode: Mode::Enforce,
        host: None,
        authenticate: Vec::new(),
        networks: Vec::new(),
        session: HOUR,
        evidence: Duration::from_secs(86_400),
        credential: Credential::ClientCredentials {
            client_id: SecretRef::Env("ID".into()),
            client_secret: SecretRef::Env("SECRET".into()),
        },
        shared: None,
        grants: spec(),
        exports: vec![export],
        limits,
        signals: Default::default(),
    };
    BTreeMap::from([(drift(), identity)])
}

fn budget(amount: u64, window: Window) -> Budget {
    Budget { amount: NonZeroU64::new(amount).unwrap(), window }
}

fn rows(amount: u64, window: Window) -> Configured {
    Configured { rows: Some(budget(amount, window)), ..Configured::default() }
}

/// A permit to read Account, or to export Case.
fn permit(rows: Rows, export: bool) -> Permit {
    let schema = Arc::new(Schema::starter().unwrap());
    let (grants, problems) = Grants::compile(&spec(), &schema);
    assert!(problems.is_empty(), "{problems:?}");
    let object = schema.find(if export { "Case" } else { "Account" }).unwrap();
    let needs = Needs::new(What::Access(Access::object(Verb::Read, object)));
    decide(&grants, request(needs, rows, export), &[]).unwrap()
}

fn request(needs: Needs, rows: Rows, export: bool) -> Request {
    Request {
        api: Api::Query,
        operations: Operation::Query.into(),
        version: None,
        part_versions: Vec::new(),
        needs,
        export,
        draft: Draft {
            method: Method::Get,
            target: Template::default(),
            headers: Vec::new(),
            body: Body::Empty,
        },
        answer: Answer::rows(rows),
        job: None,
    }
}

fn admit(limits: &Limits) -> Result<Lease, Exceeded> {
    limits.admit(&drift(), &permit(Rows::JsonRecords, false), &[])
}

fn spent_of(counted: Result<(), Ended>) -> Spent {
    let Err(Ended::Spent(spent)) = counted else { panic!("{counted:?}") };
    spent
}

fn spent(limits: &Limits) -> u64 {
    limits.snapshot().remove(0).rows.1
}

#[test]
fn a_spent_rate_refills_with_time() {
    let world = World::new();
    let rate = Rate { requests: NonZeroU32::new(2).unwrap(), per: Duration::from_secs(60) };
    let limits =
        world.open(Configured { requests: Some(rate), burst: NonZeroU32::new(3), ..Configured::default() });
    for _ in 0..3 {
        drop(admit(&limits).unwrap());
    }
    let refused = admit(&limits).unwrap_err();
    assert!(
        matches!(refused, Exceeded::Rate { retry_after, .. } if retry_after == Duration::from_secs(30)),
        "{refused:?}"
    );
    assert_eq!(refused.to_string(), "sends more than its 2 requests per minute");
    limits.reload(&identities(Configured {
        requests: Some(rate),
        burst: NonZeroU32::new(3),
        ..Configured::default()
    }));
    assert!(admit(&limits).is_err(), "a reload gives nothing back");
    world.pass(Duration::from_secs(30));
    assert!(admit(&limits).is_ok());
    assert!(admit(&limits).is_err());
}

#[test]
fn a_rate_of_one_door_or_verb_holds_for_it_alone() {
    let world = World::new();
    let slow = Rate { requests: NonZeroU32::MIN, per: Duration::from_secs(60) };
    let (door, verb) = (Rated::Door(Api::Query), Rated::Verb(Verb::Delete));
    for (of, held, message) in [
        (door, true, "sends more than its 1 requests per minute through `query`"),
        (Rated::Door(Api::Bulk2), false, ""),
        (Rated::Verb(Verb::Read), true, "sends more than its 1 requests per minute that read"),
        (verb, false, ""),
    ] {
        let limits = world.open(Configured { rates: vec![(of, slow)], ..Configured::default() });
        drop(admit(&limits).unwrap());
        match admit(&limits) {
            Err(refused) if held => assert_eq!(refused.to_string(), message),
            second => assert!(second.is_ok() && !held, "{of:?}: {second:?}"),
        }
        limits.reload(&identities(Configured { rates: vec![(of, slow)], ..Configured::default() }));
        assert_eq!(admit(&limits).is_err(), held, "a reload gives nothing back");
    }
}

#[test]
fn a_share_of_the_orgs_calls_is_held_over_a_restart() {
    let world = World::new();
    let share = || Configured { daily_api_share: Some(1.0), ..Configured::default() };
    let limits = world.open(share());
    limits.reported(&drift(), "api-usage=18/300");
    for _ in 0..3 {
        drop(admit(&limits).unwrap());
    }
    let refused = admit(&limits).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "has made its 3 of the org's 300 API calls of 24 hours; more from 2026-09-22T14:24:00Z"
    );
    drop(limits);
    let limits = world.open(share());
    limits.reported(&drift(), "api-usage=18/300");
    assert!(admit(&limits).is_err(), "what was called before a restart was called");
    limits.reported(&drift(), "api-usage=18/400");
    assert!(admit(&limits).is_ok(), "a larger allowance has a larger share");
    world.pass(25 * HOUR);
    assert!(admit(&limits).is_ok());
}

#[test]
fn the_lowest_priority_makes_room_when_the_org_is_short() {
    let world = World::new();
    let limits = world.open(Configured { priority: Some(1), ..Configured::default() });
    let mut both = identities(Configured { priority: Some(1), ..Configured::default() });
    let first = IdentityName::try_from("first").unwrap();
    let mut important = both[&drift()].clone();
    (important.name, important.limits.priority) = (first.clone(), Some(9));
    both.insert(first.clone(), important);
    limits.reload(&both);
    let read = || permit(Rows::JsonRecords, false);
    limits.reported(&drift(), "api-usage=79/100");
    for _ in 0..3 {
        drop(admit(&limits).unwrap());
    }
    limits.reported(&drift(), "api-usage=80/100");
    drop(admit(&limits).unwrap());
    let refused = admit(&limits).unwrap_err();
    assert!(
        matches!(refused, Exceeded::MakesRoom { used: 80, most: 100, retry_after } if retry_after == Duration::from_secs(10)),
        "{refused:?}"
    );
    assert!(limits.admit(&first, &read(), &[]).is_ok(), "the highest priority goes on");
    world.pass(Duration::from_secs(10));
    assert!(admit(&limits).is_ok());
    limits.reported(&drift(), "api-usage=10/100");
    assert!(admit(&limits).is_ok() && admit(&limits).is_ok());
}

#[test]
fn a_place_is_given_back_when_the_request_ends() {
    let world = World::new();
    let limits = world.open(Configured { concurrent: NonZeroU32::new(2), ..Configured::default() });
    let (one, _two) = (admit(&limits).unwrap(), admit(&limits).unwrap());
    assert_eq!(admit(&limits).unwrap_err(), Exceeded::Concurrent { limit: 2 });
    limits.reload(&identities(Configured { concurrent: NonZeroU32::new(2), ..Configured::default() }));
    assert!(admit(&limits).is_err(), "requests under way stay counted over a reload");
    drop(one);
    assert!(admit(&limits).is_ok());
}

#[test]
fn a_spent_budget_says_what_and_until_when() {
    let world = World::new();
    let limits = world.open(rows(100, Window::Day));
    let mut lease = admit(&limits).unwrap();
    lease.count(60, 5000).unwrap();
    assert_eq!(lease.rows_left(), Some(40));
    assert!(lease.expect(40).is_ok());
    assert!(lease.expect(41).is_err());
    assert_eq!(spent_of(lease.count(41, 10)).left, 40, "more than is left counts nothing");
    lease.count(40, 10).unwrap();
    assert_eq!((lease.rows(), lease.bytes()), (100, 5010));
    let refused = admit(&limits).unwrap_err();
    assert_eq!(refused.to_string(), "has read its 100 rows of today; more from 2026-09-22T14:24:00Z");
    assert!(limits.admit(&drift(), &permit(Rows::None, false), &[]).is_ok(), "what has no rows needs none");
    world.pass(25 * HOUR);
    assert!(admit(&limits).is_ok());
}

#[test]
fn a_changed_window_starts_with_what_was_spent_in_it() {
    let world = World::new();
    let limits = world.open(rows(100, Window::Hour));
    admit(&limits).unwrap().count(100, 0).unwrap();
    world.pass(2 * HOUR);
    admit(&limits).unwrap().count(30, 0).unwrap();
    limits.reload(&identities(rows(150, Window::Day)));
    assert_eq!(admit(&limits).unwrap().rows_left(), Some(20));
    limits.reload(&BTreeMap::new());
    assert_eq!(admit(&limits).unwrap_err(), Exceeded::Unknown);
    limits.reload(&identities(rows(150, Window::Day)));
    assert_eq!(
        admit(&limits).unwrap().rows_left(),
        Some(20),
        "an identity that comes back has spent what it spent"
    );
}

#[test]
fn exports_count_for_the_object_and_for_the_identity() {
    let world = World::new();
    let limits = world.open(rows(100, Window::Day));
    let mut export = limits.admit(&drift(), &permit(Rows::Csv, true), &[]).unwrap();
    assert_eq!(export.rows_left(), Some(50));
    export.count(50, 0).unwrap();
    let refused = spent_of(export.count(1, 0));
    assert_eq!(refused.counted, Counted::Export(ObjectName::try_from("case").unwrap()));
    assert!(refused.to_string().starts_with("has read its 50 exported rows of Case of today"));
    assert!(
        limits.admit(&drift(), &permit(Rows::None, true), &[]).is_err(),
        "nor may another job be created"
    );
    assert_eq!(admit(&limits).unwrap().rows_left(), Some(50), "other reading goes on");
}

#[tokio::test]
async fn results_of_a_job_count_for_what_the_job_reads() {
    let world = World::new();
    let limits = world.open(Configured::default());
    let created = permit(Rows::None, true);
    let key = HandleKey { kind: HandleKind::QueryJob, id: "750R0000000zlh9".into() };
    limits.ledger().record(&drift(), Issued { key, offset: None }, created.origin()).await.unwrap();
    let handle = Handle {
        kind: HandleKind::QueryJob,
        id: "750R0000000zlh9".into(),
        offset: None,
        use_: HandleUse::Results,
    };
    let origin = limits.ledger().look_up(&drift(), &handle).await.unwrap();
    let (grants, _) = Grants::compile(&spec(), &Arc::new(Schema::starter().unwrap()));
    let results = request(Needs::new(What::Handle(handle)), Rows::Csv, true);
    let permit = decide(&grants, results, std::slice::from_ref(&origin)).unwrap();
    assert_eq!(limits.admit(&drift(), &permit, &[origin]).unwrap().rows_left(), Some(50));
}

#[test]
fn many_threads_spend_one_budget_to_the_row() {
    let world = World::new();
    let limits =
        world.open(Configured { bytes: Some(budget(1_000_000, Window::Hour)), ..rows(10_007, Window::Day) });
    let counted: u64 = std::thread::scope(|scope| {
        let spend = |mut lease: Lease, step: u64| {
            let mut counted = 0;
            while lease.count(step, 10).is_ok() {
                counted += step;
            }
            assert_eq!(lease.rows(), counted);
            counted
        };
        let leases = [1, 3, 7, 1, 2, 5, 11, 1].map(|step| (admit(&limits).unwrap(), step));
        let threads = leases.map(|(lease, step)| scope.spawn(move || spend(lease, step)));
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(counted, 10_007);
    assert_eq!(spent(&limits), 10_007);
}

#[test]
fn a_restart_in_mid_window_forgets_nothing_and_a_clock_set_back_refills_nothing() {
    let world = World::new();
    let limits = world.open(rows(100, Window::Hour));
    admit(&limits).unwrap().count(70, 0).unwrap();
    drop(limits);
    world.pass(HOUR / 2);
    let limits = world.open(rows(100, Window::Hour));
    let mut lease = admit(&limits).unwrap();
    assert_eq!(lease.rows_left(), Some(30));
    lease.count(30, 0).unwrap();
    drop((lease, limits));
    for years_back in [0, 1, 40] {
        let limits = world.open_at(NOW - years_back * 365 * 24 * HOUR, rows(100, Window::Hour));
        let Exceeded::Spent(Spent { renews_at, left, .. }) = admit(&limits).unwrap_err() else { panic!() };
        assert_eq!(left, 0);
        let renews = Duration::from_secs(renews_at.as_second().try_into().unwrap());
        assert!(renews < NOW - years_back * 365 * 24 * HOUR + 2 * HOUR, "told by the clock on the wall");
    }
    world.pass(HOUR);
    assert_eq!(admit(&world.open(rows(100, Window::Hour))).unwrap().rows_left(), Some(70));
}

#[test]
fn two_processes_spend_one_budget() {
    let world = World::new();
    let (old, new) = (world.open(rows(100, Window::Day)), world.open(rows(100, Window::Day)));
    let mut draining = admit(&old).unwrap();
    draining.count(60, 0).unwrap();
    old.flush().unwrap();
    new.flush().unwrap();
    assert_eq!(admit(&new).unwrap().rows_left(), Some(40));
    draining.count(10, 0).unwrap();
    drop(old);
    new.flush().unwrap();
    assert_eq!(admit(&new).unwrap().rows_left(), Some(30), "what the old one spent last is taken over");
    new.flush().unwrap();
    drop(draining);
    drop(new);
    let again = world.open(rows(100, Window::Day));
    assert_eq!(admit(&again).unwrap().rows_left(), Some(30), "and taken over once");
}

#[test]
fn a_torn_journal_loses_its_torn_line_only() {
    let world = World::new();
    let limits = world.open(rows(1000, Window::Day));
    admit(&limits).unwrap().count(300, 0).unwrap();
    let journal = journals(&world).into_iter().find(|path| !std::fs::read(path).unwrap().is_empty()).unwrap();
    let lines = std::fs::read(&journal).unwrap();
    drop(limits);
    let torn = [&lines[..], &lines[..lines.len() / 2]].concat();
    std::fs::write(world.folder.path().join("spent-0-0-0.1.journal"), torn).unwrap();
    let limits = world.open(rows(1000, Window::Day));
    assert_eq!(spent(&limits), 600, "the planted journal of an ended process counts beside the true one");
}

fn journals(world: &World) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect()
}

#[test]
fn ended_processes_leave_no_files() {
    let world = World::new();
    for _ in 0..3 {
        drop(world.open(Configured::default()));
    }
    assert_eq!(journals(&world).len(), 2, "those of the last one");
}

#[test]
fn a_store_of_another_layout_is_refused() {
    let world = World::new();
    drop(world.open(Configured::default()));
    let db = redb::Database::open(world.folder.path().join("limits.redb")).unwrap();
    let txn = db.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    txn.open_table(meta).unwrap().insert("layout", 99).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = Limits::open(world.folder.path(), &BTreeMap::new(), Clock::system(), None).unwrap_err();
    assert!(error.to_string().contains("has layout 99"), "{error}");
}

/// Not a test by itself: the process that [`a_killed_process_leaves_at_most_one_chunk_uncounted`] kills.
#[test]
fn counts_until_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let limits =
        Limits::open(folder.as_ref(), &identities(rows(u64::MAX, Window::Day)), Clock::system(), None)
            .unwrap();
    let mut lease = admit(&limits).unwrap();
    loop {
        lease.count(400, 64 << 10).unwrap();
        // What follows stands for the chunk that goes on to the client.
        writeln!(std::io::stderr(), "gone {}", lease.rows()).unwrap();
    }
}

const CHILD: &str = "FORCEFIELD_LIMITS_CHILD";

#[test]
fn a_killed_process_leaves_at_most_one_chunk_uncounted() {
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::tests::counts_until_killed", "--nocapture"])
        .env(CHILD, folder.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut gone = 0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    for line in lines.by_ref().filter(|line| line.starts_with("gone ")).take(1500) {
        gone = line.strip_prefix("gone ").unwrap().parse::<u64>().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.filter(|line| line.starts_with("gone ")) {
        gone = line.strip_prefix("gone ").unwrap().parse().unwrap_or(gone);
    }
    let limits =
        Limits::open(folder.path(), &identities(rows(u64::MAX, Window::Day)), Clock::system(), None).unwrap();
    let known = spent(&limits);
    assert!(known == gone || known == gone + 400, "{gone} rows went out, {known} are known");
}

#[test]
fn the_largest_budget_there_can_be_does_not_overflow() {
    let world = World::new();
    let limits = world.open(rows(u64::MAX, Window::Day));
    let mut lease = admit(&limits).unwrap();
    lease.count(u64::MAX - 1, u64::MAX).unwrap();
    assert!(lease.count(2, u64::MAX).is_err());
    lease.count(1, u64::MAX).unwrap();
    assert!(admit(&limits).is_err());
}

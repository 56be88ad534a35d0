//! Budgets and the ledger of several replicas, as `limits` needs them.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use forcefield_limits::{Granted, OutOfReach, Replaced, Replacement, Report, Settled, SharedStore};
use forcefield_policy::names::IdentityName;
use redis::Script;

use super::{EPOCH, HISTORY, Replicas, SETTLING, SETTLING_FOR, key};

#[async_trait]
impl SharedStore for Replicas {
    async fn settle(&self, report: &Report) -> Result<Settled, OutOfReach> {
        let json = |value: serde_json::Result<String>| value.map_err(|_| OutOfReach);
        let living: Vec<String> = report.living.iter().map(|lane| self.lane(lane)).collect();
        let keys =
            [key(&["spent", report.identity.as_str()]), key(&[EPOCH]), key(&[SETTLING]), key(&[HISTORY])];
        let arguments = [
            self.epoch(),
            self.lane(&report.lane),
            self.lane(""),
            report.version.to_string(),
            u8::from(report.active).to_string(),
            report.spent.clone(),
            json(serde_json::to_string(&report.asks))?,
            json(serde_json::to_string(&living))?,
            json(serde_json::to_string(&report.restore))?,
            SETTLING_FOR.to_string(),
        ];
        let (replicas, rank, purses, lanes): (u32, u32, Vec<Vec<String>>, Vec<String>) =
            self.link.run(&SETTLE, &keys, &arguments).await?;
        let purses = purses.iter().map(|purse| granted(purse).ok_or(OutOfReach));
        let lanes = lanes.chunks_exact(2).filter_map(|pair| match pair {
            [lane, value] => Some((lane.clone(), value.clone())),
            _ => None,
        });
        Ok(Settled { replicas, rank, purses: purses.collect::<Result<_, _>>()?, lanes: lanes.collect() })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn is_current(&self) -> bool {
        self.hears()
    }

    async fn entry(&self, kind: u8, id: &str) -> Result<Option<String>, OutOfReach> {
        self.link.ask(redis::cmd("GET").arg(entry(kind, id))).await
    }

    async fn replace(&self, change: &Replacement) -> Result<Replaced, OutOfReach> {
        let (kind, after) = (change.kind, change.after.as_ref());
        let keys = [entry(kind, &change.id), owned(&change.identity, kind), key(&[DEFERRED])];
        let arguments = [
            change.before.clone().unwrap_or_default(),
            after.map(|after| after.text.clone()).unwrap_or_default(),
            after.map_or(0, |after| after.expires).to_string(),
            after.and_then(|after| after.deferred).map(|due| due.to_string()).unwrap_or_default(),
            change.id.clone(),
            change.most.to_string(),
            u8::from(change.oldest_goes).to_string(),
            kind.to_string(),
            entry(kind, ""),
        ];
        let answer: String = self.link.run(&REPLACE, &keys, &arguments).await?;
        match answer.as_str() {
            "done" => Ok(Replaced::Done),
            "changed" => Ok(Replaced::Changed),
            "full" => Ok(Replaced::Full),
            _ => Err(OutOfReach),
        }
    }

    async fn entries(&self, identity: &IdentityName, kind: u8) -> Result<Vec<(String, String)>, OutOfReach> {
        let ids = redis::cmd("ZRANGE").arg(owned(identity.as_str(), kind)).arg(0).arg(-1).to_owned();
        let ids: Vec<String> = self.link.ask(&ids).await?;
        let texts = self.texts(ids.iter().map(|id| entry(kind, id)).collect()).await?;
        Ok(ids.into_iter().zip(texts).filter_map(|(id, text)| Some((id, text?))).collect())
    }

    async fn due(&self, moment: u64) -> Result<Vec<(u8, String, String)>, OutOfReach> {
        let over = moment.saturating_sub(OVERDUE.as_secs());
        let arguments = [
            moment.to_string(),
            over.to_string(),
            CLAIMED.to_string(),
            key(&["deleting", ""]),
            CLAIM.as_secs().to_string(),
        ];
        let marks: Vec<String> = self.link.run(&DUE, &[key(&[DEFERRED])], &arguments).await?;
        let named = |mark: &String| {
            let (kind, id) = mark.split_once(':')?;
            Some((kind.parse::<u8>().ok()?, id.to_owned()))
        };
        let named: Vec<(u8, String)> = marks.iter().filter_map(named).collect();
        let texts = self.texts(named.iter().map(|(kind, id)| entry(*kind, id)).collect()).await?;
        Ok(named.into_iter().zip(texts).filter_map(|((kind, id), text)| Some((kind, id, text?))).collect())
    }
}

impl Replicas {
    /// The texts at some keys.
    pub(super) async fn texts(&self, keys: Vec<String>) -> Result<Vec<Option<String>>, OutOfReach> {
        let mut texts = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            let some: Vec<Option<String>> = self.link.ask(redis::cmd("MGET").arg(keys)).await?;
            texts.extend(some);
        }
        Ok(texts)
    }
}

fn granted(purse: &[String]) -> Option<(String, Granted)> {
    let [name, more, free, hour, day, renews] = purse else { return None };
    let granted = Granted {
        more: more.parse().ok()?,
        free: free.parse().ok()?,
        elsewhere: (hour.parse().ok()?, day.parse().ok()?),
        renews: Duration::from_secs(renews.parse().ok()?),
    };
    Some((name.clone(), granted))
}

fn entry(kind: u8, id: &str) -> String {
    key(&["handle", &kind.to_string(), id])
}

fn owned(identity: &str, kind: u8) -> String {
    key(&["owned", identity, &kind.to_string()])
}

static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("history.lua"), include_str!("settle.lua"))));
static REPLACE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("replace.lua")));
static DUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("due.lua")));
const DEFERRED: &str = "deferred";
/// Jobs that one replica deletes in a round, and how long no other takes them on: longer than a round, and the time until
/// what failed is tried again.
const CLAIMED: u32 = 50;
const CLAIM: Duration = Duration::from_secs(120);
/// How long a deletion at the org may be overdue before it is given up.
const OVERDUE: Duration = Duration::from_secs(3 * 24 * 3600);
/// Keys asked for in one command.
const AT_ONCE: usize = 500;

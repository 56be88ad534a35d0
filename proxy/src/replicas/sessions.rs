//! Sessions of several replicas, as `identity` needs them: a key for each, which a revoked one keeps until it would have
//! ended, and a stream of revocations.

use std::io;

use forcefield_identity::{SharedSessions, Told};
use forcefield_limits::OutOfReach;
use forcefield_policy::names::IdentityName;

use super::{REVOKED, Replicas, key};

impl SharedSessions for Replicas {
    fn tell(&self, sessions: &[Told]) -> io::Result<()> {
        let sessions = sessions.to_vec();
        self.wait(|replicas| async move { replicas.tell_sessions(&sessions).await })
    }

    fn revoke(&self, sessions: &[Told]) -> io::Result<()> {
        let sessions = sessions.to_vec();
        self.wait(|replicas| async move { replicas.revoke_sessions(&sessions).await })
    }

    fn lines_of(&self, identity: &IdentityName) -> io::Result<Vec<(String, String)>> {
        let of = sessions_of(identity);
        self.wait(|replicas| async move {
            let hashes: Vec<String> = replicas.link.ask(redis::cmd("ZRANGE").arg(of).arg(0).arg(-1)).await?;
            let lines = replicas.texts(hashes.iter().map(|hash| session(hash)).collect()).await?;
            Ok(hashes.into_iter().zip(lines).filter_map(|(hash, line)| Some((hash, line?))).collect())
        })
    }
}

impl Replicas {
    pub(super) async fn tell_sessions(&self, sessions: &[Told]) -> Result<(), OutOfReach> {
        for sessions in sessions.chunks(AT_ONCE) {
            let mut all = redis::pipe();
            for told in sessions {
                let (of, ends) = (sessions_of(&told.identity), told.expires.saturating_add(REMEMBERED));
                all.cmd("SET")
                    .arg(session(&told.hash))
                    .arg(&told.line)
                    .arg("PXAT")
                    .arg(ends)
                    .arg("NX")
                    .ignore();
                all.cmd("ZREMRANGEBYSCORE").arg(&of).arg("-inf").arg(now()).ignore();
                all.cmd("ZADD").arg(&of).arg(ends).arg(&told.hash).ignore();
                all.cmd("EXPIRE").arg(&of).arg(KEPT).ignore();
            }
            self.link.all::<()>(&all).await?;
        }
        Ok(())
    }

    pub(super) async fn revoke_sessions(&self, sessions: &[Told]) -> Result<(), OutOfReach> {
        for sessions in sessions.chunks(AT_ONCE) {
            let mut all = redis::pipe();
            for told in sessions {
                let ends = told.expires.saturating_add(REMEMBERED);
                all.cmd("SET").arg(session(&told.hash)).arg(&told.line).arg("PXAT").arg(ends).ignore();
                all.cmd("XADD").arg(key(&[REVOKED])).arg("MAXLEN").arg("~").arg(LATEST).arg("*");
                all.arg("line").arg(&told.line).ignore();
            }
            self.link.all::<()>(&all).await?;
        }
        Ok(())
    }

    /// Brings what is remembered here and what the store holds together: what either knows to be revoked is revoked.
    pub(super) async fn compare_sessions(&self, known: Vec<Told>) -> Result<Vec<String>, OutOfReach> {
        let lines = self.texts(known.iter().map(|told| session(&told.hash)).collect()).await?;
        let (mut to_tell, mut to_revoke, mut heard) = (Vec::new(), Vec::new(), Vec::new());
        for (told, line) in known.into_iter().zip(lines) {
            match line {
                Some(line) if line == told.line => {}
                Some(_) | None if told.is_revoked() => to_revoke.push(told),
                Some(line) => heard.push(line),
                None => to_tell.push(told),
            }
        }
        self.tell_sessions(&to_tell).await?;
        self.revoke_sessions(&to_revoke).await?;
        Ok(heard)
    }
}

pub(super) fn session(hash: &str) -> String {
    key(&["session", hash])
}

fn sessions_of(identity: &IdentityName) -> String {
    key(&["sessions", identity.as_str()])
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// How long a session is remembered after its end, in milliseconds.
const REMEMBERED: i64 = 3600 * 1000;
/// Longer than any session, in seconds.
const KEPT: i64 = 200 * 24 * 3600;
/// Revocations that a replica may be behind before it compares everything.
const LATEST: usize = 100_000;
/// Sessions in one go.
const AT_ONCE: usize = 200;

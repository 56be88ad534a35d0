//! Tokens that this replica does not know, asked about at the store. Whoever can open a connection can make them up, so
//! asking is bounded: so many questions at one time, fewer of them for one host, one for each token; and what nobody
//! knew is remembered for a moment. What does not fit is refused at once, never let in.
//!
//! To remember that nobody knows a token is safe. It has 384 random bits, and is in the store before its client has it:
//! nobody can ask about one that does not exist yet, so the answer does not change. Only a store that lost what it held
//! is told of sessions anew, and then this memory is emptied too.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forcefield_identity::Sessions;
use forcefield_limits::OutOfReach;
use ipnet::IpNet;
use tokio::sync::watch;

use super::Replicas;
use super::sessions::session;

/// The questions under way, and what nobody knew of late.
#[derive(Default)]
pub(super) struct Inquiries(Mutex<Desk>);

#[derive(Default)]
struct Desk {
    /// By the hash of the token.
    under_way: HashMap<String, watch::Receiver<Answer>>,
    of: HashMap<IpNet, usize>,
    nobodys: Nobodys,
}

/// `None` until there is one. Whoever asked finds the token's session among those known here, if there is one.
type Answer = Option<Result<(), OutOfReach>>;

/// How a question begins.
enum Begun {
    /// Nobody knows the token.
    Nobodys,
    /// Somebody asks already.
    UnderWay(watch::Receiver<Answer>),
    /// It is to be asked.
    Ask(Inquiry, watch::Receiver<Answer>),
}

/// The right to ask one question. It is answered when this is dropped, whatever became of it.
struct Inquiry {
    inquiries: Arc<Inquiries>,
    hash: String,
    of: IpNet,
    answer: watch::Sender<Answer>,
}

/// Hashes of tokens that nobody knew: those of late, and those before them.
#[derive(Default)]
struct Nobodys {
    late: HashSet<String>,
    before: HashSet<String>,
    since: Option<Instant>,
}

// === impl Replicas ===

impl Replicas {
    /// Learns what other replicas know of a token that a host shows, unless it is known here.
    ///
    /// # Errors
    /// The store is out of reach, or too much is asked already: the token may be one that another replica gave out.
    pub async fn learn(&self, sessions: &Arc<Sessions>, token: &str, host: IpNet) -> Result<(), OutOfReach> {
        let Some(hash) = sessions.unknown(token) else { return Ok(()) };
        let mut answer = match Inquiries::begin(&self.inquiries, hash, host, Instant::now())? {
            Begun::Nobodys => return Ok(()),
            Begun::UnderWay(answer) => answer,
            Begun::Ask(inquiry, answer) => {
                let (Some(own), Some(runtime)) = (self.own.upgrade(), &self.runtime) else {
                    return Err(OutOfReach);
                };
                let sessions = Arc::clone(sessions);
                // A task of its own: a client that goes away does not make room for the next question.
                runtime.spawn(async move { own.inquire(inquiry, sessions).await });
                answer
            }
        };
        let answer = answer.wait_for(Option::is_some).await.map_err(|_| OutOfReach)?;
        answer.unwrap_or(Err(OutOfReach))
    }

    async fn inquire(&self, inquiry: Inquiry, sessions: Arc<Sessions>) {
        let known = self.link.ask::<Option<String>>(redis::cmd("GET").arg(session(&inquiry.hash))).await;
        match known {
            Err(OutOfReach) => inquiry.answered(Err(OutOfReach)),
            Ok(None) => {
                inquiry.inquiries.lock().nobodys.note(inquiry.hash.clone(), Instant::now());
                inquiry.answered(Ok(()));
            }
            Ok(Some(line)) => {
                // It goes into the journal of sessions.
                let heard = tokio::task::spawn_blocking(move || super::warn_if(sessions.hear(&line))).await;
                inquiry.answered(heard.map_err(|_| OutOfReach));
            }
        }
    }
}

// === impl Inquiries ===

impl Inquiries {
    /// Forgets what nobody knew: the store is another one now.
    pub(super) fn forget(&self) {
        self.lock().nobodys = Nobodys::default();
    }

    fn begin(this: &Arc<Self>, hash: String, of: IpNet, now: Instant) -> Result<Begun, OutOfReach> {
        let mut desk = this.lock();
        if desk.nobodys.has(&hash, now) {
            return Ok(Begun::Nobodys);
        }
        if let Some(answer) = desk.under_way.get(&hash) {
            return Ok(Begun::UnderWay(answer.clone()));
        }
        let of_host = desk.of.get(&of).copied().unwrap_or_default();
        if desk.under_way.len() >= AT_ONCE || of_host >= OF_ONE_HOST {
            return Err(OutOfReach);
        }
        let (answer, told) = watch::channel(None);
        desk.under_way.insert(hash.clone(), told.clone());
        desk.of.insert(of, of_host.saturating_add(1));
        Ok(Begun::Ask(Inquiry { inquiries: Arc::clone(this), hash, of, answer }, told))
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // Held for a few look-ups only.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inquiry ===

impl Inquiry {
    fn answered(self, answer: Result<(), OutOfReach>) {
        self.answer.send_replace(Some(answer));
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        let mut desk = self.inquiries.lock();
        desk.under_way.remove(&self.hash);
        match desk.of.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(desk.of.remove(&self.of)),
        }
    }
}

// === impl Nobodys ===

impl Nobodys {
    fn has(&mut self, hash: &str, now: Instant) -> bool {
        self.turn(now);
        self.late.contains(hash) || self.before.contains(hash)
    }

    fn note(&mut self, hash: String, now: Instant) {
        self.turn(now);
        if self.late.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.late);
        }
        self.late.insert(hash);
    }

    /// Lets what is old go.
    fn turn(&mut self, now: Instant) {
        let age = self.since.map_or(Duration::MAX, |since| now.saturating_duration_since(since));
        if age >= FOR {
            let late = std::mem::take(&mut self.late);
            self.before = if age < FOR * 2 { late } else { HashSet::new() };
            self.since = Some(now);
        }
    }
}

/// Questions that wait for an answer at one time: few beside what the connection carries.
const AT_ONCE: usize = 64;
/// Those of one host, so that it cannot keep the others from asking.
const OF_ONE_HOST: usize = 16;
/// Half of the tokens that are remembered to be nobody's, of some hundred bytes each.
const REMEMBERED: usize = 4096;
/// How long one is at least; at most twice as long.
const FOR: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> IpNet {
        IpNet::from(std::net::IpAddr::from([10, 0, 0, last]))
    }

    fn ask(inquiries: &Arc<Inquiries>, hash: &str, host: IpNet) -> Option<Inquiry> {
        match Inquiries::begin(inquiries, hash.to_owned(), host, Instant::now()) {
            Ok(Begun::Ask(inquiry, _)) => Some(inquiry),
            Ok(Begun::Nobodys | Begun::UnderWay(_)) | Err(OutOfReach) => None,
        }
    }

    #[test]
    fn only_so_much_is_asked_at_once_and_less_for_one_host() {
        let inquiries = Arc::<Inquiries>::default();
        let of_one: Vec<_> = (0..100).filter_map(|n| ask(&inquiries, &n.to_string(), host(1))).collect();
        assert_eq!(of_one.len(), OF_ONE_HOST);
        let of_others: Vec<_> =
            (0..100).filter_map(|n| ask(&inquiries, &format!("x{n}"), host(n + 2))).collect();
        assert_eq!(of_one.len() + of_others.len(), AT_ONCE);
        drop((of_one, of_others));
        let desk = inquiries.lock();
        assert!(desk.under_way.is_empty() && desk.of.is_empty(), "all of it is given back");
    }

    #[test]
    fn a_token_is_asked_about_once_at_a_time_and_everyone_gets_the_answer() {
        let inquiries = Arc::<Inquiries>::default();
        let first = ask(&inquiries, "a", host(1)).unwrap();
        let Ok(Begun::UnderWay(second)) =
            Inquiries::begin(&inquiries, "a".to_owned(), host(2), Instant::now())
        else {
            panic!("it is asked twice");
        };
        first.answered(Ok(()));
        assert_eq!(*second.borrow(), Some(Ok(())));
        assert!(ask(&inquiries, "a", host(1)).is_some(), "and again when it is answered");
    }

    #[test]
    fn what_nobody_knows_is_remembered_for_a_moment_and_not_without_bound() {
        let (mut nobodys, start) = (Nobodys::default(), Instant::now());
        nobodys.note("a".to_owned(), start);
        assert!(nobodys.has("a", start + FOR));
        assert!(!nobodys.has("a", start + FOR * 2));
        nobodys.note("a".to_owned(), start + FOR * 2);
        assert!(!nobodys.has("a", start + FOR * 10), "also when nobody looked meanwhile");
        for n in 0..REMEMBERED * 5 {
            nobodys.note(n.to_string(), start + FOR * 10);
        }
        assert!(nobodys.late.len() + nobodys.before.len() <= 2 * REMEMBERED);
    }
}

//! The record: one JSON line per exchange, written before the exchange is answered for, and chained so that it cannot
//! be edited quietly.
//!
//! # What holds
//! - **A record of an answered exchange survives the end of the process**, `kill -9` included: [`Writer::write`]
//!   is over when the line was given to the kernel (`write(2)`), and the answer's last byte waits for that.
//! - **A crash of the machine** may lose what the kernel had not put on the disk: at most about a second
//!   ([`writer::SYNC_EVERY`]). The loss is found when the folder is opened again, and recorded.
//! - **No silent gap.** A record that could not be written is counted, and the count is a line of its own as soon as
//!   writing works again.
//! - **Any edit, removal, reordering or cut tail is found** by [`verify`](verify()) by whoever has the key. Who can
//!   write to the folder but has no key cannot forge a line. Whoever has only the public key finds the same in all that
//!   was signed: up to the last checkpoint and what the head says, which is about the last tenth of a second; also when
//!   it was done by somebody with the key of the chain, if another key signs. Two things need an anchor elsewhere, for
//!   which every checkpoint is also logged: putting back an older state of the whole folder, and removing everything of
//!   the newest run.
//!
//! # The folder
//! A *run* is one opening of the folder by one process, named by a ULID; processes that hand over to each other
//! have one each. `audit-RUN-000001.jsonl` and so on are its files, one chain across them; `audit-RUN.head` says how
//! far the chain has come, and is locked while the process lives. The first line of a run names the runs before it
//! and how far they had come. A *section* is a checkpoint and the lines up to the next one, which signs their digest.

pub mod finding;
mod folder;
mod follow;
mod json;
mod key;
mod line;
mod note;
pub mod query;
pub mod record;
mod section;
mod signer;
pub mod verify;
pub mod writer;

pub use finding::{Finding, Witness};
pub use follow::{Batch, Followed, Follower};
pub use key::{AuditKey, KeyError};
pub use query::{Filter, Seen, Summary, query, query_some};
pub use record::{Act, Job, Outcome, Proof, Record};
pub use signer::PublicKeys;
pub use verify::{Problem, Proofs, Report, Unsigned, verify};
pub use writer::{OpenError, Settings, Slot, Status, Unavailable, WriteError, Writer, Writing};

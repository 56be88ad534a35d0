//! What the threads of requests share, by its usual names.
//!
//! The counters name these, so that `tests/interleavings` can give them loom's, which tries every order of threads.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};

//! Bulk jobs.
use crate::id::Id;
/// A bulk job as a test sees it.
#[derive(Debug, Clone)]
pub struct JobSeen {
    /// The job's id.
    pub id: String,
}
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(crate) polls: u32,
    pub(crate) result_bytes: Option<u64>,
}
impl Jobs {
    pub(crate) fn seen(&self, _: impl Fn(&str) -> String) -> Vec<JobSeen> {
        let _: Option<Id> = None;
        Vec::new()
    }
}

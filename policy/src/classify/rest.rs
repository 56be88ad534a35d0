//! The REST doors, a file per family.

pub(crate) mod analytics;
pub(crate) mod automation;
pub(crate) mod collections;
pub(crate) mod composite;
pub(crate) mod limits;
pub(crate) mod misc;
pub(crate) mod query;
pub(crate) mod search;
pub(crate) mod sobject;
pub(crate) mod tooling;
pub(crate) mod versions;

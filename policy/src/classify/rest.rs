//! The REST doors, a file per family.

pub(crate) mod limits;
pub(crate) mod versions;

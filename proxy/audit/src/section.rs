//! A section of a run: its lines since the last checkpoint, that included. Its digest takes no key, and the next
//! checkpoint signs it; so who has only the public key can tell whether a line is as it was written.

use aws_lc_rs::digest::{Context, SHA256};

use crate::line::Hash;

/// The lines so far, with their line feeds.
#[derive(Clone)]
pub(crate) struct Section(Context);

// === impl Section ===

impl Section {
    /// A section without a line.
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// The section that a checkpoint begins.
    pub(crate) fn of(checkpoint: &[u8]) -> Self {
        let mut section = Self::new();
        section.add(checkpoint);
        section
    }

    /// Adds text: whole lines, with their line feeds.
    pub(crate) fn add(&mut self, lines: &[u8]) {
        self.0.update(lines);
    }

    /// Adds one line that is without its line feed.
    pub(crate) fn add_line(&mut self, line: &[u8]) {
        self.add(line);
        self.add(b"\n");
    }

    /// The digest of the lines so far.
    pub(crate) fn digest(&self) -> Hash {
        let mut hash = [0; 32];
        hash.iter_mut().zip(self.0.clone().finish().as_ref()).for_each(|(to, from)| *to = *from);
        Hash(hash)
    }
}

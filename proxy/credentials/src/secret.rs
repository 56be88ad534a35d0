//! A secret in memory: wiped when it is dropped, never printed.

use std::fmt;

use zeroize::Zeroizing;

/// The bytes of a secret.
///
/// Not `Clone`, not `Display`, not `Serialize`; `Debug` prints no part of it:
/// ```
/// let secret = forcefield_credentials::Secret::new(b"hunter2".to_vec());
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

// === impl Secret ===

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn from_wiped(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Takes one line ending after it away: that of the file or field that it was written to.
    pub(crate) fn trimmed(mut self) -> Self {
        if self.0.last() == Some(&b'\n') {
            self.0.pop();
            if self.0.last() == Some(&b'\r') {
                self.0.pop();
            }
        }
        self
    }

    /// The bytes, for the one place that needs them: a key parser, an outgoing form.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `None` when they are not UTF-8.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

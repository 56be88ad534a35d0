//! What a single replica knows of refresh tokens that it sent to the org: which may be dead, since the answer to the
//! mint that spent them is not known, and which the org takes again and again.
//!
//! A line for each, with its [`mark`](super::mark) and not the token, in a file beside the newest token. The file is read
//! and written only by whoever has the turn.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::write;
use super::{Rotates, UNNOTED};

/// Those of one identity.
#[derive(Clone, Debug)]
pub(super) struct Doubts {
    path: PathBuf,
}

/// What is known of a token that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It is being spent, or was, and no answer came.
    Spending,
    /// The org gave no other for it: it is good for more.
    Reusable,
}

// === impl Doubts ===

impl Doubts {
    /// Beside the file with the newest token.
    pub(super) fn beside(newest: &Path) -> Self {
        Self { path: newest.with_extension("sent") }
    }

    /// Whether a token may have been spent by a mint whose answer is not known.
    pub(super) fn holds(&self, token: &str) -> io::Result<bool> {
        Ok(self.known(token)? == Some(Sent::Spending))
    }

    /// Notes that a token is about to be sent. It is on disk when this returns.
    pub(super) fn spend(&self, token: &str) -> io::Result<()> {
        match self.known(token)? {
            Some(Sent::Spending | Sent::Reusable) => Ok(()),
            None => self.set(token, Some(Sent::Spending)),
        }
    }

    /// Notes that the org took a token and gave no other, or refused it.
    pub(super) fn unspent(&self, token: &str, org: Rotates) -> io::Result<()> {
        let (known, now) = (
            self.known(token)?,
            match org {
                Rotates::No => Some(Sent::Reusable),
                Rotates::AsBefore => None,
            },
        );
        if known == now || known == Some(Sent::Reusable) { Ok(()) } else { self.set(token, now) }
    }

    /// Forgets a token whose successor is kept: nobody spends it any more, so that its line does no harm.
    pub(super) fn forget(&self, token: &str) {
        if let Err(error) = self.set(token, None) {
            tracing::warn!(%error, "{UNNOTED}");
        }
    }

    fn known(&self, token: &str) -> io::Result<Option<Sent>> {
        Ok(self.lines()?.into_iter().find(|(known, _)| known == token).map(|(_, sent)| sent))
    }

    fn set(&self, token: &str, sent: Option<Sent>) -> io::Result<()> {
        let mut lines = self.lines()?;
        lines.retain(|(known, _)| known != token);
        lines.extend(sent.map(|sent| (token.to_owned(), sent)));
        let text: String = lines.iter().map(|(token, sent)| format!("{token} {}\n", sent.as_str())).collect();
        write(&self.path, text.as_bytes())
    }

    fn lines(&self) -> io::Result<Vec<(String, Sent)>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // What is no such line was not written here. It must not make a token look unspent.
        let odd =
            || io::Error::new(io::ErrorKind::InvalidData, "the notes of sent refresh tokens are damaged");
        let line = |line: &str| {
            let (token, sent) = line.split_once(' ')?;
            Some((token.to_owned(), Sent::of(sent)?))
        };
        text.lines().map(|text| line(text).ok_or_else(odd)).collect()
    }
}

// === impl Sent ===

impl Sent {
    fn as_str(self) -> &'static str {
        match self {
            Self::Spending => "spending",
            Self::Reusable => "reusable",
        }
    }

    fn of(text: &str) -> Option<Self> {
        [Self::Spending, Self::Reusable].into_iter().find(|sent| sent.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_doubt_from_its_sending_to_what_is_known_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let doubts = Doubts::beside(&folder.path().join("billing"));
        let (first, other) = ("a1", "b2");
        let holds = || (doubts.holds(first).unwrap(), doubts.holds(other).unwrap());
        assert_eq!(holds(), (false, false));
        doubts.spend(first).unwrap();
        assert_eq!(holds(), (true, false));
        doubts.spend(other).unwrap();
        doubts.unspent(other, Rotates::AsBefore).unwrap();
        assert_eq!(holds(), (true, false), "what is known of one says nothing of the other");
        doubts.forget(first);
        assert_eq!(holds(), (false, false));
        let written = fs::read_to_string(folder.path().join("billing.sent")).unwrap();
        assert_eq!(written, "");
    }

    #[test]
    fn a_token_that_the_org_takes_again_and_again_is_not_in_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let doubts = Doubts::beside(&folder.path().join("billing"));
        let token = "a1";
        for _ in 0..2 {
            doubts.spend(token).unwrap();
            doubts.unspent(token, Rotates::No).unwrap();
        }
        doubts.spend(token).unwrap();
        assert!(!doubts.holds(token).unwrap(), "the org did not rotate it");
        doubts.unspent(token, Rotates::AsBefore).unwrap();
        doubts.spend(token).unwrap();
        assert!(!doubts.holds(token).unwrap(), "a refusal changes nothing of that");
    }

    #[test]
    fn damaged_notes_clear_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let doubts = Doubts::beside(&folder.path().join("billing"));
        fs::write(folder.path().join("billing.sent"), "a1 spen").unwrap();
        assert!(doubts.holds("b2").is_err() && doubts.spend("b2").is_err());
    }
}

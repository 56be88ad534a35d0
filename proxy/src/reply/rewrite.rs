//! The org's addresses in an answer, replaced by the address that the client used, piece by piece.
//!
//! An address may be cut by the border of two pieces: what could be the beginning of one waits for the next piece.
//! Both spellings are found, `https://host` and, as JSON may have it, `https:\/\/host`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// Replaces addresses in one body.
#[derive(Debug)]
pub struct Rewriter {
    from: Arc<[String]>,
    to: String,
    /// Made when an address may have begun: most answers hold none.
    rules: Vec<Rule>,
    longest: usize,
    kept: BytesMut,
}

/// One address in one spelling, and what stands in its place.
type Rule = (Box<[u8]>, Box<[u8]>);

impl Rewriter {
    /// Replaces each of `from` by `to`; all are base URLs without a trailing slash.
    #[must_use]
    pub fn new(from: Arc<[String]>, to: String) -> Self {
        Self { from, to, rules: Vec::new(), longest: 1, kept: BytesMut::new() }
    }

    /// What may go on of a piece and of what was kept before it.
    pub fn feed(&mut self, piece: Bytes) -> Bytes {
        // Most pieces hold no address at all, not even the beginning of one.
        if self.kept.is_empty() && first_scheme(&piece).is_none() {
            return piece;
        }
        self.make_rules();
        self.kept.extend_from_slice(&piece);
        self.replace(false)
    }

    /// What was kept, at the end of the body.
    pub fn finish(&mut self) -> Bytes {
        if self.kept.is_empty() { Bytes::new() } else { self.replace(true) }
    }

    fn make_rules(&mut self) {
        if !self.rules.is_empty() {
            return;
        }
        for base in self.from.iter() {
            for (old, new) in [(base.clone(), self.to.clone()), (escaped(base), escaped(&self.to))] {
                self.rules.push((old.into_bytes().into(), new.into_bytes().into()));
            }
        }
        self.longest = self.rules.iter().map(|(old, _)| old.len()).max().unwrap_or(1);
    }

    fn replace(&mut self, end: bool) -> Bytes {
        let (mut out, mut at) = (BytesMut::with_capacity(self.kept.len()), 0);
        while let Some(rest) = self.kept.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(skip) = first_scheme(rest) else {
                out.extend_from_slice(rest);
                at = self.kept.len();
                break;
            };
            out.extend_from_slice(rest.get(..skip).unwrap_or_default());
            at += skip;
            let here = rest.get(skip..).unwrap_or_default();
            // An address ends where a host name ends; one byte more must be known.
            if here.len() <= self.longest && !end && self.rules.iter().any(|(old, _)| begins(old, here)) {
                break;
            }
            match self.rules.iter().find(|(old, _)| here.starts_with(old) && ends_there(here.get(old.len())))
            {
                Some((old, new)) => {
                    out.extend_from_slice(new);
                    at += old.len();
                }
                None => {
                    out.extend_from_slice(here.get(..1).unwrap_or_default());
                    at += 1;
                }
            }
        }
        let _ = self.kept.split_to(at.min(self.kept.len()));
        out.freeze()
    }
}

/// Whether `here` is a beginning of `old`, or the whole of it with nothing known behind.
fn begins(old: &[u8], here: &[u8]) -> bool {
    old.starts_with(here) || (here.starts_with(old) && here.len() == old.len())
}

/// Whether a host name that was read so far is whole: `https://acme.example` is not in `https://acme.example.org`.
fn ends_there(next: Option<&u8>) -> bool {
    next.is_none_or(|next| {
        !(next.is_ascii_alphanumeric() || matches!(next, b'.' | b'-' | b':' | b'_' | b'@' | b'%'))
    })
}

/// The first place where an address may begin: `https:`, or the beginning of it at the end of the text.
fn first_scheme(text: &[u8]) -> Option<usize> {
    const SCHEME: &[u8] = b"https:";
    memchr::memchr_iter(b'h', text).find(|at| {
        let here = text.get(*at..).unwrap_or_default();
        if here.len() < SCHEME.len() { SCHEME.starts_with(here) } else { here.starts_with(SCHEME) }
    })
}

fn escaped(base: &str) -> String {
    base.replace('/', "\\/")
}

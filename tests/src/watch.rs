//! Every byte that the process under test emits is searched for what must never leave it: the org's tokens and keys.
//!
//! The emulated org marks its tokens, and the harness gives its app a marked secret, so one short text finds them all.
//! Searched are all bytes that callers got (before and behind compression), what the process wrote to its standard
//! output and error, its folders of records and state, its metrics, and whatever else it has left behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use forcefield_emulator::MARK;
use memchr::memmem::find;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::{Reply, encode};
use crate::proxy::SECRET;

/// What one Forcefield must not emit, and what it has emitted all the same.
pub(crate) struct Watch {
    /// Every form of the org's secrets.
    org: BTreeSet<Vec<u8>>,
    /// Forcefield's own secrets and those of its callers, which belong into some answers but into no record.
    callers: Mutex<BTreeSet<Vec<u8>>>,
    finds: Mutex<BTreeSet<String>>,
    logs: TempDir,
    launches: AtomicUsize,
}

/// A stream whose incoming bytes are searched.
pub struct Watched<S> {
    stream: S,
    watch: Option<Arc<Watch>>,
    tail: Vec<u8>,
}

// === impl Watch ===

impl Watch {
    /// Watches for the org's tokens, the secret of the app, and its private key.
    pub(crate) fn new(key_pem: &str) -> Result<Self> {
        let mut org = forms(MARK.as_bytes());
        // The first third of the key is its public half.
        let lines: Vec<_> = key_pem.lines().filter(|line| line.len() >= 64).collect();
        for line in lines.iter().skip(lines.len() / 2).step_by(3) {
            org.insert(line.as_bytes().to_vec());
            org.insert(encode(line).into_bytes());
            org.extend(forms(&STANDARD.decode(line)?));
        }
        Ok(Self {
            org,
            callers: Mutex::new(forms(SECRET.as_bytes())),
            finds: Mutex::default(),
            logs: TempDir::new()?,
            launches: AtomicUsize::new(0),
        })
    }

    /// A file for what a process writes.
    pub(crate) fn next_log(&self) -> PathBuf {
        self.logs.path().join(format!("{}.log", self.launches.fetch_add(1, Ordering::Relaxed)))
    }

    /// Also watches records, logs and metrics for a secret that a caller holds.
    pub(crate) fn keep_out_of_records(&self, secret: &str) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.extend(forms(secret.as_bytes()));
    }

    /// Searches bytes that went to a caller.
    pub(crate) fn search(&self, place: &str, bytes: &[u8]) {
        for secret in self.org.iter().filter(|secret| find(bytes, secret).is_some()) {
            self.found(place, bytes, secret);
        }
    }

    /// Searches bytes that stay with the operator.
    fn search_kept(&self, place: &str, bytes: &[u8]) {
        self.search(place, bytes);
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in callers.iter().filter(|secret| find(bytes, secret).is_some()) {
            self.found(place, bytes, secret);
        }
    }

    /// Searches an answer: its headers, which HTTP/2 packs, and its body, which may be compressed.
    pub(crate) fn reply(&self, reply: &Reply) {
        for (name, value) in &reply.headers {
            self.search(&format!("the header {name}"), value.as_bytes());
        }
        self.search("the body of an answer", &reply.body);
        let mut plain = Vec::new();
        if flate2::read::MultiGzDecoder::new(&*reply.body).read_to_end(&mut plain).is_ok() {
            self.search("the unpacked body of an answer", &plain);
        }
    }

    /// Searches the metrics, if they are still served.
    pub(crate) fn metrics(&self, address: SocketAddr) {
        let scrape = || -> io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut text = Vec::new();
            stream.read_to_end(&mut text)?;
            Ok(text)
        };
        self.search_kept("the metrics", &scrape().unwrap_or_default());
    }

    /// Searches all that the process has written: logs, records, state, and whatever fell into its working folder.
    ///
    /// The newest refresh token of an identity has to be in the state folder, and must be the owner's alone.
    pub(crate) fn files(&self, folder: &Path) {
        self.folder(self.logs.path(), &[]);
        self.folder(
            folder,
            &["keys", "tls", "identities", "forcefield.yaml", "state/refresh"].map(|own| folder.join(own)),
        );
        for file in listed(&folder.join("state/refresh")) {
            let mode = fs::metadata(&file).map_or(0, |file| file.permissions().mode());
            if mode & 0o077 != 0 {
                self.note(format!("{} is open to others: {mode:o}", file.display()));
            }
        }
    }

    fn folder(&self, folder: &Path, except: &[PathBuf]) {
        for path in listed(folder).into_iter().filter(|path| !except.contains(path)) {
            if path.is_dir() {
                self.folder(&path, except);
            } else if path.is_file() {
                self.search_kept(&path.display().to_string(), &fs::read(&path).unwrap_or_default());
            }
        }
    }

    /// Fails the test if anything was found.
    pub(crate) fn verdict(&self) {
        let finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        if std::thread::panicking() {
            finds.iter().for_each(|find| eprintln!("{find}"));
        } else {
            assert!(finds.is_empty(), "secrets were emitted: {finds:#?}");
        }
    }

    fn found(&self, place: &str, bytes: &[u8], secret: &[u8]) {
        let at = find(bytes, secret).unwrap_or_default();
        let around = bytes.get(at.saturating_sub(80)..(at + 40).min(bytes.len())).unwrap_or_default();
        self.note(format!("in {place}: {}", String::from_utf8_lossy(around)));
    }

    fn note(&self, find: String) {
        self.finds.lock().unwrap_or_else(PoisonError::into_inner).insert(find);
    }
}

// === impl Watched ===

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, watch: Option<Arc<Watch>>) -> Self {
        Self { stream, watch, tail: Vec::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let this = &mut *self;
        if let Some(watch) = &this.watch {
            this.tail.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
            watch.search("what a connection received", &this.tail);
            let longest = watch.org.iter().map(Vec::len).max().unwrap_or_default();
            this.tail.drain(..this.tail.len().saturating_sub(longest));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A secret as it is, in hexadecimal digits, and inside of a text in base64, wherever in it the secret begins.
fn forms(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = BTreeSet::from([secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()]);
    for (offset, before) in [&b""[..], b"_", b"__"].into_iter().enumerate() {
        let padded = [before, secret].concat();
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // Digits that the bytes before and behind take part in are left out.
            let (start, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
            forms.extend(text.get(start..end).map(|text| text.as_bytes().to_vec()));
        }
    }
    forms
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let watch = Watch::new("").unwrap();
        let token = format!("00D000000000001!AQ{MARK}xyz");
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{token}");
            let emitted = [
                text.clone(),
                STANDARD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                encode(&text),
                text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            ];
            for text in emitted {
                watch.finds.lock().unwrap().clear();
                watch.search("a test", text.as_bytes());
                assert_eq!(watch.finds.lock().unwrap().len(), 1, "{text}");
            }
        }
        watch.finds.lock().unwrap().clear();
        watch.search("a test", b"OrgSecretStays, but not that one");
        assert!(watch.finds.lock().unwrap().is_empty());
    }
}

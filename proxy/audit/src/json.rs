//! JSON written piece by piece: for the line that every exchange writes, where a serializer's calls cost more than the
//! text.
//!
//! What stands around the values is written as it is here; numbers are `itoa`'s, and strings with something to escape
//! `serde_json`'s.

use std::io::Write;
use std::net::IpAddr;

/// A JSON text that grows.
pub(crate) struct Json(Vec<u8>);

// === impl Json ===

impl Json {
    /// An empty text, with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends what is JSON already. It is a word of this program, so nothing that came from outside stands unescaped.
    pub(crate) fn plain(&mut self, json: &'static str) -> &mut Self {
        self.0.extend_from_slice(json.as_bytes());
        self
    }

    /// Appends a number.
    pub(crate) fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    /// Appends a string.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        // Without a branch for every byte: most texts are short and have nothing to escape.
        if text.bytes().fold(false, |found, byte| found | is_escaped(byte)) {
            // Writing to a vector cannot fail.
            let _ = serde_json::to_writer(&mut self.0, text);
        } else {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        }
        self
    }

    /// Appends an address, as a string.
    pub(crate) fn address(&mut self, address: IpAddr) -> &mut Self {
        match address {
            IpAddr::V4(address) => {
                let [first, second, third, fourth] = address.octets();
                self.plain("\"").number(first).plain(".").number(second);
                self.plain(".").number(third).plain(".").number(fourth).plain("\"")
            }
            IpAddr::V6(address) => {
                // Writing to a vector cannot fail.
                let _ = write!(self.0, "\"{address}\"");
                self
            }
        }
    }

    /// Appends words of this program as one string, joined by `+`: one or more.
    pub(crate) fn joined(&mut self, words: impl IntoIterator<Item = &'static str>) -> &mut Self {
        for (number, word) in words.into_iter().enumerate() {
            self.plain(if number == 0 { "\"" } else { "+" }).plain(word);
        }
        self.plain("\"")
    }

    /// Appends items, with commas between them and these pieces around them; nothing at all when there are none.
    pub(crate) fn list<T>(
        &mut self,
        (before, after): (&'static str, &'static str),
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) -> &mut Self {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.plain(before);
            while let Some(item) = items.next() {
                write(self, item);
                self.plain(if items.peek().is_some() { "," } else { after });
            }
        }
        self
    }

    /// Appends strings, likewise.
    pub(crate) fn strings(
        &mut self,
        around: (&'static str, &'static str),
        texts: impl IntoIterator<Item: AsRef<str>>,
    ) -> &mut Self {
        self.list(around, texts, |json, text| {
            json.string(text.as_ref());
        })
    }

    /// The text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Whether a byte cannot stand for itself within a JSON string.
fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

//! JSON as it streams by: the tokens that counting rows and finding handles need, whatever the chunks.
//!
//! Not a validator. Salesforce wrote the text, and clients read it with real parsers; what matters here is that no
//! string, however escaped and however cut, is taken for structure.
//!
//! A text is looked at in blocks. Of each the quotes are found first, and so what is inside strings; then the brackets
//! outside. A string is looked at only when a bracket comes after it and its colon, or when names are asked for.

mod marks;

use marks::{BLOCK, Marks, parity};

/// A token, in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `{`, and what the object is called.
    Object(Name<'a>),
    /// `[`, and what the array is called.
    Array(Name<'a>),
    /// `}` or `]`
    Close,
    /// A name with its colon, if [`Heed::Names`].
    Name(Name<'a>),
    /// `,`, if [`Heed::Values`].
    Comma,
    /// A whole string that is not longer than [`LONGEST`], escapes as written, if [`Heed::Values`].
    Text(&'a [u8]),
}

/// A name, which is a string with a colon after it. Empty where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// What it says, escapes as written.
    pub(crate) text: &'a [u8],
    /// Whether there are any.
    pub(crate) escaped: bool,
}

/// Which tokens are of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heed {
    /// Brackets.
    #[default]
    Brackets,
    /// All names too.
    Names,
    /// All strings and commas too.
    Values,
}

/// Where a text stands between two chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// All ones inside a string, else zero.
    inside: u64,
    /// Whether the next byte is escaped.
    escape: bool,
    /// The last string, as far as earlier chunks hold it and up to one byte past [`LONGEST`]. Empty when something
    /// stands after it that parts it from what may come.
    kept: Vec<u8>,
    /// Whether its colon has come.
    colon: bool,
}

/// One chunk, as far as it was looked at.
struct Seen<'a> {
    chunk: &'a [u8],
    /// Where the next block begins.
    next: usize,
    /// Where the last string begins, behind its quote; zero when that is in an earlier chunk.
    string: usize,
    /// Where the last block ends that has a backslash.
    escapes: usize,
    /// How much of the last string was kept of earlier chunks.
    carried: usize,
}

/// The longest string given whole: longer than any name looked for, any id and any locator's address.
const LONGEST: usize = 256;

// === impl Tokens ===

impl Tokens {
    /// Gives the tokens that end in this chunk to `give`, which says what it needs next. `heed` is what it needs first.
    #[inline]
    pub(crate) fn feed(&mut self, chunk: &[u8], mut heed: Heed, mut give: impl FnMut(Token<'_>) -> Heed) {
        let mut seen = Seen { chunk, next: 0, string: 0, escapes: 0, carried: self.kept.len() };
        while let Some(rest) = chunk.get(seen.next..).filter(|rest| !rest.is_empty()) {
            let padded;
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    padded = padded_with_zeros(rest);
                    &padded
                }
            };
            heed = self.block(&mut seen, block, heed, &mut give);
        }
        self.keep(&seen);
    }

    /// The beginning of a string that may go on, or have its colon, in the next chunk.
    pub(crate) fn open(&self) -> Option<&[u8]> {
        Some(self.kept.as_slice()).filter(|kept| self.inside != 0 || !kept.is_empty())
    }

    /// Gives the tokens that end in the next block.
    #[inline]
    fn block(
        &mut self,
        seen: &mut Seen<'_>,
        block: &[u8; BLOCK],
        mut heed: Heed,
        give: &mut impl FnMut(Token<'_>) -> Heed,
    ) -> Heed {
        let marks = Marks::of(block);
        let quotes = self.quotes(seen, block, marks);
        let inside = parity(quotes) ^ self.inside;
        self.inside = if inside >> (BLOCK - 1) == 0 { 0 } else { u64::MAX };
        let heeded = |heed| {
            let bytes = match heed {
                Heed::Brackets => marks.brackets,
                Heed::Names => marks.brackets | Marks::colons(block),
                Heed::Values => marks.brackets | Marks::colons(block) | Marks::commas(block) | quotes,
            };
            bytes & !inside
        };
        let strings = quotes & inside;
        let mut ahead = heeded(heed);
        while ahead != 0 {
            let at = ahead.trailing_zeros();
            ahead &= ahead - 1;
            let end = seen.next + at as usize;
            let strings = strings & !(u64::MAX << at);
            let token = match seen.chunk.get(end) {
                Some(b'}' | b']') => Token::Close,
                Some(bracket @ (b'{' | b'[')) => {
                    let name = self.name_of(seen, strings, end);
                    if *bracket == b'{' { Token::Object(name) } else { Token::Array(name) }
                }
                Some(b':') => Token::Name(self.name(seen, seen.string(strings), end)),
                Some(b',') => Token::Comma,
                Some(_) | None => match self.text(seen, seen.string(strings), end) {
                    text if text.len() <= LONGEST => Token::Text(text),
                    _ => continue,
                },
            };
            let next = give(token);
            if heed != next {
                heed = next;
                ahead = heeded(heed) & u64::MAX << at << 1;
            }
        }
        seen.string = seen.string(strings);
        seen.next += BLOCK;
        heed
    }

    /// The quotes of a block that begin or end strings.
    #[inline]
    fn quotes(&mut self, seen: &mut Seen<'_>, block: &[u8; BLOCK], marks: Marks) -> u64 {
        if !marks.has_backslash && !self.escape {
            return marks.quotes;
        }
        seen.escapes = seen.next + BLOCK;
        let length = (seen.chunk.len() - seen.next).min(BLOCK);
        self.unescaped(marks.quotes, Marks::backslashes(block), length)
    }

    /// Those of the quotes that no backslash escapes, in so many bytes. Outside strings a backslash escapes nothing.
    #[cold]
    fn unescaped(&mut self, quotes: u64, backslashes: u64, length: usize) -> u64 {
        let mut inside = self.inside != 0;
        let mut ahead = u64::MAX << u32::from(std::mem::take(&mut self.escape));
        let mut unescaped = 0;
        loop {
            let marks = if inside { quotes | backslashes } else { quotes } & ahead;
            if marks == 0 {
                return unescaped;
            }
            let at = marks.trailing_zeros();
            ahead = u64::MAX << at << 1;
            if backslashes >> at & 1 == 1 {
                ahead <<= 1;
                self.escape = at as usize + 1 == length;
            } else {
                unescaped |= 1 << at;
                inside = !inside;
            }
        }
    }

    /// What the value that begins here is called, of whose block the strings before it are told.
    #[inline]
    fn name_of<'a>(&'a mut self, seen: &Seen<'a>, strings: u64, value: usize) -> Name<'a> {
        match seen.chunk.get(..value).and_then(<[u8]>::last) {
            Some(b':') => self.name(seen, seen.string(strings), value - 1),
            Some(b'[' | b',') => Name::default(),
            _ => self.name_apart(seen, seen.string(strings), value),
        }
    }

    /// The same where the value is not next to its colon.
    fn name_apart<'a>(&'a mut self, seen: &Seen<'a>, string: usize, value: usize) -> Name<'a> {
        match last_mark(seen.chunk.get(string..value).unwrap_or_default()) {
            Some((at, b':')) => self.name(seen, string, string + at),
            None if string == 0 && self.colon => Name::of(&self.kept),
            Some(_) | None => Name::default(),
        }
    }

    /// The name that ends with a colon.
    #[inline]
    fn name<'a>(&'a mut self, seen: &Seen<'a>, string: usize, colon: usize) -> Name<'a> {
        match seen.chunk.get(string..colon) {
            Some([text @ .., b'"']) if string > seen.escapes => Name { text, escaped: false },
            before => self.uncommon_name(seen, string, before.unwrap_or_default()),
        }
    }

    /// The same where it is not next to its colon, or may be escaped, or begins in an earlier chunk.
    fn uncommon_name<'a>(&'a mut self, seen: &Seen<'a>, string: usize, before: &[u8]) -> Name<'a> {
        match last_mark(before) {
            Some((at, b'"')) => Name::of(self.text(seen, string, string + at)),
            None if string == 0 && !self.colon => Name::of(&self.kept),
            Some(_) | None => Name::default(),
        }
    }

    /// The string between two quotes, of which the first may be in an earlier chunk.
    fn text<'a>(&'a mut self, seen: &Seen<'a>, string: usize, end: usize) -> &'a [u8] {
        let text = seen.chunk.get(string..end).unwrap_or_default();
        if string > 0 {
            return text;
        }
        self.kept.truncate(seen.carried);
        self.add(text);
        &self.kept
    }

    /// Keeps what of the last string the next chunk may need.
    fn keep(&mut self, seen: &Seen<'_>) {
        let tail = seen.chunk.get(seen.string..).unwrap_or_default();
        let begun_before = seen.string == 0;
        self.kept.truncate(if begun_before { seen.carried } else { 0 });
        if self.inside != 0 {
            self.colon = false;
            return self.add(tail);
        }
        let (after, colon) = match last_mark(tail) {
            Some((at, b':')) => (last_mark(tail.get(..at).unwrap_or_default()), true),
            None => return,
            mark => (mark, false),
        };
        match after {
            Some((end, b'"')) => self.add(tail.get(..end).unwrap_or_default()),
            None if begun_before && !self.colon => {}
            Some(_) | None => self.kept.clear(),
        }
        self.colon = colon;
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = (LONGEST + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

// === impl Seen ===

impl Seen<'_> {
    /// Where the last of some strings of the block that comes next begins, or else the last before them.
    #[inline]
    fn string(&self, strings: u64) -> usize {
        strings.checked_ilog2().map_or(self.string, |quote| self.next + quote as usize + 1)
    }
}

// === impl Name ===

impl<'a> Name<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, escaped: text.contains(&b'\\') }
    }
}

/// The last byte that is a quote or structure, and where it is.
#[inline]
fn last_mark(bytes: &[u8]) -> Option<(usize, u8)> {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b',' | b':' | b'{' | b'}' | b'[' | b']');
    bytes.iter().copied().enumerate().rfind(|(_, byte)| is_mark(byte))
}

/// The last bytes of a chunk as a block.
fn padded_with_zeros(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

#[cfg(test)]
mod tests;

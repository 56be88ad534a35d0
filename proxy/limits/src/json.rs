//! JSON as it streams by: the tokens that counting rows and finding handles need, whatever the chunks.
//!
//! Not a validator. Salesforce wrote the text, and clients read it with real parsers; what matters here is that no
//! string, however escaped and however cut, is taken for structure.

use memchr::memchr2;

/// A token, in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A whole string. Escapes stand as written; longer ones than [`LONGEST`] come as `None`.
    Text(Option<&'a [u8]>),
    /// `:` after a key.
    Colon,
    /// `,`
    Comma,
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    Close,
}

/// Where a text stands between two chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    string: Option<Open>,
}

/// A string whose end has not passed yet.
#[derive(Clone, Debug, Default)]
struct Open {
    /// What came in earlier chunks, up to one byte past [`LONGEST`].
    start: Vec<u8>,
    /// Whether the chunk ended between a backslash and what it escapes.
    escape: bool,
}

/// The longest string given whole: longer than any key looked for, any id and any locator's address.
const LONGEST: usize = 256;
/// How far a closing quote is looked for eight bytes at a time.
const SHORT: usize = 32;

// === impl Tokens ===

impl Tokens {
    /// Gives the tokens that end in this chunk.
    #[inline]
    pub(crate) fn feed(&mut self, chunk: &[u8], mut give: impl FnMut(Token<'_>)) {
        let mut rest = chunk;
        if let Some(open) = self.string.take() {
            match self.go_on(open, rest, &mut give) {
                Some(after) => rest = after,
                None => return,
            }
        }
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'"' => match short(rest).map_or_else(|| end_of_string(rest, false), Ok) {
                    Ok((text, after)) => {
                        give(Token::Text((text.len() <= LONGEST).then_some(text)));
                        rest = after;
                    }
                    Err(escape) => {
                        let start = rest.get(..LONGEST + 1).unwrap_or(rest).to_vec();
                        self.string = Some(Open { start, escape });
                        return;
                    }
                },
                b':' => give(Token::Colon),
                b',' => give(Token::Comma),
                b'{' => give(Token::Object),
                b'[' => give(Token::Array),
                b'}' | b']' => give(Token::Close),
                _ => {}
            }
        }
    }

    /// Goes on with a string from an earlier chunk: what is after it, or `None` when it does not end here either.
    fn go_on<'a>(
        &mut self,
        mut open: Open,
        chunk: &'a [u8],
        give: &mut impl FnMut(Token<'_>),
    ) -> Option<&'a [u8]> {
        let ended = end_of_string(chunk, open.escape);
        let text = ended.map_or(chunk, |(text, _)| text);
        let room = (LONGEST + 1).saturating_sub(open.start.len());
        open.start.extend_from_slice(text.get(..room).unwrap_or(text));
        match ended {
            Ok((_, after)) => {
                give(Token::Text((open.start.len() <= LONGEST).then_some(&open.start)));
                Some(after)
            }
            Err(escape) => {
                open.escape = escape;
                self.string = Some(open);
                None
            }
        }
    }
}

/// Splits at the closing quote like [`end_of_string`], if that is near and no backslash before it. Most strings are keys
/// and short values, for which calling a vectorized search costs more than the search.
#[inline]
fn short(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut at, mut rest) = (0, text);
    while let Some((eight, after)) = rest.split_first_chunk::<8>().filter(|_| at < SHORT) {
        let word = u64::from_le_bytes(*eight);
        let found = marks(word, b'"') | marks(word, b'\\');
        if found != 0 {
            let (string, quote) = text.split_at_checked(at + found.trailing_zeros() as usize / 8)?;
            return quote.strip_prefix(b"\"").map(|after| (string, after));
        }
        (at, rest) = (at + 8, after);
    }
    None
}

/// The high bit of each byte of a word that is `byte`, and maybe of bytes after the first of them.
#[inline]
fn marks(word: u64, byte: u8) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let differs = word ^ (EACH * u64::from(byte));
    differs.wrapping_sub(EACH) & !differs & (EACH << 7)
}

/// Splits at the closing quote, which goes to neither side. `Err` when there is none, with whether the last byte
/// escapes the next.
#[inline]
fn end_of_string(text: &[u8], escaped: bool) -> Result<(&[u8], &[u8]), bool> {
    let mut from = usize::from(escaped);
    loop {
        let Some(rest) = text.get(from..) else { return Err(text.is_empty() && escaped) };
        match memchr2(b'"', b'\\', rest) {
            None => return Err(false),
            Some(at) if rest.get(at) == Some(&b'"') => {
                let (string, quote) = text.split_at(from + at);
                return Ok((string, quote.get(1..).unwrap_or_default()));
            }
            Some(at) if from + at + 1 == text.len() => return Err(true),
            Some(at) => from += at + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut tokens, mut found) = (Tokens::default(), Vec::new());
        for chunk in chunks {
            tokens.feed(chunk, |token| found.push(format!("{token:?}")));
        }
        found
    }

    #[test]
    fn strings_end_at_the_quote_that_no_backslash_escapes() {
        let (mut tokens, mut texts) = (Tokens::default(), Vec::new());
        tokens.feed(br#"{"a\\":"b\"}{","c\\\"d":"\\"}"#, |token| {
            if let Token::Text(Some(text)) = token {
                texts.push(String::from_utf8_lossy(text).into_owned());
            }
        });
        assert_eq!(texts, [r"a\\", r#"b\"}{"#, r#"c\\\"d"#, r"\\"]);
    }

    #[test]
    fn a_string_too_long_to_keep_is_passed_over_whole() {
        let long = format!(r#"["{}","x"]"#, "y\\\"".repeat(1000));
        let whole = tokens(std::iter::once(long.as_bytes()));
        assert_eq!(whole.get(1).map(String::as_str), Some("Text(None)"));
        assert_eq!(tokens(long.as_bytes().chunks(7)), whole);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in r#"[\[\]{}:,"\\ab]{0,80}"#, size in 1_usize..9) {
            let whole = tokens(std::iter::once(text.as_bytes()));
            prop_assert_eq!(tokens(text.as_bytes().chunks(size)), whole);
        }
    }
}

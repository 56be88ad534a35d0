//! XML as it streams by: elements and their text, whatever the chunks.
//!
//! Not a validator, as [`crate::json`] is not. Comments, CDATA sections, processing instructions and quoted
//! attribute values are passed over, so that nothing inside them is taken for an element.

use memchr::{memchr, memchr3, memmem};

/// What passes, in the order of the text. Names are without their prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A start tag ended. The attributes are as written, cut at [`LONGEST`]; an empty element (`<a/>`) is followed
    /// by its [`Event::Close`].
    Open {
        /// Its name; empty when longer than [`LONGEST`].
        name: &'a [u8],
        /// What stands between the name and `>` or `/>`.
        attributes: &'a [u8],
    },
    /// Text, or a part of it.
    Text(&'a [u8]),
    /// An element ended.
    Close,
}

/// Where a text stands between two chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    place: Place,
    /// What is kept of a tag from `<` on, or the last bytes of a comment or its like.
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Between tags.
    #[default]
    Text,
    /// Inside a tag, outside quotes.
    Tag,
    /// Inside a quoted attribute value.
    Quoted(u8),
    /// Inside something that ends with these bytes and holds no elements.
    Until(&'static [u8]),
}

/// What is kept of one tag: names and the attributes that matter stand at its start.
const LONGEST: usize = 1024;

// === impl Events ===

impl Events {
    /// Gives the events that end in this chunk.
    pub(crate) fn feed(&mut self, chunk: &[u8], mut give: impl FnMut(Event<'_>)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Text => self.text(rest, &mut give),
                Place::Tag => self.tag(rest, &mut give),
                Place::Quoted(quote) => self.quoted(rest, quote),
                Place::Until(end) => self.until(rest, end, &mut give),
            };
        }
    }

    fn text<'a>(&mut self, rest: &'a [u8], give: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        let (text, tag) = rest.split_at(memchr(b'<', rest).unwrap_or(rest.len()));
        if !text.is_empty() {
            give(Event::Text(text));
        }
        if !tag.is_empty() {
            self.kept.clear();
            self.place = Place::Tag;
        }
        tag.get(1..).unwrap_or_default()
    }

    /// Goes on inside a tag, to its end, to a quote, or to where it shows to be no tag.
    fn tag<'a>(&mut self, rest: &'a [u8], give: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        if self.kept.len() < b"![CDATA[".len()
            && let Some((byte, after)) = rest.split_first()
        {
            // The first bytes one by one, since they may be a comment's or its like.
            if *byte != b'>' && *byte != b'"' && *byte != b'\'' {
                self.kept.push(*byte);
                self.place = match self.kept.as_slice() {
                    b"!--" => Place::Until(b"-->"),
                    b"![CDATA[" => Place::Until(b"]]>"),
                    b"?" => Place::Until(b"?>"),
                    _ => return after,
                };
                self.kept.clear();
                return after;
            }
        }
        let at = memchr3(b'>', b'"', b'\'', rest).unwrap_or(rest.len());
        let (inside, end) = rest.split_at(at);
        self.keep(inside);
        let Some((byte, after)) = end.split_first() else { return end };
        if *byte == b'>' {
            self.place = Place::Text;
            finish(&self.kept, give);
        } else {
            self.keep(&[*byte]);
            self.place = Place::Quoted(*byte);
        }
        after
    }

    fn quoted<'a>(&mut self, rest: &'a [u8], quote: u8) -> &'a [u8] {
        let Some(at) = memchr(quote, rest) else {
            self.keep(rest);
            return &[];
        };
        let (inside, after) = rest.split_at(at + 1);
        self.keep(inside);
        self.place = Place::Tag;
        after
    }

    /// Passes over bytes up to `end`, which may lie across chunks: `kept` holds its first bytes as far as they came.
    fn until<'a>(
        &mut self,
        rest: &'a [u8],
        end: &'static [u8],
        give: &mut impl FnMut(Event<'_>),
    ) -> &'a [u8] {
        let carried = self.kept.len();
        let head = rest.get(..end.len()).unwrap_or(rest);
        self.kept.extend_from_slice(head);
        let found = memmem::find(&self.kept, end).map(|at| at + end.len() - carried);
        let found = found.or_else(|| memmem::find(rest, end).map(|at| at + end.len()));
        let (inside, after) = rest.split_at(found.unwrap_or(rest.len()).min(rest.len()));
        if end == b"]]>" {
            give(Event::Text(inside));
        }
        if found.is_some() {
            self.place = Place::Text;
            return after;
        }
        if rest.len() > head.len() {
            self.kept = rest.to_vec();
        }
        let surplus = self.kept.len().saturating_sub(end.len() - 1);
        self.kept.drain(..surplus);
        after
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// Gives the events of a whole tag, from after `<` to before `>`.
fn finish(tag: &[u8], give: &mut impl FnMut(Event<'_>)) {
    match tag.first() {
        Some(b'/') => return give(Event::Close),
        Some(b'!') => return,
        _ => {}
    }
    let (tag, empty) = match tag.split_last() {
        Some((b'/', start)) => (start, true),
        _ => (tag, false),
    };
    let end = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
    let (name, attributes) = tag.split_at(end);
    let name = if name.len() == LONGEST { &[][..] } else { local(name) };
    give(Event::Open { name, attributes });
    if empty {
        give(Event::Close);
    }
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events, with the pieces of one text put together.
    fn events<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut events, mut found) = (Events::default(), Vec::<String>::new());
        let mut text = String::new();
        for chunk in chunks {
            events.feed(chunk, |event| match event {
                Event::Text(piece) => text.push_str(&String::from_utf8_lossy(piece)),
                Event::Open { name, attributes } => {
                    found.push(std::mem::take(&mut text));
                    found.push(format!(
                        "<{}|{}",
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(attributes)
                    ));
                }
                Event::Close => {
                    found.push(std::mem::take(&mut text));
                    found.push(">".to_owned());
                }
            });
        }
        found.push(text);
        found.retain(|piece| !piece.is_empty());
        found
    }

    #[test]
    fn only_elements_are_elements() {
        let text = br#"<?xml version="1.0"?><!-- <a> --><s:b x="1>2" y='"'><![CDATA[<c>]]]>d</s:b><e /><f/>"#;
        let found = events(std::iter::once(&text[..]));
        assert_eq!(found, ["<b| x=\"1>2\" y='\"'", "<c>]]]>d", ">", "<e| ", ">", "<f|", ">"]);
        for size in 1..12 {
            assert_eq!(events(text.chunks(size)), found, "in chunks of {size}");
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "<a>", "</a>", "<n:a b='>'/>", "<!--", "-->", "--", "<![CDATA[", "]]>", "]", "text", "<?p", "?>", "\"", "<",
            ]), 0..20),
            size in 1_usize..9,
        ) {
            let text = parts.concat();
            let whole = events(std::iter::once(text.as_bytes()));
            prop_assert_eq!(events(text.as_bytes().chunks(size)), whole);
        }
    }
}

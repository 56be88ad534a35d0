//! The header line of a CSV upload: which fields its rows write.
//!
//! Column names are API names with `.` and `:` between them, so the header can be read without knowing the job's
//! delimiter: whatever else stands between two names is it, and it must be the same throughout.

use super::unclear::{Place, Unclear, UnclearKind};

/// The columns of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The names, in order.
    pub(super) names: Vec<Box<str>>,
    /// What stands between them; a comma when there is one column only.
    pub(super) delimiter: u8,
}

/// How much of an upload is looked at: 5,000 columns of 12 characters, and no more.
pub(super) const HEADER_BYTES: usize = 64 << 10;
/// The most columns (reference, section 5.5).
const MAX_COLUMNS: usize = 5_000;

/// The delimiters that jobs know: comma, tab, semicolon, pipe, caret, back-quote.
pub(super) const DELIMITERS: [(&str, u8); 6] = [
    ("COMMA", b','),
    ("TAB", b'\t'),
    ("SEMICOLON", b';'),
    ("PIPE", b'|'),
    ("CARET", b'^'),
    ("BACKQUOTE", b'`'),
];

impl Header {
    /// Reads the header of an upload that starts with `bytes`.
    ///
    /// # Errors
    /// Names that are not API names, two delimiters, a name given twice, a header that does not end here.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unclear> {
        let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let end = start.iter().take(HEADER_BYTES).position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some((line, rest)) = end.and_then(|end| start.split_at_checked(end)) else {
            // Without its end it may go on behind what is seen here, whatever the length: gzip can hide that.
            let what = format!("the header line does not end within the first {HEADER_BYTES} bytes");
            return Err(Unclear::new(UnclearKind::TooLarge, Place::Body, what));
        };
        if !rest.starts_with(b"\n") && !rest.starts_with(b"\r\n") {
            return Err(Unclear::form(Place::Offset(line.len()), "a carriage return without a line feed"));
        }
        let mut names = Vec::new();
        let mut delimiter = None;
        let mut at = 0;
        loop {
            let (name, after) = name(line, at)?;
            names.push(name);
            match line.get(after) {
                None => break,
                Some(found) if delimiter.is_none_or(|known| known == *found) && is_delimiter(*found) => {
                    delimiter = Some(*found);
                    at = after + 1;
                }
                Some(_) => return Err(unclear(after, "one delimiter or the end of the line is expected")),
            }
        }
        distinct(&names)?;
        Ok(Self { names, delimiter: delimiter.unwrap_or(b',') })
    }
}

/// Reads one name, quoted or not, and says where it ends.
fn name(line: &[u8], at: usize) -> Result<(Box<str>, usize), Unclear> {
    let quoted = line.get(at) == Some(&b'"');
    let start = at + usize::from(quoted);
    let rest = line.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_name(*byte)).unwrap_or(rest.len());
    let text = rest.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    if text.is_empty() {
        return Err(unclear(start, "a column name is expected: letters, digits, `_`, `.` and `:`"));
    }
    let end = start + length;
    match (quoted, line.get(end)) {
        (false, _) => Ok((text.into(), end)),
        (true, Some(b'"')) => Ok((text.into(), end + 1)),
        (true, _) => Err(unclear(end, "a quote is expected after the column name")),
    }
}

fn distinct(names: &[Box<str>]) -> Result<(), Unclear> {
    if names.len() > MAX_COLUMNS {
        return Err(Unclear::form(Place::Body, format!("more than {MAX_COLUMNS} columns")));
    }
    let mut folded: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    folded.sort_unstable();
    match folded.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some(pair) => {
            let name = pair.first().map_or("", String::as_str);
            Err(Unclear::form(Place::Body, format!("the column `{name}` is given twice")))
        }
        None => Ok(()),
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':')
}

fn is_delimiter(byte: u8) -> bool {
    DELIMITERS.iter().any(|(_, known)| *known == byte)
}

fn unclear(at: usize, what: &str) -> Unclear {
    Unclear::form(Place::Offset(at), format!("in the header line, {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Result<(Vec<String>, u8), String> {
        let header = Header::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok((header.names.iter().map(ToString::to_string).collect(), header.delimiter))
    }

    #[test]
    fn the_delimiter_is_read_off_the_header() {
        assert_eq!(names("LastName,Account.AccountNumber\nA,7\n").unwrap().1, b',');
        assert_eq!(
            names("A|B|Lead:Who.Email\r\n").unwrap(),
            (vec!["A".into(), "B".into(), "Lead:Who.Email".into()], b'|')
        );
        assert_eq!(names("A\tB\n").unwrap().1, b'\t');
        assert_eq!(names("Id\n").unwrap(), (vec!["Id".into()], b','));
    }

    #[test]
    fn quotes_and_a_byte_order_mark_change_nothing() {
        assert_eq!(names("\u{feff}\"Name\",Phone\n\"x,y\",1").unwrap(), names("Name,Phone\n").unwrap());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for odd in [
            "",
            "\n",
            "A,,B",
            "A,B;C",
            "A, B",
            "A,\"B",
            "A,\"B\"\"C\"",
            "A,B\rC",
            "Name,name",
            "Né",
            "A,B,",
            "=A",
            "SELECT Id FROM User",
        ] {
            assert!(names(&format!("{odd}\nA")).is_err(), "{odd:?}");
        }
        assert!(names("A,B").is_err(), "more columns may follow");
        assert!(names(&"A".repeat(HEADER_BYTES)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(names in proptest::collection::hash_set("[A-Z][a-z]{1,8}", 1..9), at in 0_usize..6) {
            let mut unique: Vec<String> = names.into_iter().collect();
            unique.sort_unstable();
            unique.dedup_by_key(|name| name.to_ascii_lowercase());
            let delimiter = DELIMITERS[at].1;
            let text = unique.join(&char::from(delimiter).to_string());
            let header = Header::parse(format!("{text}\r\n1").as_bytes()).unwrap();
            prop_assert_eq!(header.names.iter().map(ToString::to_string).collect::<Vec<_>>(), unique);
        }
    }
}

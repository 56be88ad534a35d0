//! Forms, as login endpoints take them: in a body or in a query string, each name once.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// The decoded pairs of a form. They may be secrets: wiped when dropped, never printed.
#[derive(Default)]
pub struct Form(Vec<(String, Zeroizing<String>)>);

/// What is not a form, or says something twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the request is not a form in which each parameter stands once")]
pub struct MalformedForm;

// === impl Form ===

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// Wrong escapes, text that is not UTF-8, a repeated name, more than 64 pairs.
    pub fn parse(text: &[u8]) -> Result<Self, MalformedForm> {
        let mut pairs: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, &[][..]),
            };
            let name = decode(name)?;
            if pairs.len() == MOST || pairs.iter().any(|(known, _)| *known == *name) {
                return Err(MalformedForm);
            }
            pairs.push((name.as_str().to_owned(), decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// A parameter; an empty one counts as absent, as RFC 6749 (section 3.2) has it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(redacted)")
    }
}

/// Undoes percent-encoding and `+`.
pub(crate) fn decode(text: &[u8]) -> Result<Zeroizing<String>, MalformedForm> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(*byte).to_digit(16));
                let (high, low) = (digit().ok_or(MalformedForm)?, digit().ok_or(MalformedForm)?);
                u8::try_from(high << 4 | low).map_err(|_| MalformedForm)?
            }
            byte => *byte,
        });
    }
    std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| MalformedForm)
}

const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_back_what_was_written() {
        let form = Form::parse(b"grant_type=password&password=a%26b+c%C3%A9&empty=&flag").unwrap();
        assert_eq!(form.value("grant_type"), Some("password"));
        assert_eq!(form.value("password"), Some("a&b c\u{e9}"));
        assert_eq!((form.value("empty"), form.value("flag"), form.value("none")), (None, None, None));
        assert_eq!(format!("{form:?}"), "Form(redacted)");
    }

    #[test]
    fn a_form_with_two_readings_is_none() {
        for text in [&b"a=1&a=2"[..], b"a=1&%61=2", b"a=%", b"a=%4", b"a=%zz", b"a=%FF", b"a=1&a"] {
            assert_eq!(Form::parse(text).unwrap_err(), MalformedForm, "{text:?}");
        }
        let many = (0..65).map(|number| format!("a{number}=1")).collect::<Vec<_>>().join("&");
        assert!(Form::parse(many.as_bytes()).is_err());
    }
}

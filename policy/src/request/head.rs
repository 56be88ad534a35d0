//! The head of a request as the classifier sees it.

/// Method, target and headers. The front has already refused what no two parsers would read alike (repeated framing
/// headers, foreign hosts); nothing here has been decoded.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method as it was sent.
    pub method: &'a str,
    /// Path and query string as they were sent.
    pub target: &'a str,
    /// All headers, names in lower case, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Head<'a> {
    /// All values of a header.
    pub fn all(&self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The value of a header: `Ok(None)` when it is absent.
    ///
    /// # Errors
    /// When it is repeated or not ASCII text: two readers could then read it differently.
    pub fn one(&self, name: &'a str) -> Result<Option<&'a str>, RepeatedHeader> {
        let mut values = self.all(name);
        let Some(value) = values.next() else { return Ok(None) };
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
        match (text, values.next()) {
            (Some(text), None) => Ok(Some(text.trim())),
            _ => Err(RepeatedHeader(name.to_owned())),
        }
    }
}

/// A header that two readers could read differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header `{0}` is repeated or is not ASCII text")]
pub struct RepeatedHeader(pub String);

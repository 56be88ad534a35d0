//! The query string: names and values, form-decoded once.
//!
//! A door says which parameters it knows; any other is refused, for it could change what the request means. Methods
//! in parameters and credentials are refused everywhere.

use std::borrow::Cow;

use super::path::{Plus, percent_decode};
use super::{Place, Unclear};
use crate::request::percent_encode;

/// The parameters of one request, all of them known to its door.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Parameters<'a> {
    /// Reads a query string or a form.
    pub(crate) fn parse(raw: &'a str) -> Result<Self, Unclear> {
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(name, Plus::IsSpace).filter(|name| is_name(name));
            let name = name.ok_or_else(|| odd(pair, "a name of letters, digits, `_`, `.` and `-`"))?;
            refuse_known_dangers(&name)?;
            // Looks at all bytes rather than up to the first odd one: so the compiler takes many at a time.
            if pair.bytes().fold(false, |found, byte| found | (byte == b';')) {
                return Err(odd(&name, "`;` must be percent-encoded"));
            }
            let value = percent_decode(value, Plus::IsSpace).filter(|value| !is_odd(value));
            let value = value.ok_or_else(|| odd(&name, "a value of percent-encoded UTF-8 text"))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Checks that each name is one of `known` and is there once; those of `repeatable` may be there several times.
    pub(crate) fn only(self, known: &[&str], repeatable: &[&str]) -> Result<Self, Unclear> {
        for (at, (name, _)) in self.pairs.iter().enumerate() {
            if repeatable.contains(&&**name) {
                continue;
            }
            if !known.contains(&&**name) {
                return Err(odd(name, "it is not known here"));
            }
            self.once(at, name)?;
        }
        Ok(self)
    }

    /// Checks that no name is there twice, for doors that pass on whatever there is.
    pub(crate) fn distinct(self) -> Result<Self, Unclear> {
        self.distinct_but("")
    }

    /// The same, but for one name.
    pub(crate) fn distinct_but(self, repeatable: &str) -> Result<Self, Unclear> {
        let checked = self.pairs.iter().enumerate().filter(|(_, (name, _))| name != repeatable);
        for (at, (name, _)) in checked {
            self.once(at, name)?;
        }
        Ok(self)
    }

    fn once(&self, at: usize, name: &str) -> Result<(), Unclear> {
        let twice = self.pairs.iter().take(at).any(|(earlier, _)| earlier == name);
        if twice { Err(odd(name, "it is repeated")) } else { Ok(()) }
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The value of a parameter that has to be there, and not be empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Unclear> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| odd(name, "it is missing or empty"))
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Writes them, sorted by name, each value encoded; those named in `left_out` not.
    pub(crate) fn write(&self, left_out: &[&str], out: &mut Vec<u8>) {
        self.write_but(|name| left_out.contains(&name), out);
    }

    /// The same without those that are `left_out`.
    pub(crate) fn write_but(&self, left_out: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let mut sent: Vec<_> = self.iter().filter(|(name, _)| !left_out(name)).collect();
        sent.sort_by_key(|(name, _)| *name);
        for (number, (name, value)) in sent.into_iter().enumerate() {
            out.push(if number == 0 { b'?' } else { b'&' });
            percent_encode(name, out);
            out.push(b'=');
            percent_encode(value, out);
        }
    }
}

/// Parameters that no door takes: a method in disguise, credentials, and JSONP.
fn refuse_known_dangers(name: &str) -> Result<(), Unclear> {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    if name.eq_ignore_ascii_case("_HttpMethod") {
        return Err(odd(name, "a method belongs in the request line"));
    }
    if CREDENTIALS.iter().any(is) {
        return Err(odd(name, "a credential does not belong in a URL"));
    }
    if ["callback", "jsonp"].iter().any(is) {
        return Err(odd(name, "answers are not wrapped in script calls"));
    }
    Ok(())
}

/// The credential carriers of reference section 10.2.
const CREDENTIALS: [&str; 5] = ["oauth_token", "sid", "access_token", "session_id", "sessionId"];

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// Whether a value holds a control character other than those of text.
fn is_odd(value: &str) -> bool {
    let control =
        |odd: bool, byte: u8| odd | (byte.is_ascii_control() & !matches!(byte, b'\t' | b'\r' | b'\n'));
    value.bytes().fold(false, control)
        || !value.is_ascii() && value.chars().any(|character| character.is_control() && !character.is_ascii())
}

fn odd(name: &str, what: &str) -> Unclear {
    let name: String = name.chars().take(40).collect();
    Unclear::form(Place::Parameter(name.into()), what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_written_in_one_order() {
        let parameters = Parameters::parse("%71=a+b%2B%2541&fields=Name").unwrap();
        assert_eq!(parameters.get("q"), Some("a b+%41"));
        let mut out = Vec::new();
        parameters.write(&[], &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "?fields=Name&q=a%20b%2B%2541");
    }

    #[test]
    fn ambiguous_and_dangerous_parameters_are_refused() {
        for odd in
            ["q[]=1", "=1", "q=%", "q=%00", "q=a;b=c", "a%3Db=1", "_httpmethod=DELETE", "SID=x", "callback=f"]
        {
            assert!(Parameters::parse(odd).is_err(), "{odd}");
        }
        assert!(Parameters::parse("q=1&q=2").unwrap().only(&["q"], &[]).is_err());
        assert!(Parameters::parse("q=1&Q=2").unwrap().only(&["q"], &[]).is_err());
        assert!(Parameters::parse("s=1&s=2").unwrap().only(&["q"], &["s"]).is_ok());
        assert!(Parameters::parse("s=1&s=2").unwrap().distinct().is_err());
    }
}

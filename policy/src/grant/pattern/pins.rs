//! The query string of a pattern: `?loader=orders&page=*&*`.

use crate::classify::parameters::Parameters;
use crate::request::Opaque;

/// The parameters that a pattern pins, for doors where they choose what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pins {
    /// By name, each once in any letter case.
    named: Vec<(Box<str>, Pinned)>,
    /// Whether parameters of other names may stand beside them.
    others: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pinned {
    /// This value, to the letter.
    Value(Box<str>),
    /// Any value.
    Any,
}

impl Pins {
    /// Reads what follows the `?`, percent-encoded as in a request; nothing pins that there are no parameters.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pins = Self { named: Vec::new(), others: false };
        if text.is_empty() {
            return Ok(pins);
        }
        let mut pairs = text.split('&').peekable();
        while let Some(pair) = pairs.next() {
            if pair == "*" && pairs.peek().is_none() {
                pins.others = true;
                continue;
            }
            let (name, pinned) = pin(pair)?;
            if pins.named.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                return Err(format!("the parameter `{name}` is written twice"));
            }
            pins.named.push((name, pinned));
        }
        Ok(pins)
    }

    /// Whether a request has each pinned parameter as it is pinned, and others only where they may be.
    ///
    /// A form is refused: Salesforce puts its fields among the parameters. So is a pinned name in another letter case,
    /// which the code behind may not tell apart.
    pub(super) fn hold(&self, asked: &Opaque) -> bool {
        let is_held = |(name, pinned): &(Box<str>, Pinned)| {
            let mut same = asked.parameters.iter().filter(|(asked, _)| asked.eq_ignore_ascii_case(name));
            match (same.next(), same.next()) {
                (Some((asked, value)), None) => asked == name && pinned.fits(value),
                (_, _) => false,
            }
        };
        let is_pinned = |name: &str| self.named.iter().any(|(pin, _)| pin.eq_ignore_ascii_case(name));
        let may_stand = self.others || asked.parameters.iter().all(|(name, _)| is_pinned(name));
        !asked.form && may_stand && self.named.iter().all(is_held)
    }
}

/// One pinned parameter.
fn pin(pair: &str) -> Result<(Box<str>, Pinned), String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !pair.bytes().all(plain) {
        return Err(format!("`{pair}` has to be percent-encoded"));
    }
    let Some((_, value)) = pair.split_once('=') else {
        return Err(format!(
            "`{pair}` is not a parameter with its value, such as `loader=orders` or `page=*`"
        ));
    };
    if value != "*" && value.contains('*') {
        return Err(format!("`*` is a whole value, not a part of one as in `{pair}`"));
    }
    let read = Parameters::parse(pair).map_err(|unclear| unclear.to_string())?;
    let (name, decoded) = read.iter().next().ok_or_else(|| format!("`{pair}` is not a parameter"))?;
    let pinned = if value == "*" { Pinned::Any } else { Pinned::Value(decoded.into()) };
    Ok((name.into(), pinned))
}

impl Pinned {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Value(pinned) => **pinned == *value,
            Self::Any => true,
        }
    }
}

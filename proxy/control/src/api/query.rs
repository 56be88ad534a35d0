//! The query strings of `GET /v1/audit` and of an integration's day.

use jiff::civil::Date;

use crate::running::AuditQuery;

/// Reads it; every parameter at most once, and none that is not known.
pub(super) fn parse(text: &str) -> Result<AuditQuery, String> {
    let mut asked = AuditQuery { limit: USUAL, ..AuditQuery::default() };
    let mut seen: Vec<String> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` has no value"))?;
        let value = decode(value).ok_or_else(|| format!("`{name}` is not percent-encoded UTF-8"))?;
        if seen.iter().any(|known| known == name) {
            return Err(format!("`{name}` is there twice"));
        }
        seen.push(name.to_owned());
        let moment = || value.parse().map_err(|_| format!("`{name}`: write it as `2026-03-31T11:00:00Z`"));
        match name {
            "identity" => asked.identity = Some(value),
            "object" => asked.object = Some(value),
            "outcome" => asked.outcome = Some(value),
            "decision" => asked.decision = Some(value),
            "from" => asked.from = Some(moment()?),
            "until" => asked.until = Some(moment()?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                asked.limit = limit.ok_or_else(|| format!("`limit` is from 1 to {MOST}"))?;
            }
            _ => return Err(format!("there is no parameter `{name}`")),
        }
    }
    Ok(asked)
}

/// Reads `date=2026-03-31`, or nothing: then it is `today`.
pub(super) fn date(text: &str, today: Date) -> Result<Date, String> {
    if text.is_empty() {
        return Ok(today);
    }
    let date = text.strip_prefix("date=").and_then(|date| date.parse().ok());
    date.ok_or_else(|| "this path takes `date=2026-03-31`, a day of UTC, and nothing else".to_owned())
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

const USUAL: usize = 100;
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_or_today() {
        let today = Date::constant(2026, 3, 31);
        assert_eq!(date("", today), Ok(today));
        assert_eq!(date("date=2026-03-30", today), Ok(Date::constant(2026, 3, 30)));
        for wrong in ["date=", "date=31.3.2026", "day=2026-03-30", "date=2026-03-30&date=2026-03-30"] {
            assert!(date(wrong, today).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_is_read_whole_or_refused() {
        let asked = parse("identity=nightly&from=2026-03-31T11%3A00%3A00Z&decision=01J&limit=5").unwrap();
        assert_eq!((asked.identity.as_deref(), asked.limit), (Some("nightly"), 5));
        assert!(asked.from.is_some() && asked.decision.as_deref() == Some("01J"));
        for wrong in [
            "identity",
            "identity=%",
            "identity=%ff",
            "limit=0",
            "limit=1001",
            "x=1",
            "from=noon",
            "limit=1&limit=2",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

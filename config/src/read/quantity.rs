//! Quantities: durations, rates, budgets, shares, counts.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use jiff::civil::Date;
use serde_json::{Value as Json, json};

use super::{Leaf, Wrong};
use crate::config::{Budget, Rate, Window};
use crate::yaml::Scalar;

/// A length of time: `15s`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasting(pub(crate) Duration);

/// Rows per window: `200000/day`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows(pub(crate) Budget);

/// Bytes per window: `500MiB/day`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) Budget);

/// A share: `5%`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percent(pub(crate) f64);

// === impl Leaf ===

impl Leaf for Lasting {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write a number and a unit: `500ms`, `15s`, `30m`, `8h` or `7d`";
        let wrong = || Wrong::new(format!("`{}` is not a length of time", scalar.text), help);
        let (number, unit) = number(&scalar.text).ok_or_else(wrong)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let total = number
            .checked_mul(milliseconds)
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| Wrong::new(format!("`{}` is too long", scalar.text), "write at most `365d`"))?;
        if total == 0 {
            return Err(Wrong::new("the length of time is zero", help));
        }
        Ok(Self(Duration::from_millis(total)))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a length of time such as `15s`", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

impl Leaf for Rate {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || {
            let help = "write a number of requests and a time: `20/s`, `600/m` or `1000/h`";
            Wrong::new(format!("`{}` is not a rate", scalar.text), help)
        };
        let (requests, per) = number(&scalar.text).ok_or_else(wrong)?;
        let seconds = match per {
            "/s" => 1,
            "/m" => 60,
            "/h" => 3_600,
            _ => return Err(wrong()),
        };
        let requests = u32::try_from(requests).ok().ok_or_else(wrong)?;
        let requests = NonZeroU32::new(requests).ok_or_else(|| zero("the rate"))?;
        Ok(Self { requests, per: Duration::from_secs(seconds) })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a rate such as `20/s`, `600/m` or `1000/h`", "pattern": "^[0-9]+/(s|m|h)$" })
    }
}

impl Leaf for Rows {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || {
            let help = "write a number of rows and a window: `200000/day` or `10000/hour`";
            Wrong::new(format!("`{}` is not a number of rows per window", scalar.text), help)
        };
        let (rows, window) = number(&scalar.text).ok_or_else(wrong)?;
        let window = in_window(window).filter(|(unit, _)| unit.is_empty()).ok_or_else(wrong)?.1;
        Ok(Self(Budget { amount: NonZeroU64::new(rows).ok_or_else(|| zero("the budget"))?, window }))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "rows per window such as `200000/day` or `10000/hour`", "pattern": "^[0-9]+/(hour|day)$" })
    }
}

impl Leaf for Bytes {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || {
            let help = "write a size and a window: `500MiB/day` or `2GiB/hour` (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB)";
            Wrong::new(format!("`{}` is not a size per window", scalar.text), help)
        };
        let (size, rest) = number(&scalar.text).ok_or_else(wrong)?;
        let (unit, window) = in_window(rest).ok_or_else(wrong)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let bytes = size.checked_mul(*factor).ok_or_else(wrong)?;
        Ok(Self(Budget { amount: NonZeroU64::new(bytes).ok_or_else(|| zero("the budget"))?, window }))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "bytes per window such as `500MiB/day`", "pattern": "^[0-9]+([KMGT]i?)?B/(hour|day)$" })
    }
}

impl Leaf for Percent {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        let number = scalar.text.strip_suffix('%').filter(|number| number.bytes().all(plain));
        let share = number
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|share| *share > 0.0 && *share <= 100.0);
        let wrong = || {
            let help = "write a number above 0 and at most 100 with `%`: `5%`";
            Wrong::new(format!("`{}` is not a share", scalar.text), help)
        };
        share.map(Self).ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a share such as `5%`", "pattern": "^[0-9]+(\\.[0-9]+)?%$" })
    }
}

impl Leaf for NonZeroU32 {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        whole(scalar, u64::from(u32::MAX)).and_then(|number| {
            u32::try_from(number).ok().and_then(Self::new).ok_or_else(|| zero("the number"))
        })
    }

    fn schema() -> Json {
        json!({ "type": "integer", "title": "a whole number from 1", "minimum": 1, "maximum": u32::MAX })
    }
}

impl Leaf for NonZeroU64 {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        whole(scalar, u64::MAX).and_then(|number| Self::new(number).ok_or_else(|| zero("the number")))
    }

    fn schema() -> Json {
        json!({ "type": "integer", "title": "a whole number from 1", "minimum": 1 })
    }
}

impl Leaf for u8 {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let number = whole(scalar, u64::from(Self::MAX))?;
        Self::try_from(number).map_err(|_| Wrong::new("the number is too large", "write at most 255"))
    }

    fn schema() -> Json {
        json!({ "type": "integer", "title": "a whole number from 0 to 255", "minimum": 0, "maximum": 255 })
    }
}

impl Leaf for bool {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong =
            || Wrong::new(format!("`{}` is neither true nor false", scalar.text), "write `true` or `false`");
        scalar.boolean().ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "boolean", "title": "`true` or `false`" })
    }
}

impl Leaf for Date {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(format!("`{}` is not a date", scalar.text), "write it like `2027-03-31`");
        let shaped = scalar.text.len() == 10;
        scalar.text.parse().ok().filter(|_| shaped).ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a date such as `2027-03-31`", "format": "date" })
    }
}

/// A leading number and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// What stands before `/hour` or `/day`, and which it is.
fn in_window(text: &str) -> Option<(&str, Window)> {
    let (unit, window) = text.split_once('/')?;
    match window {
        "hour" => Some((unit, Window::Hour)),
        "day" => Some((unit, Window::Day)),
        _ => None,
    }
}

fn whole(scalar: &Scalar<'_>, most: u64) -> Result<u64, Wrong> {
    let text = &*scalar.text;
    let help = format!("write digits only, at most {most}");
    if scalar.quoted {
        return Err(Wrong::new(
            format!("`{text}` is text where a number belongs"),
            "write it without quotes",
        ));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= most);
    number.ok_or_else(|| Wrong::new(format!("`{text}` is not a whole number that fits here"), help))
}

fn zero(what: &str) -> Wrong {
    Wrong::new(format!("{what} is zero"), "write at least 1, or remove what it limits to forbid it")
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A year, in milliseconds.
const LONGEST: u64 = 365 * 86_400_000;

//! Dates: named spans, literals, and the parts that functions take out of them. Weeks start on Sunday, the fiscal
//! year in January, and the org lives in UTC.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit};

/// Functions that take a part out of a date.
pub(crate) const PARTS: [&str; 13] = [
    "CALENDAR_MONTH",
    "CALENDAR_QUARTER",
    "CALENDAR_YEAR",
    "DAY_IN_MONTH",
    "DAY_IN_WEEK",
    "DAY_IN_YEAR",
    "FISCAL_MONTH",
    "FISCAL_QUARTER",
    "FISCAL_YEAR",
    "HOUR_IN_DAY",
    "WEEK_IN_MONTH",
    "WEEK_IN_YEAR",
    "DAY_ONLY",
];

/// A moment in the form in which values hold it.
pub(crate) fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// The same moment as the literal, in the form in which values hold it.
pub(crate) fn parse_moment(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    if let Ok(moment) = upper.parse::<Timestamp>() {
        return Some(stamp(moment));
    }
    // `+0100` lacks the colon that the parser wants.
    let (head, minutes) = upper.split_at_checked(upper.len().checked_sub(2)?)?;
    format!("{head}:{minutes}").parse::<Timestamp>().ok().map(stamp)
}

/// The same day as the literal.
pub(crate) fn parse_day(text: &str) -> Option<String> {
    text.parse::<Date>().ok().filter(|_| text.len() == 10).map(|day| day.to_string())
}

/// Whether a word names a span of days.
pub(crate) fn is_formula(name: &str) -> bool {
    span(name, 1, date(2024, 1, 1)).is_some()
}

/// The days that a name means, from the first to the one after the last.
pub(crate) fn span(name: &str, n: i64, today: Date) -> Option<(Date, Date)> {
    let name = name.replace("FISCAL_", "");
    let days = |from: i64, to: i64| Some((add_days(today, from)?, add_days(today, to)?));
    match name.as_str() {
        "YESTERDAY" => return days(-1, 0),
        "TODAY" => return days(0, 1),
        "TOMORROW" => return days(1, 2),
        "LAST_90_DAYS" => return days(-90, 1),
        "NEXT_90_DAYS" => return days(1, 91),
        "LAST_N_DAYS" => return days(-n, 1),
        "NEXT_N_DAYS" => return days(1, n + 1),
        "N_DAYS_AGO" => return days(-n, 1 - n),
        _ => {}
    }
    let periods = |unit: &str, from: i64, to: i64| {
        let start = period_start(unit.trim_end_matches('S'), today)?;
        Some((add_periods(unit, start, from)?, add_periods(unit, start, to)?))
    };
    if let Some(unit) = name.strip_prefix("N_").and_then(|rest| rest.strip_suffix("_AGO")) {
        return periods(unit, -n, 1 - n);
    }
    if let Some(unit) = name.strip_prefix("LAST_N_") {
        return periods(unit, -n, 0);
    }
    if let Some(unit) = name.strip_prefix("NEXT_N_") {
        return periods(unit, 1, n + 1);
    }
    let (when, unit) = name.split_once('_')?;
    match when {
        "LAST" => periods(unit, -1, 0),
        "THIS" => periods(unit, 0, 1),
        "NEXT" => periods(unit, 1, 2),
        _ => None,
    }
}

/// A part of a date or moment, for the function of that name.
pub(crate) fn part(function: &str, text: &str) -> Option<f64> {
    let day = text.get(..10)?.parse::<Date>().ok()?;
    let number = match function {
        "CALENDAR_MONTH" | "FISCAL_MONTH" => i32::from(day.month()),
        "CALENDAR_QUARTER" | "FISCAL_QUARTER" => (i32::from(day.month()) - 1) / 3 + 1,
        "CALENDAR_YEAR" | "FISCAL_YEAR" => i32::from(day.year()),
        "DAY_IN_MONTH" => i32::from(day.day()),
        "DAY_IN_WEEK" => i32::from(day.weekday().to_sunday_one_offset()),
        "DAY_IN_YEAR" => i32::from(day.day_of_year()),
        "WEEK_IN_MONTH" => (i32::from(day.day()) - 1) / 7 + 1,
        "WEEK_IN_YEAR" => (i32::from(day.day_of_year()) - 1) / 7 + 1,
        "HOUR_IN_DAY" => text.get(11..13)?.parse().ok()?,
        _ => return None,
    };
    Some(f64::from(number))
}

/// The day on which a moment falls.
pub(crate) fn day_of(moment: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(moment).date()
}

/// Midnight of a day in the form in which values hold moments.
pub(crate) fn midnight(day: Date) -> String {
    format!("{day}T00:00:00.000+0000")
}

fn add_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(days.days()).ok()
}

fn period_start(unit: &str, day: Date) -> Option<Date> {
    match unit {
        "WEEK" => add_days(day, -i64::from(day.weekday().to_sunday_zero_offset())),
        "MONTH" => Some(day.first_of_month()),
        "QUARTER" => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok(),
        "YEAR" => Some(day.first_of_year()),
        _ => None,
    }
}

fn add_periods(unit: &str, start: Date, count: i64) -> Option<Date> {
    let unit = unit.trim_end_matches('S');
    let (unit, count) = match unit {
        "WEEK" => (Unit::Week, count),
        "MONTH" => (Unit::Month, count),
        "QUARTER" => (Unit::Month, count.checked_mul(3)?),
        "YEAR" => (Unit::Year, count),
        _ => return None,
    };
    let span = match unit {
        Unit::Week => jiff::Span::new().try_weeks(count),
        Unit::Month => jiff::Span::new().try_months(count),
        _ => jiff::Span::new().try_years(count),
    };
    start.checked_add(span.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{parse_moment, part, span};
    use jiff::civil::date;

    #[test]
    fn spans_are_what_the_guide_says() {
        let today = date(2024, 5, 15); // a Wednesday
        let of = |name, n| span(name, n, today).map(|(from, to)| (from.to_string(), to.to_string()));
        let days = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
        assert_eq!(of("TODAY", 0), days("2024-05-15", "2024-05-16"));
        assert_eq!(of("LAST_N_DAYS", 3), days("2024-05-12", "2024-05-16"));
        assert_eq!(of("NEXT_N_DAYS", 2), days("2024-05-16", "2024-05-18"));
        assert_eq!(of("THIS_WEEK", 0), days("2024-05-12", "2024-05-19"));
        assert_eq!(of("LAST_MONTH", 0), days("2024-04-01", "2024-05-01"));
        assert_eq!(of("THIS_QUARTER", 0), days("2024-04-01", "2024-07-01"));
        assert_eq!(of("LAST_N_YEARS", 2), days("2022-01-01", "2024-01-01"));
        assert_eq!(of("N_FISCAL_QUARTERS_AGO", 1), days("2024-01-01", "2024-04-01"));
        assert_eq!(of("LAST_CENTURY", 0), None);
    }

    #[test]
    fn moments_of_any_zone_come_out_in_utc() {
        let utc = Some("2024-05-01T10:00:00.000+0000".to_owned());
        assert_eq!(parse_moment("2024-05-01T10:00:00Z"), utc);
        assert_eq!(parse_moment("2024-05-01T12:00:00+02:00"), utc);
        assert_eq!(parse_moment("2024-05-01T12:00:00.000+0200"), utc);
        assert_eq!(parse_moment("2024-05-01"), None);
    }

    #[test]
    fn parts_of_a_date() {
        assert_eq!(part("CALENDAR_QUARTER", "2024-05-15"), Some(2.0));
        assert_eq!(part("DAY_IN_WEEK", "2024-05-15"), Some(4.0));
        assert_eq!(part("HOUR_IN_DAY", "2024-05-15T17:00:00.000+0000"), Some(17.0));
    }
}

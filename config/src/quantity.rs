//! Quantities as a responder writes them: the same forms as in a configuration.

use std::time::Duration;

use thiserror::Error;

use crate::config::{Budget, Rate};
use crate::read::{Lasting, Leaf, Rows};
use crate::yaml::Scalar;

/// Text that is not such a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}; {help}")]
pub struct InvalidQuantity {
    message: String,
    help: String,
}

/// A length of time: `30m`, `2h`, `7d`; at most a year.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn lasting(text: &str) -> Result<Duration, InvalidQuantity> {
    read::<Lasting>(text).map(|lasting| lasting.0)
}

/// A rate of requests: `1/s`, `600/m`, `1000/h`.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn rate(text: &str) -> Result<Rate, InvalidQuantity> {
    read(text)
}

/// Rows per window: `1000/hour`, `20000/day`.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn rows(text: &str) -> Result<Budget, InvalidQuantity> {
    read::<Rows>(text).map(|rows| rows.0)
}

fn read<T: Leaf>(text: &str) -> Result<T, InvalidQuantity> {
    let scalar = Scalar { text: text.into(), quoted: true };
    T::leaf(&scalar).map_err(|wrong| InvalidQuantity { message: wrong.message, help: wrong.help })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_in_a_configuration_and_others_say_what_to_write() {
        assert_eq!(lasting("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(rate("60/m").unwrap().requests.get(), 60);
        assert_eq!(rows("10/day").unwrap().amount.get(), 10);
        for wrong in ["", "2", "h", "-2h", "0h", "2 h", "9999999d", "2h\n"] {
            assert!(lasting(wrong).is_err(), "{wrong:?}");
        }
        assert!(rate("0/s").is_err() && rows("5/week").is_err());
        assert!(lasting("soon").unwrap_err().to_string().contains("write a number and a unit"));
    }
}

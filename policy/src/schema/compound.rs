//! Which field a field is a part of, where describe does not say.
//!
//! `BillingCity` is a part of `BillingAddress`, `Loc__latitude__s` of `Loc__c`, `FirstName` of a person's `Name`
//! (reference, section 2.6). A grant that leaves out a part must leave out the whole, and the other way round.

use super::{FieldKind, FieldSpec};

/// The name of the compound field that `field` of `object` belongs to.
pub(super) fn of(field: &FieldSpec, object: &str, all: &[FieldSpec]) -> Option<String> {
    if let Some(named) = &field.compound {
        return (!named.eq_ignore_ascii_case(&field.name)).then(|| named.clone());
    }
    custom(&field.name, all).or_else(|| address(&field.name, all)).or_else(|| person(&field.name, object))
}

/// Parts of a custom geolocation or address: `Loc__latitude__s` of `Loc__c`.
fn custom(name: &str, all: &[FieldSpec]) -> Option<String> {
    let (base, _) = name.strip_suffix("__s")?.rsplit_once("__")?;
    let whole = format!("{base}__c");
    all.iter().any(|field| field.name.eq_ignore_ascii_case(&whole)).then_some(whole)
}

/// Parts of a standard address: `MailingCity` of `MailingAddress`, `City` of `Address`.
fn address(name: &str, all: &[FieldSpec]) -> Option<String> {
    let prefix = ADDRESS_PARTS.iter().find_map(|part| name.strip_suffix(part))?;
    let whole = format!("{prefix}Address");
    let known =
        |field: &FieldSpec| field.kind == FieldKind::Address && field.name.eq_ignore_ascii_case(&whole);
    all.iter().any(known).then_some(whole)
}

/// Parts of a person's name.
fn person(name: &str, object: &str) -> Option<String> {
    let person = ["Contact", "Lead", "User"].iter().any(|known| known.eq_ignore_ascii_case(object));
    let part = NAME_PARTS.iter().any(|known| known.eq_ignore_ascii_case(name));
    (person && part).then(|| "Name".to_owned())
}

const ADDRESS_PARTS: [&str; 10] = [
    "GeocodeAccuracy",
    "CountryCode",
    "StateCode",
    "PostalCode",
    "Latitude",
    "Longitude",
    "Country",
    "Street",
    "State",
    "City",
];

const NAME_PARTS: [&str; 5] = ["FirstName", "LastName", "MiddleName", "Suffix", "Salutation"];

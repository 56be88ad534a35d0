//! The names that cross rooms: objects, fields, identities, API versions.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The API name of an object, such as `Account` or `npsp__Trigger__c`, compared without regard to ASCII case.
///
/// Keeps the spelling it was made with for messages; equality and hashing see the folded form only.
#[derive(Clone)]
pub struct ObjectName(Box<str>);

/// The API name of a field, such as `Email` or `SSN__c`, compared without regard to ASCII case.
#[derive(Clone)]
pub struct FieldName(Box<str>);

/// The name of an integration as Forcefield knows it, such as `billing-sync`.
///
/// Lower-case letters, digits and `-`, at most 64 characters, so that it can stand in a metric label, a file
/// name and a message without quoting.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityName(Box<str>);

/// A version of Salesforce's API, such as 62.0; the minor part is always zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiVersion(u16);

/// The versions an organisation allows, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersions {
    /// The oldest version allowed.
    pub oldest: ApiVersion,
    /// The newest version allowed.
    pub newest: ApiVersion,
}

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// Not an API name of an object or field.
    #[error(
        "`{0}` is not an API name: letters, digits and `_`, starting with a letter, at most 80 characters"
    )]
    Api(String),
    /// Not a name for an integration.
    #[error("`{0}` cannot name an identity: lower-case letters, digits and `-`, at most 64 characters")]
    Identity(String),
    /// Not a version of the API.
    #[error("`{0}` is not an API version: write it like `62.0`")]
    Version(String),
    /// Not a range of versions.
    #[error("`{0}` is not a range of API versions: write it like `58.0-68.0`")]
    Versions(String),
}

macro_rules! api_name {
    ($name:ident) => {
        impl $name {
            /// The name in the spelling it was made with.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;
            fn try_from(text: &str) -> Result<Self, InvalidName> {
                if is_api_name(text) { Ok(Self(text.into())) } else { Err(InvalidName::Api(text.into())) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                for byte in self.0.bytes() {
                    state.write_u8(byte.to_ascii_lowercase());
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

api_name!(ObjectName);
api_name!(FieldName);

// === impl IdentityName ===

impl IdentityName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for IdentityName {
    type Error = InvalidName;
    fn try_from(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edges = !text.starts_with('-') && !text.ends_with('-');
        if (1..=64).contains(&text.len()) && edges && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName::Identity(text.into()))
        }
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

// === impl ApiVersion ===

impl ApiVersion {
    /// The version `major.0`.
    #[must_use]
    pub const fn new(major: u16) -> Self {
        Self(major)
    }

    /// The number before the `.0`.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.0
    }

    /// Reads the path segment of a REST resource: `v62.0`, in exactly this form.
    ///
    /// # Errors
    /// Any other spelling (`v62`, `V62.0`, `v062.0`, `62.0`): whether Salesforce takes them is undocumented.
    pub fn from_segment(segment: &str) -> Result<Self, InvalidName> {
        let digits = segment.strip_prefix('v').ok_or_else(|| InvalidName::Version(segment.into()))?;
        digits.parse()
    }
}

impl ApiVersion {
    /// Writes the path segment that [`Self::from_segment`] reads.
    pub(crate) fn write_segment(self, out: &mut Vec<u8>) {
        out.push(b'v');
        out.extend_from_slice(self.0.to_string().as_bytes());
        out.extend_from_slice(b".0");
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName::Version(text.into());
        let major = text.strip_suffix(".0").ok_or_else(invalid)?;
        let canonical = (1..=3).contains(&major.len())
            && major.bytes().all(|byte| byte.is_ascii_digit())
            && !major.starts_with('0');
        if canonical { major.parse().map(Self).map_err(|_| invalid()) } else { Err(invalid()) }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

impl ApiVersions {
    /// Whether `version` lies in the range.
    #[must_use]
    pub fn contains(&self, version: ApiVersion) -> bool {
        (self.oldest..=self.newest).contains(&version)
    }
}

impl FromStr for ApiVersions {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = |_| InvalidName::Versions(text.into());
        let (oldest, newest) = text.split_once('-').ok_or_else(|| InvalidName::Versions(text.into()))?;
        let range = Self {
            oldest: oldest.trim().parse().map_err(invalid)?,
            newest: newest.trim().parse().map_err(invalid)?,
        };
        if range.oldest <= range.newest { Ok(range) } else { Err(InvalidName::Versions(text.into())) }
    }
}

impl fmt::Display for ApiVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.oldest, self.newest)
    }
}

/// Whether `text` has the form of an API name.
#[must_use]
pub fn is_api_name(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_in_any_letter_case() {
        assert_eq!(ObjectName::try_from("Account"), ObjectName::try_from("ACCOUNT"));
        assert_eq!(FieldName::try_from("SSN__c").unwrap().as_str(), "SSN__c");
        assert!(ObjectName::try_from("Acc ount").is_err());
        assert!(ObjectName::try_from("1Account").is_err());
    }

    #[test]
    fn a_version_has_one_spelling() {
        assert_eq!(ApiVersion::from_segment("v62.0"), Ok(ApiVersion::new(62)));
        for odd in ["v62", "V62.0", "v062.0", "62.0", "v62.1", "v.0", "v+6.0", "latest"] {
            assert!(ApiVersion::from_segment(odd).is_err(), "{odd}");
        }
        for major in [1, 9, 62, 999] {
            let mut segment = Vec::new();
            ApiVersion::new(major).write_segment(&mut segment);
            assert_eq!(String::from_utf8(segment).unwrap(), format!("v{}", ApiVersion::new(major)));
        }
    }

    #[test]
    fn a_range_contains_both_its_ends() {
        let range: ApiVersions = "58.0-68.0".parse().unwrap();
        assert!(range.contains(ApiVersion::new(58)) && range.contains(ApiVersion::new(68)));
        assert!(!range.contains(ApiVersion::new(57)) && !range.contains(ApiVersion::new(69)));
        assert!("68.0-58.0".parse::<ApiVersions>().is_err());
    }

    #[test]
    fn an_identity_name_is_plain() {
        assert!(IdentityName::try_from("billing-sync").is_ok());
        for odd in ["", "-a", "a-", "Billing", "a b", "a/b"] {
            assert!(IdentityName::try_from(odd).is_err(), "{odd}");
        }
    }
}

//! Elements of XML that are rows: `records` and `searchRecords` of SOAP and Bulk 1.0 at any depth, so also of child
//! queries, and the `result` elements of SOAP `retrieve`.

use memchr::memmem;

use crate::xml::Event;

/// Counts the elements of one XML text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements {
    /// Whether a `retrieveResponse` has begun.
    retrieved: bool,
}

impl Elements {
    /// Takes one event, and says whether a row begins with it.
    pub(crate) fn event(&mut self, event: Event<'_>) -> bool {
        let Event::Open { name, attributes } = event else { return false };
        match name {
            b"records" | b"searchRecords" => true,
            b"result" if self.retrieved => !is_nil(attributes),
            b"retrieveResponse" => {
                self.retrieved = true;
                false
            }
            _ => false,
        }
    }
}

/// Whether `xsi:nil` says that there is no record (an id that `retrieve` did not find).
fn is_nil(attributes: &[u8]) -> bool {
    memmem::find(attributes, br#":nil="true""#).is_some()
}

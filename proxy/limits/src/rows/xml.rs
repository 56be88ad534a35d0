//! Elements of XML that are rows: `records` and `searchRecords` of SOAP and Bulk 1.0 at any depth, so also of child
//! queries, and the `result` elements of SOAP `retrieve`.

use memchr::memmem;

use crate::xml::{Event, Events};

/// Counts the elements of one XML text.
#[derive(Clone, Debug, Default)]
pub(super) struct Elements {
    events: Events,
    /// Whether a `retrieveResponse` has begun.
    retrieved: bool,
}

impl Elements {
    pub(super) fn feed(&mut self, chunk: &[u8]) -> u64 {
        let Self { events, retrieved } = self;
        let mut rows = 0;
        events.feed(chunk, |event| {
            if let Event::Open { name, attributes } = event {
                rows += u64::from(match name {
                    b"records" | b"searchRecords" => true,
                    b"result" if *retrieved => !is_nil(attributes),
                    b"retrieveResponse" => {
                        *retrieved = true;
                        false
                    }
                    _ => false,
                });
            }
        });
        rows
    }
}

/// Whether `xsi:nil` says that there is no record (an id that `retrieve` did not find).
fn is_nil(attributes: &[u8]) -> bool {
    memmem::find(attributes, br#":nil="true""#).is_some()
}

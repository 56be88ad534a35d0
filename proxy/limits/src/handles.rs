//! Cursors and jobs that an answer gives out, found while it streams by, so that the ledger holds them before the
//! client does.

use forcefield_policy::id::RecordId;
use forcefield_policy::request::HandleKind;

use crate::json::{Token, Tokens};
use crate::ledger::HandleKey;
use crate::xml::{Event, Events};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// XML: SOAP, and Bulk 1.0 unless asked for JSON.
    Xml,
}

/// A handle that an answer gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// What it is.
    pub key: HandleKey,
    /// The row that a locator continues at.
    pub offset: Option<u64>,
}

/// Finds the handles in one answer's body, after any content coding was taken off.
///
/// Locators are the values of `nextRecordsUrl` at any depth of JSON, so also of child sets, and of `queryLocator` in
/// XML. Jobs, report runs and deployments are the `id` of the outermost object of JSON, or of the element of XML
/// directly below the root (`jobInfo`). What does not look like a handle is none: it will be unknown when it is used.
#[derive(Debug)]
pub struct HandleScanner {
    kind: HandleKind,
    text: Text,
}

#[derive(Debug)]
enum Text {
    Json { tokens: Tokens, depth: usize, last: Option<Box<[u8]>>, named: bool },
    Xml { events: Events, depth: usize, value: Option<Vec<u8>> },
}

/// The longest text that can be a handle or the address of one.
const LONGEST: usize = 256;

// === impl HandleScanner ===

impl HandleScanner {
    /// A scanner for handles of this kind.
    #[must_use]
    pub fn new(kind: HandleKind, format: Format) -> Self {
        let text = match format {
            Format::Json => Text::Json { tokens: Tokens::default(), depth: 0, last: None, named: false },
            Format::Xml => Text::Xml { events: Events::default(), depth: 0, value: None },
        };
        Self { kind, text }
    }

    /// The handles that end in this chunk. To be recorded before the chunk goes on to the client.
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<Issued> {
        let Self { kind, text } = self;
        let locators = *kind == HandleKind::Locator;
        let mut found = Vec::new();
        let mut value = |text: &[u8]| found.extend(issued(*kind, text));
        match text {
            Text::Json { tokens, depth, last, named } => {
                let key: &[u8] = if locators { b"nextRecordsUrl" } else { b"id" };
                tokens.feed(chunk, |token| match token {
                    Token::Text(Some(text)) if *named => {
                        value(text);
                        *named = false;
                    }
                    Token::Text(text) => {
                        *last = text.filter(|text| *text == key && (locators || *depth == 1)).map(Box::from);
                    }
                    Token::Colon => *named = last.take().is_some(),
                    Token::Comma => *named = false,
                    Token::Object | Token::Array => (*depth, *named) = (depth.saturating_add(1), false),
                    Token::Close => (*depth, *named) = (depth.saturating_sub(1), false),
                });
            }
            Text::Xml { events, depth, value: open } => events.feed(chunk, |event| match event {
                Event::Open { name, .. } => {
                    *depth = depth.saturating_add(1);
                    let wanted =
                        if locators { name == b"queryLocator" } else { name == b"id" && *depth == 2 };
                    *open = wanted.then(Vec::new);
                }
                Event::Text(text) => {
                    if let Some(open) = open {
                        let room = (LONGEST + 1).saturating_sub(open.len());
                        open.extend_from_slice(text.get(..room).unwrap_or(text));
                    }
                }
                Event::Close => {
                    *depth = depth.saturating_sub(1);
                    if let Some(text) = open.take() {
                        value(text.trim_ascii());
                    }
                }
            }),
        }
        found
    }
}

/// Reads a handle: a locator (`01gD0000002HU6KIAW-2000`) at the end of an address or by itself, or an id.
fn issued(kind: HandleKind, text: &[u8]) -> Option<Issued> {
    let text = std::str::from_utf8(text).ok()?;
    if kind != HandleKind::Locator {
        let id = RecordId::parse(text)?;
        return Some(Issued { key: HandleKey { kind, id: id.as_str().into() }, offset: None });
    }
    let locator = text.rsplit('/').next()?;
    let (id, offset) = locator.split_once('-')?;
    let plain = (15..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = (1..=18).contains(&offset.len()) && offset.bytes().all(|byte| byte.is_ascii_digit());
    let offset = offset.parse().ok().filter(|_| plain && number)?;
    Some(Issued { key: HandleKey { kind, id: id.into() }, offset: Some(offset) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(kind: HandleKind, format: Format, text: &str, size: usize) -> Vec<(String, Option<u64>)> {
        let mut scanner = HandleScanner::new(kind, format);
        let found = text.as_bytes().chunks(size).flat_map(|chunk| scanner.feed(chunk)).collect::<Vec<_>>();
        found.into_iter().map(|issued| (issued.key.id.into_string(), issued.offset)).collect()
    }

    const PAGE: &str = r#"{"totalSize":9,"done":false,"nextRecordsUrl":"/services/data/v60.0/query/0r8Hu1lKCluUiC9IMK-2000","records":[
        {"attributes":{"url":"/services/data/v60.0/query/0r8Hu1lKCluUiCFORGED"},"Name":"\"nextRecordsUrl\":\"/query/01gD0000002HU6KIAW-1\"",
         "Other":"nextRecordsUrl","Contacts":{"done":false,"nextRecordsUrl":"\/services\/data\/v60.0\/query\/01gD0000002HU6K-500","records":[]}}]}"#;

    proptest! {
        #[test]
        fn locators_at_every_depth_and_in_any_chunks(size in 1_usize..400) {
            let found = found(HandleKind::Locator, Format::Json, PAGE, size);
            prop_assert_eq!(found, [("0r8Hu1lKCluUiC9IMK".to_owned(), Some(2000)), ("01gD0000002HU6K".to_owned(), Some(500))]);
        }

        #[test]
        fn locators_of_soap_in_any_chunks(size in 1_usize..200) {
            let text = "<Envelope><Body><queryResponse><result><done>false</done><queryLocator>01gD0000002HU6KIAW-2000</queryLocator>\
                <records><sf:Name>&lt;queryLocator>01gD0000002HU6KIAX-1</sf:Name><sf:Cases><sf:queryLocator xsi:nil=\"true\"/></sf:Cases></records>\
                </result></queryResponse></Body></Envelope>";
            let found = found(HandleKind::Locator, Format::Xml, text, size);
            prop_assert_eq!(found, [("01gD0000002HU6KIAW".to_owned(), Some(2000))]);
        }
    }

    #[test]
    fn jobs_are_the_outermost_id() {
        let json = r#"{"options":{"id":"750R0000000zlh0"},"id":"750R0000000zlh9IAA","query":"SELECT \"id\":\"750R0000000zlh1\""}"#;
        assert_eq!(
            found(HandleKind::QueryJob, Format::Json, json, 5),
            [("750R0000000zlh9".to_owned(), None)]
        );
        let xml = "<?xml version=\"1.0\"?><jobInfo xmlns=\"x\"><id>750R0000000zlh9AAA</id><o><id>750R0000000zlh1</id></o></jobInfo>";
        let wrong_checksum = found(HandleKind::ClassicJob, Format::Xml, xml, 7);
        assert!(wrong_checksum.is_empty(), "{wrong_checksum:?}");
        let right = xml.replace("zlh9AAA", "zlh9IAA");
        assert_eq!(
            found(HandleKind::ClassicJob, Format::Xml, &right, 7),
            [("750R0000000zlh9".to_owned(), None)]
        );
    }

    #[test]
    fn what_is_no_locator_is_not_found() {
        for value in [
            "null",
            "\"\"",
            "\"/query/short-2000\"",
            "\"/query/01gD0000002HU6KIAW\"",
            "\"/q/01gD0000002HU6KIAW-x\"",
            "[\"/q/01gD0000002HU6KIAW-1\"]",
        ] {
            let text = format!(r#"{{"nextRecordsUrl":{value},"done":"/q/01gD0000002HU6KIAW-7"}}"#);
            assert!(found(HandleKind::Locator, Format::Json, &text, 9).is_empty(), "{value}");
        }
    }
}

//! Cursors and jobs that an answer gives out, found while it streams by, so that the ledger holds them before the
//! client does.

use std::sync::LazyLock;

use forcefield_policy::id::RecordId;
use forcefield_policy::request::HandleKind;
use memchr::memmem::Finder;

use crate::json::Heed;
use crate::ledger::HandleKey;
use crate::xml::Event;

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

/// Finds the handles in JSON: locators are the values of `nextRecordsUrl` at any depth, so also of child sets, all others
/// the `id` of the outermost object. What does not look like a handle is none: it will be unknown when it is used.
#[derive(Clone, Debug)]
pub(crate) struct InJson {
    kind: HandleKind,
    depth: usize,
    /// Whether the next value may be one.
    named: bool,
    /// Whether a name may come that matters: whether the chunk may have that of a locator, or the outermost object is
    /// open.
    may_be_named: bool,
}

/// Finds the handles in XML: locators are the text of `queryLocator` elements, all others that of the `id` directly
/// below the root (`jobInfo`).
#[derive(Clone, Debug)]
pub(crate) struct InXml {
    kind: HandleKind,
    depth: usize,
    /// The text of the open element, if it may be one.
    value: Option<Vec<u8>>,
}

/// The longest text that can be a handle or the address of one.
const LONGEST: usize = 256;
/// The name of a locator.
const LOCATOR: &[u8] = b"nextRecordsUrl";
static FIND_LOCATOR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(LOCATOR));

// === impl InJson ===

impl InJson {
    pub(crate) fn new(kind: HandleKind) -> Self {
        Self { kind, depth: 0, named: false, may_be_named: false }
    }

    /// Begins with a chunk, before which `open` is the beginning of a string that may go on.
    pub(crate) fn begin(&mut self, chunk: &[u8], open: Option<&[u8]>) {
        if self.kind == HandleKind::Locator {
            let begun = open.is_some_and(|open| LOCATOR.starts_with(open));
            self.may_be_named = begun || FIND_LOCATOR.find(chunk).is_some();
        }
    }

    /// What it needs: names where one that matters may come, then the value.
    #[inline]
    pub(crate) fn heed(&self) -> Heed {
        match (self.named, self.may_be_named) {
            (true, _) => Heed::Values,
            (false, true) => Heed::Names,
            (false, false) => Heed::Brackets,
        }
    }

    /// Takes a name.
    pub(crate) fn name(&mut self, text: &[u8]) {
        self.named =
            self.may_be_named && text == if self.kind == HandleKind::Locator { LOCATOR } else { b"id" };
    }

    /// Takes a string, and gives the handle that it is.
    pub(crate) fn text(&mut self, text: &[u8]) -> Option<Issued> {
        if std::mem::take(&mut self.named) { issued(self.kind, text) } else { None }
    }

    /// Opens an object or an array.
    #[inline]
    pub(crate) fn open(&mut self) {
        self.goes(self.depth.saturating_add(1));
    }

    /// Closes either.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.goes(self.depth.saturating_sub(1));
    }

    #[inline]
    fn goes(&mut self, depth: usize) {
        (self.depth, self.named) = (depth, false);
        if self.kind != HandleKind::Locator {
            self.may_be_named = depth == 1;
        }
    }

    /// Goes on to the next value.
    pub(crate) fn comma(&mut self) {
        self.named = false;
    }
}

// === impl InXml ===

impl InXml {
    pub(crate) fn new(kind: HandleKind) -> Self {
        Self { kind, depth: 0, value: None }
    }

    /// Takes one event, and gives the handle that ends with it.
    pub(crate) fn event(&mut self, event: Event<'_>) -> Option<Issued> {
        match event {
            Event::Open { name, .. } => {
                self.depth = self.depth.saturating_add(1);
                let wanted = match self.kind {
                    HandleKind::Locator => name == b"queryLocator",
                    HandleKind::QueryJob
                    | HandleKind::IngestJob
                    | HandleKind::ClassicJob
                    | HandleKind::ReportInstance
                    | HandleKind::Deployment => name == b"id" && self.depth == 2,
                };
                self.value = wanted.then(Vec::new);
                None
            }
            Event::Text(text) => {
                if let Some(value) = &mut self.value {
                    let room = (LONGEST + 1).saturating_sub(value.len());
                    value.extend_from_slice(text.get(..room).unwrap_or(text));
                }
                None
            }
            Event::Close => {
                self.depth = self.depth.saturating_sub(1);
                issued(self.kind, self.value.take()?.trim_ascii())
            }
        }
    }
}

/// Reads a handle: a locator (`01gD0000002HU6KIAW-2000`) at the end of an address or by itself, or an id.
pub(crate) fn issued(kind: HandleKind, text: &[u8]) -> Option<Issued> {
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
    use forcefield_policy::request::Rows;
    use proptest::prelude::*;

    use super::*;
    use crate::scanner::Scanner;

    fn found(kind: HandleKind, format: Format, text: &str, size: usize) -> Vec<(String, Option<u64>)> {
        let mut scanner = Scanner::new(Rows::None, Some((kind, format)));
        let found = text.as_bytes().chunks(size).flat_map(|chunk| scanner.feed(chunk).issued);
        found.map(|issued| (issued.key.id.into_string(), issued.offset)).collect()
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

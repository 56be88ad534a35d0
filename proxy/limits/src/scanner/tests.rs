//! What the scanner finds, against readers that go byte by byte.

mod reference;

use forcefield_policy::request::{HandleKind, Rows};
use proptest::prelude::*;

use super::*;
use reference::Reference;

const ROWS: [Rows; 12] = [
    Rows::None,
    Rows::One,
    Rows::Known(3),
    Rows::Enveloped(2),
    Rows::Bulk,
    Rows::Csv,
    Rows::JsonRecords,
    Rows::JsonArray,
    Rows::GraphQlNodes,
    Rows::ReportRows,
    Rows::XmlRecords,
    // Twice as often as the others: what most answers are.
    Rows::JsonRecords,
];

const KINDS: [HandleKind; 6] = [
    HandleKind::Locator,
    HandleKind::QueryJob,
    HandleKind::IngestJob,
    HandleKind::ClassicJob,
    HandleKind::ReportInstance,
    HandleKind::Deployment,
];

/// Texts made of what matters in JSON, whole and broken.
fn like_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "{", "}", "[", "]", ":", "\\", " ", "\n", "1.5", "null", "\\\"", "\\\\", "\\u0072",
        ])
        .prop_map(str::to_owned),
        6 => prop::sample::select(vec![
            "records", "searchRecords", "body", "result", "attributes", "node", "rows", "nextRecordsUrl", "id", "other",
            "\\u0072ecords", "a\\\"", "\\\\", "", "\u{e9}\u{4e2d}", "{[:,", "/q/01gD0000002HU6KIAW-2000", "750R0000000zlh9IAA",
        ])
        .prop_map(|text| format!("\"{text}\"")),
        4 => prop::sample::select(vec![
            "\"records\":[", "\"records\" : [ {", "\"body\":{", "\"result\":[{", "\"attributes\":{\"type\":\"A\"},", "\"node\":{", "\"rows\":[{",
            "\"nextRecordsUrl\":\"/q/01gD0000002HU6KIAW-2000\",", "\"id\" : \"750R0000000zlh9IAA\"", "{\"id\":\"750R0000000zlh9IAA\"}", "},{", "{},{}",
        ])
        .prop_map(str::to_owned),
        1 => (0_usize..300).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
        1 => (0_usize..80).prop_map(|length| " ".repeat(length)),
        1 => (0_usize..90).prop_map(|length| format!("\"\\u0072{}\":[", "x".repeat(length))),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let mark = prop::sample::select(b"{}[]:,\"\\ <>/\nab".to_vec());
    prop_oneof![
        6 => like_json(),
        1 => prop::collection::vec(mark, 0..300),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn chunks<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut chunks, mut rest) = (Vec::new(), text);
    for cut in cuts {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn it_finds_in_each_chunk_what_a_reader_byte_by_byte_finds(
        text in any_text(),
        cuts in prop::collection::vec(prop_oneof![0_usize..4, 0_usize..150], 0..40),
        rows in prop::sample::select(ROWS.to_vec()),
        kind in prop::option::weighted(0.8, prop::sample::select(KINDS.to_vec())),
    ) {
        let handles = kind.map(|kind| (kind, Format::Json));
        let (mut scanner, mut reference) = (Scanner::new(rows, handles), Reference::new(rows, kind));
        for chunk in chunks(&text, &cuts) {
            let ahead = scanner.rows_in(chunk);
            let found = scanner.feed(chunk);
            prop_assert_eq!(ahead, found.rows, "counted ahead");
            if let Some(rows) = reference.rows(chunk) {
                prop_assert_eq!(found.rows, rows);
            }
            prop_assert_eq!(found.issued, reference.handles(chunk));
        }
    }
}

#[test]
fn rows_and_handles_of_either_format_are_found_together() {
    let json = br#"{"id":"750R0000000zlh9IAA","records":[{},{}]}"#;
    let xml = b"<jobInfo><id>750R0000000zlh9IAA</id><records/></jobInfo>";
    for rows in ROWS {
        let counted = |text: &[u8]| Scanner::new(rows, None).feed(text).rows;
        for (format, text) in [(Format::Json, &json[..]), (Format::Xml, &xml[..])] {
            let found = Scanner::new(rows, Some((HandleKind::ClassicJob, format))).feed(text);
            assert_eq!((found.rows, found.issued.len()), (counted(text), 1), "{rows:?} and {format:?}");
        }
    }
}

#[test]
fn an_answer_without_a_byte_has_nothing() {
    for rows in ROWS {
        let mut scanner = Scanner::new(rows, Some((HandleKind::Locator, Format::Json)));
        assert_eq!(scanner.feed(b""), Found::default());
    }
}

#[test]
fn a_part_is_not_shown_to_be_a_row_by_names_too_deep_inside() {
    for deep in 505..515 {
        let text = "[".repeat(deep) + r#"{"body":{"x":{"attributes":{}}}}"#;
        let mut reference = Reference::new(Rows::JsonRecords, None);
        let rows = Scanner::new(Rows::JsonRecords, None).feed(text.as_bytes()).rows;
        assert_eq!(Some(rows), reference.rows(text.as_bytes()), "{deep}");
    }
}

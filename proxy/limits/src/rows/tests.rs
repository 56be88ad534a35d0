//! What counts as a row, against readers that hold the whole text.

use forcefield_policy::request::Rows;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scanner::Scanner;

/// A scanner of rows alone.
struct RowCounter(Scanner);

impl RowCounter {
    fn new(rows: Rows) -> Self {
        Self(Scanner::new(rows, None))
    }

    fn feed(&mut self, chunk: &[u8]) -> u64 {
        self.0.feed(chunk).rows
    }

    fn fitting(&self, chunk: &[u8], most: u64) -> usize {
        self.0.fitting(chunk, most)
    }
}

fn count(rows: Rows, text: &str) -> u64 {
    RowCounter::new(rows).feed(text.as_bytes())
}

fn count_in_chunks(rows: Rows, text: &str, cuts: &[usize]) -> u64 {
    let mut counter = RowCounter::new(rows);
    let (mut rest, mut total) = (text.as_bytes(), 0);
    for cut in cuts {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        total += counter.feed(chunk);
        rest = after;
    }
    total + counter.feed(rest)
}

#[test]
fn children_count_beside_their_parents() {
    let text = r#"{"totalSize":2,"done":true,"records":[
        {"attributes":{"type":"Account"},"Name":"\"records\":[{},{}]","Cases":{"totalSize":2,"done":true,"records":[{"attributes":{}},{"Subject":"x"}]}},
        {"attributes":{"type":"Account"},"Owner":{"attributes":{"type":"User"},"Name":"O"},"Cases":null}]}"#;
    assert_eq!(count(Rows::JsonRecords, text), 4);
}

#[test]
fn a_count_query_and_an_error_have_no_rows() {
    assert_eq!(count(Rows::JsonRecords, r#"{"totalSize":42,"done":true,"records":[]}"#), 0);
    assert_eq!(count(Rows::JsonRecords, r#"[{"errorCode":"MALFORMED_QUERY","message":"records"}]"#), 0);
}

#[test]
fn parts_of_an_envelope_count_when_they_hold_a_record() {
    let text = r#"{"compositeResponse":[
        {"body":{"attributes":{"type":"Account"},"Id":"1"},"httpStatusCode":200},
        {"body":{"totalSize":1,"records":[{"attributes":{},"Id":"2"}]},"httpStatusCode":200},
        {"body":[{"attributes":{},"Id":"3"},null,{"attributes":{},"Id":"4"}],"httpStatusCode":200},
        {"body":{"id":"5","success":true,"errors":[]},"httpStatusCode":201}]}"#;
    assert_eq!(count(Rows::JsonRecords, text), 4);
    let batch =
        r#"{"hasErrors":false,"results":[{"statusCode":200,"result":{"attributes":{"type":"A"},"Id":"1"}}]}"#;
    assert_eq!(count(Rows::JsonRecords, batch), 1);
}

#[test]
fn a_disguised_name_counts() {
    assert_eq!(count(Rows::JsonRecords, r#"{"\u0072ecords":[{},{}]}"#), 2);
}

#[test]
fn nesting_past_every_bound_counts_too_much_rather_than_too_little() {
    let deep = format!("{}{}{}", "[".repeat(600), r#"{"records":[{}]}"#, "]".repeat(600));
    assert!(count(Rows::JsonRecords, &deep) >= 1);
    let after = format!(r#"[{deep},{{"records":[{{}}]}}]"#);
    assert_eq!(count(Rows::JsonRecords, &after), count(Rows::JsonRecords, &deep) + 1);
}

#[test]
fn the_outermost_array_and_no_other() {
    assert_eq!(count(Rows::JsonArray, r#"[{"a":[{},{}]},null,{"b":{}}]"#), 2);
    assert_eq!(count(Rows::JsonArray, r#"{"a":[{}]}"#), 0);
}

#[test]
fn nodes_of_graphql_and_rows_of_reports() {
    let text = r#"{"data":{"uiapi":{"query":{"Account":{"edges":[{"node":{"Id":"1","Contacts":{"edges":[{"node":{}}]}}},{"node":null}]}}}}}"#;
    assert_eq!(count(Rows::GraphQlNodes, text), 2);
    let text = r#"{"factMap":{"T!T":{"aggregates":[{"value":1}],"rows":[{"dataCells":[{"label":"a"}]},{"dataCells":[]}]}}}"#;
    assert_eq!(count(Rows::ReportRows, text), 2);
}

#[test]
fn lines_of_csv_whatever_is_quoted() {
    assert_eq!(count(Rows::Csv, "\"Id\",\"Name\"\n"), 0);
    assert_eq!(count(Rows::Csv, "Id,Name\n1,a\n2,\"b\nc\"\n3,\"d\"\"\n\"\"e\"\n"), 3);
    assert_eq!(count(Rows::Csv, "Id;Name\r\n1;a\r\n2;b"), 2);
    assert_eq!(count(Rows::Csv, "\"I\nd\"\n\"1\"\n"), 1);
    assert_eq!(count(Rows::Csv, "Id\n1"), 1, "a row counts when it begins");
}

#[test]
fn records_of_soap_and_bulk() {
    let soap = r#"<?xml version="1.0"?><soapenv:Envelope><soapenv:Body><queryResponse><result xsi:type="QueryResult">
        <done>true</done><records xsi:type="sf:sObject"><sf:Name>&lt;records></sf:Name>
        <sf:Contacts xsi:type="QueryResult"><sf:records xsi:type="sf:sObject"/></sf:Contacts></records>
        <records xsi:type="sf:sObject"><!-- <records/> --></records></result></queryResponse></soapenv:Body></soapenv:Envelope>"#;
    assert_eq!(count(Rows::XmlRecords, soap), 3);
    let retrieved = r#"<retrieveResponse><result xsi:type="sf:sObject"><sf:Id>1</sf:Id></result><result xsi:nil="true"/></retrieveResponse>"#;
    assert_eq!(count(Rows::XmlRecords, retrieved), 1);
    assert_eq!(count(Rows::XmlRecords, "<createResponse><result><id>1</id></result></createResponse>"), 0);
}

#[test]
fn a_record_or_a_blob_is_one_row_however_it_is_cut() {
    let mut counter = RowCounter::new(Rows::One);
    assert_eq!([counter.feed(b""), counter.feed(b"a"), counter.feed(b"b")], [0, 1, 0]);
    assert_eq!(count(Rows::None, "{}"), 0);
    let mut counter = RowCounter::new(Rows::Known(7));
    assert_eq!([b"".as_slice(), b"{", b"}"].map(|chunk| counter.feed(chunk)), [0, 7, 0]);
}

/// Objects directly inside arrays named `records`, counted on the whole text.
fn records(value: &Value, inside: bool) -> u64 {
    match value {
        Value::Object(fields) => {
            u64::from(inside)
                + fields
                    .iter()
                    .map(|(name, value)| match value {
                        Value::Array(values) => {
                            values.iter().map(|value| records(value, name == "records")).sum()
                        }
                        value => records(value, false),
                    })
                    .sum::<u64>()
        }
        Value::Array(values) => values.iter().map(|value| records(value, false)).sum(),
        _ => 0,
    }
}

/// Rows as a CSV reader sees them.
fn lines(text: &str) -> u64 {
    let (mut reader, mut input, mut rows) = (csv_core::Reader::new(), text.as_bytes(), 0_u64);
    let (mut output, mut ends) = ([0; 4096], [0; 256]);
    loop {
        let (result, read, _, _) = reader.read_record(input, &mut output, &mut ends);
        input = &input[read..];
        match result {
            csv_core::ReadRecordResult::Record => rows += 1,
            csv_core::ReadRecordResult::End => return rows.saturating_sub(1),
            _ => {}
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!(1.5)),
        "[\\[\\]{}:,\"\\\\a-c\n]{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 60, 4, |inner| {
        let name = prop::sample::select(vec!["records", "done", "x\"y", "records2"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn json_counts_as_a_parser_does_in_any_chunks(value in json_value(), cuts in prop::collection::vec(0_usize..12, 0..40)) {
        // `x"y` is written with an escape, which counts as a disguise: it never names an array here.
        prop_assume!(!value.to_string().contains(r#""x\"y":["#));
        let expected = records(&value, false);
        prop_assert_eq!(count_in_chunks(Rows::JsonRecords, &value.to_string(), &cuts), expected);
        let spaced = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(count_in_chunks(Rows::JsonRecords, &spaced, &cuts), expected);
    }

    #[test]
    fn csv_counts_as_a_reader_does_in_any_chunks(
        fields in prop::collection::vec(prop::collection::vec("[a-c,;\"\r\n ]{0,8}", 1..4), 1..12),
        crlf in any::<bool>(),
        cuts in prop::collection::vec(0_usize..12, 0..40),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let line = |fields: &Vec<String>| fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
        let text: String = fields.iter().map(|fields| line(fields) + end).collect();
        prop_assert_eq!(lines(&text), fields.len() as u64 - 1);
        prop_assert_eq!(count_in_chunks(Rows::Csv, &text, &cuts), fields.len() as u64 - 1);
    }

    #[test]
    fn any_chunks_give_the_same_count(text in r#"[<>/a{}\[\]:,"'\\\n\r!?-]{0,60}"#, cuts in prop::collection::vec(0_usize..6, 0..30)) {
        for rows in [Rows::JsonRecords, Rows::JsonArray, Rows::Csv, Rows::XmlRecords, Rows::GraphQlNodes, Rows::ReportRows, Rows::One, Rows::Bulk] {
            prop_assert_eq!(count_in_chunks(rows, &text, &cuts), count(rows, &text));
        }
    }
}

#[test]
fn a_bulk_result_is_counted_in_the_format_that_it_has() {
    assert_eq!(count(Rows::Bulk, "\"Id\"\n\"1\"\n\"2\"\n"), 2);
    assert_eq!(count(Rows::Bulk, r#"[{"Id":"1"},{"Id":"2"}]"#), 2);
    assert_eq!(
        count(Rows::Bulk, "<?xml version=\"1.0\"?><queryResult><records/><records/></queryResult>"),
        2
    );
    let mut counter = RowCounter::new(Rows::Bulk);
    assert_eq!(["\n", " ", "[{}", ",{}]"].map(|chunk| counter.feed(chunk.as_bytes())), [0, 0, 1, 1]);
}

proptest! {
    #[test]
    fn the_longest_beginning_holds_whole_rows_and_no_more(most in 0_u64..12, size in 1_usize..40) {
        let csv = "Id,Name\n1,a\n2,\"b\nb\"\n3,c\n4,d\n5,e\n6,f\n7,g\n8,h\n9,i\n".as_bytes();
        let (mut counter, mut left, mut out) = (RowCounter::new(Rows::Csv), most, Vec::new());
        for chunk in csv.chunks(size) {
            let fitting = counter.fitting(chunk, left);
            out.extend_from_slice(&chunk[..fitting]);
            left -= counter.feed(&chunk[..fitting]);
            if fitting < chunk.len() {
                break;
            }
        }
        let mut whole = RowCounter::new(Rows::Csv);
        prop_assert_eq!(whole.feed(&out), most.min(9));
        prop_assert!(out.ends_with(b"\n"), "the last row is whole: {:?}", String::from_utf8_lossy(&out));
    }
}

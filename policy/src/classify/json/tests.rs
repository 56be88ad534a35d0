use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Document<'_>, Unclear> {
    Document::parse(text.as_bytes())
}

#[test]
fn strict_text_is_read() {
    let text = r#" {"a": [1, -0.5e+3, "x\u00e9\ud83d\ude00\n"], "b": {"c": null, "d": true, "e": false}} "#;
    let document = parse(text).unwrap();
    let root = document.root();
    let items: Vec<_> = root.get("a").unwrap().items().collect();
    assert_eq!(items[1].raw(), "-0.5e+3");
    assert_eq!(items[2].as_str().unwrap(), "xé😀\n");
    assert_eq!(root.get("b").unwrap().get("d").unwrap().kind(), Kind::True);
    assert_eq!(root.entries().count(), 2);
    assert_eq!(root.raw(), text.trim());
}

#[test]
fn text_with_two_readings_is_refused() {
    for odd in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "// x\n1",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "NaN",
        "1 2",
        "[1]]",
        "\"\t\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800x\"",
        "\"\\u0000\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"x\":[{\"a\":1,\"a\":2}]}",
        "tru",
        "\"\\u00g0\"",
        "\"abc",
        "\u{feff}\u{feff}1",
        "{\"a\" 1}",
        "[1 2]",
        "nullx",
    ] {
        assert!(parse(odd).is_err(), "{odd}");
    }
    assert!(Document::parse(b"\"\xff\"").is_err());
    assert!(
        Document::parse("{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice())
            .is_err()
    );
}

#[test]
fn nesting_is_limited() {
    assert!(parse(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_ok());
    assert!(parse(&format!("{}{}", "[".repeat(33), "]".repeat(33))).is_err());
    assert!(parse(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn many_keys_are_compared_too() {
    let keys = |last: usize| {
        let pairs: Vec<_> = (0..100).chain([last]).map(|key| format!("\"k{key}\":0")).collect();
        format!("{{{}}}", pairs.join(","))
    };
    assert!(parse(&keys(100)).is_ok());
    assert!(parse(&keys(7)).is_err());
}

#[test]
fn a_byte_order_mark_is_taken_off() {
    let document = parse("\u{feff}{\"a\":1}").unwrap();
    assert_eq!(document.root().raw(), "{\"a\":1}");
}

#[test]
fn a_place_is_a_pointer() {
    let document = parse(r#"{"a/b":[0,{"c":"x"}]}"#).unwrap();
    let inner = document.root().get("a/b").unwrap().items().nth(1).unwrap().get("c").unwrap();
    assert_eq!(Place::from(inner), Place::Pointer("/a~1b/1/c".into()));
    assert_eq!(Place::from(document.root()), Place::Pointer("".into()));
}

#[test]
fn letter_case_can_be_folded() {
    assert!(parse(r#"{"Name":1,"NAME":2}"#).unwrap().root().folded_duplicate().is_some());
    assert!(parse(r#"{"Name":1,"Nam":2}"#).unwrap().root().folded_duplicate().is_none());
}

#[test]
fn the_text_is_rebuilt_with_holes() {
    let document = parse(r#"{"q":"SELECT","n":1}"#).unwrap();
    let place = document.root().get("q").unwrap().content();
    let template = document.rebuilt(vec![(place, hole(0))]);
    let filled = template.fill(|_| Some("a\"b"));
    assert_eq!(String::from_utf8(filled.parts.concat()).unwrap(), r#"{"q":"a\"b","n":1}"#);
}

proptest! {
    #[test]
    fn what_is_accepted_means_the_same_to_another_parser(text in "[\\[\\]{}\",:0-9a\\\\u. -]{0,40}") {
        if let Ok(document) = parse(&text) {
            let other: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(same(document.root(), &other));
        }
    }

    #[test]
    fn what_another_parser_writes_is_accepted(keys in prop::collection::hash_map(".*", ".*", 0..40)) {
        let text = serde_json::to_string(&keys).unwrap();
        let document = parse(&text);
        if keys.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
            prop_assert!(document.is_err());
        } else {
            prop_assert!(same(document.unwrap().root(), &serde_json::to_value(&keys).unwrap()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes);
    }
}

fn same(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    match theirs {
        serde_json::Value::Null => ours.kind() == Kind::Null,
        serde_json::Value::Bool(value) => ours.kind() == if *value { Kind::True } else { Kind::False },
        serde_json::Value::Number(_) => ours.kind() == Kind::Number,
        serde_json::Value::String(text) => ours.as_str().is_some_and(|ours| ours == *text),
        serde_json::Value::Array(items) => {
            ours.items().count() == items.len()
                && ours.items().zip(items).all(|(ours, theirs)| same(ours, theirs))
        }
        serde_json::Value::Object(entries) => {
            ours.entries().count() == entries.len()
                && ours.entries().all(|(key, value)| {
                    entries.get(&*key.as_str().unwrap()).is_some_and(|theirs| same(value, theirs))
                })
        }
    }
}

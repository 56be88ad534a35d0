//! Strings and structure, against each other.

use proptest::prelude::*;

use super::*;

fn tokens<'a>(chunks: impl Iterator<Item = &'a [u8]>, heed: Heed) -> Vec<String> {
    // As many bytes of a longer one as there is room for come when it lies across chunks.
    let told = |name: Name<'_>| match String::from_utf8_lossy(name.text) {
        text if name.text.len() > LONGEST => format!(" (long, {})", text.len() > LONGEST),
        text => format!(" {text} {}", if name.escaped { "escaped" } else { "" }).trim_end().to_owned(),
    };
    let (mut tokens, mut found) = (Tokens::default(), Vec::new());
    for chunk in chunks {
        tokens.feed(chunk, heed, |token| {
            found.push(match token {
                Token::Object(name) => format!("object{}", told(name)),
                Token::Array(name) => format!("array{}", told(name)),
                Token::Close => "close".to_owned(),
                Token::Name(name) => format!("name{}", told(name)),
                Token::Comma => "comma".to_owned(),
                Token::Text(text) => format!("text {}", String::from_utf8_lossy(text)),
            });
            heed
        });
    }
    found
}

fn whole(text: &[u8], heed: Heed) -> Vec<String> {
    tokens(std::iter::once(text), heed)
}

#[test]
fn strings_end_at_the_quote_that_no_backslash_escapes() {
    let text = br#"{"a\\":"b\"}{","c\\\"d":{"e":"\\"}}"#;
    let all = [
        "object",
        r"text a\\",
        r"name a\\ escaped",
        r#"text b\"}{"#,
        "comma",
        r#"text c\\\"d"#,
        r#"name c\\\"d escaped"#,
        r#"object c\\\"d escaped"#,
        "text e",
        "name e",
        r"text \\",
        "close",
        "close",
    ];
    assert_eq!(whole(text, Heed::Values), all);
    let few = |starts: &[&str]| {
        let is_one = |token: &&&str| starts.iter().any(|start| token.starts_with(start));
        all.iter().filter(is_one).copied().collect::<Vec<_>>()
    };
    assert_eq!(whole(text, Heed::Names), few(&["object", "close", "name"]));
    assert_eq!(whole(text, Heed::Brackets), few(&["object", "close"]));
}

#[test]
fn a_name_is_a_string_with_nothing_but_a_colon_between_it_and_the_value() {
    let text = b"\"a\": {\"b\", : [\"c\"]: \"d\" \n\t: : {\"e\" x : x [\"f\":\"g\"[ \"h\":,{";
    assert_eq!(
        whole(text, Heed::Names),
        [
            "name a", "object a", "name", "array", "close", "name", "name d", "name", "object", "name e",
            "array e", "name f", "array", "name h", "object"
        ]
    );
}

#[test]
fn a_string_too_long_to_keep_is_passed_over_whole() {
    let long = format!(r#"["{}","x"]"#, "y\\\"".repeat(1000));
    assert_eq!(whole(long.as_bytes(), Heed::Values), ["array", "comma", "text x", "close"]);
    assert_eq!(tokens(long.as_bytes().chunks(7), Heed::Values), ["array", "comma", "text x", "close"]);
}

proptest! {
    #[test]
    fn chunks_do_not_matter(
        text in r#"[\[\]{}:,"\\ab]{0,200}"#,
        size in 1_usize..80,
        heed in prop::sample::select(vec![Heed::Brackets, Heed::Names, Heed::Values]),
    ) {
        prop_assert_eq!(tokens(text.as_bytes().chunks(size), heed), whole(text.as_bytes(), heed));
    }
}

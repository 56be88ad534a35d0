use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{"a":"https://acme.my.salesforce.com/id/1","b":"https:\/\/acme.my.salesforce.com\/x","c":"https://acme.my.salesforce.com.evil.example/","d":"https://acme.my.salesforce.com","h":"http","e":"https://acme.my.salesforce.community"}h"#;
const REPLACED: &str = r#"{"a":"https://sf.corp:8443/id/1","b":"https:\/\/sf.corp:8443\/x","c":"https://acme.my.salesforce.com.evil.example/","d":"https://sf.corp:8443","h":"http","e":"https://acme.my.salesforce.community"}h"#;

fn rewritten(text: &str, size: usize) -> String {
    let from = vec!["https://acme.my.salesforce.com".to_owned()];
    let mut rewriter = Rewriter::new(from.into(), "https://sf.corp:8443".to_owned());
    let mut out = Vec::new();
    for piece in text.as_bytes().chunks(size) {
        out.extend_from_slice(&rewriter.feed(bytes::Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&rewriter.finish());
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn addresses_are_replaced_whatever_the_pieces(size in 1_usize..260) {
        prop_assert_eq!(rewritten(BODY, size), REPLACED);
    }

    #[test]
    fn text_without_the_address_stays_as_it_is(text in "[htps:/ a-e.\\\\]{0,200}", size in 1_usize..50) {
        prop_assert_eq!(rewritten(&text, size), text);
    }
}

#[test]
fn an_answer_keeps_no_session() {
    for (name, stays) in [
        ("set-cookie", false),
        ("x-sfdc-request-id", false),
        ("sforce-locator", true),
        ("content-type", true),
    ] {
        assert_eq!(passes(&http::HeaderName::from_static(name)), stays, "{name}");
    }
}

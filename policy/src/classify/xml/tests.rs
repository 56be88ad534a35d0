use proptest::prelude::*;

use super::*;

const QUERY: &str = r#"<?xml version="1.0"?>
<e:Envelope xmlns:e="urn:e" xmlns:u='urn:u' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <e:Body><!-- note --><u:query xsi:type="u:x"><u:queryString>&#83;EL<![CDATA[ECT <]]>&amp;&#x2f;
</u:queryString><u:none/></u:query></e:Body>
</e:Envelope>
"#;

fn query(xml: &Xml<'_>) -> String {
    xml.root()
        .need("Body")
        .unwrap()
        .need("query")
        .unwrap()
        .need("queryString")
        .unwrap()
        .text()
        .unwrap()
        .to_owned()
}

fn written(xml: &Xml<'_>, holes: &[(usize, usize)]) -> String {
    let mut writer = Writer::new(holes);
    writer.element(xml.root());
    let filled = writer.finish().fill(|_| Some("<hole>"));
    String::from_utf8(filled.parts.concat()).unwrap()
}

#[test]
fn text_is_decoded_and_joined() {
    let xml = Xml::parse(QUERY.as_bytes()).unwrap();
    assert_eq!(query(&xml), "SELECT <&/\n");
    let body = xml.root().need("Body").unwrap();
    assert_eq!((body.prefix(), body.namespace()), ("e:", Some("urn:e")));
    let operation = body.need("query").unwrap();
    assert_eq!(operation.xsi("type"), Some("u:x"));
    assert_eq!(operation.attributes().collect::<Vec<_>>(), [(Some(XSI), "type")]);
    assert_eq!(operation.path(), "Envelope/Body/query");
}

#[test]
fn what_is_written_has_the_same_reading() {
    let xml = Xml::parse(QUERY.as_bytes()).unwrap();
    let text = written(&xml, &[]);
    let again = Xml::parse(text.as_bytes()).unwrap();
    assert_eq!(query(&again), query(&xml));
    assert_eq!(written(&again, &[]), text);
    assert!(!text.contains("note"));
}

#[test]
fn a_hole_takes_the_place_of_a_text() {
    let xml = Xml::parse(b"<a><b x='1'>old</b><c>kept</c></a>").unwrap();
    let hole = xml.root().need("b").unwrap().offset();
    assert_eq!(
        written(&xml, &[(hole, 0)]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a><b x=\"1\">&lt;hole&gt;</b><c>kept</c></a>"
    );
}

#[test]
fn what_parsers_read_differently_is_refused() {
    for odd in [
        "",
        " ",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a/><![CDATA[x]]>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<a>&b;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#+65;</a>",
        "<a>&#X41;</a>",
        "<a>& </a>",
        "<a b='&c;'/>",
        "<a>x<!-- c -->y</a>",
        "<a>x<?p?>y</a>",
        "<a><!-- c --></a>",
        "<a>x<b/></a>",
        "<a><b/>&#32;</a>",
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a b='<'/>",
        "<a b=c/>",
        "<a b/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='u'/>",
        "<a:b:c xmlns:a='u'/>",
        "<é/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0' encoding='UTF-16'?><a/>",
        " <?xml version='1.0'?><a/>",
        "<a>]]></a>",
        "<a>\u{1}</a>",
        "<a><!-- -- --><b/></a>",
    ] {
        assert!(Xml::parse(odd.as_bytes()).is_err(), "{odd}");
    }
    assert!(Xml::parse(b"<a>\xff</a>").is_err());
    assert!(
        Xml::parse("<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice()).is_err()
    );
}

#[test]
fn depth_is_bounded() {
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Xml::parse(deep(MAX_DEPTH).as_bytes()).is_ok());
    assert!(Xml::parse(deep(MAX_DEPTH + 1).as_bytes()).is_err());
}

#[test]
fn white_space_in_attributes_reads_as_xml_says() {
    let xml = Xml::parse(b"<a b='x\r\ny\t&#10;z'/>").unwrap();
    assert_eq!(xml.elements[0].attributes[0].value.as_ref(), "x y \nz");
    let text = written(&xml, &[]);
    assert_eq!(Xml::parse(text.as_bytes()).unwrap().elements[0].attributes[0].value.as_ref(), "x y \nz");
}

#[test]
fn errors_say_where() {
    let xml = Xml::parse(b"<a><b/><b/></a>").unwrap();
    assert_eq!(xml.root().one("b").unwrap_err().to_string(), "body, element `a/b`: is given twice (byte 7)");
    assert_eq!(Xml::parse(b"<a>&x;</a>").unwrap_err().place, Place::Offset(3));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Xml::parse(&bytes);
    }

    #[test]
    fn no_markup_panics(text in "[<>/!?&;#xab='\" \\-\\[\\]:CDAT]{0,60}") {
        if let Ok(xml) = Xml::parse(text.as_bytes()) {
            let again = written(&xml, &[]);
            let reread = Xml::parse(again.as_bytes()).unwrap();
            prop_assert_eq!(written(&reread, &[]), again);
        }
    }

    #[test]
    fn a_changed_byte_never_panics_and_keeps_one_reading(at in 0_usize..QUERY.len(), byte: u8) {
        let mut changed = QUERY.as_bytes().to_vec();
        changed[at] = byte;
        if let Ok(xml) = Xml::parse(&changed) {
            let again = written(&xml, &[]);
            let reread = Xml::parse(again.as_bytes()).unwrap();
            prop_assert_eq!(written(&reread, &[]), again);
        }
    }
}

#[test]
fn the_largest_document_stays_small() {
    assert!(
        size_of::<Element<'_>>() * MAX_ELEMENTS <= 44 << 20,
        "{} bytes an element",
        size_of::<Element<'_>>()
    );
}

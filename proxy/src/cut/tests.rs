use std::sync::Arc;

use forcefield_policy::grant::{AllowSpec, Enforcement, FieldsSpec, GrantsSpec};
use forcefield_policy::names::{ApiVersion, ApiVersions, FieldName, IdentityName};
use forcefield_policy::schema::Schema;

use super::*;

fn grants() -> Grants {
    let read = FieldsSpec::Listed(vec![FieldName::try_from("Name").unwrap()]);
    let spec = GrantsSpec {
        identity: IdentityName::try_from("nightly").unwrap(),
        versions: ApiVersions { oldest: ApiVersion::new(50), newest: ApiVersion::new(68) },
        allow: vec![AllowSpec { key: "Account".to_owned(), read: Some(read), ..AllowSpec::default() }],
        named: Vec::new(),
        patterns: Vec::new(),
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &Arc::new(Schema::starter().unwrap())).0
}

fn run(what: Cut, content_type: &str, body: &str) -> String {
    let grants = grants();
    let keep = Keep { grants: &grants, own: &|id| id == "750000000000001AAA" };
    String::from_utf8(cut(what, &keep, content_type, body.as_bytes()).unwrap()).unwrap()
}

#[test]
fn a_list_of_objects_keeps_the_granted_ones() {
    let json = r#"{"encoding":"UTF-8","sobjects":[{"name":"Account"},{"name":"Case"},{"name":"New__c"}]}"#;
    assert_eq!(
        run(Cut::Objects, "application/json", json),
        r#"{"encoding":"UTF-8","sobjects":[{"name":"Account"}]}"#
    );
    let xml = "<r><sobjects><n/><name>Case</name></sobjects>\n<sobjects><name>Account</name></sobjects></r>";
    assert_eq!(run(Cut::Objects, "text/xml", xml), "<r>\n<sobjects><name>Account</name></sobjects></r>");
}

#[test]
fn a_description_keeps_the_granted_fields() {
    let json = r#"{"fields":[{"name":"Id"},{"name":"Name"},{"name":"Phone"},{"name":"New__c"}],"name":"Account","childRelationships":[{"childSObject":"Contact"},{"childSObject":"Account"}]}"#;
    let kept = r#"{"fields":[{"name":"Id"},{"name":"Name"}],"name":"Account","childRelationships":[{"childSObject":"Account"}]}"#;
    assert_eq!(run(Cut::Description, "application/json", json), kept);
    let xml = "<x:result xmlns:x='u'><x:fields><x:name>Phone</x:name></x:fields><x:fields><x:name>Name</x:name></x:fields><x:name>Account</x:name></x:result>";
    let kept =
        "<x:result xmlns:x='u'><x:fields><x:name>Name</x:name></x:fields><x:name>Account</x:name></x:result>";
    assert_eq!(run(Cut::Description, "text/xml; charset=UTF-8", xml), kept);
}

#[test]
fn a_job_list_keeps_ones_own() {
    let json = r#"{"records":[{"id":"750000000000001AAA"},{"id":"750000000000002AAA"}]}"#;
    assert_eq!(run(Cut::Jobs, "application/json", json), r#"{"records":[{"id":"750000000000001AAA"}]}"#);
}

#[test]
fn records_inside_ui_records_are_cut_too() {
    let json = r#"{"apiName":"Account","fields":{"Name":{"value":"A"},"Phone":{"value":"1"},"Owner":{"value":{"apiName":"User","fields":{"Email":{"value":"e"}}}}}}"#;
    let kept = r#"{"apiName":"Account","fields":{"Name":{"value":"A"},"Owner":{"value":{"apiName":"User","fields":{}}}}}"#;
    assert_eq!(run(Cut::UiRecord, "application/json", json), kept);
}

#[test]
fn what_cannot_be_read_is_not_passed_on() {
    let grants = grants();
    let keep = Keep { grants: &grants, own: &|_| false };
    for (content_type, body) in
        [("application/json", "{"), ("text/xml", "<a><b></a>"), ("text/html", "<p>"), ("text/xml", "<a>")]
    {
        assert!(cut(Cut::Objects, &keep, content_type, body.as_bytes()).is_err(), "{body}");
    }
}

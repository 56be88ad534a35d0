//! Decisions on hand-made requests.

use std::sync::Arc;

use super::{Narrowing, Permit, Reason, decide, handles, narrow};
use crate::classify::classify;
use crate::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use crate::id::RecordId;
use crate::names::{ApiVersion, FieldName};
use crate::request::{Handle, HandleKind, HandleUse, Head, JobOperation, JobOrigin, Origin, Verb, What};
use crate::schema::Schema;
use crate::sosl;

fn grants(allow: Vec<AllowSpec>) -> Grants {
    grants_with(allow, &[], Enforcement::Enforce)
}

fn grants_with(allow: Vec<AllowSpec>, also: &[&str], enforcement: Enforcement) -> Grants {
    let spec = GrantsSpec {
        identity: "probe".try_into().unwrap(),
        versions: "58.0-68.0".parse().unwrap(),
        allow,
        named: Vec::new(),
        patterns: also.iter().map(|text| text.parse().unwrap()).collect(),
        exports: Vec::new(),
        enforcement,
    };
    let (grants, problems) = Grants::compile(&spec, &Arc::new(Schema::starter().unwrap()));
    assert_eq!(problems, []);
    grants
}

fn allow(key: &str, read: &[&str], condition: Option<&str>) -> AllowSpec {
    let listed = || read.iter().map(|name| FieldName::try_from(*name).unwrap()).collect();
    let read = if read == ["*"] { FieldsSpec::Every } else { FieldsSpec::Listed(listed()) };
    let condition = condition.map(str::to_owned);
    AllowSpec { key: key.to_owned(), read: Some(read), condition, ..AllowSpec::default() }
}

fn searched(grants: &Grants, text: &str) -> (Result<Option<String>, Reason>, Vec<Narrowing>) {
    let search = sosl::parse(text).unwrap();
    let search = sosl::resolve(search, grants.schema(), ApiVersion::new(60)).unwrap();
    let mut narrowings = Vec::new();
    let decided = narrow::need(grants, &What::Search(Box::new(search)), None, &mut narrowings);
    (decided, narrowings)
}

#[test]
fn a_search_is_held_to_the_condition_of_the_parents_it_names() {
    let grants = grants(vec![allow("Contact", &["*"], None), allow("Account", &["*"], Some("Site = 'EU'"))]);
    let (sent, narrowings) = searched(&grants, "FIND {x} RETURNING Contact(Id, Account.Name)");
    let expected = "FIND {x} RETURNING Contact(Id, Account.Name WHERE (Account.Site = 'EU'))";
    assert_eq!(sent.unwrap().as_deref(), Some(expected));
    assert_eq!(narrowings, [Narrowing::Condition("Account".to_owned())]);
}

#[test]
fn a_search_that_shows_unnamed_fields_needs_them_all() {
    let some = grants(vec![allow("Contact", &["Name"], None)]);
    let all = grants(vec![allow("Contact", &["*"], None)]);
    for text in
        ["FIND {x} RETURNING Contact WITH SNIPPET", "FIND {x} RETURNING Contact(Id USING ListView = Mine)"]
    {
        assert!(matches!(searched(&some, text).0, Err(Reason::EveryField(..))), "{text}");
        assert!(searched(&all, text).0.is_ok(), "{text}");
    }
    assert!(searched(&some, "FIND {x} IN NAME FIELDS RETURNING Contact").0.is_ok());
}

/// Whether a line of `also` lets a call with a body pass.
fn opens(also: &str, path: &str, enforcement: Enforcement) -> bool {
    let grants = grants_with(Vec::new(), &[also], enforcement);
    let head = Head { method: "POST", target: path, headers: &[("content-type", b"application/json")] };
    let asked = classify(grants.schema(), &head, br#"{"inputs": [{}]}"#).unwrap();
    decide(&grants, asked, &[]).is_ok()
}

const MAIL: &str = "/services/data/v60.0/actions/standard/emailSimple";

#[test]
fn an_action_that_sends_is_opened_only_by_a_line_that_spells_it() {
    let opens = |also: &str, path: &str| opens(also, path, Enforcement::Enforce);
    for wide in ["POST /services/data/v60.0/actions/standard/*", "POST /services/data/*/actions/**"] {
        assert!(!opens(wide, MAIL), "{wide}");
        assert!(opens(wide, &MAIL.replace("emailSimple", "submit")), "{wide}");
    }
    for other in ["EMAILsimple", "%65mailSimple", "ofTheNextRelease"] {
        assert!(!opens("POST /services/data/**", &MAIL.replace("emailSimple", other)), "{other}");
    }
    assert!(opens("POST /services/data/*/actions/standard/emailSimple", MAIL));
    let alert = "/services/data/v60.0/actions/custom/emailAlert/Case/Escalated";
    assert!(!opens("POST /services/data/*/actions/custom/emailAlert/**", alert));
    assert!(opens("POST /services/data/*/actions/custom/emailAlert/Case/Escalated", alert));
    let post = "/services/data/v60.0/chatter/feed-elements/0D5000000000001/capabilities/comments/items";
    assert!(!opens("POST /services/data/*/chatter/**", post));
    assert!(opens("POST /services/data/*/chatter/feed-elements/**", post));
}

#[test]
fn no_lenient_mode_lets_an_action_pass_that_sends() {
    let nothing = "POST /services/apexrest/orders";
    assert!(!opens(nothing, MAIL, Enforcement::Observe));
    assert!(opens(nothing, &MAIL.replace("emailSimple", "submit"), Enforcement::Observe));
}

fn permitted(grants: &Grants, soql: &str) -> Permit {
    let target = format!("/services/data/v60.0/query?q={}", soql.replace(' ', "+"));
    let head = Head { method: "GET", target: &target, headers: &[] };
    decide(grants, classify(grants.schema(), &head, b"").unwrap(), &[]).unwrap()
}

fn paged(grants: &Grants, origin: &Origin) -> Result<(), Reason> {
    let (kind, id, use_) = (HandleKind::Locator, "01g5g0000000001".into(), HandleUse::Page);
    handles::handle(grants, &Handle { kind, id, offset: Some(2000), use_ }, Some(origin))
}

#[test]
fn a_cursor_on_every_field_ends_with_the_grant_of_every_field() {
    let (all, some) = (
        grants(vec![allow("Contact", &["*"], None)]),
        grants(vec![allow("Contact", &["Name", "Email"], None)]),
    );
    let fewer = grants(vec![allow("Contact", &["Name"], None)]);
    let soql = "SELECT FIELDS(ALL) FROM Contact LIMIT 200";
    let wide = permitted(&all, soql).origin();
    assert_eq!(paged(&all, &wide), Ok(()));
    assert!(matches!(paged(&some, &wide), Err(Reason::EveryField(..))));
    let narrow = permitted(&some, soql).origin();
    assert_eq!((paged(&some, &narrow), paged(&all, &narrow)), (Ok(()), Ok(())));
    assert!(matches!(paged(&fewer, &narrow), Err(Reason::Field(..))));
}

#[test]
fn a_cursor_goes_on_under_the_condition_that_it_was_opened_with() {
    let eu = grants(vec![allow("Account", &["*"], Some("Site = 'EU'"))]);
    let us = grants(vec![allow("Account", &["*"], Some("Site = 'US'"))]);
    let all = grants(vec![allow("Account", &["*"], None)]);
    let soql = "SELECT Name FROM Account";
    let (held, free) = (permitted(&eu, soql).origin(), permitted(&all, soql).origin());
    assert_eq!((paged(&eu, &held), paged(&all, &held), paged(&all, &free)), (Ok(()), Ok(()), Ok(())));
    assert!(matches!(paged(&us, &held), Err(Reason::Condition(..))));
    assert!(matches!(paged(&eu, &free), Err(Reason::Condition(..))));
}

#[test]
fn a_job_is_closed_only_while_its_verb_is_granted() {
    let operation = JobOperation::Insert;
    let job = JobOrigin { object: "Contact".to_owned(), operation, external_id: None, delimiter: b',' };
    let origin = Origin { job: Some(job), ..Origin::default() };
    let id = RecordId::parse("7505g000000000AAAQ").unwrap();
    let close = |grants: &Grants| {
        handles::handle(grants, &Handle::job(HandleKind::IngestJob, id, HandleUse::Change), Some(&origin))
    };
    let created = AllowSpec { create: Some(FieldsSpec::Every), ..allow("Contact", &["*"], None) };
    assert_eq!(close(&grants(vec![created])), Ok(()));
    let refused = close(&grants(vec![allow("Contact", &["*"], None)]));
    assert_eq!(refused, Err(Reason::Verb(Verb::Create, "Contact".to_owned())));
}

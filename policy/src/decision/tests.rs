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

/// What a line of `also` says to a call of the org's own code; `None` when the call has no one reading.
fn routed(also: &str, (method, target): (&str, &str), form: bool) -> Option<Result<(), Reason>> {
    let grants = grants_with(Vec::new(), &[also], Enforcement::Enforce);
    let kind: &[u8] = if form { b"application/x-www-form-urlencoded" } else { b"application/json" };
    let body: &[u8] = if form { b"loader=secrets" } else { b"{}" };
    let body = if method == "GET" { b"" } else { body };
    let head = Head { method, target, headers: &[("content-type", kind)] };
    let asked = classify(grants.schema(), &head, body).ok()?;
    Some(decide(&grants, asked, &[]).map(drop).map_err(|denial| denial.reason))
}

#[test]
fn a_router_is_opened_for_the_class_that_a_line_pins() {
    const ROUTER: &str = "/services/apexrest/Quotes/ServiceRouter";
    let asks = |also: &str, query: &str| {
        routed(&format!("GET {ROUTER}{also}"), ("GET", &format!("{ROUTER}{query}")), false)
    };
    let passes = |also: &str, query: &str| asks(also, query) == Some(Ok(()));
    assert!(
        passes("", "?loader=secrets") && passes("", ""),
        "without a `?` the query string is the code's own"
    );
    for pinned in ["?loader=Quotes.Read", "?loader=Quotes.Read&uid=*", "?loader=Quotes.Read&*"] {
        let alone = passes(pinned, "?loader=Quotes.Read");
        assert_eq!(alone, !pinned.contains("uid"), "{pinned}");
        for same in
            ["?uid=7&loader=Quotes.Read", "?%6coader=Quotes%2ERead&uid=7", "?loader=Quotes.Read&uid=&"]
        {
            assert_eq!(passes(pinned, same), pinned.contains('*'), "{pinned} {same}");
        }
        for other in [
            "",
            "?uid=7",
            "?loader=Quotes.Save",
            "?loader=quotes.read",
            "?loader=Quotes.Read%2CQuotes.Save",
            "?loader=Quotes.Read%20",
            "?Loader=Quotes.Read",
            "?loader=Quotes.Read&Loader=Quotes.Save",
            "?LOADER=Quotes.Save&loader=Quotes.Read&uid=7",
        ] {
            assert!(matches!(asks(pinned, other), Some(Err(Reason::Parameters(_)))), "{pinned} {other}");
        }
        for unread in [
            "?loader=Quotes.Read&loader=Quotes.Save",
            "?loader=Quotes.Save&loader=Quotes.Read",
            "?loader=Quotes.Read&%6Coader=Quotes.Save",
            "?loader=Quotes.Read;loader=Quotes.Save",
            "?loader[]=Quotes.Save&loader=Quotes.Read",
        ] {
            assert_eq!(asks(pinned, unread), None, "{pinned} {unread}");
        }
    }
    assert!(passes("?", "") && !passes("?", "?loader=Quotes.Read"));
    assert!(matches!(asks("/x?loader=Quotes.Read", "?loader=Quotes.Read"), Some(Err(Reason::Opaque(_)))));
}

#[test]
fn a_pinned_router_takes_no_form() {
    let target = "/services/apexrest/router?loader=orders";
    for (also, form) in [("", true), ("?loader=orders", false), ("?loader=orders&*", false)] {
        let also = format!("POST /services/apexrest/router{also}");
        assert_eq!(routed(&also, ("POST", target), false), Some(Ok(())), "{also}");
        assert_eq!(routed(&also, ("POST", target), true) == Some(Ok(())), form, "{also}");
    }
}

#[test]
fn a_part_of_an_envelope_is_held_to_the_pins_too() {
    let passes = |query: &str| {
        let also = "GET /services/data/v60.0/connect/topics?sort=name&*";
        let grants = grants_with(Vec::new(), &[also], Enforcement::Enforce);
        let target = "/services/data/v60.0/composite/batch";
        let url = format!("v60.0/connect/topics{query}");
        let body = format!(r#"{{"batchRequests":[{{"method":"GET","url":"{url}"}}]}}"#);
        let head = Head { method: "POST", target, headers: &[("content-type", b"application/json")] };
        let asked = classify(grants.schema(), &head, body.as_bytes()).unwrap();
        decide(&grants, asked, &[]).is_ok()
    };
    assert!(passes("?sort=name") && passes("?x=1&sort=name"));
    assert!(!passes("") && !passes("?sort=all"));
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

/// What grants on contacts say to a use of a job that was loaded with these columns.
fn of_a_load(grants: &Grants, use_: HandleUse, columns: Option<&[&str]>) -> Result<(), Reason> {
    let columns = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let job = JobOrigin {
        object: "Contact".to_owned(),
        operation: JobOperation::Insert,
        external_id: None,
        delimiter: b',',
        columns,
    };
    let origin = Origin { job: Some(job), ..Origin::default() };
    let id = RecordId::parse("7505g000000000AAAQ").unwrap();
    handles::handle(grants, &Handle::job(HandleKind::IngestJob, id, use_), Some(&origin))
}

fn creating(fields: FieldsSpec) -> Grants {
    grants(vec![AllowSpec { create: Some(fields), ..allow("Contact", &["*"], None) }])
}

#[test]
fn a_job_is_closed_and_read_back_only_while_its_verb_is_granted() {
    let (reading, every) = (grants(vec![allow("Contact", &["*"], None)]), creating(FieldsSpec::Every));
    let lead = grants(vec![allow("Lead", &["*"], None)]);
    for use_ in [HandleUse::Change, HandleUse::Readback] {
        for columns in [Some(&["LastName"][..]), Some(&[]), None] {
            assert_eq!(of_a_load(&every, use_, columns), Ok(()));
            let refused = of_a_load(&reading, use_, columns);
            assert_eq!(refused, Err(Reason::Verb(Verb::Create, "Contact".to_owned())));
            assert!(matches!(of_a_load(&lead, use_, columns), Err(Reason::NoGrant(..))));
        }
    }
    for use_ in [HandleUse::Status, HandleUse::Delete] {
        assert_eq!(of_a_load(&reading, use_, None), Ok(()), "its state is no data");
    }
}

#[test]
fn a_job_is_closed_and_read_back_only_while_its_columns_are_granted() {
    let listed = |names: &[&str]| names.iter().map(|name| FieldName::try_from(*name).unwrap()).collect();
    let fewer = creating(FieldsSpec::Listed(listed(&["LastName", "AccountId"])));
    for use_ in [HandleUse::Change, HandleUse::Readback] {
        assert_eq!(of_a_load(&fewer, use_, Some(&["lastname", "Id"])), Ok(()));
        let refused = of_a_load(&fewer, use_, Some(&["LastName", "email"]));
        assert_eq!(refused, Err(Reason::Field(Verb::Create, "Contact".to_owned(), "Email".to_owned())));
        let refused = of_a_load(&fewer, use_, None);
        assert_eq!(refused, Err(Reason::EveryField(Verb::Create, "Contact".to_owned())), "not kept");
        let refused = of_a_load(&fewer, use_, Some(&["Gone__c"]));
        assert_eq!(refused, Err(Reason::Column("Gone__c".to_owned())));
    }
}

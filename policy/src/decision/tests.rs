//! Decisions on hand-made requests.

use std::sync::Arc;

use super::{Narrowing, Reason, narrow};
use crate::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use crate::names::{ApiVersion, FieldName};
use crate::request::What;
use crate::schema::Schema;
use crate::sosl;

fn grants(allow: Vec<AllowSpec>) -> Grants {
    let spec = GrantsSpec {
        identity: "probe".try_into().unwrap(),
        versions: "58.0-68.0".parse().unwrap(),
        allow,
        named: Vec::new(),
        patterns: Vec::new(),
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
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

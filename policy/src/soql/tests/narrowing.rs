//! The narrowed query: what is joined to it, and where it cannot be.

use super::{org, resolved_in};
use crate::soql::{Edits, FieldsFunction, Place, PlaceKind, Resolved, ResolvedCondition, parse};

fn condition(object: &str, text: &str) -> ResolvedCondition {
    ResolvedCondition::new(text, org(), org().find(object).unwrap()).unwrap()
}

fn read(text: &str) -> Resolved {
    resolved_in(text, 60).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

/// The query with a condition joined wherever its object is read.
fn narrowed(text: &str, condition: &ResolvedCondition) -> Result<String, &'static str> {
    let resolved = read(text);
    let on = |place: &Place| place.object == condition.object();
    let places = resolved.places().iter().enumerate().filter(|(_, place)| on(place));
    let edits = Edits { conditions: places.map(|(at, _)| (at, condition)).collect(), ..Edits::default() };
    assert!(!edits.conditions.is_empty(), "{text}: is not about the object");
    let printed = resolved.narrowed(&edits).map_err(|problem| problem.0)?;
    let again = parse(&printed).unwrap_or_else(|problem| panic!("{printed}: {problem}"));
    assert_eq!(again.to_string(), printed);
    Ok(printed)
}

#[test]
fn a_condition_is_joined_so_that_both_must_hold() {
    let eu = condition("Account", "Site = 'EU' OR Site = 'UK'");
    assert_eq!(
        narrowed("SELECT Id FROM Account", &eu).unwrap(),
        "SELECT Id FROM Account WHERE (Site = 'EU' OR Site = 'UK')"
    );
    assert_eq!(
        narrowed("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' LIMIT 5", &eu).unwrap(),
        "SELECT Id FROM Account WHERE (Name = 'a' OR Name = 'b') AND (Site = 'EU' OR Site = 'UK') LIMIT 5"
    );
    assert_eq!(
        narrowed("SELECT COUNT() FROM Account WHERE NOT Name = 'a'", &eu).unwrap(),
        "SELECT COUNT() FROM Account WHERE (NOT Name = 'a') AND (Site = 'EU' OR Site = 'UK')"
    );
}

#[test]
fn a_condition_reaches_every_place() {
    let eu = condition("Contact", "Title = 'EU'");
    assert_eq!(
        narrowed("SELECT (SELECT Id FROM Contacts c WHERE c.Email = NULL LIMIT 1) FROM Account", &eu)
            .unwrap(),
        "SELECT (SELECT Id FROM Contacts c WHERE (c.Email = NULL) AND (c.Title = 'EU') LIMIT 1) FROM Account"
    );
    assert_eq!(
        narrowed("SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact)", &eu).unwrap(),
        "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE (Title = 'EU'))"
    );
    assert_eq!(
        narrowed("SELECT Contact.Email, Contact.ReportsTo.Name FROM Case", &eu).unwrap(),
        "SELECT Contact.Email, Contact.ReportsTo.Name FROM Case WHERE (Contact.Title = 'EU') AND (Contact.ReportsTo.Title = 'EU')"
    );
}

#[test]
fn a_parents_condition_is_asked_by_its_path() {
    let eu = condition(
        "Account",
        "Owner.Name LIKE 'x%' AND DISTANCE(BillingAddress, GEOLOCATION(1, 2), 'km') < 5",
    );
    assert_eq!(
        narrowed("SELECT Id FROM Contact c, c.Account a WHERE a.Name = 'y'", &eu).unwrap(),
        "SELECT Id FROM Contact c, c.Account a WHERE (a.Name = 'y') AND (c.Account.Owner.Name LIKE 'x%' AND DISTANCE(c.Account.BillingAddress, GEOLOCATION(1, 2), 'km') < 5)"
    );
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    let user = condition("User", "IsActive = TRUE");
    assert!(narrowed("SELECT Owner.Name FROM Case", &user).unwrap_err().contains("several objects"));
    assert!(narrowed("SELECT Owner.Profile.Name FROM Case", &user).is_err());
    let account = condition("Account", "Industry = 'x'");
    assert!(narrowed("SELECT TYPEOF What WHEN Account THEN Phone END FROM Task", &account).is_err());
    let asking = condition("Account", "Id IN (SELECT AccountId FROM Contact)");
    assert!(narrowed("SELECT Account.Name FROM Contact", &asking).unwrap_err().contains("parent"));
    assert!(
        narrowed("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account)", &asking)
            .unwrap_err()
            .contains("subquery")
    );
    assert!(narrowed("SELECT Id FROM Account", &asking).is_ok());
    let far = condition("Account", "Parent.Parent.Parent.Name = 'x'");
    assert!(narrowed("SELECT Account.Name FROM Contact", &far).is_ok());
    assert!(narrowed("SELECT Contact.ReportsTo.Account.Name FROM Case", &far).unwrap_err().contains("five"));
    let resolved = read("SELECT Id FROM Contact");
    let wrong = Edits { conditions: vec![(0, &account)], ..Edits::default() };
    assert!(resolved.narrowed(&wrong).is_err());
    let nowhere = Edits { conditions: vec![(9, &account)], ..Edits::default() };
    assert!(resolved.narrowed(&nowhere).is_err());
}

#[test]
fn a_limit_is_the_smaller_one() {
    let limited = |text: &str, place: usize, most: u64| {
        read(text).narrowed(&Edits { limits: vec![(place, most)], ..Edits::default() }).unwrap()
    };
    assert_eq!(limited("SELECT Id FROM Account", 0, 10), "SELECT Id FROM Account LIMIT 10");
    assert_eq!(
        limited("SELECT Id FROM Account LIMIT 50 OFFSET 1", 0, 10),
        "SELECT Id FROM Account LIMIT 10 OFFSET 1"
    );
    assert_eq!(limited("SELECT Id FROM Account LIMIT 5", 0, 10), "SELECT Id FROM Account LIMIT 5");
    assert_eq!(limited("SELECT Id FROM Account", 0, u64::MAX), "SELECT Id FROM Account LIMIT 2147483647");
    assert_eq!(
        limited("SELECT (SELECT Id FROM Contacts) FROM Account", 1, 10),
        "SELECT (SELECT Id FROM Contacts LIMIT 10) FROM Account"
    );
    // Nothing to count, or nothing that Salesforce would let be limited.
    assert_eq!(limited("SELECT COUNT() FROM Account", 0, 10), "SELECT COUNT() FROM Account");
    assert_eq!(limited("SELECT MAX(Name) FROM Account", 0, 10), "SELECT MAX(Name) FROM Account");
    assert_eq!(
        limited("SELECT Name FROM Account GROUP BY Name", 0, 10),
        "SELECT Name FROM Account GROUP BY Name LIMIT 10"
    );
    assert_eq!(limited("SELECT Owner.Name FROM Account", 1, 10), "SELECT Owner.Name FROM Account");
}

#[test]
fn fields_become_a_list_without_repetition() {
    let resolved =
        read("SELECT Name, FIELDS(STANDARD), Account.Site, Owner.Name, FIELDS(CUSTOM) FROM Account LIMIT 1");
    assert_eq!(resolved.places()[0].expands, Some(FieldsFunction::All));
    let fields = |names: &[&'static str]| {
        let edits = Edits { fields: vec![(0, names.to_vec())], ..Edits::default() };
        resolved.narrowed(&edits).unwrap()
    };
    assert_eq!(
        fields(&["Id", "Name", "Industry", "Site"]),
        "SELECT Name, Id, Industry, Account.Site, Owner.Name FROM Account LIMIT 1"
    );
    assert_eq!(fields(&["Name", "Site"]), "SELECT Name, Account.Site, Owner.Name FROM Account LIMIT 1");
    assert_eq!(
        resolved.narrowed(&Edits::default()).unwrap(),
        "SELECT Name, FIELDS(STANDARD), Account.Site, Owner.Name, FIELDS(CUSTOM) FROM Account LIMIT 1"
    );
}

#[test]
fn places_say_how_rows_are_reached() {
    let resolved = read(
        "SELECT Owner.Name, (SELECT Id FROM Contacts) FROM Account WHERE Id IN (SELECT Account.Id FROM Opportunity)",
    );
    let places: Vec<(&str, PlaceKind)> =
        resolved.places().iter().map(|place| (org().object(place.object).name(), place.kind)).collect();
    assert_eq!(
        places,
        [
            ("Account", PlaceKind::Root),
            ("User", PlaceKind::Parent),
            ("Contact", PlaceKind::Child),
            ("Opportunity", PlaceKind::SemiJoin),
            ("Account", PlaceKind::Parent),
        ]
    );
}

//! Name resolution, rule by rule of section 15.3 of the reference.

use super::{fields, org, refusal, resolved_in, touched};
use crate::schema::Schema;
use crate::soql::{ResolvedCondition, ResolvedOrderBy, parse, resolve, resolve_path};

#[test]
fn a_path_may_start_with_the_object_or_its_alias() {
    assert_eq!(
        touched("SELECT Account.Name, a.Industry, Site FROM Account a"),
        "Account.Industry Account.Name Account.Site"
    );
    assert_eq!(touched("SELECT Contact.Account.Name FROM Contact"), "Account.Name Contact.AccountId");
    assert!(refusal("SELECT x.Name FROM Account a").contains("`x`"));
    assert!(refusal("SELECT Contact.Name FROM Account").contains("`Contact`"));
}

#[test]
fn every_clause_counts() {
    assert_eq!(
        touched(
            "SELECT MAX(Amount) FROM Opportunity WHERE Name = 'x' GROUP BY StageName HAVING MIN(Probability) > 5 ORDER BY MAX(CloseDate)"
        ),
        "Opportunity.Amount Opportunity.CloseDate Opportunity.Name Opportunity.Probability Opportunity.StageName"
    );
}

#[test]
fn an_alias_that_is_something_else_is_refused() {
    for alias in ["Name", "Owner", "Contacts", "User"] {
        assert!(refusal(&format!("SELECT Id FROM Account {alias}")).contains("two things"), "{alias}");
        assert!(
            refusal(&format!("SELECT Id FROM Account a, a.Owner {alias}")).contains("two things"),
            "{alias}"
        );
    }
    assert!(refusal("SELECT Id FROM Account a, a.Owner a").contains("two things"));
    assert!(refusal("SELECT Id FROM Account a, a.Owner o, a.Parent o").contains("two things"));
    assert_eq!(touched("SELECT Account.Id FROM Account Account"), "Account.Id");
}

#[test]
fn the_from_list_names_parents_only() {
    assert_eq!(
        touched("SELECT Id FROM Contact c, c.Account a, a.Owner o WHERE o.Email = 'x' AND a.Name = 'y'"),
        "Account.Name Account.OwnerId Contact.AccountId Contact.Id User.Email"
    );
    assert_eq!(touched("SELECT o.Name FROM Case c, c.Owner o"), "Case.OwnerId Group.Name User.Name");
    refusal("SELECT Id FROM Account, Account.Contacts");
    refusal("SELECT Id FROM Account, Contact");
    refusal("SELECT Id FROM Account a, b.Owner o");
    refusal("SELECT Id FROM Contact c, Account.Owner o");
    assert!(refusal("SELECT o.Manager.Name FROM Case c, c.Owner o").contains("TYPEOF"));
}

#[test]
fn polymorphic_paths_need_the_field_of_every_target() {
    assert_eq!(touched("SELECT Owner.Name FROM Case"), "Case.OwnerId Group.Name User.Name");
    assert_eq!(touched("SELECT Owner.Profile.Name FROM Case"), "Case.OwnerId Profile.Name User.ProfileId");
    assert_eq!(touched("SELECT Owner.type FROM Case"), "Case.OwnerId");
    assert_eq!(touched("SELECT What.Name, What.Type FROM Task"), "Name.Name Task.WhatId");
    assert_eq!(touched("SELECT What.Profile.Name FROM Task"), "Name.ProfileId Profile.Name Task.WhatId");
    assert!(refusal("SELECT Owner.Department FROM Case").contains("TYPEOF"));
    assert!(refusal("SELECT Owner.Manager.Name FROM Case").contains("TYPEOF"));
    assert!(refusal("SELECT What.Owner.Name FROM Task").contains("TYPEOF"));
    refusal("SELECT Owner.CommunityNickname FROM Case");
}

#[test]
fn a_typeof_reads_each_of_its_targets() {
    assert_eq!(
        touched("SELECT TYPEOF What WHEN Account THEN Phone, Owner.Email ELSE Name END FROM Task"),
        "Account.OwnerId Account.Phone Name.Name Task.WhatId User.Email"
    );
    assert!(refusal("SELECT TYPEOF Owner WHEN Account THEN Phone END FROM Case").contains("never points"));
    refusal("SELECT TYPEOF What WHEN Nothing__c THEN Id END FROM Task");
    refusal("SELECT TYPEOF What WHEN Account THEN Nothing__c END FROM Task");
    assert!(
        refusal("SELECT TYPEOF What WHEN Account THEN Id ELSE Industry END FROM Task").contains("TYPEOF")
    );
    refusal("SELECT TYPEOF What.Owner WHEN User THEN Id END FROM Task");
}

#[test]
fn a_subquery_is_over_a_child_relationship() {
    assert_eq!(
        touched(
            "SELECT (SELECT OldValue FROM Histories), (SELECT Contact.Email FROM Account.Contacts) FROM Account"
        ),
        "AccountHistory.AccountId AccountHistory.OldValue Contact.AccountId Contact.Email"
    );
    assert!(refusal("SELECT (SELECT Id FROM Contact) FROM Account").contains("child relationship"));
    refusal("SELECT (SELECT Id FROM Owner) FROM Account");
    refusal("SELECT (SELECT Id FROM x.Contacts) FROM Account a");
    refusal("SELECT (SELECT Id FROM a.Contacts.Cases) FROM Account a");
    // Aliases and parents start again at the child.
    refusal("SELECT (SELECT a.Name FROM Contacts) FROM Account a");
    refusal("SELECT (SELECT Industry FROM Contacts) FROM Account");
}

#[test]
fn subqueries_nest_as_deep_as_the_version_allows() {
    let nested = |levels: usize| {
        let open = "SELECT Id, (".repeat(levels - 2);
        let close = ") FROM ChildAccounts".repeat(levels - 2);
        format!("SELECT Id, ({open}SELECT Id FROM ChildAccounts{close}) FROM Account")
    };
    assert!(resolved_in(&nested(2), 57).is_ok());
    assert!(resolved_in(&nested(3), 57).unwrap_err().contains("2 levels"));
    assert!(resolved_in(&nested(3), 58).is_ok());
    assert!(resolved_in(&nested(5), 58).is_ok());
    assert!(resolved_in(&nested(6), 58).unwrap_err().contains("5 levels"));
}

#[test]
fn five_relationships_are_the_most() {
    let path = |hops: usize| format!("SELECT {}Name FROM Account", "Parent.".repeat(hops));
    assert!(resolved_in(&path(5), 60).is_ok());
    assert!(refusal(&path(6)).contains("five relationships"));
    let aliased = format!("SELECT p.{}Name FROM Account a, a.Parent.Parent.Parent p", "Parent.".repeat(3));
    assert!(refusal(&aliased).contains("five relationships"));
}

#[test]
fn a_namesake_relationship_counts_both_ways() {
    let schema = Schema::from_text(
        "@Node a00\n F Id:id Name:s Own:s\n P NodeId/Node>Node OtherId/Other>Leaf\n C\n@Leaf a01\n F Id:id Name:s Far:s\n P NodeId/Leaf>Node\n C\n",
    )
    .unwrap();
    let touched = |text: &str| {
        let resolved = resolve(parse(text).unwrap(), &schema, crate::names::ApiVersion::new(60)).unwrap();
        resolved.accesses().iter().filter(|access| access.fields != crate::request::Fields::None).count()
    };
    // `Node.Name` is the name of this node and that of its parent, by the key `NodeId`.
    assert_eq!(touched("SELECT Node.Name FROM Node"), 2);
    // `Own` of a leaf's `Leaf` relationship exists only there; `Far` only on the leaf itself.
    assert_eq!(touched("SELECT Leaf.Own FROM Leaf"), 2);
    assert_eq!(touched("SELECT Leaf.Far FROM Leaf"), 1);
}

#[test]
fn only_functions_and_groups_have_aliases() {
    assert!(refusal("SELECT Name n FROM Account").contains("renames a plain field"));
    assert!(refusal("SELECT Name Id, Id Name FROM Account").contains("renames a plain field"));
    assert!(refusal("SELECT DISTINCT Name FROM Account").contains("DISTINCT"));
    assert_eq!(touched("SELECT FORMAT(Amount) StageName FROM Opportunity"), "Opportunity.Amount");
    assert_eq!(
        touched("SELECT Name n, COUNT(Id) c FROM Account GROUP BY Name HAVING c > 1 ORDER BY c, n"),
        "Account.Id Account.Name"
    );
    // An alias that is also a field counts as both.
    assert_eq!(
        touched("SELECT MAX(Amount) Probability FROM Opportunity ORDER BY Probability"),
        "Opportunity.Amount Opportunity.Probability"
    );
    assert!(refusal("SELECT MAX(Amount) m FROM Opportunity WHERE m > 1").contains("`m`"));
    assert!(refusal("SELECT MAX(Amount) m, MIN(Amount) m FROM Opportunity").contains("two things"));
}

#[test]
fn unknown_filters_are_refused() {
    assert!(refusal("SELECT Id FROM Account USING SCOPE mine, LOOKUP x").contains("LOOKUP"));
    assert!(refusal("SELECT Id FROM Account WITH UserId = '005'").contains("UserId"));
    assert!(refusal("SELECT Id FROM AccountShare WITH Secret__c (a = 1)").contains("Secret__c"));
    assert_eq!(
        touched("SELECT Id FROM AccountShare WITH RecordVisibilityContext (maxDescriptorPerRecord = 1)"),
        "AccountShare.Id"
    );
}

#[test]
fn an_object_outside_the_schema_is_refused() {
    let schema = Schema::from_text("@A a00\n F Id:id\n P BId/B>B\n C Cs>C.AId\n").unwrap();
    for text in [
        "SELECT B.Id FROM A",
        "SELECT (SELECT Id FROM Cs) FROM A",
        "SELECT Id FROM A WHERE Id IN (SELECT Id FROM D)",
    ] {
        let refused = resolve(parse(text).unwrap(), &schema, crate::names::ApiVersion::new(60));
        assert!(refused.unwrap_err().to_string().contains("has no object"), "{text}");
    }
}

#[test]
fn accesses_come_once_in_order_of_appearance() {
    let resolved =
        resolved_in("SELECT Owner.Name, Id, Owner.Name, Id FROM Account WHERE Id = NULL", 60).unwrap();
    let labels: Vec<String> = resolved.accesses().iter().flat_map(|access| fields(&[*access])).collect();
    assert_eq!(labels, ["Account.OwnerId", "User.Name", "Account.Id"]);
}

#[test]
fn fifty_five_relationships_are_the_most() {
    let mut text = String::new();
    let mut parents = String::new();
    for number in 0..56 {
        text.push_str(&format!("@P{number} p{number:02}\n F Id:id\n P\n C\n"));
        parents.push_str(&format!(" P{number}Id/R{number}>P{number}"));
    }
    let schema = Schema::from_text(&format!("{text}@A a00\n F Id:id\n P{parents}\n C\n")).unwrap();
    let query = |count: usize| {
        let paths: Vec<String> = (0..count).map(|number| format!("R{number}.Id, R{number}.Id")).collect();
        resolve(
            parse(&format!("SELECT {} FROM A", paths.join(", "))).unwrap(),
            &schema,
            crate::names::ApiVersion::new(60),
        )
    };
    assert!(query(55).is_ok());
    assert!(query(56).is_err());
}

#[test]
fn bulk_queries_select_no_compound_fields() {
    let problem = |text: &str| resolved_in(text, 60).unwrap().bulk_problem();
    assert_eq!(problem("SELECT BillingAddress FROM Account"), Some("a compound address or location field"));
    assert_eq!(
        problem("SELECT Account.BillingAddress FROM Contact"),
        Some("a compound address or location field")
    );
    assert_eq!(problem("SELECT BillingCity FROM Account WHERE BillingAddress != NULL"), None);
}

#[test]
fn conditions_paths_and_orders_resolve_alone() {
    let account = org().find("Account").unwrap();
    let condition = ResolvedCondition::new("owner.email = 'x' AND Name != NULL", org(), account).unwrap();
    assert_eq!(fields(condition.accesses()).join(" "), "Account.Name Account.OwnerId User.Email");
    assert_eq!(condition.text(), "owner.email = 'x' AND Name != NULL");
    for odd in ["Account.Name = 'x'", "Nothing__c = 1", "Name", "MAX(Nothing__c) = 1", "Name = 'x' OR"] {
        assert!(ResolvedCondition::new(odd, org(), account).is_err(), "{odd}");
    }
    assert_eq!(
        fields(&resolve_path("Owner.Email", org(), account).unwrap()).join(" "),
        "Account.OwnerId User.Email"
    );
    for odd in ["Owner", "Name ", " Name", "Name,Id", "Owner..Name", "", "'x'", "5", "FORMAT(Name)"] {
        assert!(resolve_path(odd, org(), account).is_err(), "{odd}");
    }
    let order = ResolvedOrderBy::new("Owner.Name desc, Site", org(), account).unwrap();
    assert_eq!(
        (fields(order.accesses()).join(" ").as_str(), order.text()),
        ("Account.OwnerId Account.Site User.Name", "Owner.Name DESC, Site")
    );
}

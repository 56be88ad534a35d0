//! What SOSL means, rule by rule and file by file.

use proptest::prelude::{ProptestConfig, proptest};

use super::{Edits, MatchScope, Resolved, Reveals, parse, resolve};
use crate::names::ApiVersion;
use crate::soql::ResolvedCondition;
use crate::soql::tests::corpus::{rows, set, unescaped};
use crate::soql::tests::laws::change;
use crate::soql::tests::random::Random;
use crate::soql::tests::{fields, objects, org};

const CORPUS: &str = include_str!("../../corpus/sosl.tsv");

fn resolved(text: &str) -> Result<Resolved, String> {
    let query = parse(text).map_err(|problem| problem.to_string())?;
    resolve(query, org(), ApiVersion::new(60)).map_err(|problem| problem.to_string())
}

#[test]
fn every_search_names_what_the_corpus_says() {
    for row in rows(CORPUS) {
        let search = unescaped(row[0]);
        let read =
            resolved(&search).map(|resolved| (objects(resolved.accesses()), fields(resolved.accesses())));
        if row[1] == "deny" {
            assert!(read.is_err(), "{search}: {read:?}");
        } else {
            assert_eq!(read, Ok((set(row[1]), set(row[2]))), "{search}");
        }
    }
}

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).to_string()
}

fn refused(text: &str) {
    if let Ok(read) = resolved(text) {
        panic!("{text}: is read as {}", read.query());
    }
}

#[test]
fn every_clause_stands_in_its_order() {
    for text in [
        "FIND {a} RETURNING Account",
        "FIND {a} IN SIDEBAR FIELDS RETURNING Account, Contact(Id)",
        "FIND {a} IN ALL FIELDS RETURNING Account(Id, toLabel(Type) t, FORMAT(convertCurrency(AnnualRevenue)), DISTANCE(BillingAddress, GEOLOCATION(1, 2), 'km') d WHERE Name LIKE 'x%' AND Site IN ('a', 'b') USING ListView = Recent ORDER BY Name DESC NULLS LAST LIMIT 5 OFFSET 10) WITH DIVISION = 'x' WITH DATA CATEGORY Geo__c AT eu__c WITH SNIPPET (target_length = 120) WITH NETWORK IN ('a', 'b') WITH PricebookId = '01s' WITH METADATA = 'LABELS' WITH HIGHLIGHT WITH SPELL_CORRECTION = FALSE WITH USER_MODE LIMIT 50 UPDATE TRACKING, VIEWSTAT",
        "FIND {a} RETURNING Account WITH SNIPPET WITH NETWORK = 'a' WITH SPELL_CORRECTION = TRUE",
    ] {
        assert_eq!(canonical(text), text);
        assert_eq!(parse(&canonical(text)), parse(text));
    }
    assert_eq!(
        canonical("find{a}in name fields returning account(id)limit 5"),
        "FIND {a} IN NAME FIELDS RETURNING account(id) LIMIT 5"
    );
    for odd in [
        "FIND {a}",
        "FIND {a} RETURNING",
        "FIND {a} RETURNING Account()",
        "FIND {a} RETURNING Account(Id LIMIT 5 WHERE Name = 'x')",
        "FIND {a} RETURNING Account(Id ORDER BY Name WHERE Name = 'x')",
        "FIND {a} RETURNING Account IN NAME FIELDS",
        "FIND {a} IN NAME RETURNING Account",
        "FIND {a} IN OTHER FIELDS RETURNING Account",
        "FIND {a} RETURNING Account LIMIT 5 WITH HIGHLIGHT",
        "FIND {a} RETURNING Account WITH HIGHLIGHT WITH HIGHLIGHT",
        "FIND {a} RETURNING Account WITH OTHER = 'x'",
        "FIND {a} RETURNING Account WITH SECURITY_ENFORCED",
        "FIND {a} RETURNING Account(Id OFFSET 2001)",
        "FIND {a} RETURNING Account(Id n)",
        "FIND {a} RETURNING Account(COUNT(Id))",
        "FIND {a} RETURNING Account(FIELDS(ALL))",
        "FIND {a} RETURNING Account(Id, (SELECT Id FROM Contacts))",
        "FIND {a} RETURNING Account; SELECT Id FROM User",
        "FIND {a} RETURNING Account $",
        "SELECT Id FROM Account",
    ] {
        assert!(parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn the_search_text_ends_at_the_first_brace_that_is_not_escaped() {
    assert_eq!(
        canonical(r"FIND {a \} RETURNING User(Email)} RETURNING Lead"),
        r"FIND {a \} RETURNING User(Email)} RETURNING Lead"
    );
    assert_eq!(canonical(r"FIND {\\} RETURNING Lead"), r"FIND {\\} RETURNING Lead");
    assert_eq!(
        canonical("FIND {\"joe \\} and\" OR Zoë* AND NOT (x-y)} RETURNING Lead"),
        "FIND {\"joe \\} and\" OR Zoë* AND NOT (x-y)} RETURNING Lead"
    );
    for odd in [
        "FIND {} RETURNING Lead",
        "FIND {a RETURNING Lead",
        r"FIND {a\} RETURNING Lead",
        "FIND {a{b} RETURNING Lead",
        r"FIND {a\nb} RETURNING Lead",
        "FIND {a\nb} RETURNING Lead",
        "FIND {\"a} RETURNING Lead(Name)} RETURNING Lead",
        "FIND 'a' RETURNING Lead",
        "FIND a RETURNING Lead",
        "FIND {a} {b} RETURNING Lead",
    ] {
        assert!(parse(odd).is_err(), "{odd}");
    }
    assert!(parse(&format!("FIND {{{}}} RETURNING Lead", "é".repeat(10_000))).is_ok());
    assert!(parse(&format!("FIND {{{}}} RETURNING Lead", "é".repeat(10_001))).is_err());
}

#[test]
fn names_resolve_as_in_queries() {
    refused("FIND {a} RETURNING Accounts");
    refused("FIND {a} RETURNING Account(Nothing__c)");
    refused("FIND {a} RETURNING Account(Contacts.Name)");
    refused("FIND {a} RETURNING Account(Id ORDER BY Nothing__c)");
    refused("FIND {a} RETURNING Account, account(Id)");
    refused("FIND {a} RETURNING Account(Id WHERE Id IN (SELECT AccountId FROM Contact))");
    let read = resolved("FIND {a} RETURNING Contact(Account.Name WHERE Owner.IsActive = TRUE ORDER BY Title), Case(Owner.Name)").unwrap();
    assert_eq!(
        fields(read.accesses()).join(" "),
        "Account.Name Case.OwnerId Contact.AccountId Contact.OwnerId Contact.Title Group.Name User.IsActive User.Name"
    );
    assert_eq!(read.objects().len(), 2);
    assert!(read.objects().iter().zip(read.places()).all(|(object, place)| place.object == *object));
}

#[test]
fn a_search_says_what_it_shows_beyond_its_names() {
    let read = |text: &str| resolved(text).unwrap();
    assert_eq!(read("FIND {a} RETURNING Lead").scope(), MatchScope::All);
    assert_eq!(read("FIND {a} IN EMAIL FIELDS RETURNING Lead").scope(), MatchScope::Email);
    assert_eq!(read("FIND {a} RETURNING Lead").reveals(), None);
    assert_eq!(read("FIND {a} RETURNING Lead WITH SNIPPET").reveals(), Some(Reveals::Snippets));
    assert_eq!(read("FIND {a} RETURNING Lead(Id USING ListView = X)").reveals(), Some(Reveals::ListView));
    assert_eq!(parse("FIND {a} RETURNING Lead LIMIT 7").unwrap().limit(), Some(7));
    assert!(parse("FIND {a} RETURNING Lead UPDATE VIEWSTAT").unwrap().marks_rows());
}

#[test]
fn a_search_is_narrowed_object_by_object() {
    let read =
        resolved("FIND {a} RETURNING Account, Contact(Id, Account.Name WHERE Email = 'x' LIMIT 9) LIMIT 50")
            .unwrap();
    let on =
        |object: &str, text: &str| ResolvedCondition::new(text, org(), org().find(object).unwrap()).unwrap();
    let (account, contact) = (on("Account", "Site = 'EU'"), on("Contact", "Title = 'x' OR Title = 'y'"));
    let edits = Edits {
        conditions: vec![(0, &account), (1, &contact), (2, &account)],
        limits: vec![(0, 5), (1, 20), (2, 1)],
        scope: Some(MatchScope::Name),
    };
    assert_eq!(
        read.narrowed(&edits).unwrap(),
        "FIND {a} IN NAME FIELDS RETURNING Account(Id WHERE (Site = 'EU') LIMIT 5), Contact(Id, Account.Name WHERE (Email = 'x') AND (Title = 'x' OR Title = 'y') AND (Account.Site = 'EU') LIMIT 9) LIMIT 50"
    );
    let asking = on("Account", "Id IN (SELECT AccountId FROM Contact)");
    assert!(read.narrowed(&Edits { conditions: vec![(0, &asking)], ..Edits::default() }).is_err());
}

#[test]
fn records_show_neither_the_term_nor_a_literal() {
    let query =
        parse("FIND {secret} RETURNING Lead(Id WHERE Name IN ('secret', 'x')) WITH DIVISION = 'secret'")
            .unwrap();
    let redacted = "FIND {?} RETURNING Lead(Id WHERE Name IN (?)) WITH DIVISION = ?";
    assert_eq!(query.redacted(), redacted);
    assert_eq!(format!("{query:?}"), format!("Query({redacted})"));
}

/// What the fuzz target holds of any text, on many small changes of the corpus.
#[test]
fn changed_searches_hold_the_laws() {
    let mut random = Random::new(11);
    let corpus: Vec<String> = rows(CORPUS).map(|row| unescaped(row[0])).collect();
    let mut understood = 0;
    for _ in 0..20_000 {
        let mut bytes = random.pick(&corpus).into_bytes();
        for _ in 0..=random.below(3) {
            change(&mut bytes, &mut random, &corpus);
        }
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(search) = parse(&changed) {
            understood += 1;
            let printed = search.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&search), "{changed}");
            if let Ok(read) = resolved(&changed) {
                assert_eq!(resolved(&printed).unwrap().accesses(), read.accesses(), "{changed}");
            }
        }
    }
    assert!(understood > 1_000, "the changes are too coarse to test anything: {understood}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_input_panics(input in ".{0,200}") {
        let _ = parse(&input);
        let _ = parse(&format!("FIND {{{input}"));
        let _ = parse(&format!("FIND {{x}} RETURNING Account({input}"));
    }
}

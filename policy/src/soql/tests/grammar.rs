//! What the parser takes and refuses, rule by rule of section 15 of the reference.

use crate::soql::{parse, parse_condition, parse_order_by};

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).to_string()
}

/// Texts that each read as themselves.
fn takes(texts: &[&str]) {
    for text in texts {
        assert_eq!(canonical(text), *text);
    }
}

/// Texts and the place where each stops being understood.
fn refuses(texts: &[(&str, usize)]) {
    let mut wrong = Vec::new();
    for (text, offset) in texts {
        match parse(text) {
            Err(problem) if problem.offset == *offset => {}
            other => wrong.push(format!("{text}: expected {offset}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_clause_stands_in_its_order() {
    takes(&[
        "SELECT Id FROM Account a, a.Owner o USING SCOPE mine WHERE Name = 'x' WITH SECURITY_ENFORCED GROUP BY Name HAVING COUNT(Id) > 1 ORDER BY Name ASC NULLS FIRST, Id DESC LIMIT 5 OFFSET 2000 FOR VIEW UPDATE TRACKING, VIEWSTAT",
        "SELECT Id FROM Account USING SCOPE team, LOOKUP x WHERE Id = NULL FOR REFERENCE UPDATE VIEWSTAT",
        "SELECT Id FROM Account OFFSET 5",
    ]);
    refuses(&[
        ("SELECT Id FROM Account OFFSET 5 LIMIT 10", 32),
        ("SELECT Id FROM Account LIMIT 1 WHERE Id = NULL", 31),
        ("SELECT Id FROM Account ORDER BY Id WHERE Id = NULL", 35),
        ("SELECT Id FROM Account HAVING COUNT(Id) > 1", 23),
        ("SELECT Id FROM Account WHERE Id = NULL USING SCOPE mine", 39),
        ("SELECT Id FROM Account FOR VIEW FOR REFERENCE", 32),
        ("SELECT Id FROM Account UPDATE VIEWSTAT, VIEWSTAT", 40),
        ("SELECT Id FROM Account BIND x = 1", 28),
    ]);
}

#[test]
fn what_exists_in_apex_only_is_refused() {
    refuses(&[
        ("SELECT Id FROM Account FOR UPDATE", 27),
        ("SELECT Id FROM Account ALL ROWS", 27),
        ("SELECT Id FROM Account WHERE OwnerId = :uid", 39),
        ("SELECT Id FROM Account LIMIT :n", 29),
    ]);
    assert!(parse("SELECT Id FROM Account FOR UPDATE").unwrap_err().to_string().contains("Apex"));
}

#[test]
fn nothing_is_a_comment_and_nothing_is_dropped() {
    for sign in [
        "$ x", "# x", "; x", "-- x", "// x", "/* x */", "`x`", "[x]", "{x}", "@x", "\\x", "\"x\"", "|", "&",
        "?",
    ] {
        for text in [format!("SELECT Id FROM Account {sign}"), format!("SELECT {sign} Id FROM Account")] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}

#[test]
fn only_ascii_stands_outside_strings() {
    refuses(&[
        ("SELECT Id\u{a0}FROM Account", 9),
        ("SELECT \u{ff29}d FROM Account", 7),
        ("SELECT Id\u{2003}FROM Account", 9),
        ("SELECT Id FROM Account\u{feff}", 22),
        ("\u{feff}SELECT Id FROM Account", 0),
        ("SELECT Id FROM Account\u{b}LIMIT 1", 22),
        ("SELECT Id FROM Account\u{c}LIMIT 1", 22),
        ("SELECT Id FROM Account\0", 22),
    ]);
    assert_eq!(canonical("SELECT\t\r\n Id\nFROM\nAccount\t"), "SELECT Id FROM Account");
    takes(&["SELECT Id FROM Account WHERE Name = 'Zürich \u{a0}\u{1f680}'"]);
}

#[test]
fn strings_end_where_salesforce_ends_them() {
    takes(&[
        r"SELECT Id FROM Account WHERE Name = '\'' AND Site = '\\'",
        r"SELECT Id FROM Account WHERE Name = '\u0027 OR Name != \u0027' AND Site = '\n\R\t\b\F\'\\'",
        r"SELECT Id FROM Account WHERE Name LIKE '50\% \_a%'",
        "SELECT Id FROM Account WHERE Name = 'SELECT \"Id\" FROM User -- $'",
        "SELECT Id FROM Account WHERE Name = ''",
    ]);
    refuses(&[
        ("SELECT Id FROM Account WHERE Name = 'it''s'", 40),
        (r"SELECT Id FROM Account WHERE Name = 'a\qb'", 39),
        (r"SELECT Id FROM Account WHERE Name = 'a\u12g4'", 39),
        (r"SELECT Id FROM Account WHERE Name = '\%'", 36),
        (r"SELECT Id FROM Account WHERE Name IN ('a', '\_')", 43),
        ("SELECT Id FROM Account WHERE Name = 'open", 41),
        (r"SELECT Id FROM Account WHERE Name = 'open\'", 43),
        ("SELECT Id FROM Account WHERE Name = 'a\nb'", 38),
        ("SELECT Id FROM Account WHERE Name = 'a\0b'", 38),
        ("SELECT Id FROM Account WHERE Name = \"x\"", 36),
    ]);
}

#[test]
fn a_literal_is_of_exactly_one_kind() {
    for literal in [
        "5",
        "-5",
        "+5",
        "5.25",
        ".5",
        "-.5",
        "USD5000",
        "EUR10.5",
        "gbp-3",
        "USD.5",
        "2024-01-31",
        "2024-01-31T10:00:00Z",
        "2024-01-31T10:00:00.123+01:00",
        "2024-01-31T10:00:00-0130",
        "10:00:00.000Z",
        "TRUE",
        "FALSE",
        "NULL",
        "TODAY",
        "LAST_90_DAYS",
        "LAST_N_DAYS:30",
        "N_FISCAL_YEARS_AGO:2",
        "'x'",
    ] {
        takes(&[&format!("SELECT Id FROM Account WHERE A = {literal}")]);
    }
}

#[test]
fn what_is_almost_a_literal_is_refused() {
    for odd in [
        "Type",
        "Account.Name",
        "5e3",
        "5.",
        "1.2.3",
        "5AND",
        "1-2",
        "0x1",
        "2024-13-01",
        "2024-01-32",
        "2024-1-1",
        "2024-01-31T10:00Z",
        "2024-01-31T10:00:00",
        "2024-01-31t10:00:00z",
        "24:00:00.000Z",
        "10:00:00",
        "LAST_N_DAYS",
        "LAST_N_DAYS:x",
        "LAST_N_DAYS:-1",
        "TODAY:1",
        "USDX5",
        "USD 5",
        "USD5-3",
        "US5",
        "-",
        "+ 5",
        "()",
        "('a')",
        "*",
    ] {
        assert!(parse(&format!("SELECT Id FROM Account WHERE A = {odd}")).is_err(), "{odd}");
    }
    assert_eq!(
        canonical("SELECT Id FROM Account WHERE A>LAST_N_DAYS : 30"),
        "SELECT Id FROM Account WHERE A > LAST_N_DAYS:30"
    );
}

#[test]
fn comparisons_may_have_spaces_inside() {
    assert_eq!(
        canonical("SELECT Id FROM A WHERE B > = 1 AND C! =2 AND D<>3 AND E < > 4 AND F<5 AND G<=6"),
        "SELECT Id FROM A WHERE B >= 1 AND C != 2 AND D != 3 AND E != 4 AND F < 5 AND G <= 6"
    );
    refuses(&[
        ("SELECT Id FROM A WHERE B == 1", 26),
        ("SELECT Id FROM A WHERE B = > 1", 27),
        ("SELECT Id FROM A WHERE B ! 1", 27),
    ]);
}

#[test]
fn and_and_or_meet_in_parentheses_only() {
    takes(&[
        "SELECT Id FROM A WHERE B = 1 AND C = 2 AND D = 3",
        "SELECT Id FROM A WHERE (B = 1 AND C = 2) OR D = 3",
        "SELECT Id FROM A WHERE NOT B = 1 AND NOT (NOT C = 2)",
        "SELECT Id FROM A WHERE ((B = 1))",
    ]);
    refuses(&[
        ("SELECT Id FROM A WHERE B = 1 AND C = 2 OR D = 3", 39),
        ("SELECT Id FROM A WHERE B = 1 OR C = 2 AND D = 3", 38),
        ("SELECT Id FROM A WHERE NOT NOT B = 1", 27),
        ("SELECT Id FROM A WHERE (B = 1", 29),
        ("SELECT Id FROM A WHERE B = 1)", 28),
        ("SELECT Id FROM A WHERE B = 1 AND", 32),
        ("SELECT Id FROM A WHERE", 22),
        ("SELECT Id FROM A WHERE B", 24),
    ]);
}

#[test]
fn sets_are_never_empty() {
    takes(&[
        "SELECT Id FROM A WHERE B IN ('x', 5, NULL)",
        "SELECT Id FROM A WHERE B NOT IN (SELECT C FROM D d USING SCOPE mine WHERE E = 1)",
        "SELECT Id FROM A WHERE B INCLUDES ('x;y', 'z') OR B EXCLUDES ('q')",
    ]);
    refuses(&[
        ("SELECT Id FROM A WHERE B IN ()", 29),
        ("SELECT Id FROM A WHERE B IN ('x',)", 33),
        ("SELECT Id FROM A WHERE B IN 'x'", 28),
        ("SELECT Id FROM A WHERE B NOT LIKE 'x'", 29),
        ("SELECT Id FROM A WHERE B INCLUDES (5)", 35),
        ("SELECT Id FROM A WHERE FORMAT(B) INCLUDES ('x')", 33),
        ("SELECT Id FROM A WHERE B IN (SELECT C, D FROM E)", 37),
        ("SELECT Id FROM A WHERE B IN (SELECT C FROM E LIMIT 1)", 45),
        ("SELECT Id FROM A WHERE B IN (SELECT MAX(C) FROM E)", 39),
        ("SELECT Id FROM A WHERE B IN (SELECT C FROM E ORDER BY C)", 45),
        ("SELECT Id FROM A WHERE B = (SELECT C FROM E)", 27),
    ]);
}

#[test]
fn a_list_of_fields_has_fields_and_nothing_else() {
    takes(&[
        "SELECT Id, Owner.Name, MAX(Amount) most, FORMAT(MIN(x)), toLabel(y), DISTANCE(l, GEOLOCATION(45.5, -9), 'km') d FROM A",
        "SELECT FIELDS(STANDARD), (SELECT Id FROM x.Contacts c USING SCOPE mine WHERE a = 1 ORDER BY b LIMIT 1 OFFSET 2) z FROM A",
        "SELECT TYPEOF What WHEN Account THEN Phone, Owner.Email WHEN Case THEN Id ELSE Name END FROM Event",
        "SELECT COUNT() FROM A",
        "SELECT DISTANCE(a, b, 'mi') FROM A ORDER BY DISTANCE(a, b, 'mi') DESC",
    ]);
    refuses(&[
        ("SELECT * FROM A", 7),
        ("SELECT COUNT(*) FROM A", 13),
        ("SELECT COUNT(), Id FROM A", 19),
        ("SELECT COUNT() n FROM A", 15),
        ("SELECT (SELECT COUNT() FROM Cs) FROM A", 20),
        ("SELECT MAX() FROM A", 11),
        ("SELECT Id, FROM A", 11),
        ("SELECT FROM A", 7),
        ("SELECT Id Name x FROM A", 15),
        ("SELECT Id AS n FROM A", 10),
        ("SELECT Account.FIELDS(ALL) FROM A", 7),
        ("SELECT FIELDS(OTHER) FROM A", 14),
        ("SELECT NOW() FROM A", 7),
        ("SELECT MIN(MAX(SUM(a))) FROM A", 18),
        ("SELECT a + b FROM A", 10),
        ("SELECT TYPEOF What ELSE Name END FROM Event", 19),
        ("SELECT TYPEOF What WHEN Account THEN Phone FROM Event", 43),
        ("SELECT TYPEOF What WHEN Account THEN MAX(a) END FROM Event", 40),
        ("SELECT (SELECT Id FROM Cs GROUP BY a) FROM A", 26),
        ("SELECT (SELECT Id FROM Cs, Ds) FROM A", 25),
        ("SELECT DISTANCE(GEOLOCATION(1, 2), a, 'km') FROM A", 27),
        ("SELECT Id FROM A GROUP BY DISTANCE(a, b, 'km')", 46),
    ]);
}

#[test]
fn a_space_follows_select() {
    refuses(&[("select(Id)from Account", 6), ("SELECT(SELECT Id FROM Contacts) FROM Account", 6)]);
    assert_eq!(
        canonical("select Id,(select Id from Cs)from A where(B=1)and C in('x')"),
        "SELECT Id, (SELECT Id FROM Cs) FROM A WHERE (B = 1) AND C IN ('x')"
    );
}

#[test]
fn reserved_words_are_no_aliases_and_the_others_may_be_names() {
    takes(&[
        "SELECT Id FROM Order",
        "SELECT Id FROM Order ORDER BY Id",
        "SELECT Group.Name FROM Group GROUP BY Name",
        "SELECT Id FROM Case case",
        "SELECT MAX(a) order FROM A order ORDER BY order",
        "SELECT MAX(a) offset FROM A offset OFFSET 1",
        "SELECT typeof FROM A",
        "SELECT MAX(a) end FROM A when",
        "SELECT fields, count, distance, data, view, scope FROM flat",
    ]);
    for word in [
        "AND", "ASC", "DESC", "EXCLUDES", "FIRST", "FROM", "GROUP", "HAVING", "IN", "INCLUDES", "LAST",
        "LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OR", "SELECT", "USING", "WHERE", "WITH", "AS", "FOR",
        "UPDATE", "TRUE",
    ] {
        assert!(parse(&format!("SELECT MAX(a) {word} FROM A")).is_err(), "{word}");
        assert!(parse(&format!("SELECT Id FROM A AS {word}")).is_err(), "{word}");
        assert!(word == "GROUP" || parse(&format!("SELECT {word} FROM A")).is_err(), "{word}");
    }
}

#[test]
fn paths_have_no_gaps() {
    refuses(&[
        ("SELECT Account..Name FROM Contact", 14),
        ("SELECT Account. Name FROM Contact", 14),
        ("SELECT Account .Name FROM Contact", 16),
        ("SELECT .Name FROM Contact", 8),
        ("SELECT Name. FROM Contact", 11),
        ("SELECT Account.1a FROM Contact", 16),
        ("SELECT _a FROM Contact", 7),
        ("SELECT 1a FROM Contact", 8),
    ]);
}

#[test]
fn data_categories_and_contexts_are_read() {
    takes(&[
        "SELECT Id FROM A WITH DATA CATEGORY Geo__c AT (usa__c, uk__c) AND Prod__c ABOVE_OR_BELOW x__c",
        "SELECT Id FROM A WITH UserId = '005'",
        "SELECT Id FROM A WITH RecordVisibilityContext (maxDescriptorPerRecord = 100, supportsDomains = TRUE)",
        "SELECT Id FROM A WITH USER_MODE",
    ]);
    refuses(&[
        ("SELECT Id FROM A WITH DATA CATEGORY Geo__c x", 43),
        ("SELECT Id FROM A WITH DATA CATEGORY Geo__c AT ()", 47),
        ("SELECT Id FROM A WITH UserId = 5", 31),
        ("SELECT Id FROM A WITH x", 23),
    ]);
}

#[test]
fn one_statement_and_no_joins() {
    refuses(&[
        ("", 0),
        ("FIND {x}", 0),
        ("SELECT Id FROM Account; SELECT Id FROM User", 22),
        ("SELECT Id FROM Account UNION SELECT Id FROM User", 29),
        ("SELECT Id FROM Account a JOIN Contact c", 25),
        ("SELECT Id FROM Account SELECT Id FROM User", 23),
        ("UPDATE Account SET Name = 'x'", 0),
    ]);
}

#[test]
fn numbers_of_rows_are_whole_and_bounded() {
    takes(&["SELECT Id FROM A LIMIT 0", "SELECT Id FROM A LIMIT 2147483647 OFFSET 2000"]);
    for odd in [
        "LIMIT -1",
        "LIMIT +1",
        "LIMIT 1.5",
        "LIMIT 'x'",
        "LIMIT 2147483648",
        "LIMIT 99999999999",
        "LIMIT",
        "OFFSET 2001",
    ] {
        assert!(parse(&format!("SELECT Id FROM A {odd}")).is_err(), "{odd}");
    }
}

#[test]
fn size_is_bounded() {
    let nested =
        |depth: usize| format!("SELECT Id FROM A WHERE {}a = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(32)).is_ok());
    assert!(parse(&nested(33)).is_err());
    assert!(parse(&nested(40_000)).is_err());
    let literal = |length: usize| format!("SELECT Id FROM A WHERE a = '{}'", "ü".repeat(length));
    assert!(parse(&literal(4_000)).is_ok());
    assert!(parse(&literal(4_001)).is_err());
    let escapes = |count: usize| format!(r"SELECT Id FROM A WHERE a = '{}'", r"\u00fc".repeat(count));
    assert!(parse(&escapes(4_000)).is_ok());
    assert!(parse(&escapes(4_001)).is_err());
    let list = |count: usize| format!("SELECT Id FROM A WHERE a IN ({}1)", "1,".repeat(count));
    assert!(parse(&list(9_000)).is_ok());
    assert!(parse(&list(10_000)).is_err());
    assert!(parse(&format!("SELECT Id FROM A{}", " ".repeat(99_984))).is_ok());
    assert_eq!(parse(&format!("SELECT Id FROM A{}", " ".repeat(99_985))).unwrap_err().offset, 100_000);
    let children = |count: usize| format!("SELECT {}Id FROM A", "(SELECT Id FROM Cs), ".repeat(count));
    assert!(parse(&children(20)).is_ok());
    assert!(parse(&children(21)).is_err());
    assert!(parse(&format!("SELECT {} FROM A", "a".repeat(81))).is_err());
}

#[test]
fn an_error_names_no_literal() {
    let problem = parse("SELECT Id FROM A WHERE b = 'secret' 'secret'").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "at character 36: met a string, expected the end, or a clause in its order"
    );
    let problem = parse("SELECT Id FROM A WHERE b = 1 ORDER name").unwrap_err();
    assert_eq!(problem.to_string(), "at character 35: met `name`, expected BY after ORDER");
}

#[test]
fn records_show_no_literal() {
    let query = parse(
        "SELECT Id FROM A WHERE (b = 'secret' OR c LIKE 'secret%') AND d IN ('s', 'e') AND e = 5 AND f = NULL AND DISTANCE(l, GEOLOCATION(1, 2), 'km') < 3 AND g > LAST_N_DAYS:9 WITH UserId = '005' LIMIT 5",
    )
    .unwrap();
    let redacted = "SELECT Id FROM A WHERE (b = ? OR c LIKE ?) AND d IN (?) AND e = ? AND f = NULL AND DISTANCE(l, GEOLOCATION(?, ?), ?) < ? AND g > LAST_N_DAYS:? WITH UserId = ? LIMIT 5";
    assert_eq!(query.redacted(), redacted);
    assert_eq!(format!("{query:?}"), format!("Query({redacted})"));
}

#[test]
fn a_query_says_what_it_is() {
    let query = |text: &str| parse(text).unwrap();
    assert_eq!(query("SELECT Id FROM A LIMIT 7").limit(), Some(7));
    assert_eq!(query("SELECT Id FROM A").limit(), None);
    assert!(query("SELECT COUNT() FROM A").is_count_only());
    assert!(
        query("SELECT MAX(a) FROM A").is_aggregate() && query("SELECT a FROM A GROUP BY a").is_aggregate()
    );
    assert!(!query("SELECT FORMAT(a) FROM A").is_aggregate());
    assert!(
        query("SELECT Id FROM A FOR VIEW").marks_rows()
            && query("SELECT Id FROM A UPDATE VIEWSTAT").marks_rows()
    );
    assert!(
        query("SELECT (SELECT Id FROM Cs FOR VIEW) FROM A").marks_rows()
            && !query("SELECT Id FROM A").marks_rows()
    );
    assert!(query("SELECT Id FROM A USING SCOPE mine").uses_scope());
}

#[test]
fn bulk_queries_know_less() {
    for (text, problem) in [
        ("SELECT a FROM A GROUP BY a", Some("GROUP BY")),
        ("SELECT a FROM A OFFSET 1", Some("OFFSET")),
        ("SELECT TYPEOF a WHEN B THEN c END FROM A", Some("TYPEOF")),
        ("SELECT MAX(a) FROM A", Some("an aggregate function")),
        ("SELECT FORMAT(MAX(a)) FROM A", Some("an aggregate function")),
        ("SELECT COUNT() FROM A", Some("COUNT()")),
        ("SELECT (SELECT Id FROM Cs) FROM A", Some("a child subquery")),
        ("SELECT a, b.c FROM A WHERE d IN (SELECT e FROM F) ORDER BY g LIMIT 1", None),
    ] {
        assert_eq!(parse(text).unwrap().bulk_problem(), problem, "{text}");
    }
}

#[test]
fn conditions_and_orders_stand_alone() {
    assert_eq!(
        parse_condition("a=1 and(b='x'or c in(1,2))").unwrap().to_string(),
        "a = 1 AND (b = 'x' OR c IN (1, 2))"
    );
    assert!(parse_condition("a IN (SELECT b FROM C)").unwrap().has_semi_join());
    assert_eq!(parse_condition("a = 'x'").unwrap().redacted(), "a = ?");
    for odd in ["", "a", "a = 1 LIMIT 5", "a = 1) OR (b = 2", "WHERE a = 1", "a = 1 ORDER BY b"] {
        assert!(parse_condition(odd).is_err(), "{odd}");
    }
    assert_eq!(parse_order_by("a desc,b nulls last").unwrap().to_string(), "a DESC, b NULLS LAST");
    assert!(parse_order_by("a LIMIT 1").is_err() && parse_order_by("").is_err());
}

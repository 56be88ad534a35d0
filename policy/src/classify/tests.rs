//! Laws that hold whatever is asked.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::decision::decide;
use crate::explain::{self, Explained};
use crate::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use crate::names::{FieldName, ObjectName};
use crate::request::{Named, Verb};

/// A request of the corpus.
#[derive(Clone, Debug)]
struct Case {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

static CASES: LazyLock<(Arc<Schema>, Vec<Case>)> = LazyLock::new(|| {
    let (mut cases, mut text) = (Vec::new(), String::new());
    for table in [include_str!("../../corpus/api-cases.tsv"), include_str!("../../corpus/doors.tsv")] {
        explain::each(table, |schema, head, body, _| {
            text = schema.to_text();
            let headers = head.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
            let (method, target) = (head.method.to_owned(), head.target.to_owned());
            cases.push(Case { method, target, headers: headers.collect(), body: body.to_vec() });
        })
        .unwrap();
    }
    (Arc::new(Schema::from_text(&text).unwrap()), cases)
});

impl Case {
    fn with_head<T>(&self, read: impl FnOnce(&Head<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        read(&Head { method: &self.method, target: &self.target, headers: &headers })
    }

    fn classified(&self) -> Result<Request, Unclear> {
        self.with_head(|head| classify(&CASES.0, head, &self.body))
    }

    fn explained(&self) -> Explained {
        self.with_head(|head| Explained { reason: None, ..explain::request(&CASES.0, head, &self.body, 0) })
    }
}

fn json(method: &str, target: &str, body: &str) -> Case {
    let headers = match body {
        "" => Vec::new(),
        _ => vec![("content-type".to_owned(), b"application/json".to_vec())],
    };
    Case { method: method.into(), target: target.into(), headers, body: body.as_bytes().to_vec() }
}

fn allowed(case: &Case, grants: &Grants) -> bool {
    let Ok(request) = case.classified() else { return false };
    let origins = vec![None; request.handles().count()];
    decide(grants, request, &origins).is_ok()
}

fn grants(allow: Vec<AllowSpec>) -> Grants {
    let spec = GrantsSpec {
        identity: "etl".try_into().unwrap(),
        versions: "20.0-70.0".parse().unwrap(),
        exports: allow.iter().filter_map(|allow| ObjectName::try_from(allow.key.as_str()).ok()).collect(),
        allow,
        named: Named::ALL.to_vec(),
        patterns: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &CASES.0).0
}

/// Every object with some of its verbs and fields; `keep` says which, by a number that the choice is made with.
fn chosen(keep: &dyn Fn(usize) -> bool) -> Grants {
    let mut number = 0;
    let mut next = || {
        number += 1;
        keep(number)
    };
    let mut allow = Vec::new();
    for (_, object) in CASES.0.objects() {
        let mut fields = || {
            let names = object.fields().filter(|_| next()).map(|(_, field)| field.name());
            FieldsSpec::Listed(names.map(|name| FieldName::try_from(name).unwrap()).collect())
        };
        let lists = [fields(), fields(), fields()];
        let [read, create, update] = lists.map(|list| next().then_some(list));
        let verbs = Verb::ALL.into_iter().skip(3).filter(|_| next()).collect();
        if next() {
            allow.push(AllowSpec {
                key: object.name().to_owned(),
                read,
                create,
                update,
                verbs,
                ..AllowSpec::default()
            });
        }
    }
    grants(allow)
}

/// Whether a choice is made: `odds` in 256, the same for the same number and seed, and more with higher odds.
fn drawn(seed: u64, number: usize, odds: u64) -> bool {
    let mut word = seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ (word >> 31)) % 256 < odds
}

#[test]
fn a_wider_grant_allows_what_a_narrower_one_allowed() {
    let mut passed = 0;
    for seed in 0..12 {
        let narrow = chosen(&|number| drawn(seed, number, 250));
        let wide = chosen(&|number| drawn(seed, number, 254));
        for case in CASES.1.iter().filter(|case| allowed(case, &narrow)) {
            passed += 1;
            assert!(allowed(case, &wide), "{case:?}");
        }
    }
    assert!(passed > 1000, "{passed} requests were allowed");
}

/// The letters of a path, percent-encoded where `choose` says so.
fn encoded(target: &str, choose: &dyn Fn(usize) -> bool) -> String {
    let (path, query) = target.split_once('?').map_or((target, ""), |(path, query)| (path, query));
    let mut out = String::new();
    let mut escape = 0;
    for (number, character) in path.chars().enumerate() {
        let plain = escape == 0 && character.is_ascii_alphanumeric();
        escape = if character == '%' { 2 } else { i32::max(0, escape - 1) };
        if plain && choose(number) {
            out.push_str(&format!("%{:02x}", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    if target.contains('?') {
        out.push('?');
        out.push_str(query);
    }
    out
}

#[test]
fn percent_encoding_changes_nothing() {
    for (number, case) in CASES.1.iter().enumerate() {
        let before = case.explained();
        let target = encoded(&case.target, &|at| drawn(number as u64, at, 128));
        let after = Case { target, ..case.clone() }.explained();
        assert_eq!(before, after, "{case:?}");
    }
}

#[test]
fn what_is_sent_reads_as_what_was_decided() {
    let everything = grants(
        CASES
            .0
            .objects()
            .map(|(_, object)| AllowSpec {
                key: object.name().to_owned(),
                read: Some(FieldsSpec::Every),
                create: Some(FieldsSpec::Every),
                update: Some(FieldsSpec::Every),
                verbs: Verb::ALL.to_vec(),
                ..AllowSpec::default()
            })
            .collect(),
    );
    let mut sent = 0;
    for case in &CASES.1 {
        let Ok(request) = case.classified() else { continue };
        if !case.target.trim_start_matches('/').starts_with("services/data") {
            continue;
        }
        let before = case.explained();
        let origins = vec![None; request.handles().count()];
        let Ok(permit) = decide(&everything, request, &origins) else { continue };
        let headers =
            permit.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let again = Case {
            method: permit.method().to_string(),
            target: permit.target().to_owned(),
            headers: headers.collect(),
            body: permit.body("").unwrap_or_default().to_vec(),
        };
        sent += 1;
        assert_eq!(again.explained(), before, "{case:?} was sent as {again:?}");
    }
    assert!(sent > 150, "{sent} requests were sent");
}

/// Requests of many doors, with an `@` where a field of Account may stand.
fn places() -> Vec<(&'static str, String, String)> {
    let id = "001D000000IRt53IAD";
    vec![
        ("GET", format!("/sobjects/Account/{id}?fields=Name,@"), String::new()),
        ("PATCH", format!("/sobjects/Account/{id}"), r#"{"Name":"x","@":"y"}"#.to_owned()),
        ("POST", "/sobjects/account".to_owned(), r#"{"@":"x"}"#.to_owned()),
        ("GET", "/query?q=SELECT+@+FROM+Account".to_owned(), String::new()),
        ("GET", "/query?q=SELECT+Name+FROM+Account+WHERE+@='x'".to_owned(), String::new()),
        ("GET", "/query?q=SELECT+Name+FROM+Account+ORDER+BY+@".to_owned(), String::new()),
        ("GET", "/query?q=SELECT+COUNT()+FROM+Account+WHERE+@!=null".to_owned(), String::new()),
        ("GET", "/query?explain=SELECT+COUNT(Id)+FROM+Account+GROUP+BY+@".to_owned(), String::new()),
        ("GET", "/search?q=FIND+{x}+IN+NAME+FIELDS+RETURNING+Account(Id,@)".to_owned(), String::new()),
        ("GET", "/parameterizedSearch?q=x&in=NAME&sobject=Account&fields=@".to_owned(), String::new()),
        (
            "GET",
            "/parameterizedSearch?q=x&in=NAME&sobject=Account&Account.where=@='x'".to_owned(),
            String::new(),
        ),
        ("GET", format!("/composite/sobjects/Account?ids={id}&fields=@"), String::new()),
        (
            "POST",
            "/composite/sobjects/Account".to_owned(),
            format!(r#"{{"ids":["{id}"],"fields":["Name","@"]}}"#),
        ),
        (
            "POST",
            "/composite/sobjects".to_owned(),
            r#"{"records":[{"attributes":{"type":"Account"},"@":"x"}]}"#.to_owned(),
        ),
        (
            "POST",
            "/composite/tree/Account".to_owned(),
            r#"{"records":[{"attributes":{"type":"Account","referenceId":"r"},"@":"x"}]}"#.to_owned(),
        ),
        (
            "POST",
            "/composite".to_owned(),
            format!(
                r#"{{"compositeRequest":[{{"method":"GET","url":"/services/data/v60.0/sobjects/Account/{id}?fields=@","referenceId":"r"}}]}}"#
            ),
        ),
        (
            "POST",
            "/composite/batch".to_owned(),
            r#"{"batchRequests":[{"method":"GET","url":"v60.0/query?q=SELECT+@+FROM+Account"}]}"#.to_owned(),
        ),
    ]
}

#[test]
fn a_forbidden_field_refuses_wherever_it_stands() {
    let listed = |names: &[&str]| {
        Some(FieldsSpec::Listed(names.iter().map(|name| FieldName::try_from(*name).unwrap()).collect()))
    };
    let fields = ["Name", "Site", "OwnerId"];
    let grants = grants(vec![AllowSpec {
        key: "Account".to_owned(),
        read: listed(&fields),
        create: listed(&fields),
        update: listed(&fields),
        verbs: vec![Verb::Delete],
        ..AllowSpec::default()
    }]);
    for (method, target, body) in places() {
        let with = |field: &str| {
            json(
                method,
                &format!("/services/data/v60.0{}", target.replace('@', field)),
                &body.replace('@', field),
            )
        };
        assert!(allowed(&with("Site"), &grants), "{:?}", with("Site"));
        for forbidden in ["Phone", "PHONE", "BillingCity"] {
            assert!(!allowed(&with(forbidden), &grants), "{:?}", with(forbidden));
        }
    }
}

proptest! {
    #[test]
    fn no_request_panics(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "TRACE", "get", ""]),
        target in "(/services/data/v(60|57)\\.0|//?services/(Soap|async|apexrest)|/id|)?(/(sobjects|composite|query|jobs|ui-api|graphql|Account|tree|@\\{a\\.b\\}|[a-zA-Z0-9%./;?&=\u{e9}]{0,6})){0,6}",
        kind in prop::sample::select(vec!["application/json", "text/xml", "text/csv", "multipart/form-data; boundary=B", "x", ""]),
        encoding in prop::sample::select(vec!["gzip", "deflate", "br", ""]),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let headers = [("content-type", kind.as_bytes()), ("content-encoding", encoding.as_bytes())];
        let given = headers.iter().filter(|(_, value)| !value.is_empty()).copied().collect::<Vec<_>>();
        let head = Head { method, target: &target, headers: &given };
        let _ = body_use(&head);
        let _ = classify(&CASES.0, &head, &body);
    }

    #[test]
    fn no_change_to_a_request_panics(
        case in prop::sample::select(CASES.1.clone()),
        cut in any::<prop::sample::Index>(),
        put in prop::sample::select(vec!["", "\"", "{", "}", "[", "@{a.id}", "<", "\\", "%", "/", "\u{0}", "\u{e9}"]),
    ) {
        let mut body = case.body.clone();
        let at = cut.index(body.len() + 1);
        body.splice(at..usize::min(at + 1, body.len()), put.bytes());
        let _ = Case { body, ..case.clone() }.classified();
        let mut target: Vec<char> = case.target.chars().collect();
        let at = cut.index(target.len() + 1);
        target.splice(at..usize::min(at + 1, target.len()), put.chars());
        let _ = Case { target: target.into_iter().collect(), ..case.clone() }.classified();
    }
}

#[test]
#[ignore = "a measurement: cargo test --profile bench -p forcefield-policy speed -- --ignored --nocapture"]
fn speed_of_a_large_body() {
    let record = format!(
        r#"{{"attributes":{{"type":"Contact"}},"LastName":"Rossi","FirstName":"Anna","Email":"a@b.c","Phone":"+39 02 1234","AccountId":"001D000000IRt53IAD","Description":"{}"}}"#,
        "lorem ipsum dolor ".repeat(280)
    );
    let body = format!(r#"{{"records":[{}]}}"#, vec![record; 195].join(","));
    let case = json("POST", "/services/data/v60.0/composite/sobjects", &body);
    case.classified().unwrap();
    // Time on the processor, since others may be using it too.
    let spent = || -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let timed = |name: &str, bytes: usize, run: &dyn Fn()| {
        let start = spent();
        let rounds = if bytes < 10_000 { 20_000 } else { 100 };
        (0..rounds).for_each(|_| run());
        let each = (spent() - start) / rounds;
        eprintln!("{name}: {each} ns, {:.0} MB/s", bytes as f64 * 1e3 / each as f64);
    };
    timed("strict JSON alone", body.len(), &|| drop(json::Document::parse(body.as_bytes()).unwrap()));
    timed("a collection", body.len(), &|| drop(case.classified().unwrap()));
    let small =
        vec![r#"{"attributes":{"type":"Contact"},"LastName":"Rossi","Email":"a@b.c"}"#; 15000].join(",");
    let small = format!("[{small}]");
    timed("strict JSON, small values", small.len(), &|| {
        drop(json::Document::parse(small.as_bytes()).unwrap())
    });
    let query =
        json("GET", "/services/data/v60.0/query?q=SELECT+Id,Name,Phone+FROM+Account+WHERE+Site='x'", "");
    timed("a query", 100, &|| drop(query.classified().unwrap()));
    let record =
        json("GET", "/services/data/v60.0/sobjects/Account/001D000000IRt53IAD?fields=Name,Phone", "");
    timed("a record", 100, &|| drop(record.classified().unwrap()));
    let parts: Vec<String> = (0..25)
        .map(|number| {
            format!(
                r#"{{"method":"PATCH","url":"/services/data/v60.0/sobjects/Account/001D000000IRt53IAD","referenceId":"r{number}","body":{{"Name":"x","Phone":"y"}}}}"#
            )
        })
        .collect();
    let composite = json(
        "POST",
        "/services/data/v60.0/composite",
        &format!(r#"{{"compositeRequest":[{}]}}"#, parts.join(",")),
    );
    timed("a composite of 25", 3500, &|| drop(composite.classified().unwrap()));
}

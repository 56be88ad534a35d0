//! Every mistake is told with its place and what to write instead, all at once, and no secret is repeated.

#[path = "mistakes/trust.rs"]
mod trust;
#[path = "mistakes/vault.rs"]
mod vault;

use std::path::Path;

use forcefield_config::{Config, Problem, Problems, Source};
use jiff::civil::date;

const MAIN: &str = r#"listen:
  proxy: { address: "127.0.0.1:8443", tls: { certificate: file:a.crt, key: file:a.key, client_ca: file:ca.pem } }
  control: { address: "127.0.0.1:9443", tls: { certificate: file:c.crt, key: file:c.key } }
orgs:
  production:
    url: https://acme.my.salesforce.com
    id: 00D5g000004XyZEEA0
    api_versions: "58.0-68.0"
destinations:
  warehouse: { networks: [10.50.0.0/24] }
issuers:
  ci: { jwks: file:jwks.json, audience: forcefield }
responders:
  - { name: soc, role: responder, token: file:soc.token }
"#;

const IDENTITY: &str = r#"identity: billing-sync
owner: revops@corp.example
purpose: nightly invoice sync
expires: 2027-03-31
org: production
authenticate:
  - certificate: spiffe://corp.example/billing
  - client: { id: billing, secret_hash: "$argon2id$v=19$m=19456,t=2,p=1$Oi7abxUcY95GnMNONV2l3w$ZIy2mZayPTpvqIEfadP+0pIKCr12/yD/dfF4tLVvnR8" }
networks: [10.20.0.0/16]
credential:
  jwt_bearer: { client_id: env:ID, key: file:k.pem, username: a@b.example }
allow:
  Account: { read: [Name], where: "Name != null" }
  Contact: { read: "*", except: [SSN__c] }
also: [limits]
exports:
  Contact: { to: [warehouse], rows: 100/day }
limits: { requests: 20/s, rows: 10/day }
"#;

fn load(main: &str, identities: &[&str]) -> Result<(Config, Vec<Problem>), Problems> {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let numbered = identities.iter().enumerate();
    let identities: Vec<Source> =
        numbered.map(|(at, text)| source(&format!("{}.yaml", at + 1), text)).collect();
    Config::load(Path::new("/etc/forcefield"), &source("main.yaml", main), &identities, date(2026, 11, 25))
}

/// What is said, errors or warnings, one a line.
fn said(main: &str, identities: &[&str]) -> String {
    match load(main, identities) {
        Ok((_, warnings)) => Problems(warnings).to_string(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn responders_are_told_apart_and_enough_for_two() {
    let with = |responders: &str| {
        let (before, _) = MAIN.split_once("responders:").unwrap();
        format!("{before}approvals: 2\nresponders:\n{responders}")
    };
    let said = |responders: &str| said(&with(responders), &[IDENTITY]);
    let one = "  - { name: a, role: admin, token: env:A }\n";
    let two = "  - { name: b, role: responder, token: env:B }\n";
    assert_eq!(said(&format!("{one}{two}")), "");
    assert!(said(one).contains("that takes two people here"), "{}", said(one));
    let viewer = "  - { name: c, role: viewer, token: env:C }\n";
    assert!(said(&format!("{one}{viewer}")).contains("that takes two people here"));
    let shared = "  - { name: b, role: responder, token: env:A }\n";
    assert!(said(&format!("{one}{shared}")).contains("`b` proves who it is as `a` in line"));
    let named = "  - { name: a, role: responder, token: env:B }\n";
    assert!(said(&format!("{one}{named}")).contains("`a` is a responder already"));
}

/// Changes one part of the identity and expects one line.
#[track_caller]
fn identity(from: &str, to: &str, expected: &str) {
    assert!(IDENTITY.contains(from), "{from}");
    assert_eq!(said(MAIN, &[&IDENTITY.replacen(from, to, 1)]), expected, "{to}");
}

/// Changes one part of the main file and expects one line.
#[track_caller]
fn main_file(from: &str, to: &str, expected: &str) {
    assert!(MAIN.contains(from), "{from}");
    assert_eq!(said(&MAIN.replacen(from, to, 1), &[IDENTITY]), expected, "{to}");
}

#[test]
fn the_unchanged_files_load() {
    assert_eq!(said(MAIN, &[IDENTITY]), "");
}

#[test]
fn other_editors_line_ends_and_marks_are_taken() {
    assert_eq!(said(&MAIN.replace('\n', "\r\n"), &[&format!("\u{feff}{IDENTITY}")]), "");
}

#[test]
fn problems_of_all_files_come_together_in_order() {
    let main = MAIN.replace("acme.my", "ac me").replace("audience: forcefield", "audiense: forcefield");
    let one =
        IDENTITY.replace("owner: revops@corp.example\n", "").replace("org: production", "org: prodution");
    let two = IDENTITY.replace("20/s", "20").replace("Contact: { to", "Lead: { to");
    let expected = "\
main.yaml:6:10: this is not the URL of an org; write `https://`, the org's My Domain host, and a port if it is not 443: `https://acme.my.salesforce.com`
main.yaml:12:7: `audience` is missing; write text
main.yaml:12:31: unknown key `audiense`; did you mean `audience`?
1.yaml:1:1: `owner` is missing; write text
1.yaml:4:6: unknown org `prodution`; did you mean `production`?
2.yaml:1:11: the name `billing-sync` is billing-sync's already (1.yaml:1:11); give each integration its own: it tells who is calling
2.yaml:7:18: this certificate is billing-sync's already (1.yaml:6:18); give each integration its own: it tells who is calling
2.yaml:8:19: the client id `billing` is billing-sync's already (1.yaml:7:19); give each integration its own: it tells who is calling
2.yaml:11:28: the credential's client id `env:ID` is billing-sync's already (1.yaml:10:28); give each integration its own, or say in both why not: `shared: \"reason\"`
2.yaml:17:3: Lead may leave by an export, but not be read; write `Lead: { read: [..] }` under `allow`, or remove it here
2.yaml:18:21: `20` is not a rate; write a number of requests and a time: `20/s`, `600/m` or `1000/h`";
    assert_eq!(said(&main, &[&one, &two]), expected);
}

#[test]
fn a_secret_written_inline_is_refused_and_not_repeated() {
    let mistakes = [
        ("env:ID", "hunter2hunter2"),
        ("file:k.pem", "\"-----BEGIN hunter2-----\""),
        ("env:ID", "{ value: hunter2 }"),
        ("jwt_bearer: { client_id: env:ID, key: file:k.pem, username: a@b.example }", "hunter2"),
        ("secret_hash: \"$argon2id", "secret_hash: \"hunter2$argon2id"),
        ("id: billing, secret_hash", "id: billing, secret: hunter2, secret_hash"),
    ];
    for (from, to) in mistakes {
        let said = said(MAIN, &[&IDENTITY.replacen(from, to, 1)]);
        assert!(said.starts_with("1.yaml:") && !said.contains("hunter2"), "{said}");
    }
    let url = "https://admin:hunter2@acme.my.salesforce.com";
    let said = said(&MAIN.replace("https://acme.my.salesforce.com", url), &[IDENTITY]);
    assert!(
        said.starts_with("main.yaml:6:10: a user name or password") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_plain_secret_is_pointed_at_its_hash() {
    identity(
        "id: billing, secret_hash",
        "id: billing, secret: abc, secret_hash",
        "1.yaml:8:28: unknown key `secret`; did you mean `secret_hash`?",
    );
}

#[test]
fn what_is_not_plain_yaml_is_refused() {
    identity(
        "also: [limits]",
        "also: [limits",
        "1.yaml:16:8: this is not YAML: illegal placement of ':' indicator",
    );
    identity(
        "org: production",
        "org: production\norg: sandbox",
        "1.yaml:6:1: `org` is written twice (first in line 5); remove one of them",
    );
    identity(
        "\"*\"",
        "*",
        "1.yaml:14:20: this is not YAML: while scanning an anchor or alias, did not find expected alphabetic or numeric character; write `\"*\"` with quotes",
    );
    identity(
        "org: production",
        "org: &org production",
        "1.yaml:5:6: an anchor (`&name`) is not taken; write the value out where it is needed",
    );
    identity(
        "org: production",
        "org: !!str production",
        "1.yaml:5:6: a tag (`!name`) is not taken; write the value without it",
    );
    identity("org: production", "? [a]\n: b", "1.yaml:5:3: a key has to be text; write `key: value`");
    identity(
        "identity:",
        "---\n---\nidentity:",
        "1.yaml:2:1: a second document starts here; write one document in each file",
    );
    assert_eq!(
        said("# nothing", &[IDENTITY]),
        "main.yaml:1:1: the file is empty; write at least the required keys"
    );
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(said(&deep(40), &[IDENTITY]), "main.yaml:1:33: the file is nested too deeply");
    assert!(said(&deep(100_000), &[IDENTITY]).starts_with("main.yaml:1:256: this is not YAML"));
    let blocks: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(said(&blocks, &[IDENTITY]), "main.yaml:33:33: the file is nested too deeply");
}

#[test]
fn an_empty_value_never_widens() {
    identity(
        ", where: \"Name != null\"",
        ", where:",
        "1.yaml:13:28: `where` has no value; write one, or remove the key",
    );
    identity(
        "networks: [10.20.0.0/16]",
        "networks: []",
        "1.yaml:9:11: the list is empty; write at least one element, or remove the key",
    );
    identity(
        "networks: [10.20.0.0/16]",
        "networks:",
        "1.yaml:9:1: `networks` has no value; write one, or remove the key",
    );
    identity("\"Name != null\"", "\"\"", "1.yaml:13:35: the text is empty; write it, or remove the key");
    main_file(
        "{ networks: [10.50.0.0/24] }",
        "{}",
        "main.yaml:10:14: this destination is anywhere; write `networks`, `certificates` or both",
    );
}

#[test]
fn values_of_another_type_are_refused() {
    identity(
        "org: production",
        "org: [production]",
        "1.yaml:5:6: a list stands where a single value belongs; write a name",
    );
    identity(
        "purpose: nightly invoice sync",
        "purpose: 2024",
        "1.yaml:3:10: this is a number where text belongs; write it in quotes",
    );
    identity(
        "purpose: nightly invoice sync",
        "purpose: true",
        "1.yaml:3:10: this is true or false where text belongs; write it in quotes",
    );
    identity(
        "[Name],",
        "Name,",
        "1.yaml:13:20: these are not fields; write a list like `[Name, Industry]`, or `\"*\"`",
    );
    identity(
        "except: [SSN__c]",
        "except: [SSN__c], delete: yes",
        "1.yaml:14:51: `yes` is neither true nor false; write `true` or `false`",
    );
    identity(
        "also: [limits]",
        "also: limits",
        "1.yaml:15:7: a single value stands where a list belongs; write `[one, another]`",
    );
    identity(
        "limits: {",
        "limits: { burst: \"4\",",
        "1.yaml:18:18: `4` is text where a number belongs; write it without quotes",
    );
}

#[test]
fn choices_and_modes_are_checked() {
    identity(
        "org:",
        "mode: enfroce\norg:",
        "1.yaml:5:7: `enfroce` is not one of `enforce`, `observe`, `warn`; did you mean `enforce`?",
    );
    identity(
        "org:",
        "mode: off\norg:",
        "1.yaml:5:7: `off` is not one of `enforce`, `observe`, `warn`; write one of `enforce`, `observe`, `warn`",
    );
    identity(
        "org:",
        "mode: observe\norg:",
        "1.yaml:5:7: `until` is missing; write the last day of this mode: `until: 2026-12-31`",
    );
    identity("org:", "mode: observe\nuntil: 2026-12-31\norg:", "");
    identity(
        "org:",
        "mode: warn\nuntil: 2026-11-24\norg:",
        "1.yaml:6:8: warning: ended on 2026-11-24: refusals are carried out; write `mode: enforce`",
    );
    identity(
        "2027-03-31",
        "2026-11-24",
        "1.yaml:4:10: warning: expired on 2026-11-24: every request is refused; renew the grant, or remove the file",
    );
    identity("2027-03-31", "2026-11-25", "");
    identity("2027-03-31", "31.3.2027", "1.yaml:4:10: `31.3.2027` is not a date; write it like `2027-03-31`");
}

#[test]
fn grants_are_checked() {
    identity(
        "\"*\", except",
        "[Name], except",
        "1.yaml:14:37: `except` leaves fields out of `\"*\"`, which no verb here has; write `read: \"*\"`, or remove it",
    );
    identity(
        "read: [Name], where",
        "update: [Name], where",
        "1.yaml:13:37: `where` limits what is read, and nothing is; write `read` too, or remove it",
    );
    identity(
        "{ read: [Name], where: \"Name != null\" }",
        "{ delete: false }",
        "1.yaml:13:3: `Account` grants nothing; write a verb such as `read: [..]`, or remove it",
    );
    identity(
        "Account:",
        "contact:",
        "1.yaml:14:3: `Contact` is written twice, as `contact` in line 13; remove one of them",
    );
    identity(
        "Account:",
        "np__x__*:",
        "1.yaml:13:3: `np__x__*` is not an API name; write an object's API name, or a namespace like `npsp__*`",
    );
    identity(
        "[Name]",
        "[Owner.Name]",
        "1.yaml:13:21: `Owner.Name` is not an API name; grant `Name` under the object that has it",
    );
    identity(
        "where: \"Name != null\"",
        "max_rows: 0",
        "1.yaml:13:38: the number is zero; write at least 1, or remove what it limits to forbid it",
    );
    identity(
        "[limits]",
        "[limit]",
        "1.yaml:15:8: `limit` is neither a named resource nor a method and a path; did you mean `limits`?",
    );
    identity(
        "[limits]",
        "[\"GET /**\"]",
        "1.yaml:15:8: `GET /**` is neither a named resource nor a method and a path; write one of `versions`, `resources`, `limits`, `describe-global`, `userinfo`, or a method and a path like `GET /services/apexrest/orders/*` (`*` is one segment, `**` the rest)",
    );
    identity(
        "[limits]",
        "[\"GET /services/apexrest/router?loader=a&loader=b\"]",
        "1.yaml:15:8: `GET /services/apexrest/router?loader=a&loader=b`: the parameter `loader` is written twice; write them like `?loader=orders&page=*`, with `&*` behind them for any others",
    );
    identity(
        "{ to: [warehouse], rows: 100/day }",
        "{ rows: 100/day }",
        "1.yaml:17:12: `to` is missing; write a list, each a name",
    );
    identity(
        "[warehouse]",
        "[warehose]",
        "1.yaml:17:19: unknown destination `warehose`; did you mean `warehouse`?",
    );
    identity(
        "100/day",
        "0/day",
        "1.yaml:17:37: the budget is zero; write at least 1, or remove what it limits to forbid it",
    );
}

#[test]
fn conditions_are_soql() {
    let condition = |written: &str, error: &str| {
        let help = "write what may follow WHERE in a query: `Region__c = 'EU' AND IsDeleted = false`";
        let expected = format!("1.yaml:13:35: this condition is not SOQL: {error}; {help}");
        identity("Name != null", written, &expected);
    };
    condition(
        "Name = 'a' LIMIT 1",
        "at character 11: met `LIMIT`, expected the end, or a clause in its order",
    );
    condition("Name == 'a'", "at character 6: met `=`, expected a literal");
    identity("Name != null", "Owner.Region__c IN ('EU','UK') AND CreatedDate = LAST_N_DAYS:30", "");
}

#[test]
fn a_namespace_makes_its_objects_exportable() {
    let namespace =
        IDENTITY.replace("Account: {", "\"npsp__*\": {").replace("Contact: { to", "NPSP__Trigger__c: { to");
    assert_eq!(said(MAIN, &[&namespace]), "");
}

#[test]
fn quantities_are_checked() {
    identity(
        "rows: 10/day",
        "rows: 10/week",
        "1.yaml:18:33: `10/week` is not a number of rows per window; write a number of rows and a window: `200000/day` or `10000/hour`",
    );
    identity(
        "rows: 10/day",
        "bytes: 10/day",
        "1.yaml:18:34: `10/day` is not a size per window; write a size and a window: `500MiB/day` or `2GiB/hour` (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB)",
    );
    identity(
        "rows: 10/day",
        "daily_api_share: 101%",
        "1.yaml:18:44: `101%` is not a share; write a number above 0 and at most 100 with `%`: `5%`",
    );
    identity(
        "rows: 10/day",
        "concurrent: -1",
        "1.yaml:18:39: `-1` is not a whole number that fits here; write digits only, at most 4294967295",
    );
    identity(
        "requests: 20/s, ",
        "burst: 4, ",
        "1.yaml:18:18: `burst` belongs to `requests`, which is missing; write `requests` too, or remove it",
    );
    identity(
        "org:",
        "session: 15\norg:",
        "1.yaml:5:10: `15` is not a length of time; write a number and a unit: `500ms`, `15s`, `30m`, `8h` or `7d`",
    );
    identity(
        "org:",
        "session: 25h\norg:",
        "1.yaml:5:10: a session lasts at least a minute and at most a day; write `1m` to `24h`",
    );
}

#[test]
fn proofs_are_checked() {
    identity(
        "spiffe://corp.example/billing",
        "spiffe://corp.example",
        "1.yaml:7:18: `spiffe://corp.example` is not the SPIFFE id of a workload (it has no path); write `spiffe://TRUST.DOMAIN/PATH`, `dns:NAME` or `sha256:FINGERPRINT`",
    );
    for odd in [
        "spiffe://Corp.example/a",
        "spiffe://c/a//b",
        "spiffe://c/a/../b",
        "spiffe://c/a/",
        "spiffe://c:1/a",
        "dns:",
        "sha256:ab",
        "corp",
    ] {
        let said = said(MAIN, &[&IDENTITY.replace("spiffe://corp.example/billing", &format!("\"{odd}\""))]);
        assert!(said.starts_with("1.yaml:7:18: `") && said.lines().count() == 1, "{odd}: {said}");
    }
    identity(
        "$argon2id$v=19",
        "$argon2i$v=19",
        "1.yaml:8:41: this is a hash of another algorithm than argon2id, version 19; write the line that `forcefield hash-secret` prints",
    );
    identity(
        "m=19456,t=2",
        "m=4000000,t=2",
        "1.yaml:8:41: this hash costs more than a login may (m=262144, t=16, p=16); write the line that `forcefield hash-secret` prints",
    );
    identity(
        "m=19456,t=2",
        "m=1024,t=1",
        "1.yaml:8:41: warning: this hash is cheap to guess (less work than m=7168, t=5); hash it anew with `forcefield hash-secret`",
    );
}

#[test]
fn ways_and_places_are_checked() {
    identity(
        "certificate: spiffe://corp.example/billing",
        "jwt: { issuer: cy, subject: x }",
        "1.yaml:7:20: unknown issuer `cy`; write one of `ci`",
    );
    identity(
        "certificate: spiffe",
        "certificate: dns:a\n    jwt: { issuer: ci, subject: x }\n  - certificate: spiffe",
        "1.yaml:7:5: `certificate` and `jwt` exclude each other; write one of them",
    );
    identity(
        "jwt_bearer: {",
        "oauth: {",
        "1.yaml:11:3: unknown key `oauth`; the keys here are `jwt_bearer`, `client_credentials`, `refresh_token`\n1.yaml:11:3: one of `jwt_bearer`, `client_credentials`, `refresh_token` is missing; write one of them",
    );
    identity(
        "10.20.0.0/16",
        "10.20.0.1/16",
        "1.yaml:9:12: `10.20.0.1/16` is not a network; its address goes beyond its length: write `10.20.0.0/16`",
    );
    identity(
        "10.20.0.0/16",
        "10.20.0.1",
        "1.yaml:9:12: `10.20.0.1` is not a network; write its length too: `10.20.0.1/32`",
    );
    identity(
        "org:",
        "host: https://x.example\norg:",
        "1.yaml:5:7: `https://x.example` is not a host name; write a name without scheme, port and path: `billing.sf.corp.example`",
    );
}

#[test]
fn what_proves_who_is_calling_is_never_shared() {
    let shared = |text: &str| format!("{text}shared: one connected app for both\n");
    let other = IDENTITY
        .replace("identity: billing-sync", "identity: other")
        .replace("spiffe://corp.example/billing", "dns:other.example");
    let clash = said(MAIN, &[&shared(IDENTITY), &shared(&other)]);
    assert_eq!(
        clash,
        "2.yaml:8:19: the client id `billing` is billing-sync's already (1.yaml:8:19); give each integration its own: it tells who is calling"
    );
    let apart = other.replace("id: billing,", "id: other,");
    assert_eq!(said(MAIN, &[&shared(IDENTITY), &shared(&apart)]), "", "a reason in both");
    assert!(
        said(MAIN, &[&shared(IDENTITY), &apart])
            .starts_with("2.yaml:11:28: the credential's client id `env:ID`")
    );
    let hosts = [
        shared(&format!("{IDENTITY}host: a.example\n")),
        format!("{apart}host: A.example\n").replace("env:ID", "env:OTHER"),
    ];
    assert!(
        said(MAIN, &[&hosts[0], &hosts[1]])
            .starts_with("2.yaml:19:7: the host `a.example` is billing-sync's already")
    );
}

#[test]
fn the_main_file_is_checked() {
    main_file(
        "https://acme",
        "http://acme",
        "main.yaml:6:10: this URL does not start with `https://`; write `https://`, the org's My Domain host, and a port if it is not 443: `https://acme.my.salesforce.com`",
    );
    main_file(
        "salesforce.com",
        "salesforce.com/services",
        "main.yaml:6:10: this is not the URL of an org; write `https://`, the org's My Domain host, and a port if it is not 443: `https://acme.my.salesforce.com`",
    );
    main_file(
        "00D5g000004XyZEEA0",
        "0015g000004XyZEEA0",
        "main.yaml:7:9: `0015g000004XyZEEA0` is not the id of an org; write the org's id of 15 or 18 characters, which starts with `00D` (Setup, Company Information)",
    );
    main_file(
        "00D5g000004XyZEEA0",
        "00D5g000004XyZEA2",
        "main.yaml:7:9: warning: the end of this id is not the checksum of its first 15 characters, which are used; compare it with Setup, Company Information",
    );
    main_file(
        "58.0-68.0",
        "62.0",
        "main.yaml:8:19: `62.0` is not a range of API versions; write the oldest and the newest: `\"58.0-68.0\"`",
    );
    main_file(
        "127.0.0.1:9443",
        "127.0.0.1:8443",
        "main.yaml:3:23: `127.0.0.1:8443` is the address of `listen.proxy` too; give each listener its own",
    );
    main_file(
        "127.0.0.1:9443",
        "localhost:9443",
        "main.yaml:3:23: `localhost:9443` is not an address to listen on; write an IP address and a port: `0.0.0.0:8443` or `[::]:8443`",
    );
}

#[test]
fn sections_of_the_main_file_are_checked() {
    main_file(
        ", client_ca: file:ca.pem",
        "",
        "1.yaml:7:18: warning: `listen.proxy` asks for no client certificate; write `client_ca` under `listen.proxy.tls` in the main file",
    );
    main_file(
        "jwks: file:jwks.json, ",
        "",
        "main.yaml:12:7: neither `url` nor `jwks` is written; write one of them: where the issuer's keys come from",
    );
    main_file(
        "role: responder, token: file:soc.token",
        "role: root, token: file:soc.token",
        "main.yaml:14:24: `root` is not one of `viewer`, `responder`, `admin`; write one of `viewer`, `responder`, `admin`",
    );
    main_file(
        "token: file:soc.token",
        "certificate: dns:soc.example",
        "main.yaml:14:48: warning: `listen.control` asks for no client certificate; write `client_ca` under `listen.control.tls`",
    );
    main_file(
        "orgs:",
        "state: { password: file:p }\norgs:",
        "main.yaml:4:8: neither `path` nor `redis` is written; write `path: state/`\nmain.yaml:4:20: `password` belongs to `redis`, which is missing; write `redis` too, or remove it",
    );
    main_file(
        "orgs:",
        "state: { path: state/, key: file:k }\norgs:",
        "main.yaml:4:29: `key` belongs to `redis`, which is missing; write `redis` too, or remove it",
    );
    main_file(
        "orgs:",
        "state: { redis: \"redis://cache\", other_key: file:k }\norgs:",
        "main.yaml:4:45: `other_key` only opens; nothing seals; write `key` too",
    );
    main_file(
        "orgs:",
        "state: { redis: \"redis://cache\", ca: file:p }\norgs:",
        "main.yaml:4:38: `ca` is of no use without TLS; write `rediss://`, or remove it",
    );
    main_file(
        "orgs:",
        "state: { redis: \"redis://:pw@cache\" }\norgs:",
        "main.yaml:4:17: a user name or password stands in this URL; write `redis://` (`rediss://` with TLS), a host, and perhaps a port and a database: `redis://cache:6379`; a password goes to `password` as a reference",
    );
    main_file(
        "orgs:",
        "certificates: [{ names: [a.example, A.example], certificate: file:x, key: file:y }]\norgs:",
        "main.yaml:4:37: `a.example` already has a certificate, in line 4; name it once",
    );
    main_file(
        "orgs:",
        "timeouts: { head: 0s, heads: 1s }\norgs:",
        "main.yaml:4:19: the length of time is zero; write a number and a unit: `500ms`, `15s`, `30m`, `8h` or `7d`\nmain.yaml:4:23: unknown key `heads`; did you mean `head`?",
    );
    assert_eq!(
        said(MAIN, &[]),
        "main.yaml:1:1: warning: no integration is configured; add a file to the folder of `identities`"
    );
}

/// What is said of a `telemetry` section behind the main file's last line.
fn telemetry(section: &str) -> String {
    said(&format!("{MAIN}telemetry: {{ {section} }}\n"), &[IDENTITY])
}

#[test]
fn a_collector_is_reached_by_tls_or_on_this_host() {
    for otlp in [
        "https://otel.corp.example",
        "https://otel.corp.example:4318/otlp/",
        "http://127.0.0.1:4318",
        "http://localhost:4318",
    ] {
        assert_eq!(telemetry(&format!("otlp: \"{otlp}\", traces: 0.5%, logs: true, interval: 5s")), "");
    }
    let clear = telemetry("otlp: \"http://otel.corp.example:4318\"");
    assert!(clear.starts_with("main.yaml:15:20: records would leave this host in the clear; "), "{clear}");
    for otlp in [
        "otel:4318",
        "https://a@b.example",
        "https://otel.example?x",
        "http://127.0.0.1.evil.example",
        "grpc://a",
    ] {
        let said = telemetry(&format!("otlp: \"{otlp}\""));
        assert!(said.starts_with("main.yaml:15:20: ") && said.lines().count() == 1, "{otlp}: {said}");
    }
}

#[test]
fn what_a_collector_gets_is_checked() {
    let otlp = "otlp: \"https://otel.corp.example\"";
    let inline = telemetry(&format!("{otlp}, headers: {{ authorization: \"Bearer hunter2\" }}"));
    assert!(inline.starts_with("main.yaml:15:") && !inline.contains("hunter2"), "{inline}");
    for (section, expected) in [
        ("headers: { Host: file:a }", "`host` is set by Forcefield; remove it"),
        ("headers: { X-Key: file:a, x-key: file:b }", "the header `x-key` is written twice; write it once"),
        ("traces: 101%", "`101%` is not a share; write a number above 0 and at most 100 with `%`: `5%`"),
    ] {
        let said = telemetry(&format!("{otlp}, {section}"));
        assert!(said.ends_with(expected) && said.lines().count() == 1, "{said}");
    }
    let missing = telemetry("traces: 1%");
    assert!(
        missing.starts_with("main.yaml:15:12: `otlp` is missing; write the URL of an OTLP collector"),
        "{missing}"
    );
}

#[test]
fn no_text_panics() {
    let cut = |text: &str, from: usize, to: usize| {
        let characters = text.chars().enumerate();
        characters
            .filter(|(at, _)| !(from..to).contains(at))
            .map(|(_, character)| character)
            .collect::<String>()
    };
    for at in 0..IDENTITY.len() {
        for changed in [cut(IDENTITY, at, usize::MAX), cut(IDENTITY, at, at + 1), cut(IDENTITY, at, at + 30)]
        {
            let _ = load(MAIN, &[&changed]);
        }
    }
    for at in 0..MAIN.len() {
        for changed in [cut(MAIN, at, usize::MAX), cut(MAIN, at, at + 1), cut(MAIN, at, at + 30)] {
            let _ = load(&changed, &[IDENTITY]);
        }
    }
}

//! The commands as a person or a program sees them: what they print where, and how they exit.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use forcefield_cli::{Cli, Command, Exit, ReadError, Terminal, read_config, run};
use jiff::civil::{Date, date};
use serde_json::Value as Json;

const TODAY: Date = date(2026, 11, 25);

/// What a command wrote, and how it ended.
struct Ended {
    out: String,
    err: String,
    exit: Result<Exit, String>,
}

impl Ended {
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn forcefield(arguments: &[&str], input: &str) -> Ended {
    let cli =
        Cli::try_parse_from([&["forcefield"], arguments].concat()).unwrap_or_else(|error| panic!("{error}"));
    let Command::Tool(tool) = cli.command else { panic!("{arguments:?} needs a proxy") };
    let (mut input, mut out, mut err) = (input.as_bytes(), Vec::new(), Vec::new());
    let mut terminal = Terminal {
        input: &mut input,
        prompt: false,
        out: &mut out,
        err: &mut err,
        output: cli.output,
        today: TODAY,
    };
    let exit = run(&tool, &mut terminal).map_err(|error| format!("{error:#}"));
    Ended { out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap(), exit }
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/examples/forcefield.yaml");
    path.to_str().unwrap().to_owned()
}

/// A configuration of its own, changed in one place.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let examples = PathBuf::from(example());
    let examples = examples.parent().unwrap();
    fs::create_dir(folder.path().join("identities")).unwrap();
    for file in ["forcefield.yaml", "identities/billing-sync.yaml", "identities/chat-connector.yaml"] {
        let text = fs::read_to_string(examples.join(file)).unwrap().replace(from, to);
        fs::write(folder.path().join(file), text).unwrap();
    }
    let main = folder.path().join("forcefield.yaml").to_str().unwrap().to_owned();
    (folder, main)
}

#[test]
fn the_arguments_are_consistent() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn check_says_that_a_configuration_is_valid() {
    let ended = forcefield(&["check", "--config", &example()], "");
    assert_eq!((ended.exit, ended.err.as_str()), (Ok(Exit::Done), ""));
    assert_eq!(ended.out, format!("{}: valid, 5 integrations, 2 orgs\n", example()));
}

#[test]
fn check_tells_every_problem_and_exits_1() {
    let (folder, main) = changed("https://acme.my", "http://acme.my");
    let billing = folder.path().join("identities/billing-sync.yaml");
    let text = fs::read_to_string(&billing).unwrap().replace("requests:", "request:");
    fs::write(&billing, text).unwrap();
    let ended = forcefield(&["check", "--config", &main], "");
    assert_eq!((ended.exit, ended.out.as_str()), (Ok(Exit::Refused), ""));
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{main}:13:10: this URL does not start with `https://`")),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with("unknown key `request`; did you mean `requests`?"), "{}", lines[1]);
    assert!(
        lines[2]
            .ends_with("`burst` belongs to `requests`, which is missing; write `requests` too, or remove it")
    );
    assert_eq!(lines[3], format!("{main}: 3 errors"));

    let report = forcefield(&["check", "--config", &main, "--output", "json"], "").json();
    assert_eq!((&report["valid"], report["problems"].as_array().unwrap().len()), (&Json::Bool(false), 3));
    assert_eq!(report["problems"][1]["help"], "did you mean `requests`?");
    assert_eq!(report["problems"][0]["line"], 13);
}

#[test]
fn check_shows_warnings_and_exits_0() {
    let (_folder, main) = changed("expires: 2027-03-31", "expires: 2026-03-31");
    let ended = forcefield(&["check", "--config", &main], "");
    assert_eq!(ended.exit, Ok(Exit::Done));
    assert!(ended.err.contains("warning: expired on 2026-03-31: every request is refused"), "{}", ended.err);
}

#[test]
fn what_is_not_there_is_named() {
    let ended = forcefield(&["check", "--config", "/nowhere/forcefield.yaml"], "");
    assert_eq!(ended.exit, Ok(Exit::Refused));
    assert!(
        ended.err.starts_with("/nowhere/forcefield.yaml:1:1: cannot be read: No such file"),
        "{}",
        ended.err
    );
    let ended = forcefield(&["can-i", "a", "read", "Account", "--config", "/nowhere/forcefield.yaml"], "");
    assert!(ended.exit.unwrap_err().starts_with("cannot read /nowhere/forcefield.yaml: No such file"));
    let (folder, main) = changed("identities: identities/", "identities: elsewhere/");
    let missing = folder.path().join("elsewhere/");
    assert!(
        matches!(read_config(Path::new(&main), TODAY), Err(ReadError::File { path, .. }) if path == missing)
    );
}

#[test]
fn the_folder_of_identities_is_read_in_order_without_what_is_not_an_identity() {
    let (folder, main) = changed("", "");
    let identities = folder.path().join("identities");
    fs::write(identities.join("notes.txt"), "not: [yaml").unwrap();
    fs::write(identities.join(".billing.yaml"), "not: [yaml").unwrap();
    fs::create_dir(identities.join("folder.yaml")).unwrap();
    let read = read_config(Path::new(&main), TODAY).unwrap();
    let names: Vec<String> = read.config.identities.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["billing-sync", "chat-connector"]);
    assert!(read.config.root.is_absolute());
}

#[test]
fn explain_tells_what_a_request_means() {
    let query = "/services/data/v62.0/query?q=SELECT+Id,Owner.Email+FROM+Account";
    let ended = forcefield(&["explain", "GET", query, "--output", "json"], "");
    let answer = ended.json();
    assert_eq!(ended.exit, Ok(Exit::Done));
    assert_eq!((&answer["api"], &answer["operation"]), (&Json::from("query"), &Json::from("query")));
    assert!(answer["fields"].as_array().unwrap().contains(&Json::from("User.Email")));

    let ended = forcefield(&["explain", "GET", "/services/data/v62.0/query?q=SELECT"], "");
    assert_eq!(ended.exit, Ok(Exit::Refused));
    assert!(ended.out.starts_with("door        unknown\noperation   deny\nrefused     "), "{}", ended.out);
}

#[test]
fn explain_decides_for_an_identity_and_shows_what_would_be_sent() {
    let ask = |target: &str| {
        let (config, identity) = (example(), "billing-sync");
        forcefield(
            &["explain", "--config", &config, "--identity", identity, "GET", target, "--output", "json"],
            "",
        )
    };
    let narrowed = ask("/services/data/v62.0/query?q=SELECT+Email+FROM+Contact");
    assert_eq!(narrowed.exit, Ok(Exit::Done), "{}", narrowed.out);
    assert_eq!(narrowed.json()["decision"]["allowed"], true);
    assert!(
        narrowed.json()["decision"]["target"].as_str().unwrap().starts_with("/services/data/v62.0/query")
    );

    let refused = ask("/services/data/v62.0/query?q=SELECT+Description+FROM+Case");
    let decision = refused.json()["decision"].clone();
    assert_eq!(refused.exit, Ok(Exit::Refused));
    let reason = decision["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("billing-sync may not read Case") && reason.ends_with("(no grant for Case)"),
        "{reason}"
    );
    assert_eq!(decision["target"], Json::Null);

    let cursor = ask("/services/data/v62.0/query/01g5g00000ABCDEAA4-2000");
    assert_eq!(cursor.json()["decision"]["rule"], "not-own");
    assert_eq!(cursor.exit, Ok(Exit::Refused));
}

#[test]
fn explain_shows_what_observe_overlooks() {
    let (config, query) = (example(), "/services/data/v62.0/query?q=SELECT+Name+FROM+Account");
    let ended =
        forcefield(&["explain", "--config", &config, "--identity", "chat-connector", "GET", query], "");
    assert_eq!(ended.exit, Ok(Exit::Done));
    assert!(ended.out.contains("decision    allowed for chat-connector\n"), "{}", ended.out);
    assert!(ended.out.contains("overlooked  chat-connector may not read Account"), "{}", ended.out);
}

#[test]
fn explain_reads_a_body_and_headers() {
    let arguments = ["explain", "PATCH", "/services/data/v62.0/sobjects/Contact/0035g00000ABCDE"];
    let more = ["--body", "-", "--header", "Content-Type: application/json", "--output", "json"];
    let answer = forcefield(&[&arguments[..], &more].concat(), r#"{"Email":"a@b.example"}"#).json();
    assert_eq!(answer["operation"], "update", "{answer}");
    assert_eq!(answer["fields"], serde_json::json!(["Contact.Email"]), "{answer}");
}

#[test]
fn a_table_is_explained_row_by_row_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("cases.tsv");
    let head = "method\tpath\tcontent_type\tbody\tapi\toperation\tobjects\tfields\tis_bulk_export\tnote\n";
    let right = "GET\t/services/data/v62.0/query?q=SELECT+Id+FROM+Account\t-\t-\tquery\tquery\tAccount\tAccount.Id\tfalse\t\n";
    let wrong = "GET\t/services/data/v62.0/query?q=SELECT+Id+FROM+Account\t-\t-\tquery\tquery\tContact\tAccount.Id\tfalse\t\n";
    fs::write(&table, format!("# a comment\n{head}{right}{wrong}")).unwrap();
    let ended = forcefield(&["explain", "--batch", table.to_str().unwrap(), "--score"], "");
    let row = r#"{"line":3,"api":"query","operation":"query","objects":["Account"],"fields":["Account.Id"],"bulk_export":false,"reason":null}"#;
    assert_eq!(ended.out.lines().next(), Some(row));
    assert_eq!(ended.out.lines().count(), 2);
    assert!(
        ended.err.contains("query                   1 of 2\n")
            && ended.err.contains("lines that differ: [4]"),
        "{}",
        ended.err
    );
    let plain = forcefield(&["explain", "--batch", table.to_str().unwrap()], "");
    assert_eq!((plain.err.as_str(), plain.out), ("", ended.out));
}

#[test]
fn can_i_answers_by_word_and_exit_code() {
    let config = example();
    let can_i = |verb: &str, access: &str| {
        let ended = forcefield(&["can-i", "billing-sync", verb, access, "--config", &config], "");
        (ended.out.trim().to_owned(), ended.exit)
    };
    assert_eq!(can_i("read", "Contact.Email"), ("yes".to_owned(), Ok(Exit::Done)));
    assert_eq!(can_i("read", "Contact.id").1, Ok(Exit::Done));
    assert_eq!(can_i("update", "contact.email").1, Ok(Exit::Done));
    assert_eq!(can_i("update", "Contact.LastName"), ("no".to_owned(), Ok(Exit::Refused)));
    assert_eq!(can_i("delete", "Contact").1, Ok(Exit::Refused));
    assert_eq!(can_i("describe", "Contact").1, Ok(Exit::Done));
    assert_eq!(can_i("read", "Case.Subject").1, Ok(Exit::Refused));
    assert_eq!(can_i("read", "Contact.Nothing").1, Err("Contact has no field `Nothing`".to_owned()));
    assert!(can_i("erase", "Contact").1.unwrap_err().starts_with("the verb is one of read, create"));
    assert!(can_i("read", "Invoice__c").1.unwrap_err().contains("--schema"));
}

#[test]
fn a_schema_file_adds_the_orgs_own_objects() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.txt");
    fs::write(&schema, "@Invoice__c a01\n F Id:id Name:s Status__c:pl\n").unwrap();
    let (config, schema) = (example(), schema.to_str().unwrap().to_owned());
    let who = forcefield(&["who-can", "delete", "Invoice__c", "--config", &config, "--schema", &schema], "");
    assert_eq!((who.out.as_str(), who.exit), ("billing-sync\n", Ok(Exit::Done)));
    let nobody =
        forcefield(&["who-can", "merge", "Invoice__c", "--config", &config, "--schema", &schema], "");
    assert_eq!((nobody.out.as_str(), nobody.exit), ("", Ok(Exit::Refused)));
}

#[test]
fn a_hashed_secret_is_what_a_configuration_takes() {
    let ended = forcefield(&["hash-secret"], "correct horse battery staple\n");
    let hash = ended.out.trim();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && ended.err.is_empty(), "{hash}");
    assert!(
        verifies(hash, "correct horse battery staple") && !verifies(hash, "correct horse battery staple\n")
    );
    assert_ne!(
        forcefield(&["hash-secret"], "correct horse battery staple\n").out.trim(),
        hash,
        "a salt of its own"
    );
    let (folder, main) = changed("nothing", "nothing");
    let billing = folder.path().join("identities/billing-sync.yaml");
    let text = fs::read_to_string(&billing).unwrap();
    let old = text.split('"').find(|part| part.starts_with("$argon2id")).unwrap().to_owned();
    fs::write(&billing, text.replace(&old, hash)).unwrap();
    assert_eq!(forcefield(&["check", "--config", &main], "").exit, Ok(Exit::Done));
    assert_eq!(forcefield(&["hash-secret"], "\n").exit, Err("the secret is empty".to_owned()));
}

#[test]
fn a_generated_secret_is_shown_once_beside_its_hash() {
    let ended = forcefield(&["hash-secret", "--generate"], "");
    let secret = ended.err.trim().strip_prefix("the secret, shown once: ").unwrap();
    assert_eq!(secret.len(), 43);
    assert!(verifies(ended.out.trim(), secret));
    let made = forcefield(&["hash-secret", "--generate", "--output", "json"], "").json();
    assert!(verifies(made["hash"].as_str().unwrap(), made["secret"].as_str().unwrap()));
}

fn verifies(hash: &str, secret: &str) -> bool {
    use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
    argon2::Argon2::default().verify_password(secret.as_bytes(), &PasswordHash::new(hash).unwrap()).is_ok()
}

#[test]
fn a_record_is_verified_with_the_public_key_that_the_proxys_host_prints() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("audit.key"), "0123456789abcdef0123456789abcdef").unwrap();
    let earlier = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/src/verify/tests/earlier");
    let (record, key) = (earlier.to_str().unwrap(), format!("file:{}", at("audit.key")));
    let printed = forcefield(&["audit", "public-key", "--key", &key], "");
    assert_eq!(printed.exit, Ok(Exit::Done));
    fs::write(at("public.pem"), &printed.out).unwrap();

    // What the earlier version wrote is sound to the key, and unproven to the public key.
    let own = format!("file:{}", earlier.join("key.txt").to_str().unwrap());
    let sound = forcefield(&["audit", "verify", record, "--key", &own], "");
    assert!(sound.out.contains("SOUND: every line is as it was written"), "{}", sound.out);
    assert_eq!(sound.exit, Ok(Exit::Done));
    fs::write(at("own.pem"), forcefield(&["audit", "public-key", "--key", &own], "").out).unwrap();
    let unproven = forcefield(&["audit", "verify", record, "--public-key", &at("own.pem")], "");
    assert!(
        unproven.out.contains("a version that signed no lines; only the audit key proves it"),
        "{}",
        unproven.out
    );
    assert_eq!(unproven.exit, Ok(Exit::Refused));
    let foreign = forcefield(&["audit", "verify", record, "--public-key", &at("public.pem")], "");
    assert!(foreign.out.contains("the checkpoint's signature is wrong, by another key"), "{}", foreign.out);

    let wrong = forcefield(&["audit", "verify", record, "--public-key", &at("audit.key")], "");
    assert!(wrong.exit.is_err_and(|error| error.contains("no Ed25519 public key in PEM")));
    assert!(Cli::try_parse_from(["forcefield", "audit", "verify", record]).is_err(), "no key at all");
}

#[test]
fn shells_get_their_completions() {
    let ended = forcefield(&["completions", "bash"], "");
    assert!(ended.out.contains("hash-secret") && ended.exit == Ok(Exit::Done));
}

#[test]
fn arguments_that_belong_together_are_asked_for() {
    for wrong in [
        &["explain"][..],
        &["explain", "GET", "/", "--identity", "a"],
        &["explain", "GET", "/", "--batch", "f"],
        &["explain", "GET", "/", "--score"],
        &["hash-secret", "hunter2"],
        &["kill", "drift"],
        &["throttle", "drift", "--reason", "odd"],
    ] {
        assert!(Cli::try_parse_from([&["forcefield"], wrong].concat()).is_err(), "{wrong:?}");
    }
    assert!(Cli::try_parse_from(["forcefield", "dev", "--once", "--listen", "127.0.0.1:8443"]).is_ok());
    assert!(Cli::try_parse_from(["forcefield", "serve", "--config", "f.yaml"]).is_ok());
}

//! What is published about configuration is what the code reads: the JSON schema, and the tables of
//! `docs/configuration.md`. `FORCEFIELD_WRITE=1 cargo test -p forcefield-config` writes both anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use forcefield_config::{Config, Source};
use jiff::civil::date;
use serde_json::Value as Json;

#[test]
fn the_schema_is_that_of_the_code() {
    let schema = serde_json::to_string_pretty(&forcefield_config::schema()).unwrap() + "\n";
    is_published("forcefield.schema.json", |_| schema);
}

#[test]
fn the_documented_keys_are_those_of_the_code() {
    let mut tables = BTreeMap::new();
    collect(&forcefield_config::schema(), &mut tables);
    let written = is_published("../docs/configuration.md", |text| {
        let parts = text.split_inclusive("<!-- keys: ").map(|part| match part.split_once(" -->") {
            Some((name, rest)) if tables.contains_key(name) => {
                let rest = rest.split_once("<!-- end -->").unwrap().1;
                format!("{name} -->\n{}<!-- end -->{rest}", tables[name])
            }
            _ => part.to_owned(),
        });
        parts.collect()
    });
    for name in tables.keys() {
        assert!(written.contains(&format!("<!-- keys: {name} -->")), "no place for the table of `{name}`");
    }
}

#[test]
fn the_documented_examples_load() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let sections: Vec<&str> = blocks.filter(|block| !block.starts_with('#')).collect();
    assert!(!sections.is_empty());
    for section in sections {
        let listen =
            "listen: { proxy: { address: \"127.0.0.1:0\", tls: { certificate: env:A, key: env:B } } }";
        let main = Source { path: "docs".to_owned(), text: format!("{listen}\n{section}") };
        let loaded = Config::load(Path::new("/"), &main, &[], date(2026, 11, 25));
        assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
    }
}

/// Gathers the tables of every mapping with known keys.
fn collect(schema: &Json, tables: &mut BTreeMap<String, String>) {
    let title = schema["title"].as_str().unwrap_or_default();
    if let (Some(name), Some(keys)) = (name(title), schema["properties"].as_object()) {
        tables.insert(name.to_owned(), table(keys, &schema["required"]));
    }
    match schema {
        Json::Object(object) => object.values().for_each(|value| collect(value, tables)),
        Json::Array(items) => items.iter().for_each(|item| collect(item, tables)),
        _ => {}
    }
}

fn name(title: &str) -> Option<&str> {
    title.strip_prefix("a mapping with the keys of `")?.strip_suffix('`')
}

fn table(keys: &serde_json::Map<String, Json>, required: &Json) -> String {
    let mut table = "| key | value | meaning |\n|---|---|---|\n".to_owned();
    for (key, schema) in keys {
        let needed = required.as_array().is_some_and(|required| required.iter().any(|name| name == key));
        let mark = if needed { " (required)" } else { "" };
        let (value, about) = (schema["title"].as_str().unwrap(), schema["description"].as_str().unwrap());
        table += &format!("| `{key}`{mark} | {value} | {about} |\n");
    }
    table
}

/// Compares a file with what it should be, or writes it. Gives what it should be.
#[track_caller]
fn is_published(file: &str, wanted: impl FnOnce(&str) -> String) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let published = fs::read_to_string(&path).unwrap_or_default();
    let wanted = wanted(&published);
    #[expect(
        clippy::disallowed_methods,
        reason = "the ban is for the crate: this is how the test is told to write"
    )]
    let write = std::env::var_os("FORCEFIELD_WRITE").is_some();
    if write {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert!(published == wanted, "{file} is out of date: run the tests with FORCEFIELD_WRITE=1");
    }
    wanted
}

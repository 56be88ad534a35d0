//! Any text: reading it does not panic, what is read prints as itself, and what is printed touches the same.
#![no_main]

use std::sync::LazyLock;

use forcefield_policy::names::ApiVersion;
use forcefield_policy::schema::Schema;
use forcefield_policy::soql;
use libfuzzer_sys::fuzz_target;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::starter().expect("the starter schema reads"));

fuzz_target!(|text: &str| {
    let _ = soql::parse_condition(text);
    let _ = soql::parse_order_by(text);
    let Ok(query) = soql::parse(text) else { return };
    let printed = query.to_string();
    let again = soql::parse(&printed).expect("the canonical text reads");
    assert_eq!(again, query);
    let version = ApiVersion::new(60);
    if let Ok(resolved) = soql::resolve(query, &SCHEMA, version) {
        let again = soql::resolve(again, &SCHEMA, version).expect("the canonical text resolves");
        assert_eq!(again.accesses(), resolved.accesses());
        assert_eq!(resolved.narrowed(&soql::Edits::default()), Ok(printed));
    }
});

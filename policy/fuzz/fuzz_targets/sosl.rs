//! Any text: reading it does not panic, what is read prints as itself, and what is printed touches the same.
#![no_main]

use std::sync::LazyLock;

use forcefield_policy::names::ApiVersion;
use forcefield_policy::schema::Schema;
use forcefield_policy::sosl;
use libfuzzer_sys::fuzz_target;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::starter().expect("the starter schema reads"));

fuzz_target!(|text: &str| {
    let Ok(query) = sosl::parse(text) else { return };
    let printed = query.to_string();
    let again = sosl::parse(&printed).expect("the canonical text reads");
    assert_eq!(again, query);
    let version = ApiVersion::new(60);
    if let Ok(resolved) = sosl::resolve(query, &SCHEMA, version) {
        let again = sosl::resolve(again, &SCHEMA, version).expect("the canonical text resolves");
        assert_eq!(again.accesses(), resolved.accesses());
        assert_eq!(resolved.narrowed(&sosl::Edits::default()), Ok(printed));
    }
});

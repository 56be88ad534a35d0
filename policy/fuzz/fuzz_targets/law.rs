//! The law of every door with a body: reading it does not panic, and what is sent reads the same.

use std::sync::{Arc, LazyLock};

use forcefield_policy::classify::{Unclear, classify};
use forcefield_policy::decision::decide;
use forcefield_policy::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use forcefield_policy::names::ObjectName;
use forcefield_policy::request::{Head, Named, Reading, Request, Verb};
use forcefield_policy::schema::Schema;

static SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::starter().expect("the starter schema reads")));

/// Everything on every object.
static ALL: LazyLock<Grants> = LazyLock::new(|| {
    let allow = |name: &str| AllowSpec {
        key: name.to_owned(),
        read: Some(FieldsSpec::Every),
        create: Some(FieldsSpec::Every),
        update: Some(FieldsSpec::Every),
        verbs: Verb::ALL.to_vec(),
        ..AllowSpec::default()
    };
    let spec = GrantsSpec {
        identity: "fuzz".try_into().expect("a name"),
        versions: "1.0-99.0".parse().expect("versions"),
        allow: SCHEMA.objects().map(|(_, object)| allow(object.name())).collect(),
        named: Named::ALL.to_vec(),
        patterns: vec!["POST /services/Soap/**".parse().expect("a pattern")],
        exports: SCHEMA.objects().filter_map(|(_, object)| ObjectName::try_from(object.name()).ok()).collect(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &SCHEMA).0
});

/// Holds one body at one door to the law.
pub fn hold((method, target): (&str, &str), content_type: &str, body: &[u8]) {
    let Ok(request) = read((method, target), content_type, body) else { return };
    if request.handles().next().is_some() {
        return;
    }
    let reading = Reading::of(&request.needs, &SCHEMA);
    let operations = request.operations.clone();
    let Ok(permit) = decide(&ALL, request, &[]) else { return };
    let Some(sent) = permit.body("SESSION") else { return };
    let header = permit.headers().iter().find(|(name, _)| **name == *"content-type");
    let content_type = header.map_or("", |(_, value)| value);
    let again = read((method, permit.target()), content_type, &sent).expect("what is sent reads");
    assert_eq!(Reading::of(&again.needs, &SCHEMA), reading);
    assert_eq!(again.operations, operations);
    let permit = decide(&ALL, again, &[]).expect("and is decided alike");
    assert_eq!(permit.body("SESSION").expect("a body"), sent);
}

fn read((method, target): (&str, &str), content_type: &str, body: &[u8]) -> Result<Request, Unclear> {
    let headers = [("content-type", content_type.as_bytes())];
    classify(&SCHEMA, &Head { method, target, headers: &headers }, body)
}

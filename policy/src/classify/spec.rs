//! How the tests of doors say what a request is and what it was understood as.

use std::sync::{Arc, LazyLock};

use super::{Unclear, UnclearKind, classify};
use crate::decision::{Denial, Permit, decide};
use crate::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use crate::names::{FieldName, ObjectName};
use crate::request::{Head, Named, Origin, Reading, Request, Verb};
use crate::schema::{Schema, SchemaBuilder};

/// The starter schema and the objects of the corpus.
pub(crate) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let mut builder = SchemaBuilder::default();
    builder.text(include_str!("../schema/starter.txt")).unwrap();
    builder.text(include_str!("../../corpus/org.txt")).unwrap();
    Arc::new(builder.build())
});

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn get(target: &str) -> Sample {
    Sample { method: "GET", target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
}

pub(crate) fn post(target: &str, content_type: &str, body: &str) -> Sample {
    let headers = vec![("content-type", content_type.to_owned())];
    Sample { method: "POST", headers, body: body.as_bytes().to_vec(), ..get(target) }
}

pub(crate) fn json(target: &str, body: &str) -> Sample {
    post(target, "application/json", body)
}

impl Sample {
    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn request(&self) -> Result<Request, Unclear> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let head = Head { method: self.method, target: &self.target, headers: &headers };
        classify(&SCHEMA, &head, &self.body)
    }

    /// `api operation objects fields`, sorted, or why it was refused.
    pub(crate) fn read(&self) -> String {
        match self.request() {
            Ok(request) => {
                let Reading { mut objects, mut fields } = Reading::of(&request.needs, &SCHEMA);
                objects.sort_unstable();
                fields.sort_unstable();
                let list = |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join(",") };
                format!("{} {} {} {}", request.api, request.operations, list(objects), list(fields))
            }
            Err(unclear) => format!("{unclear}"),
        }
    }

    /// Whether it was not understood at all, or names what the schema does not have.
    pub(crate) fn refused(&self) -> bool {
        self.request().is_err()
    }

    pub(crate) fn unknown_name(&self) -> Option<String> {
        match self.request() {
            Err(Unclear { kind: UnclearKind::Name(name), .. }) => Some(name.into()),
            _ => None,
        }
    }

    pub(crate) fn decide(&self, grants: &Grants) -> Result<Permit, Denial> {
        decide(grants, self.request().unwrap(), &[])
    }

    pub(crate) fn decide_with(&self, grants: &Grants, origin: &Origin) -> Result<Permit, Denial> {
        decide(grants, self.request().unwrap(), &[Some(origin.clone())])
    }

    /// The same request as a permit would have it sent.
    pub(crate) fn as_sent(&self, permit: &Permit) -> Self {
        let header = |name: &'static str| {
            let found = permit.headers().iter().find(|(known, _)| **known == *name);
            found.map(|(_, value)| (name, value.to_string()))
        };
        Self {
            method: self.method,
            target: permit.target().to_owned(),
            headers: header("content-type").into_iter().collect(),
            body: permit.body("SESSION").map(|body| body.to_vec()).unwrap_or_default(),
        }
    }
}

/// Grants of everything on every object, exports included.
pub(crate) static ALL: LazyLock<Grants> = LazyLock::new(|| {
    let names: Vec<String> = SCHEMA.objects().map(|(_, object)| object.name().to_owned()).collect();
    let allow = |name: &String| AllowSpec {
        read: Some(FieldsSpec::Every),
        create: Some(FieldsSpec::Every),
        update: Some(FieldsSpec::Every),
        verbs: Verb::ALL.to_vec(),
        ..allow(name)
    };
    grants(names.iter().map(allow).collect())
});

/// A grant of nothing on an object yet.
pub(crate) fn allow(key: &str) -> AllowSpec {
    AllowSpec { key: key.to_owned(), ..AllowSpec::default() }
}

/// A list of fields.
pub(crate) fn fields(names: &[&str]) -> Option<FieldsSpec> {
    Some(FieldsSpec::Listed(names.iter().map(|name| FieldName::try_from(*name).unwrap()).collect()))
}

/// These grants, with every named resource and exports of every object.
pub(crate) fn grants(allow: Vec<AllowSpec>) -> Grants {
    let spec = GrantsSpec {
        identity: "test".try_into().unwrap(),
        versions: "1.0-99.0".parse().unwrap(),
        allow,
        named: Named::ALL.to_vec(),
        patterns: vec!["POST /services/Soap/**".parse().unwrap()],
        exports: SCHEMA
            .objects()
            .filter_map(|(_, object)| ObjectName::try_from(object.name()).ok())
            .collect(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &SCHEMA).0
}

/// Numbers from a seed, the same on every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }

    /// A body with one to four bytes changed, doubled or removed.
    pub(crate) fn changed(&mut self, body: &[u8]) -> Vec<u8> {
        const INTERESTING: &[u8] = b"<>&;:/\"'{}[](),.$!-\\\n\r\t =#x0A\x00\xff";
        let mut body = body.to_vec();
        for _ in 0..=self.roll(4) {
            if body.is_empty() {
                break;
            }
            let at = self.roll(body.len());
            let byte = INTERESTING[self.roll(INTERESTING.len())];
            match self.roll(4) {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => drop(body.remove(at)),
                _ => {
                    let end = (at + 1 + self.roll(20)).min(body.len());
                    let piece = body[at..end].to_vec();
                    let to = self.roll(body.len());
                    body.splice(to..to, piece);
                }
            }
        }
        body
    }
}

/// Changes samples at random: nothing panics, and what is understood is sent so that it reads the same.
pub(crate) fn keeps_its_reading(samples: &[Sample], rounds: usize) {
    let mut dice = Dice::new(7);
    let mut understood = 0;
    for round in 0..rounds {
        let mut sample = samples[round % samples.len()].clone();
        if round >= samples.len() {
            sample.body = dice.changed(&sample.body);
        }
        let Ok(request) = sample.request() else { continue };
        if request.handles().next().is_some() {
            continue;
        }
        let Ok(permit) = decide(&ALL, request, &[]) else { continue };
        understood += 1;
        let sent = sample.as_sent(&permit);
        let text = || String::from_utf8_lossy(&sample.body).into_owned();
        assert_eq!(sent.read(), sample.read(), "{}", text());
        let again = sent.decide(&ALL).unwrap();
        assert_eq!(again.body("SESSION"), permit.body("SESSION"), "{}", text());
    }
    assert!(understood > rounds / 400, "{understood} of {rounds} were understood");
}

/// Grants of nothing but what a line of `also` opens.
pub(crate) fn opening(also: &str) -> Grants {
    let spec = GrantsSpec {
        identity: "test".try_into().unwrap(),
        versions: "1.0-99.0".parse().unwrap(),
        allow: Vec::new(),
        named: Vec::new(),
        patterns: vec![also.parse().unwrap()],
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &SCHEMA).0
}

//! Grants widened by others for a while: what either covers is covered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Grant, GrantProblem, Grants, GrantsSpec};
use crate::schema::Schema;

impl Grants {
    /// Compiles a grant, widened by others of the same identity: verbs, fields and doors add up. An object's condition
    /// and number of rows stay unless the wider one writes its own. Exports and enforcement are those of `spec` alone.
    #[must_use]
    pub fn compile_widened(
        spec: &GrantsSpec,
        wider: &[GrantsSpec],
        schema: &Arc<Schema>,
    ) -> (Self, Vec<GrantProblem>) {
        let (mut grants, problems) = Self::compile(spec, schema);
        for wider in wider {
            let (wider, _) = Self::compile(wider, schema);
            grants.widen(wider);
        }
        (grants, problems)
    }

    fn widen(&mut self, wider: Self) {
        let mut objects: BTreeMap<_, _> = std::mem::take(&mut self.objects).into_iter().collect();
        for (object, grant) in wider.objects {
            objects.entry(object).or_insert_with(Grant::default).widen(grant);
        }
        self.objects = objects.into_iter().collect();
        self.named.extend(wider.named);
        self.patterns.extend(wider.patterns);
    }
}

impl Grant {
    fn widen(&mut self, wider: Self) {
        let sets = [
            (&mut self.read, wider.read),
            (&mut self.create, wider.create),
            (&mut self.update, wider.update),
        ];
        for (held, wider) in sets {
            match (held.as_mut(), wider) {
                (Some(held), Some(wider)) => held.add(&wider),
                (None, Some(wider)) => *held = Some(wider),
                (_, None) => {}
            }
        }
        self.verbs.extend(wider.verbs);
        self.condition = wider.condition.or(self.condition.take());
        self.max_rows = wider.max_rows.or(self.max_rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{AllowSpec, Enforcement, FieldsSpec};
    use crate::names::{FieldName, IdentityName, ObjectName};
    use crate::request::{Named, Verb};

    fn spec(allow: Vec<AllowSpec>) -> GrantsSpec {
        GrantsSpec {
            identity: IdentityName::try_from("nightly").unwrap(),
            versions: "50.0-68.0".parse().unwrap(),
            allow,
            named: Vec::new(),
            patterns: Vec::new(),
            exports: Vec::new(),
            enforcement: Enforcement::Enforce,
        }
    }

    fn reads(object: &str, fields: &[&str]) -> AllowSpec {
        let fields = fields.iter().map(|field| FieldName::try_from(*field).unwrap()).collect();
        AllowSpec { key: object.into(), read: Some(FieldsSpec::Listed(fields)), ..AllowSpec::default() }
    }

    #[test]
    fn what_either_covers_is_covered_and_nothing_else() {
        let schema = Arc::new(Schema::starter().unwrap());
        let own = AllowSpec {
            condition: Some("Industry = 'Energy'".into()),
            max_rows: Some(7),
            ..reads("Account", &["Name"])
        };
        let wider = GrantsSpec {
            named: vec![Named::Limits],
            exports: vec![ObjectName::try_from("Account").unwrap()],
            enforcement: Enforcement::Observe,
            ..spec(vec![
                AllowSpec { verbs: vec![Verb::Delete], ..reads("Account", &["Industry"]) },
                reads("Contact", &["Email"]),
            ])
        };
        let (grants, problems) = Grants::compile_widened(&spec(vec![own]), &[wider], &schema);
        assert_eq!(problems, []);
        let (id, account) = schema.look_up("Account").unwrap();
        let grant = grants.on(id).unwrap();
        let read = grant.fields(Verb::Read).unwrap();
        let covers = |field: &str| read.contains(account.find(field).unwrap());
        assert!(covers("Name") && covers("Industry") && covers("Id") && !covers("Phone"));
        assert!(grant.condition().is_some() && grant.max_rows() == Some(7), "what it does not write stays");
        assert!(grant.allows(Verb::Delete) && !grant.allows(Verb::Update));
        assert!(grants.on(schema.find("Contact").unwrap()).is_some() && grants.names(Named::Limits));
        assert!(grants.on(schema.find("Case").unwrap()).is_none());
        assert!(!grants.exports(id) && grants.enforcement() == Enforcement::Enforce);
    }

    #[test]
    fn a_condition_that_is_written_replaces_the_one_before() {
        let schema = Arc::new(Schema::starter().unwrap());
        let with =
            |condition: &str| AllowSpec { condition: Some(condition.into()), ..reads("Account", &["Name"]) };
        let wider = spec(vec![with("Id != null")]);
        let (grants, _) =
            Grants::compile_widened(&spec(vec![with("Industry = 'Energy'")]), &[wider], &schema);
        let grant = grants.on(schema.find("Account").unwrap()).unwrap();
        assert!(!grant.condition().unwrap().text().contains("Energy"));
    }
}

//! Grants as a responder writes them: the same words as in an integration's file, read by the same reader.

use forcefield_policy::grant::GrantsSpec;
use forcefield_policy::names::{ApiVersions, IdentityName};

use super::START;
use super::identity::grants;
use crate::config::Mode;
use crate::problem::{Problems, Report, Severity};
use crate::read::{At, Read, Table};
use crate::yaml::{self, Node, Scalar, Value};

/// Reads what would stand under `allow` (YAML; may be empty) and the entries of `also` into what they grant an
/// integration of an org with these API versions.
///
/// # Errors
/// Every problem in them; lines are counted in each text by itself.
pub fn granted(
    allow: &str,
    also: &[String],
    (identity, versions): (&IdentityName, ApiVersions),
) -> Result<GrantsSpec, Problems> {
    let mut report = Report::new("allow");
    let table = if allow.trim().is_empty() {
        Some(Table(Vec::new()))
    } else {
        yaml::read(allow, &mut report).and_then(|tree| Table::read(&tree, &mut report))
    };
    let mut beside = Report::new("also");
    let doors = also.iter().map(|text| {
        let scalar = Scalar { text: text.as_str().into(), quoted: true };
        At::read(&Node { at: START, value: Value::Scalar(scalar) }, &mut beside)
    });
    let doors: Vec<_> = doors.collect();
    let granted = grants::granted(table, doors.into_iter().collect(), &mut report);
    let mut problems = report.into_problems();
    problems.extend(beside.into_problems());
    problems.retain(|problem| problem.severity == Severity::Error);
    match granted.filter(|_| problems.is_empty()) {
        Some(granted) => Ok(granted.spec(identity, versions, Mode::Enforce, &[])),
        None => Err(Problems(problems)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(allow: &str, also: &[&str]) -> Result<GrantsSpec, Problems> {
        let identity = IdentityName::try_from("drift").unwrap();
        let also: Vec<String> = also.iter().map(|text| (*text).to_owned()).collect();
        granted(allow, &also, (&identity, "50.0-68.0".parse().unwrap()))
    }

    #[test]
    fn text_and_json_mean_the_same_as_in_a_file() {
        for allow in [
            "Case: { read: [Subject], where: \"Status = 'New'\", max_rows: 10 }",
            "Case:\n  read: [Subject]\n  where: Status = 'New'\n  max_rows: 10\n",
            r#"{"Case":{"read":["Subject"],"where":"Status = 'New'","max_rows":10}}"#,
        ] {
            let spec = read(allow, &["limits"]).unwrap();
            let case = spec.allow.first().unwrap();
            assert_eq!(
                (spec.allow.len(), case.key.as_str(), case.max_rows),
                (1, "Case", Some(10)),
                "{allow}"
            );
            assert!(case.read.is_some() && case.condition.is_some() && spec.named.len() == 1);
        }
        assert!(read("", &["GET /services/apexrest/orders/*"]).unwrap().patterns.len() == 1);
    }

    #[test]
    fn what_a_file_may_not_say_is_refused_with_its_place() {
        for (allow, also) in [
            ("Case: { read: [Subject], raed: [Id] }", &[][..]),
            ("Case: {}", &[]),
            ("Case", &[]),
            ("[Case]", &[]),
            ("Case: { read: [Subject] }\nCase: { read: \"*\" }", &[]),
            (r#"{"Case":{"read":["Id"]},"Case":{"read":"*"}}"#, &[]),
            ("Case: { read: [Subject], max_rows: -1 }", &[]),
            ("exports: { Case: { to: [x] } }", &[]),
            ("", &["everything"]),
        ] {
            assert!(read(allow, also).is_err(), "{allow} {also:?}");
        }
        let wrong = read("Case: { raed: [Id] }", &[]).unwrap_err().to_string();
        assert!(wrong.contains("allow:1:"), "{wrong}");
    }
}

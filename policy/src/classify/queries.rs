//! SOQL and SOSL in a call: the one place where texts of these languages are read for the doors.

use super::call::Call;
use super::{Place, Unclear, UnclearKind};
use crate::names::ApiVersion;
use crate::request::What;
use crate::soql;
use crate::soql::ast::{Item, Select};
use crate::sosl;

impl Call<'_> {
    /// A query, with its names looked up by the rules of the call's version.
    pub(crate) fn soql(&self, text: &str, place: &Place) -> Result<What, Unclear> {
        self.soql_of(text, place, self.version.unwrap_or(NEWEST)).map(|query| What::Query(Box::new(query)))
    }

    /// The same, by the rules of a version that the path does not show in the usual place.
    pub(crate) fn soql_of(
        &self,
        text: &str,
        place: &Place,
        version: ApiVersion,
    ) -> Result<soql::Resolved, Unclear> {
        self.no_references(text, place)?;
        let query = soql::parse(text).map_err(|error| Unclear::form(place.clone(), error.to_string()))?;
        soql::resolve(query, self.schema, version)
            .map_err(|error| Unclear::new(name_kind(&error), place.clone(), error.to_string()))
    }

    /// A search, with its names looked up.
    pub(crate) fn sosl(&self, text: &str, place: &Place) -> Result<What, Unclear> {
        self.sosl_of(text, place, self.version.unwrap_or(NEWEST)).map(|search| What::Search(Box::new(search)))
    }

    /// The same, by the rules of a version that the path does not show in the usual place. Without RETURNING a
    /// search is of every object, and refused.
    pub(crate) fn sosl_of(
        &self,
        text: &str,
        place: &Place,
        version: ApiVersion,
    ) -> Result<sosl::Resolved, Unclear> {
        self.no_references(text, place)?;
        let query = sosl::parse(text).map_err(|error| Unclear::form(place.clone(), error.to_string()))?;
        let search = sosl::resolve(query, self.schema, version).map_err(|error| {
            let kind = match &error {
                sosl::SearchNameError::Name(error) => name_kind(error),
                sosl::SearchNameError::Repeated(_) => UnclearKind::Form,
            };
            Unclear::new(kind, place.clone(), error.to_string())
        })?;
        if search.objects().is_empty() {
            return Err(Unclear::form(
                place.clone(),
                "without RETURNING it searches every object: name them",
            ));
        }
        Ok(search)
    }

    /// A text that Salesforce would put values into after the decision may not hold references.
    pub(crate) fn no_references(&self, text: &str, place: &Place) -> Result<(), Unclear> {
        if self.has_references() && text.contains("@{") {
            return Err(Unclear::form(
                place.clone(),
                "a reference may not stand here: it could change what is asked",
            ));
        }
        Ok(())
    }
}

/// Whether a name was looked for and not found, or stands where it cannot.
fn name_kind(error: &soql::NameError) -> UnclearKind {
    use soql::NameError as Error;
    match error {
        Error::Object(name)
        | Error::Field { name, .. }
        | Error::Relationship { name, .. }
        | Error::Child { name, .. } => UnclearKind::Name(name.as_str().into()),
        _ => UnclearKind::Form,
    }
}

/// The version whose rules hold where a path names none.
const NEWEST: ApiVersion = ApiVersion::new(68);

/// Whether an answer's column may be called otherwise than the field it shows.
pub(crate) fn renames(query: &soql::Query) -> bool {
    fn renamed(select: &Select) -> bool {
        select.items.iter().any(|item| match item {
            Item::Expression(_, alias) | Item::TypeOf(_, alias) => alias.is_some(),
            Item::Child(inner, alias) => alias.is_some() || renamed(inner),
            Item::Count | Item::Fields(_) => false,
        })
    }
    renamed(query.root())
}

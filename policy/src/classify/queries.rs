//! SOQL and SOSL in a call: the one place where texts of these languages are read for the doors.

use super::call::{Call, Envelope, targets_of};
use super::references::Known;
use super::{Place, Unclear, UnclearKind};
use crate::names::ApiVersion;
use crate::request::{Access, Fields, What};
use crate::schema::{FieldKind, ObjectId};
use crate::soql;
use crate::soql::ast::{Expression, Item, Predicate, Select, Value};
use crate::soql::lexer::Comparison;
use crate::sosl;

impl Call<'_> {
    /// A query, with its names looked up by the rules of the call's version.
    pub(crate) fn soql(&self, text: &str, place: &Place) -> Result<What, Unclear> {
        self.soql_of(text, place, self.version.unwrap_or(NEWEST)).map(|query| What::Query(Box::new(query)))
    }

    /// The same; in a part of a composite, a literal may be a reference to an id (reference, section 4.2). Gives
    /// what such references read.
    pub(crate) fn soql_with_references(
        &self,
        text: &str,
        place: &Place,
    ) -> Result<(What, Vec<Access>), Unclear> {
        let query = self.resolved(text, place, self.version.unwrap_or(NEWEST))?;
        let known = match self.envelope {
            Envelope::Composite(known) | Envelope::Graph(known) if text.contains("@{") => known,
            _ => return Ok((What::Query(Box::new(query)), Vec::new())),
        };
        let root = query.places().first().map(|place| place.object);
        let condition = query.query().root().condition.as_ref();
        let (Some(root), Some(condition)) = (root, condition) else {
            return self.no_references(text, place).map(|()| (What::Query(Box::new(query)), Vec::new()));
        };
        let mut literals = Literals { call: self, known, root, text, place, accesses: Vec::new(), count: 0 };
        literals.predicate(condition)?;
        if literals.count != text.matches("@{").count() {
            let what = "a reference in a query is the whole of a string that an id is compared with";
            return Err(Unclear::form(place.clone(), what));
        }
        let accesses = literals.accesses;
        Ok((What::Query(Box::new(query)), accesses))
    }

    /// The same, by the rules of a version that the path does not show in the usual place.
    pub(crate) fn soql_of(
        &self,
        text: &str,
        place: &Place,
        version: ApiVersion,
    ) -> Result<soql::Resolved, Unclear> {
        self.no_references(text, place)?;
        self.resolved(text, place, version)
    }

    fn resolved(&self, text: &str, place: &Place, version: ApiVersion) -> Result<soql::Resolved, Unclear> {
        let query = soql::parse(text).map_err(|error| Unclear::form(place.clone(), error.to_string()))?;
        soql::resolve(query, self.schema, version)
            .map_err(|error| Unclear::new(name_kind(&error, Some(text)), place.clone(), error.to_string()))
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
                sosl::SearchNameError::Name(error) => name_kind(error, None),
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
    pub(crate) fn no_references(&self, text: &str, place: impl Into<Place>) -> Result<(), Unclear> {
        if self.has_references() && text.contains("@{") {
            return Err(Unclear::form(
                place,
                "a reference may not stand here: it could change what is asked",
            ));
        }
        Ok(())
    }
}

/// The references among the literals of a query's own condition.
struct Literals<'l> {
    call: &'l Call<'l>,
    known: &'l Known,
    root: ObjectId,
    text: &'l str,
    place: &'l Place,
    accesses: Vec<Access>,
    count: usize,
}

impl Literals<'_> {
    fn predicate(&mut self, predicate: &Predicate) -> Result<(), Unclear> {
        match predicate {
            Predicate::And(all) | Predicate::Or(all) => all.iter().try_for_each(|one| self.predicate(one)),
            Predicate::Not(inner) | Predicate::Group(inner) => self.predicate(inner),
            Predicate::Compare(Expression::Path(path), Comparison::Equal | Comparison::NotEqual, value) => {
                self.literal(path.span.of(self.text), *value)
            }
            Predicate::In(Expression::Path(path), _, values) => {
                values.iter().try_for_each(|value| self.literal(path.span.of(self.text), *value))
            }
            // Their literals are not counted, and so refused when they hold a reference.
            Predicate::Compare(..)
            | Predicate::In(..)
            | Predicate::Like(..)
            | Predicate::SemiJoin(..)
            | Predicate::Picks(..) => Ok(()),
        }
    }

    /// A literal that `path` is compared with. A reference must be to an id that may stand in that field.
    fn literal(&mut self, path: &str, value: Value) -> Result<(), Unclear> {
        let Value::Text(literal) = value else { return Ok(()) };
        let literal = literal.of(self.text).trim_matches('\'');
        if !literal.contains("@{") {
            return Ok(());
        }
        let schema = self.call.schema;
        let referenced = self.known.resolve(schema, literal, self.place)?;
        let field =
            soql::resolve_path(path, schema, self.root).ok().and_then(|accesses| accesses.last().copied());
        let targets = field.and_then(|access| match access.fields {
            Fields::One(field) => Some((access.object, field)),
            Fields::None | Fields::Every => None,
        });
        let targets = targets.map_or_else(Vec::new, |(id, field)| {
            let object = schema.object(id);
            match object.field(field).kind() {
                FieldKind::Id => vec![id],
                FieldKind::Reference => targets_of(schema, object, field, self.place).unwrap_or_default(),
                _ => Vec::new(),
            }
        });
        // A reference to more objects than the schema lists leads to the virtual object `Name`.
        let any = targets.iter().any(|target| schema.object(*target).name() == "Name");
        let fits = |id: &ObjectId| any || targets.contains(id);
        if referenced.ids_of.is_empty() || !referenced.ids_of.iter().all(fits) {
            let what = "a reference in a query must be an id, and be compared with an id of that object";
            return Err(Unclear::form(self.place.clone(), what));
        }
        self.accesses.extend(referenced.accesses);
        self.count += 1;
        Ok(())
    }
}

/// Whether a name was looked for and not found, or stands where it cannot. It is named as the first access that a grant
/// would lack if it were there, so that a refusal does not tell the one from the other.
fn name_kind(error: &soql::NameError, query: Option<&str>) -> UnclearKind {
    use soql::NameError as Error;
    let field_of = |object: &str, field: &str| UnclearKind::Name(format!("{object}.{field}").into());
    match error {
        Error::Object(object) => match query.and_then(first_field) {
            Some(field) => field_of(object, field),
            None => UnclearKind::Name(object.as_str().into()),
        },
        Error::Field { object, name }
        | Error::Relationship { object, name }
        | Error::Child { object, name } => field_of(object, name),
        _ => UnclearKind::Form,
    }
}

/// The first field of a query's select list, when it is a plain one.
fn first_field(query: &str) -> Option<&str> {
    let first = query.split_ascii_whitespace().nth(1)?.split(',').next()?;
    let field = first.rsplit('.').next()?;
    crate::names::is_api_name(field).then_some(field)
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

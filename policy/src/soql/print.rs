//! From the syntax tree to text: the canonical form, the redacted form for records, and the narrowed form that is
//! sent. Keywords are upper case, one space stands where a space must; names and literals stay as they were written.

mod condition;

use std::fmt::Write as _;

use super::ast::{
    Category, Direction, FieldsFunction, GroupKind, Grouping, Item, Mode, Nulls, Order, Purpose, Reach,
    ScopeId, Select, Source, Track, TypeOf, Using, With,
};
use super::lexer::{Path, Span};

/// Writes trees over one text.
pub(crate) struct Printer<'a> {
    text: &'a str,
    out: String,
    literals: Literals,
    /// Written before every path, such as `Account.`.
    prefix: &'a str,
    edits: &'a [Edit],
}

/// Whether literals are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literals {
    Shown,
    Hidden,
}

/// What is written differently in one scope.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) scope: ScopeId,
    /// Conditions to add, as text.
    pub(crate) conditions: Vec<String>,
    /// The fields in place of `FIELDS()`, as text.
    pub(crate) fields: Option<String>,
    /// The most rows.
    pub(crate) limit: Option<u32>,
}

// === impl Edit ===

impl Edit {
    /// The smaller of a limit and the edit's.
    pub(crate) fn clamped(edit: Option<&Self>, limit: Option<u32>) -> Option<u32> {
        let most = edit.and_then(|edit| edit.limit);
        limit.map_or(most, |limit| Some(most.map_or(limit, |most| most.min(limit))))
    }
}

// === impl Printer ===

impl<'a> Printer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let out = String::with_capacity(text.len() + text.len() / 8 + 16);
        Self { text, out, literals: Literals::Shown, prefix: "", edits: &[] }
    }

    pub(crate) fn literals(mut self, literals: Literals) -> Self {
        self.literals = literals;
        self
    }

    pub(crate) fn prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = prefix;
        self
    }

    pub(crate) fn edits(mut self, edits: &'a [Edit]) -> Self {
        self.edits = edits;
        self
    }

    pub(crate) fn shows(&self) -> Literals {
        self.literals
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    pub(crate) fn select(&mut self, select: &Select) {
        let edit = self.edit(select.scope);
        self.write("SELECT ");
        self.items(&select.items, edit);
        self.write(" FROM ");
        self.source(&select.from);
        for parent in &select.parents {
            self.write(", ");
            self.source(parent);
        }
        self.using(&select.using);
        self.where_clause(select.condition.as_ref(), edit);
        if let Some(with) = &select.with {
            self.with(with);
        }
        if let Some(group) = &select.group {
            self.group(group);
        }
        self.order_by(&select.order);
        self.limit(Edit::clamped(edit, select.limit));
        self.count(" OFFSET ", select.offset);
        match select.purpose {
            None => {}
            Some(Purpose::View) => self.write(" FOR VIEW"),
            Some(Purpose::Reference) => self.write(" FOR REFERENCE"),
        }
        self.track(select.track);
    }

    /// The edit of a scope, if there is one.
    pub(crate) fn edit(&self, scope: ScopeId) -> Option<&'a Edit> {
        self.edits.iter().find(|edit| edit.scope == scope)
    }

    #[inline]
    pub(crate) fn write(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(crate) fn span(&mut self, span: Span) {
        self.out.push_str(span.of(self.text));
    }

    pub(crate) fn path(&mut self, path: Path) {
        if !self.prefix.is_empty() {
            self.write(self.prefix);
        }
        self.span(path.span);
    }

    pub(crate) fn literal(&mut self, literal: Span) {
        match self.literals {
            Literals::Shown => self.span(literal),
            Literals::Hidden => self.write("?"),
        }
    }

    /// A list of literals; hidden ones collapse, so that records of long lists stay short.
    pub(crate) fn literals_of<T>(&mut self, values: &[T], each: impl FnMut(&mut Self, &T)) {
        match self.literals {
            Literals::Shown => self.list(values, each),
            Literals::Hidden => self.write("?"),
        }
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.write(", ");
            }
            each(self, item);
        }
    }

    pub(crate) fn order_by(&mut self, orders: &[Order]) {
        if !orders.is_empty() {
            self.write(" ORDER BY ");
            self.orders(orders);
        }
    }

    pub(crate) fn orders(&mut self, orders: &[Order]) {
        self.list(orders, |printer, order| {
            printer.expression(&order.by);
            match order.direction {
                None => {}
                Some(Direction::Ascending) => printer.write(" ASC"),
                Some(Direction::Descending) => printer.write(" DESC"),
            }
            match order.nulls {
                None => {}
                Some(Nulls::First) => printer.write(" NULLS FIRST"),
                Some(Nulls::Last) => printer.write(" NULLS LAST"),
            }
        });
    }

    pub(crate) fn limit(&mut self, limit: Option<u32>) {
        self.count(" LIMIT ", limit);
    }

    pub(crate) fn count(&mut self, clause: &str, count: Option<u32>) {
        if let Some(count) = count {
            let _ = write!(self.out, "{clause}{count}");
        }
    }

    pub(crate) fn track(&mut self, track: Track) {
        match track {
            Track { tracking: false, viewstat: false } => {}
            Track { tracking: true, viewstat: false } => self.write(" UPDATE TRACKING"),
            Track { tracking: false, viewstat: true } => self.write(" UPDATE VIEWSTAT"),
            Track { tracking: true, viewstat: true } => self.write(" UPDATE TRACKING, VIEWSTAT"),
        }
    }

    pub(crate) fn alias(&mut self, alias: Option<Span>) {
        if let Some(alias) = alias {
            self.write(" ");
            self.span(alias);
        }
    }

    pub(crate) fn mode(&mut self, mode: Mode) {
        self.write(match mode {
            Mode::SecurityEnforced => "SECURITY_ENFORCED",
            Mode::User => "USER_MODE",
            Mode::System => "SYSTEM_MODE",
        });
    }

    pub(crate) fn categories(&mut self, categories: &[Category]) {
        self.write("DATA CATEGORY ");
        for (position, category) in categories.iter().enumerate() {
            if position > 0 {
                self.write(" AND ");
            }
            self.category(category);
        }
    }

    fn category(&mut self, category: &Category) {
        self.span(category.group);
        self.write(match category.reach {
            Reach::At => " AT ",
            Reach::Above => " ABOVE ",
            Reach::Below => " BELOW ",
            Reach::AboveOrBelow => " ABOVE_OR_BELOW ",
        });
        match category.names.as_slice() {
            [one] => self.span(*one),
            several => {
                self.write("(");
                self.list(several, |printer, name| printer.span(*name));
                self.write(")");
            }
        }
    }

    /// The select list. An edit's fields stand where the first `FIELDS()` was, and for all of them.
    fn items(&mut self, items: &[Item], edit: Option<&Edit>) {
        let mut fields = edit.and_then(|edit| edit.fields.as_deref());
        let expands = fields.is_some();
        let mut first = true;
        for item in items {
            let text = match item {
                Item::Fields(_) if expands => match fields.take() {
                    None | Some("") => continue,
                    list => list,
                },
                _ => None,
            };
            if !std::mem::replace(&mut first, false) {
                self.write(", ");
            }
            match text {
                Some(list) => self.write(list),
                None => self.item(item),
            }
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Expression(expression, alias) => {
                self.expression(expression);
                self.alias(*alias);
            }
            Item::Count => self.write("COUNT()"),
            Item::Fields(function) => self.fields_function(*function),
            Item::Child(child, alias) => {
                self.write("(");
                self.select(child);
                self.write(")");
                self.alias(*alias);
            }
            Item::TypeOf(choice, alias) => {
                self.type_of(choice);
                self.alias(*alias);
            }
        }
    }

    fn fields_function(&mut self, function: FieldsFunction) {
        self.write(match function {
            FieldsFunction::All => "FIELDS(ALL)",
            FieldsFunction::Standard => "FIELDS(STANDARD)",
            FieldsFunction::Custom => "FIELDS(CUSTOM)",
        });
    }

    fn type_of(&mut self, choice: &TypeOf) {
        self.write("TYPEOF ");
        self.path(choice.path);
        for when in &choice.when {
            self.write(" WHEN ");
            self.span(when.object);
            self.write(" THEN ");
            self.list(&when.fields, |printer, field| printer.span(field.span));
        }
        if !choice.otherwise.is_empty() {
            self.write(" ELSE ");
            self.list(&choice.otherwise, |printer, field| printer.span(field.span));
        }
        self.write(" END");
    }

    fn source(&mut self, source: &Source) {
        self.span(source.path.span);
        self.alias(source.alias);
    }

    fn using(&mut self, using: &[Using]) {
        for (position, using) in using.iter().enumerate() {
            self.write(if position == 0 { " USING " } else { ", " });
            match using {
                Using::Scope(name) => {
                    self.write("SCOPE ");
                    self.span(*name);
                }
                Using::Lookup(name) => {
                    self.write("LOOKUP ");
                    self.span(*name);
                }
            }
        }
    }

    fn with(&mut self, with: &With) {
        self.write(" WITH ");
        match with {
            With::DataCategory(categories) => self.categories(categories),
            With::Mode(mode) => self.mode(*mode),
            With::Equals(name, text) => {
                self.span(*name);
                self.write(" = ");
                self.literal(*text);
            }
            With::Context(name, settings) => {
                self.span(*name);
                self.write(" (");
                self.list(settings, |printer, (key, value)| {
                    printer.span(*key);
                    printer.write(" = ");
                    printer.value(*value);
                });
                self.write(")");
            }
        }
    }

    fn group(&mut self, group: &Grouping) {
        let (open, close) = match group.kind {
            GroupKind::Plain => (" GROUP BY ", ""),
            GroupKind::Rollup => (" GROUP BY ROLLUP(", ")"),
            GroupKind::Cube => (" GROUP BY CUBE(", ")"),
        };
        self.write(open);
        self.list(&group.by, Self::expression);
        self.write(close);
        if let Some(having) = &group.having {
            self.write(" HAVING ");
            self.predicate(having);
        }
    }
}

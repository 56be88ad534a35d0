//! From a search to text, on SOQL's printer.

use super::ast::{MatchScope, Returning, Search, Switch, With};
use crate::soql::print::{Edit, Literals, Printer};

impl Printer<'_> {
    /// A whole search, matched against `scope`.
    pub(crate) fn search(&mut self, search: &Search, scope: Option<MatchScope>) {
        self.write("FIND ");
        self.term(search);
        if let Some(scope) = scope {
            self.write(" IN ");
            self.write(scope.as_str());
            self.write(" FIELDS");
        }
        self.write(" RETURNING ");
        self.list(&search.returning, Self::returning);
        for with in &search.with {
            self.write(" WITH ");
            self.search_with(with);
        }
        self.limit(search.limit);
        self.track(search.track);
    }

    fn term(&mut self, search: &Search) {
        match self.shows() {
            Literals::Shown => self.span(search.term),
            Literals::Hidden => self.write("{?}"),
        }
    }

    fn returning(&mut self, returning: &Returning) {
        let edit = self.edit(returning.scope);
        self.span(returning.object);
        if returning.fields.is_empty() && edit.is_none() {
            return;
        }
        self.write("(");
        if returning.fields.is_empty() {
            self.write("Id");
        }
        self.list(&returning.fields, |printer, (field, alias)| {
            printer.expression(field);
            printer.alias(*alias);
        });
        self.where_clause(returning.condition.as_ref(), edit);
        if let Some(list_view) = returning.list_view {
            self.write(" USING ListView = ");
            self.span(list_view);
        }
        self.order_by(&returning.order);
        self.limit(Edit::clamped(edit, returning.limit));
        self.count(" OFFSET ", returning.offset);
        self.write(")");
    }

    fn search_with(&mut self, with: &With) {
        match with {
            With::Division(name) => self.setting("DIVISION", *name),
            With::DataCategory(categories) => self.categories(categories),
            With::Snippet(None) => self.write("SNIPPET"),
            With::Snippet(Some(length)) => {
                self.write("SNIPPET (target_length");
                self.count(" = ", Some(*length));
                self.write(")");
            }
            With::Network(ids) => match ids.as_slice() {
                [id] => self.setting("NETWORK", *id),
                ids => {
                    self.write("NETWORK IN (");
                    self.literals_of(ids, |printer, id| printer.literal(*id));
                    self.write(")");
                }
            },
            With::PricebookId(id) => self.setting("PricebookId", *id),
            With::Metadata(kind) => self.setting("METADATA", *kind),
            With::Highlight => self.write("HIGHLIGHT"),
            With::SpellCorrection(Switch::On) => self.write("SPELL_CORRECTION = TRUE"),
            With::SpellCorrection(Switch::Off) => self.write("SPELL_CORRECTION = FALSE"),
            With::Mode(mode) => self.mode(*mode),
        }
    }

    fn setting(&mut self, name: &str, value: crate::soql::lexer::Span) {
        self.write(name);
        self.write(" = ");
        self.literal(value);
    }
}

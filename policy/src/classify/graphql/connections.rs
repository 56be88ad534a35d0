//! Whose rows are being walked: those of a connection, which the decision narrows, or others, which it cannot.

use super::ast::{Field, Value};
use super::walk::{Walk, unclear};
use crate::classify::unclear::Unclear;
use crate::request::{Access, Connection};
use crate::schema::ObjectId;

impl<'a> Walk<'a> {
    /// Notes an access: with the connection whose own row it is of, or by itself.
    pub(super) fn touch(&mut self, access: Access) {
        let own = self.own.and_then(|own| Some((own, &mut self.touched.connections.get_mut(own)?.1)));
        match own.filter(|(_, connection)| connection.object == access.object) {
            Some((own, connection)) if self.seen.insert((Some(own), access)) => {
                connection.accesses.push(access);
            }
            None if self.seen.insert((None, access)) => self.touched.accesses.push(access),
            Some(_) | None => {}
        }
    }

    /// Walks the rows of a connection. What is touched of them is decided with it.
    pub(super) fn within(
        &mut self,
        object: ObjectId,
        field: &'a Field,
        walk: impl FnOnce(&mut Self) -> Result<(), Unclear>,
    ) -> Result<(), Unclear> {
        let known = self.touched.connections.iter().position(|(number, _)| *number == field.number);
        let connection = self.connection_of(object, field)?;
        let own = match known.and_then(|at| Some((at, self.touched.connections.get(at)?))) {
            Some((at, (_, known))) if known.object == object => at,
            Some(_) => {
                return Err(unclear(format!("`{}` stands for rows of several objects", field.name)));
            }
            None => {
                self.touched.connections.push((field.number, connection));
                self.touched.connections.len() - 1
            }
        };
        let outer = self.own.replace(own);
        let walked = walk(self);
        self.own = outer;
        walked
    }

    /// Walks rows that are reached from those of a connection, or compared with them: no condition can be put on them.
    pub(super) fn elsewhere(
        &mut self,
        walk: impl FnOnce(&mut Self) -> Result<(), Unclear>,
    ) -> Result<(), Unclear> {
        let own = self.own.take();
        let walked = walk(self);
        self.own = own;
        walked
    }

    /// A connection by its arguments.
    fn connection_of(&self, object: ObjectId, field: &'a Field) -> Result<Connection, Unclear> {
        let mut connection = Connection {
            object,
            accesses: Vec::new(),
            filter: None,
            first: None,
            continues: false,
            others: Vec::new(),
        };
        for (name, value) in &field.arguments {
            match (&**name, self.given(value)?) {
                ("where" | "first", Value::Null) => {}
                ("where", Value::Object(pairs))
                    if pairs.is_empty() && !matches!(value, Value::Variable(_)) => {}
                ("where", _) => connection.filter = Some(value.to_string()),
                ("first", Value::Number(first)) => {
                    let rows = first.parse().map_err(|_| unclear("`first` must be a number of rows"))?;
                    connection.first = Some(rows);
                }
                ("first", _) => return Err(unclear("`first` must be a number of rows")),
                ("after", Value::Null | Value::Text(_)) => {
                    connection.continues |= !matches!(self.given(value)?, Value::Null);
                    connection.others.push((name.clone(), value.to_string()));
                }
                ("after", _) => return Err(unclear("`after` must be a cursor")),
                _ => connection.others.push((name.clone(), value.to_string())),
            }
        }
        Ok(connection)
    }
}

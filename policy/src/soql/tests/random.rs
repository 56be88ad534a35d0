//! Random queries that are right by construction, written in random letter case and spacing.

use super::org;
use crate::schema::{Object, ObjectId};

/// A small generator of random numbers: equal seeds, equal queries.
pub(crate) struct Random(u64);

/// A piece of a query's text.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// A keyword or a name: letter case does not matter, and a word on either side needs a space between.
    Word(String),
    /// A literal: written as it is.
    Literal(String),
    /// A sign.
    Sign(&'static str),
}

/// Writes a random query, piece by piece.
struct Writer<'r> {
    random: &'r mut Random,
    pieces: Vec<Piece>,
    subqueries: usize,
}

// === impl Random ===

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// A random query over the test org.
pub(crate) fn query(random: &mut Random) -> Vec<Piece> {
    let root = random.pick(&["Account", "Contact", "Opportunity", "Case", "Task", "Invoice__c", "Order"]);
    let mut writer = Writer { random, pieces: Vec::new(), subqueries: 0 };
    writer.select(org().find(root).unwrap(), root, 1);
    writer.pieces
}

/// A random condition on an object of the test org.
pub(crate) fn condition(random: &mut Random, object: &str) -> Vec<Piece> {
    let mut writer = Writer { random, pieces: Vec::new(), subqueries: 0 };
    writer.condition(org().find(object).unwrap(), 2);
    writer.pieces
}

/// The pieces as text; with a random, in random letter case and spacing.
pub(crate) fn text(pieces: &[Piece], mut random: Option<&mut Random>) -> String {
    let mut text = String::new();
    let mut before_word = false;
    let mut after_select = false;
    for piece in pieces {
        let is_word = !matches!(piece, Piece::Sign(_));
        let needed = before_word && is_word || after_select;
        match &mut random {
            None => text.push_str(if text.is_empty() { "" } else { " " }),
            Some(random) => {
                for _ in 0..usize::from(needed) + random.below(2) {
                    text.push(random.pick(&[' ', '\t', '\n', '\r']));
                }
            }
        }
        match (piece, &mut random) {
            (Piece::Word(word), Some(random)) => {
                for letter in word.chars() {
                    let upper = random.chance(50);
                    text.push(if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() });
                }
            }
            (Piece::Word(word), None) => text.push_str(word),
            (Piece::Literal(literal), _) => text.push_str(literal),
            (Piece::Sign(sign), _) => text.push_str(sign),
        }
        after_select = matches!(piece, Piece::Word(word) if word == "SELECT");
        before_word = is_word;
    }
    text
}

// === impl Writer ===

impl Writer<'_> {
    fn word(&mut self, word: &str) {
        self.pieces.push(Piece::Word(word.to_owned()));
    }

    fn words(&mut self, words: &str) {
        words.split(' ').for_each(|word| self.word(word));
    }

    fn sign(&mut self, sign: &'static str) {
        self.pieces.push(Piece::Sign(sign));
    }

    fn number(&mut self, bound: usize) {
        let number = self.random.below(bound).to_string();
        self.pieces.push(Piece::Literal(number));
    }

    fn commas(&mut self, most: usize, mut item: impl FnMut(&mut Self)) {
        for position in 0..=self.random.below(most) {
            if position > 0 {
                self.sign(",");
            }
            item(self);
        }
    }

    fn select(&mut self, object: ObjectId, from: &str, level: usize) {
        let grouped = level == 1 && self.random.chance(20);
        self.word("SELECT");
        if level == 1 && !grouped && self.random.chance(10) {
            self.word("COUNT");
            self.sign("(");
            self.sign(")");
        } else {
            self.commas(6, |writer| writer.item(object, level, grouped));
        }
        self.word("FROM");
        self.word(from);
        if self.random.chance(10) {
            self.words("USING SCOPE mine");
        }
        if self.random.chance(60) {
            self.word("WHERE");
            self.condition(object, 3);
        }
        if grouped {
            self.words("GROUP BY");
            self.commas(3, |writer| writer.path(object));
        }
        if self.random.chance(40) {
            self.words("ORDER BY");
            self.commas(3, |writer| writer.order(object));
        }
        self.rows();
    }

    fn rows(&mut self) {
        if self.random.chance(40) {
            self.word("LIMIT");
            self.number(3_000);
        }
        if self.random.chance(10) {
            self.word("OFFSET");
            self.number(2_001);
        }
        if self.random.chance(10) {
            let purpose = self.random.pick(&["FOR VIEW", "FOR REFERENCE", "UPDATE VIEWSTAT"]);
            self.words(purpose);
        }
    }

    fn item(&mut self, object: ObjectId, level: usize, grouped: bool) {
        match self.random.below(10) {
            0 if level < 3 && !grouped && self.subqueries < 15 => self.child(object, level),
            1 => self.call(object),
            2 if !grouped => {
                let set = self.random.pick(&["ALL", "STANDARD", "CUSTOM"]);
                self.word("FIELDS");
                self.sign("(");
                self.word(set);
                self.sign(")");
            }
            _ => self.path(object),
        }
    }

    fn child(&mut self, object: ObjectId, level: usize) {
        let object = org().object(object);
        let known: Vec<(&str, ObjectId)> = object
            .children()
            .iter()
            .filter_map(|child| {
                let (id, of) = org().look_up(&child.object)?;
                of.find(&child.field).map(|_| (&*child.relationship, id))
            })
            .collect();
        if known.is_empty() {
            return self.word("Id");
        }
        self.subqueries += 1;
        let (relationship, child) = self.random.pick(&known);
        self.sign("(");
        self.select(child, relationship, level + 1);
        self.sign(")");
    }

    fn call(&mut self, object: ObjectId) {
        let function =
            self.random.pick(&["MAX", "COUNT", "FORMAT", "toLabel", "CALENDAR_YEAR", "convertCurrency"]);
        self.word(function);
        self.sign("(");
        let nested = self.random.chance(20);
        if nested {
            self.word("MIN");
            self.sign("(");
        }
        self.path(object);
        if nested {
            self.sign(")");
        }
        self.sign(")");
    }

    fn order(&mut self, object: ObjectId) {
        self.path(object);
        let direction = self.random.pick(&["ASC", "DESC", "NULLS FIRST", "DESC NULLS LAST", "ASC"]);
        self.words(direction);
    }

    /// A field of the object, or one of a parent.
    fn path(&mut self, object: ObjectId) {
        let mut path = String::new();
        let mut at = org().object(object);
        if self.random.chance(10) && at.parent(at.name()).is_none() {
            path = format!("{}.", at.name());
        }
        for _ in 0..self.random.below(4) {
            let Some((relationship, target)) = self.parent(at) else { break };
            path = format!("{path}{relationship}.");
            at = target;
        }
        let names: Vec<&str> = at.fields().map(|(_, field)| field.name()).collect();
        let name = self.random.pick(&names);
        self.word(&format!("{path}{name}"));
    }

    fn parent(&mut self, object: &Object) -> Option<(&'static str, &'static Object)> {
        let id = org().find(object.name())?;
        let parents: Vec<(&'static str, &'static Object)> = org()
            .object(id)
            .fields()
            .filter_map(|(_, field)| {
                let reference = field.reference().filter(|reference| !reference.more)?;
                let [target] = &*reference.targets else { return None };
                Some((reference.relationship.as_deref()?, org().look_up(target)?.1))
            })
            .collect();
        (!parents.is_empty()).then(|| self.random.pick(&parents))
    }

    fn condition(&mut self, object: ObjectId, depth: usize) {
        let joined_by = self.random.pick(&["AND", "OR"]);
        for position in 0..=self.random.below(3) {
            if position > 0 {
                self.word(joined_by);
            }
            if self.random.chance(15) {
                self.word("NOT");
            }
            if depth > 0 && self.random.chance(25) {
                self.sign("(");
                self.condition(object, depth - 1);
                self.sign(")");
            } else {
                self.predicate(object, depth);
            }
        }
    }

    fn predicate(&mut self, object: ObjectId, depth: usize) {
        if self.random.chance(10) {
            self.call(object)
        } else {
            self.path(object)
        }
        match self.random.below(6) {
            0 => {
                self.word("LIKE");
                self.literal(&[r"'a%'", r"'50\%\_'", "'ü'"]);
            }
            1 => {
                self.words("NOT IN");
                self.sign("(");
                self.commas(4, Self::value);
                self.sign(")");
            }
            2 if depth > 0 => {
                self.word("IN");
                self.sign("(");
                self.word("SELECT");
                let inner = self.random.pick(&["Contact", "Opportunity", "User"]);
                let inner_object = org().find(inner).unwrap();
                self.path(inner_object);
                self.word("FROM");
                self.word(inner);
                if self.random.chance(50) {
                    self.word("WHERE");
                    self.condition(inner_object, 0);
                }
                self.sign(")");
            }
            _ => {
                let sign = self.random.pick(&["=", "!=", "<>", "<", "<=", ">", ">="]);
                self.sign(sign);
                self.value();
            }
        }
    }

    fn literal(&mut self, of: &[&'static str]) {
        let literal = self.random.pick(of).to_owned();
        self.pieces.push(Piece::Literal(literal));
    }

    fn value(&mut self) {
        self.literal(&[
            "'x'",
            r"'\'x\\'",
            "'SELECT Email FROM User'",
            r"'\u0027'",
            "''",
            "'ü'",
            "5",
            "-2.5",
            "+7",
            ".5",
            "USD5000",
            "EUR10.5",
            "2024-01-31",
            "2024-01-31T10:00:00.000+01:00",
            "10:00:00.000Z",
            "NULL",
            "TRUE",
            "FALSE",
            "TODAY",
            "LAST_N_DAYS:30",
        ]);
    }
}

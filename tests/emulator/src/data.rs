//! The org's records: made the same way every time, so that a test can work out an answer by hand.
//!
//! Counting from 0, record `i` of an object is created `i` hours after the start of 2024 and belongs to user `i % 5`.
//! The rest of each rule stands beside the object below.

use crate::id;
use crate::records::full_name;
use crate::schema::{Object, Schema};
use crate::store::Store;
use crate::value::{Row, Value};
use jiff::{Timestamp, ToSpan};
use std::sync::OnceLock;

mod files;
mod people;
mod sales;

/// Picklist values of `Account.Industry`, in the order in which accounts take them.
pub(crate) const INDUSTRIES: [&str; 5] = ["Energy", "Banking", "Retail", "Technology", "Healthcare"];
/// Picklist values of `Opportunity.StageName`, likewise.
pub(crate) const STAGES: [&str; 4] = ["Prospecting", "Negotiation", "Closed Won", "Closed Lost"];

const ACCOUNTS: u32 = 2000;
const CONTACTS: u32 = 5000;
const CASES: u32 = 3000;
const OPPORTUNITIES: u32 = 1000;
const LEADS: u32 = 500;
const TASKS: u32 = 500;
const INVOICES: u32 = 300;
const WIDGETS: u32 = 50;

/// All records, made once per process and shared until changed.
pub(crate) fn load(schema: &Schema) -> Store {
    static LOADED: OnceLock<Store> = OnceLock::new();
    LOADED.get_or_init(|| Maker::new(schema).all()).clone()
}

/// Every secret in the records.
pub(crate) fn canaries() -> Vec<String> {
    let ssn = (0..CONTACTS).map(people::ssn);
    let keys = (0..CASES).map(people::aws_key);
    let passwords = (0..CASES).map(people::password);
    let invoices = (0..INVOICES).map(sales::secret);
    ssn.chain(keys)
        .chain(passwords)
        .chain(invoices)
        .chain(files::SECRETS.map(str::to_owned))
        .chain(["CANARY-NEW-PASSWORD".to_owned()])
        .collect()
}

/// Makes records.
struct Maker<'a> {
    schema: &'a Schema,
    store: Store,
    users: Vec<String>,
    accounts: Vec<String>,
    contacts: Vec<String>,
}

impl<'a> Maker<'a> {
    fn new(schema: &'a Schema) -> Self {
        let store = Store::new(schema);
        Self { schema, store, users: Vec::new(), accounts: Vec::new(), contacts: Vec::new() }
    }

    fn all(mut self) -> Store {
        self.people();
        self.sales();
        self.files();
        self.store
    }

    /// Adds record `i` of an object with some fields; a few records have well-known ids.
    fn add(&mut self, object: &str, i: u32, fields: &[(&str, Value)]) -> String {
        let Some(object) = self.schema.object(object) else { return String::new() };
        let mut row = Row::default();
        let stamp = moment(i);
        let owner = pick(&self.users, i);
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            put(object, &mut row, name, Value::text(stamp.as_str()));
        }
        for name in ["OwnerId", "CreatedById", "LastModifiedById"] {
            put(object, &mut row, name, owner.clone());
        }
        for (name, value) in fields {
            put(object, &mut row, name, value.clone());
        }
        full_name(object, &mut row);
        let known = KNOWN.iter().find(|(name, place, _)| *place == i && *name == object.name);
        match known.and_then(|(_, _, known)| id::normalise(known)) {
            Some(known) => {
                self.store.put(object, known.clone(), row);
                known
            }
            None => self.store.insert(object, row),
        }
    }
}

fn put(object: &Object, row: &mut Row, name: &str, value: Value) {
    if let Some((place, _)) = object.field(name) {
        row.set(place, value);
    }
}

/// The moment at which record `i` of any object came to be.
fn moment(i: u32) -> String {
    let start = Timestamp::UNIX_EPOCH.checked_add(473_352.hours()).unwrap_or_default();
    crate::soql::dates::stamp(start.checked_add(i64::from(i).hours()).unwrap_or(start))
}

/// The day `i` days after the start of 2024.
fn day(i: u32) -> Value {
    moment(i * 24).get(..10).map_or(Value::Null, Value::text)
}

fn pick(ids: &[String], i: u32) -> Value {
    let place = usize::try_from(i).unwrap_or_default().checked_rem(ids.len()).unwrap_or_default();
    ids.get(place).map_or(Value::Null, |id| Value::text(id.as_str()))
}

fn one_of(texts: &[&'static str], i: u32) -> Value {
    let place = usize::try_from(i).unwrap_or_default().checked_rem(texts.len()).unwrap_or_default();
    texts.get(place).map_or(Value::Null, |text| Value::text(*text))
}

fn number(value: u32) -> Value {
    Value::Num(f64::from(value))
}

/// Well-known ids and the records that have them, so that a request copied from documentation finds something.
const KNOWN: [(&str, u32, &str); 14] = [
    ("Account", 0, "001D000000IRt53IAD"),
    ("Account", 1, "0015f00000AbCdEAAV"),
    ("Contact", 0, "003D000000QV9n2IAD"),
    ("User", 0, "0055f00000QrStUAAV"),
    ("Case", 0, "5002E00001AbCdEQAV"),
    ("Lead", 0, "00Q5f00000BBBBBEA5"),
    ("Opportunity", 0, "0065f00000AAAAAAA5"),
    ("Invoice__c", 0, "a015f00000GhIjKAAV"),
    ("Attachment", 0, "00P5f00000mNoPqEAK"),
    ("ContentVersion", 0, "0685f00000CdEfGAAV"),
    ("ContentDocument", 0, "0695f00000HiJkLAAV"),
    ("Document", 0, "0155f00000NoPqRAAV"),
    ("EventLogFile", 0, "0AT5f00000EfGhIGAV"),
    ("Rate_Table__mdt", 0, "m005f00000MnOpQAAV"),
];

//! Operations that write: records by value and by id, merges, conversions, approvals, mail.

use super::super::records::{self, MOST};
use super::super::{Ask, Meant};
use crate::classify::unclear::Unclear;
use crate::classify::xml::Node;
use crate::request::{Access, Answer, Mention, Operation, Verb};
use crate::schema::ObjectId;

impl Ask<'_> {
    /// `create`, `update`, `upsert`.
    pub(super) fn save(&self, operation: Operation, verbs: &[Verb]) -> Result<Meant, Unclear> {
        self.node.only(&["externalIDFieldName", "sObjects"])?;
        let key = match self.node.one("externalIDFieldName")? {
            Some(key) if operation == Operation::Upsert => Some(key),
            Some(odd) => return Err(odd.unclear("belongs to an upsert")),
            None if operation == Operation::Upsert => {
                return Err(self.node.unclear("has no `externalIDFieldName`"));
            }
            None => None,
        };
        let (mut accesses, mut publishes, mut count) = (Vec::new(), 0, 0);
        for node in self.node.all("sObjects") {
            let record = records::record(self.call, node, self.style(), verbs)?;
            let known = self.call.schema.object(record.object);
            if operation == Operation::Update && record.id.is_none() {
                return Err(node.unclear("has no `Id`"));
            }
            let event = known.is_event() && operation == Operation::Create;
            let publish = |access: Access| match access.verb {
                Verb::Create if event => Access { verb: Verb::Publish, ..access },
                _ => access,
            };
            accesses.extend(verbs.iter().map(|verb| publish(Access::object(*verb, record.object))));
            accesses.extend(record.accesses.into_iter().map(publish));
            if let Some(key) = key {
                accesses.extend(self.key(key, record.object)?);
            }
            count += 1;
            publishes += usize::from(event);
        }
        if count > MOST || (publishes != 0 && publishes != count) {
            return Err(self.node.unclear(format!("has more than {MOST} records, or events beside records")));
        }
        let operation = if publishes > 0 { Operation::Publish } else { operation };
        self.accessing(operation, accesses, Answer::PLAIN)
    }

    /// The field by which an upsert finds its records.
    fn key(&self, node: Node<'_>, object: ObjectId) -> Result<Option<Access>, Unclear> {
        let name = node.text()?;
        let known = self.call.schema.object(object);
        let field = known.find(name).ok_or_else(|| records::unknown(node, name))?;
        // Every record is created with its key, and has no other way to get it.
        Ok((!name.eq_ignore_ascii_case("Id")).then(|| Access::field(Verb::Create, object, field)))
    }

    /// Operations on records of which nothing but the ids is said.
    pub(super) fn by_id(&self, operation: Operation, verb: Verb) -> Result<Meant, Unclear> {
        self.node.only(&["ids", "id"])?;
        let objects = records::objects(self.call, &self.ids()?)?;
        let accesses = objects.into_iter().map(|object| Access::object(verb, object)).collect();
        self.accessing(operation, accesses, Answer::PLAIN)
    }

    /// Rows of big objects, deleted by their index: the fields named are compared.
    pub(super) fn delete_by_example(&self) -> Result<Meant, Unclear> {
        self.node.only(&["sObjects"])?;
        let mut accesses = Vec::new();
        for node in self.node.all("sObjects") {
            let record = records::record(self.call, node, self.style(), &[Verb::Read])?;
            accesses.push(Access::object(Verb::Delete, record.object));
            accesses.extend(record.accesses);
        }
        self.accessing(Operation::Delete, accesses, Answer::PLAIN)
    }

    /// Writes the master and deletes the others, whose children move to it.
    pub(super) fn merge(&self) -> Result<Meant, Unclear> {
        self.node.only(&["request"])?;
        let mut accesses = Vec::new();
        for request in self.node.all("request") {
            request.only(&["masterRecord", "recordToMergeIds"])?;
            let node = request.need("masterRecord")?;
            let master = records::record(self.call, node, self.style(), &[Verb::Update])?;
            if master.id.is_none() {
                return Err(node.unclear("has no `Id`"));
            }
            for id in request.all("recordToMergeIds") {
                self.call.record(master.object, id.text()?, id)?;
            }
            let verbs = [Verb::Merge, Verb::Update, Verb::Delete];
            accesses.extend(verbs.iter().map(|verb| Access::object(*verb, master.object)));
            accesses.extend(master.accesses);
        }
        self.accessing(Operation::Merge, accesses, Answer::PLAIN)
    }

    /// Closes a lead, and makes or changes an account, a contact and an opportunity from it.
    pub(super) fn convert_lead(&self) -> Result<Meant, Unclear> {
        self.node.only(&["leadConverts"])?;
        let [lead, account, contact, opportunity] = CONVERTED.map(|name| self.call.object(name));
        let (lead, others) = (lead?, [account?, contact?, opportunity?]);
        let mut accesses = vec![Access::object(Verb::Update, lead)];
        for verb in SAVE {
            accesses.extend(others.iter().map(|object| Access::object(verb, *object)));
        }
        let mut converts = 0;
        for convert in self.node.all("leadConverts") {
            convert.only(&CONVERT)?;
            let id = convert.need("leadId")?;
            self.call.record(lead, id.text()?, id)?;
            for (name, object) in [("accountId", 0), ("contactId", 1), ("opportunityId", 2)] {
                if let (Some(id), Some(object)) = (convert.one(name)?, others.get(object))
                    && id.xsi("nil").is_none()
                    && !id.text()?.is_empty()
                {
                    self.call.record(*object, id.text()?, id)?;
                }
            }
            for (name, object) in [("accountRecord", 0), ("contactRecord", 1), ("opportunityRecord", 2)] {
                let Some(node) = convert.one(name)?.filter(|node| node.has_children()) else { continue };
                let record = records::record(self.call, node, self.style(), &SAVE)?;
                if others.get(object) != Some(&record.object) {
                    return Err(node.unclear("is not a record of the object that it names"));
                }
                accesses.extend(record.accesses);
            }
            converts += 1;
        }
        if converts == 0 {
            return Err(self.node.unclear("names no lead"));
        }
        self.accessing(Operation::Convert, accesses, Answer::PLAIN)
    }

    /// Approvals, which may change any field of the record submitted.
    pub(super) fn process(&self) -> Result<Meant, Unclear> {
        self.node.only(&["actions"])?;
        let mut ids = Vec::new();
        for action in self.node.all("actions") {
            let kind = action.xsi("type").map(|name| name.rsplit_once(':').map_or(name, |(_, local)| local));
            ids.push(match kind {
                Some("ProcessSubmitRequest") => action.need("objectId")?,
                Some("ProcessWorkitemRequest") => action.need("workitemId")?,
                _ => return Err(action.unclear("is neither a submission nor a decision on a work item")),
            });
        }
        let objects = records::objects(self.call, &ids)?;
        Ok(self.opaque(Operation::Execute, self.mentions(&objects)))
    }

    pub(super) fn send_drafts(&self) -> Result<Meant, Unclear> {
        let objects = records::objects(self.call, &self.ids()?)?;
        Ok(self.opaque(Operation::Execute, self.mentions(&objects)))
    }

    fn mentions(&self, objects: &[ObjectId]) -> Vec<Mention> {
        let mention = |object: &ObjectId| Mention {
            object: self.call.schema.object(*object).name().into(),
            field: None,
        };
        objects.iter().map(mention).collect()
    }
}

const SAVE: [Verb; 2] = [Verb::Create, Verb::Update];

/// A lead and what it becomes.
const CONVERTED: [&str; 4] = ["Lead", "Account", "Contact", "Opportunity"];

/// What a conversion may say.
const CONVERT: [&str; 16] = [
    "leadId",
    "convertedStatus",
    "accountId",
    "contactId",
    "opportunityId",
    "opportunityName",
    "ownerId",
    "doNotCreateOpportunity",
    "overwriteLeadSource",
    "sendNotificationEmail",
    "bypassAccountDedupeCheck",
    "bypassContactDedupeCheck",
    "accountRecord",
    "contactRecord",
    "opportunityRecord",
    "relatedPersonAccountId",
];

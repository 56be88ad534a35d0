//! Operations that read: queries, searches, records by id, descriptions.

use super::super::records;
use super::super::{Ask, Meant};
use crate::classify::unclear::Unclear;
use crate::classify::xml::Node;
use crate::names::is_api_name;
use crate::request::{
    Access, Answer, Cut, Handle, HandleKind, HandleUse, Named, Needs, Operation, Rows, Verb, What,
};

impl Ask<'_> {
    pub(super) fn query(&self) -> Result<Meant, Unclear> {
        self.node.only(&["queryString"])?;
        let node = self.value("queryString")?;
        let version = self.endpoint.version.ok_or_else(|| self.unknown())?;
        let query = self.call.soql_of(node.text()?, &node.into(), version)?;
        Ok(Meant {
            operation: Operation::Query,
            needs: Needs::new(What::Query(Box::new(query))),
            holes: vec![(node.offset(), 0)],
            answer: CURSOR,
        })
    }

    pub(super) fn query_more(&self) -> Result<Meant, Unclear> {
        self.node.only(&["queryLocator"])?;
        let node = self.value("queryLocator")?;
        let odd = || node.unclear("is not a query locator");
        let (id, offset) = node.text()?.split_once('-').ok_or_else(odd)?;
        let plain = (15..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let offset = offset.parse().ok().filter(|number: &u64| number.to_string() == offset);
        let (true, Some(offset)) = (plain, offset) else { return Err(odd()) };
        let handle =
            Handle { kind: HandleKind::Locator, id: id.into(), offset: Some(offset), use_: HandleUse::Page };
        let mut meant = Meant::plain(Operation::Query, What::Handle(handle));
        meant.answer = CURSOR;
        Ok(meant)
    }

    pub(super) fn search(&self) -> Result<Meant, Unclear> {
        self.node.only(&["searchString"])?;
        let node = self.value("searchString")?;
        let version = self.endpoint.version.ok_or_else(|| self.unknown())?;
        let search = self.call.sosl_of(node.text()?, &node.into(), version)?;
        Ok(Meant {
            operation: Operation::Search,
            needs: Needs::new(What::Search(Box::new(search))),
            holes: vec![(node.offset(), 0)],
            answer: Answer::rows(Rows::XmlRecords),
        })
    }

    pub(super) fn retrieve(&self) -> Result<Meant, Unclear> {
        self.node.only(&["fieldList", "sObjectType", "ids"])?;
        let object = self.object("sObjectType")?;
        for node in self.ids()? {
            self.call.record(object, node.text()?, node)?;
        }
        let node = self.value("fieldList")?;
        let list = self.call.fields(object, node.text()?.split(','), &node.into())?;
        Ok(Meant {
            operation: Operation::Read,
            needs: Needs::new(What::Fields(list)),
            holes: vec![(node.offset(), 0)],
            answer: Answer::rows(Rows::XmlRecords),
        })
    }

    /// `getUpdated` and `getDeleted`: ids of an object's changed rows.
    pub(super) fn changes(&self) -> Result<Meant, Unclear> {
        self.node.only(&["sObjectType", "startDate", "endDate"])?;
        let object = self.object("sObjectType")?;
        let id = self.call.field(object, "Id", self.node)?;
        let accesses = vec![Access::object(Verb::Read, object), Access::field(Verb::Read, object, id)];
        self.accessing(Operation::Read, accesses, Answer::PLAIN)
    }

    /// Duplicates of records given in full or by id; the answer has fields of the records found.
    pub(super) fn duplicates(&self) -> Result<Meant, Unclear> {
        self.node.only(&["sObjects", "ids"])?;
        let mut accesses = Vec::new();
        if self.node.local() == "findDuplicatesByIds" {
            let objects = records::objects(self.call, &self.ids()?)?;
            accesses.extend(objects.into_iter().map(|object| Access::every(Verb::Read, object)));
        } else {
            for node in self.node.all("sObjects") {
                let record = records::record(self.call, node, self.style(), &[Verb::Read])?;
                accesses.extend(record.accesses);
                accesses.push(Access::every(Verb::Read, record.object));
            }
        }
        self.accessing(Operation::Read, accesses, Answer::rows(Rows::XmlRecords))
    }

    /// A list view, whose columns and filter are stored.
    pub(super) fn list_view(&self) -> Result<Meant, Unclear> {
        self.node.only(&["request"])?;
        let request = self.node.need("request")?;
        request.only(&["developerNameOrId", "limit", "offset", "orderBy", "sobjectType"])?;
        let object = self.object_in(request.need("sobjectType")?)?;
        let accesses = vec![Access::every(Verb::Read, object)];
        self.accessing(Operation::Read, accesses, Answer::rows(Rows::XmlRecords))
    }

    pub(super) fn meta(&self) -> Result<Meant, Unclear> {
        self.node.only(&[])?;
        let userinfo = self.node.local() == "getUserInfo";
        let named = if userinfo { Named::Userinfo } else { Named::Resources };
        Ok(Meant::plain(Operation::Meta, What::Named(named)))
    }

    pub(super) fn describe(&self) -> Result<Meant, Unclear> {
        let name = self.node.local();
        if name == "describeGlobal" {
            self.node.only(&[])?;
            let mut meant = Meant::plain(Operation::Describe, What::Named(Named::DescribeGlobal));
            meant.answer.cut = Cut::Objects;
            return Ok(meant);
        }
        let mut objects = Vec::new();
        self.described(self.node, &mut objects)?;
        let accesses: Vec<Access> =
            objects.into_iter().map(|object| Access::object(Verb::Describe, object)).collect();
        let whole = matches!(name, "describeSObject" | "describeSObjects");
        if whole {
            self.node.only(&["sObjectType"])?;
        }
        if accesses.is_empty() && !whole {
            // Themes, tabs, menus: nothing of any object.
            return Ok(Meant::plain(Operation::Describe, What::Named(Named::Resources)));
        }
        let cut = if whole { Cut::Description } else { Cut::Nothing };
        self.accessing(Operation::Describe, accesses, Answer { cut, ..Answer::PLAIN })
    }

    /// The objects that a description names, wherever it does.
    fn described(&self, node: Node<'_>, objects: &mut Vec<crate::schema::ObjectId>) -> Result<(), Unclear> {
        for child in node.children() {
            match child.local() {
                "sObjectType" | "sObjectTypes" | "sobjectType" | "sobject" | "contextType" | "nouns" => {
                    objects.push(self.object_in(child)?);
                }
                // `Account.New`, or the name of a global action.
                "quickActions" | "quickActionNames" => {
                    let name = child.text()?;
                    let object = name.split_once('.').map(|(object, _)| object);
                    if !name.split('.').all(is_api_name) {
                        return Err(child.unclear("is not the name of a quick action"));
                    }
                    if let Some(object) = object {
                        objects.push(self.call.object_at(object, child)?);
                    }
                }
                _ => self.described(child, objects)?,
            }
        }
        Ok(())
    }

    /// A child that has to have a text.
    fn value(&self, name: &str) -> Result<Node<'_>, Unclear> {
        let node = self.node.need(name)?;
        if node.xsi("nil").is_some() || node.text()?.is_empty() {
            return Err(node.unclear("is empty"));
        }
        Ok(node)
    }

    pub(super) fn accessing(
        &self,
        operation: Operation,
        accesses: Vec<Access>,
        answer: Answer,
    ) -> Result<Meant, Unclear> {
        Meant::accesses(operation, accesses, answer)
            .ok_or_else(|| self.node.unclear("names nothing that it is about"))
    }
}

/// Rows, and perhaps a cursor to more.
const CURSOR: Answer =
    Answer { rows: Rows::XmlRecords, cut: Cut::Nothing, issues: Some(HandleKind::Locator) };

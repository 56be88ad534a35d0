//! The operations of the partner and enterprise WSDLs (reference, section 6.4).

mod read;
mod write;

use std::collections::HashSet;

use super::records::Style;
use super::{Ask, Meant};
use crate::classify::unclear::Unclear;
use crate::classify::xml::Node;
use crate::request::{Access, Answer, Api, Needs, Never, Operation, Verb, What};
use crate::schema::ObjectId;

/// Reads one operation.
pub(super) fn read(ask: &Ask<'_>) -> Result<Meant, Unclear> {
    let name = ask.node.local();
    match name {
        "login" | "logout" => Ok(Meant::never(Operation::Auth, Never::Session)),
        "invalidateSessions" => Ok(Meant::never(Operation::Admin, Never::Session)),
        "setPassword" | "resetPassword" | "changeOwnPassword" => ask.passwords(),
        "query" | "queryAll" => ask.query(),
        "queryMore" => ask.query_more(),
        "search" => ask.search(),
        "retrieve" => ask.retrieve(),
        "getUpdated" | "getDeleted" => ask.changes(),
        "findDuplicates" | "findDuplicatesByIds" => ask.duplicates(),
        "executeListView" => ask.list_view(),
        "getUserInfo" | "getServerTimestamp" => ask.meta(),
        "create" => ask.save(Operation::Create, &[Verb::Create]),
        "update" => ask.save(Operation::Update, &[Verb::Update]),
        "upsert" => ask.save(Operation::Upsert, &[Verb::Create, Verb::Update]),
        "delete" | "emptyRecycleBin" => ask.by_id(Operation::Delete, Verb::Delete),
        "undelete" => ask.by_id(Operation::Undelete, Verb::Undelete),
        "deleteByExample" => ask.delete_by_example(),
        "merge" => ask.merge(),
        "convertLead" => ask.convert_lead(),
        "process" => ask.process(),
        "sendEmail" | "performQuickActions" => Ok(ask.opaque(Operation::Execute, Vec::new())),
        "sendEmailMessage" => ask.send_drafts(),
        "retrieveQuickActionTemplates" | "retrieveMassQuickActionTemplates" => {
            Ok(ask.opaque(Operation::Read, Vec::new()))
        }
        // `renderEmailTemplate` and `renderStoredEmailTemplate` read whatever fields the template merges: not here.
        _ if DESCRIPTIONS.contains(&name) => ask.describe(),
        _ => Err(ask.unknown()),
    }
}

/// The operations that describe something.
const DESCRIPTIONS: [&str; 28] = [
    "describeGlobal",
    "describeSObject",
    "describeSObjects",
    "describeLayout",
    "describeCompactLayouts",
    "describePrimaryCompactLayouts",
    "describeSearchLayouts",
    "describeApprovalLayout",
    "describePathAssistants",
    "describeSObjectListViews",
    "describeSoqlListViews",
    "describeTheme",
    "describeGlobalTheme",
    "describeTabs",
    "describeAllTabs",
    "describeAppMenu",
    "describeNouns",
    "describeSoftphoneLayout",
    "describeSearchScopeOrder",
    "describeSearchableEntities",
    "describeKnowledgeSettings",
    "describeDataCategoryGroups",
    "describeDataCategoryGroupStructures",
    "describeDataCategoryMappings",
    "describeVisualForce",
    "describeQuickActions",
    "describeQuickActionsForRecordType",
    "describeAvailableQuickActions",
];

impl<'c> Ask<'c> {
    fn style(&self) -> Style {
        if self.endpoint.api == Api::SoapEnterprise { Style::XsiType } else { Style::Type }
    }

    /// The object that a child of this name names.
    fn object(&self, name: &str) -> Result<ObjectId, Unclear> {
        let node = self.node.need(name)?;
        self.object_in(node)
    }

    fn object_in(&self, node: Node<'_>) -> Result<ObjectId, Unclear> {
        self.call.object_at(node.text()?, node)
    }

    /// Its ids: elements `ids`, or `id` as pyforce writes them.
    fn ids(&self) -> Result<Vec<Node<'c>>, Unclear> {
        let ids: Vec<_> =
            self.node.children().filter(|child| matches!(child.local(), "ids" | "id")).collect();
        if ids.is_empty() || ids.len() > super::records::MOST {
            return Err(self.node.unclear(format!("must name 1 to {} ids", super::records::MOST)));
        }
        Ok(ids)
    }

    fn passwords(&self) -> Result<Meant, Unclear> {
        let mut meant = Meant::never(Operation::Admin, Never::Password);
        meant.needs.push(What::Access(Access::object(Verb::Update, self.call.object("User")?)));
        Ok(meant)
    }
}

impl Meant {
    /// An operation that needs these accesses.
    fn accesses(operation: Operation, accesses: Vec<Access>, answer: Answer) -> Option<Self> {
        let mut seen = HashSet::new();
        let distinct = accesses.into_iter().filter(|access| seen.insert(*access));
        Some(Self { operation, needs: Needs::accesses(distinct)?, holes: Vec::new(), answer })
    }
}

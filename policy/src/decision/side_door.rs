//! Side doors out: records and actions that make Salesforce itself send data elsewhere, or show it to others.
//!
//! A public link to a file, a file shared with a record, a stored query that is pushed, a row of sharing, a connected
//! app, a remote site, a mail: whoever writes one exports to a place that nobody named. So no namespace and no wildcard
//! covers them, and no lenient mode lets them pass: only an entry of `allow` for that very object does, or a line of
//! `also` that spells the action out.

use std::ops::Range;

use crate::request::{Access, Method, Opaque, Verb, What};
use crate::schema::Schema;

/// Objects that are side doors (reference, section 2.4 and 7), besides those of sharing.
const OBJECTS: [&str; 9] = [
    "ContentDistribution",
    "ContentDocumentLink",
    "PushTopic",
    "StreamingChannel",
    "ConnectedApplication",
    "RemoteProxy",
    "AuthProvider",
    "NamedCredential",
    "EmailMessage",
];

/// Standard actions that stay in the org. Salesforce adds actions with every release, and many of them send (mail,
/// notifications, posts, Slack messages, surveys): what is not listed counts as one that does.
const STAYING: [&str; 6] = [
    "submit",
    "activateSessionPermSet",
    "deactivateSessionPermSet",
    "publishKnowledgeArticles",
    "deleteKnowledgeArticles",
    "createDraftFromOnlineKnowledgeArticle",
];

/// Custom actions that do what the org defined. The other types call services outside (`externalService`), send
/// (`emailAlert`, `sendNotification`) or hand records to a model.
const DEFINED_IN_THE_ORG: [&str; 3] = ["flow", "apex", "quickAction"];

/// Quick actions that Salesforce itself defines for mail, without the object in front.
const MAIL_ACTIONS: [&str; 4] = ["SendEmail", "_Reply", "_ReplyAll", "_Forward"];

/// Resources of Connect whose writing sends: posts mail their readers, messages theirs, and a file's shares are links
/// for anybody.
const CONNECT: [&str; 5] = ["feed-elements", "feed-items", "messages", "conversations", "file-shares"];

/// SOAP operations that send. The body of `performQuickActions` says which are run.
const OPERATIONS: [&str; 3] = ["sendEmail", "sendEmailMessage", "performQuickActions"];

/// Whether an object is a side door when it is written.
pub(crate) fn is_object(name: &str) -> bool {
    let share = name.len() > "Share".len()
        && name.get(name.len() - "Share".len()..).is_some_and(|end| end.eq_ignore_ascii_case("Share"));
    share || OBJECTS.iter().any(|object| object.eq_ignore_ascii_case(name))
}

/// Whether a need goes through a side door, which no lenient mode lets pass. Uploads are not looked at: their job could
/// not be made. Nor are actions: their refusal is one that no mode lets pass.
pub(super) fn is_one(schema: &Schema, what: &What) -> bool {
    match what {
        What::Access(access) => is_access(schema, *access),
        What::Query(_)
        | What::Search(_)
        | What::Condition(_)
        | What::Connection(_)
        | What::Fields(_)
        | What::Rows(_)
        | What::Named(_)
        | What::Opaque(_)
        | What::Handle(_)
        | What::Columns(_)
        | What::Never(_) => false,
    }
}

/// Whether an access goes through a side door.
fn is_access(schema: &Schema, access: Access) -> bool {
    let writes = match access.verb {
        Verb::Create | Verb::Update | Verb::Undelete | Verb::Merge => true,
        Verb::Read | Verb::Delete | Verb::Publish | Verb::Subscribe | Verb::Describe => false,
    };
    writes && is_object(schema.object(access.object).name())
}

/// The segments of an opaque door's path that say what it sends, counted from 0: `also` opens it only by a pattern that
/// has them as text. `None` for a door that does not send.
pub(crate) fn sending_action(opaque: &Opaque) -> Option<Range<usize>> {
    let segments: Vec<&str> = opaque.path.split('/').skip(1).collect();
    let (last, end) = (segments.len().checked_sub(1)?, segments.len());
    let sends = match opaque.method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Get | Method::Head | Method::Delete => false,
    };
    let (family, behind) = match segments.as_slice() {
        _ if !sends => return None,
        ["services", "Soap", .., operation] => return is_in(&OPERATIONS, operation).then_some(last..end),
        ["services", "data", _, family, behind @ ..] => (*family, behind),
        _ => return None,
    };
    match (family, behind) {
        ("actions", ["standard", action]) if STAYING.contains(action) => None,
        ("actions", ["custom", kind, ..]) if DEFINED_IN_THE_ORG.contains(kind) => mail_action(&segments),
        ("actions", _) => Some(FAMILY + 2..end),
        ("quickActions", _) | ("sobjects", [_, "quickActions", ..]) => mail_action(&segments),
        ("sobjects", [_, _, "push"]) => Some(last..end),
        ("analytics", ["notifications", ..]) => Some(FAMILY + 1..FAMILY + 2),
        ("connect" | "chatter", resource) => {
            let at = resource.iter().position(|segment| is_in(&CONNECT, segment))?;
            Some(FAMILY + 1 + at..FAMILY + 2 + at)
        }
        _ => None,
    }
}

/// A quick action's name, where it is one of Salesforce's own for mail.
fn mail_action(segments: &[&str]) -> Option<Range<usize>> {
    let last = segments.len().checked_sub(1)?;
    let name = segments.last()?.rsplit('.').next()?;
    is_in(&MAIL_ACTIONS, name).then_some(last..segments.len())
}

fn is_in(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The place of `actions` in `/services/data/v60.0/actions`.
const FAMILY: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    #[test]
    fn writing_what_sends_data_elsewhere_is_a_side_door_and_reading_it_is_not() {
        let schema = Schema::starter().unwrap();
        let access = |verb, name: &str| Access::object(verb, schema.find(name).unwrap());
        for name in ["ContentDistribution", "ContentDocumentLink", "PushTopic", "AccountShare"] {
            assert!(is_access(&schema, access(Verb::Create, name)), "{name}");
            assert!(!is_access(&schema, access(Verb::Read, name)), "{name}");
        }
        assert!(!is_access(&schema, access(Verb::Create, "Account")));
        assert!(is_object("npsp__Trip__share") && !is_object("Share") && !is_object("Shareholder__c"));
    }

    fn spelled(method: Method, path: &str) -> Option<String> {
        let segments = sending_action(&Opaque::plain(method, path, Vec::new()))?;
        Some(path.split('/').skip(1).collect::<Vec<_>>().get(segments).unwrap().join("/"))
    }

    #[test]
    fn actions_that_send_are_side_doors() {
        for (path, action) in [
            ("/services/data/v62.0/actions/standard/emailSimple", "emailSimple"),
            ("/services/data/v62.0/actions/standard/EMAILsimple", "EMAILsimple"),
            ("/services/data/v62.0/actions/standard/chatterPost", "chatterPost"),
            ("/services/data/v62.0/actions/standard/customNotificationAction", "customNotificationAction"),
            ("/services/data/v62.0/actions/standard/ofTheNextRelease", "ofTheNextRelease"),
            ("/services/data/v62.0/actions/custom/emailAlert/Case/Escalated", "emailAlert/Case/Escalated"),
            ("/services/data/v62.0/actions/custom/externalService/Bank.pay", "externalService/Bank.pay"),
            ("/services/data/v62.0/actions/custom/quickAction/Case/SendEmail", "SendEmail"),
            ("/services/data/v62.0/quickActions/SendEmail", "SendEmail"),
            ("/services/data/v62.0/sobjects/Case/quickActions/Case.SendEmail", "Case.SendEmail"),
            ("/services/data/v62.0/sobjects/EmailMessage/quickActions/_ReplyAll", "_ReplyAll"),
            ("/services/data/v62.0/sobjects/StreamingChannel/0M6000000000001/push", "push"),
            ("/services/data/v62.0/analytics/notifications/0Au000000000001", "notifications"),
            ("/services/data/v62.0/chatter/feed-elements", "feed-elements"),
            (
                "/services/data/v62.0/connect/communities/0DB000000000001/chatter/users/me/messages",
                "messages",
            ),
            ("/services/data/v62.0/connect/files/069000000000001/file-shares/link", "file-shares"),
            ("/services/Soap/u/62.0/sendEmail", "sendEmail"),
            ("/services/Soap/c/62.0/performQuickActions", "performQuickActions"),
        ] {
            assert_eq!(spelled(Method::Post, path).as_deref(), Some(action), "{path}");
        }
    }

    #[test]
    fn what_stays_in_the_org_or_only_reads_is_none() {
        for path in [
            "/services/data/v62.0/actions/standard/submit",
            "/services/data/v62.0/actions/custom/flow/Do_It",
            "/services/data/v62.0/quickActions/LogACall",
            "/services/data/v62.0/process/approvals",
            "/services/data/v62.0/connect/topics",
            "/services/data/v62.0/analytics/reports",
            "/services/apexrest/actions/standard/emailSimple",
            "/services/Soap/u/62.0/process",
        ] {
            assert_eq!(spelled(Method::Post, path), None, "{path}");
        }
        let feed = "/services/data/v62.0/chatter/feed-elements/0D5000000000001";
        for method in [Method::Get, Method::Head, Method::Delete] {
            assert_eq!(spelled(method, feed), None, "{method}");
        }
        assert!(spelled(Method::Patch, feed).is_some());
    }
}

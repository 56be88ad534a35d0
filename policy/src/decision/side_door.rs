//! Side doors out: records and actions that make Salesforce itself send data elsewhere, or show it to others.
//!
//! A public link to a file, a file shared with a record, a stored query that is pushed, a row of sharing, a connected
//! app, a remote site: whoever writes one exports to a place that nobody named. So no namespace covers them, and no
//! lenient mode lets them pass: only an entry of `allow` for that very object does, or, for an action, a line of `also`
//! that covers its path, `*` and `**` included.

use crate::request::{Access, Opaque, Verb, What};
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

/// Actions that send mail or messages, by the segment after `standard` or `custom`.
const ACTIONS: [&str; 5] =
    ["emailSimple", "emailAlert", "sendNotification", "customNotificationAction", "externalService"];

/// Whether an object is a side door when it is written.
pub(crate) fn is_object(name: &str) -> bool {
    let share = name.len() > "Share".len()
        && name.get(name.len() - "Share".len()..).is_some_and(|end| end.eq_ignore_ascii_case("Share"));
    share || OBJECTS.iter().any(|object| object.eq_ignore_ascii_case(name))
}

/// Whether a need goes through a side door, which no lenient mode lets pass. Uploads are not looked at: their job could
/// not be made.
pub(super) fn is_one(schema: &Schema, what: &What) -> bool {
    match what {
        What::Access(access) => is_access(schema, *access),
        What::Opaque(opaque) => is_opaque(opaque),
        What::Query(_)
        | What::Search(_)
        | What::Condition(_)
        | What::Fields(_)
        | What::Rows(_)
        | What::Named(_)
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

/// Whether an opaque door sends mail or messages.
fn is_opaque(opaque: &Opaque) -> bool {
    let mut segments = opaque.path.split('/').skip_while(|segment| *segment != "actions");
    let action = segments.nth(2);
    action.is_some_and(|action| ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(action)))
        || opaque.path.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("sendEmail"))
}

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

    #[test]
    fn actions_that_send_are_side_doors() {
        let door = |path: &str| Opaque { method: Method::Post, path: path.into(), mentions: Vec::new() };
        for path in [
            "/services/data/v62.0/actions/standard/emailSimple",
            "/services/data/v62.0/actions/custom/emailAlert/Case/Escalated",
            "/services/Soap/u/62.0/sendEmail",
        ] {
            assert!(is_opaque(&door(path)), "{path}");
        }
        assert!(!is_opaque(&door("/services/data/v62.0/actions/standard/submit")));
        assert!(!is_opaque(&door("/services/apexrest/orders")));
    }
}

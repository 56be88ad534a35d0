//! `/cometd`: the messages of a subscription (reference, section 9.8).
//!
//! A subscription names its channel, which names an object or is refused: the channels of stored queries, custom
//! channels and all changes at once do not say what they carry.

use super::call::{Call, unknown_name};
use super::json::{Kind, Value};
use super::{Unclear, UnclearKind};
use crate::names::is_api_name;
use crate::request::{
    Access, Api, Method, Need, Needs, Never, Opaque, Operation, Operations, Request, Verb, What,
};

/// `POST /cometd/XX.0`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let [version, behind @ ..] = &*names else { return Err(call.unknown()) };
    let version = version.parse().map_err(|_| call.unknown())?;
    if call.method != Method::Post || !matches!(behind, [] | ["handshake" | "connect"]) {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let document = call.json()?;
    let messages = document.root().is(Kind::Array)?;
    let (mut whats, mut operations) = (Vec::new(), Vec::new());
    for message in messages.items() {
        operations.push(self::message(call, message, &mut whats)?);
    }
    // The long poll itself, over which what was subscribed to arrives.
    let bayeux = Opaque::plain(call.method, call.opaque_path(), Vec::new());
    whats.push(What::Opaque(bayeux));
    let needs = whats.into_iter().map(|what| Need { part: None, what });
    let needs = Needs::gathered(needs).ok_or_else(|| call.unknown())?;
    let operations =
        Operations::gathered(operations).ok_or_else(|| messages.unclear("there are no messages"))?;
    let request = call.request(Api::Streaming, operations, needs, call.target(&parameters));
    Ok(Request { version: Some(version), ..request })
}

/// One message: what it does, and what that needs.
fn message(call: &Call<'_>, message: Value<'_>, whats: &mut Vec<What>) -> Result<Operation, Unclear> {
    message.only(&[
        "channel",
        "version",
        "minimumVersion",
        "supportedConnectionTypes",
        "connectionType",
        "clientId",
        "id",
        "ext",
        "advice",
        "timestamp",
        "subscription",
    ])?;
    let channel = message.required("channel")?;
    match &*channel.string()? {
        "/meta/handshake" | "/meta/connect" | "/meta/disconnect" | "/meta/unsubscribe" => Ok(Operation::Meta),
        "/meta/subscribe" => {
            let subscription = message.required("subscription")?;
            if subscription.kind() == Kind::Array {
                for topic in subscription.items() {
                    whats.push(self::topic(call, topic)?);
                }
            } else {
                whats.push(topic(call, subscription)?);
            }
            Ok(Operation::Subscribe)
        }
        _ => Err(channel.unclear("messages go to `/meta` channels")),
    }
}

/// What listening to a channel needs.
fn topic(call: &Call<'_>, topic: Value<'_>) -> Result<What, Unclear> {
    let text = topic.string()?;
    let named = |name: &str| {
        let object = call.schema.find(name).ok_or_else(|| unknown_name(topic, name))?;
        Ok(What::Access(Access::every(Verb::Subscribe, object)))
    };
    let mut steps = text.split('/');
    match (steps.next(), steps.next(), steps.next(), steps.next()) {
        (Some(""), Some("event"), Some(name), None) if is_api_name(name) && !name.ends_with("__chn") => {
            named(name)
        }
        (Some(""), Some("data"), Some("ChangeEvents"), None) => {
            Err(Unclear::new(UnclearKind::Form, topic, "changes of every object at once"))
        }
        (Some(""), Some("data"), Some(name), None) if is_api_name(name) && !name.ends_with("__chn") => {
            named(name)
        }
        (Some(""), Some("topic" | "u" | "event" | "data"), Some(name), None) if is_api_name(name) => {
            Ok(What::Never(Never::StoredQuery))
        }
        _ => Err(topic.unclear("it is not the name of a channel")),
    }
}

//! Planned trouble, acted out.

use crate::fault::Fault;
use crate::knobs::{Side, Trouble};
use crate::org::Org;
use crate::route::{self, Handled};
use crate::wire::{Ask, JSON, Reply};
use serde_json::json;

/// What the org does with a request that trouble was planned for.
pub(super) fn handle(org: &Org, ask: &Ask, side: Side, trouble: Trouble) -> Handled {
    let reply = match trouble {
        Trouble::DropAfterWork | Trouble::CutBody => return route::handle(org, ask),
        Trouble::DropBeforeWork => Reply::empty(503),
        Trouble::Unavailable if side == Side::Login => Reply::json(
            503,
            &json!({ "error": "temporarily_unavailable", "error_description": "try again later" }),
        ),
        Trouble::Unavailable => {
            Reply::fault(&Fault::new(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable"))
        }
        Trouble::HtmlError => Reply::new(503, "text/html; charset=UTF-8", MAINTENANCE),
        Trouble::Garbage => Reply::new(200, JSON, "{\"access_token\": \u{0}]]"),
        Trouble::SessionRefused => route::no_session(ask),
    };
    Handled::refused(reply, ask)
}

const MAINTENANCE: &str = "<html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1>\
     </body></html>";

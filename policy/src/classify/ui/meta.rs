//! What holds no record data: layouts, object descriptions, apps and themes; and what is never answered.

use super::describing;
use crate::classify::call::Call;
use crate::classify::unclear::{Place, Unclear};
use crate::request::{Api, Method, Named, Needs, Never, Operation, Request, What};

/// Reads the rest of the UI API.
pub(super) fn read(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    match (call.method, rest) {
        (Method::Get | Method::Head, rest) => get(call, rest),
        // The user's own settings, of which nothing is known here.
        (Method::Patch, ["layout-user-state", _] | ["related-list-preferences", ..])
        | (Method::Post | Method::Patch | Method::Put | Method::Delete, ["favorites", ..]) => {
            call.opaque(Api::Ui, Operation::Execute, Vec::new())
        }
        _ => Err(call.unknown()),
    }
}

fn get(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    match rest {
        ["session", "csrf"] => Ok(call.never(Api::Ui, Operation::Auth, Never::Session)),
        ["layout", object] => describing(
            call,
            vec![call.object(object)?],
            &["formFactor", "layoutType", "mode", "recordTypeId"],
        ),
        ["layout-user-state", object] => describing(
            call,
            vec![call.object(object)?],
            &["formFactor", "layoutType", "mode", "recordTypeId"],
        ),
        ["object-info", "batch", objects] => describing(call, call.listed(objects, &Place::Path)?, &[]),
        ["object-info", object] | ["object-info", object, "picklist-values", _] => {
            describing(call, vec![call.object(object)?], &[])
        }
        ["object-info", object, "picklist-values", _, field] => {
            let object = call.object(object)?;
            call.field(object, field, Place::Path)?;
            describing(call, vec![object], &[])
        }
        // Every object of the org, or the names of records that the user keeps.
        ["object-info"] => call.opaque(Api::Ui, Operation::Describe, Vec::new()),
        ["favorites", ..] | ["related-list-preferences", ..] => {
            call.opaque(Api::Ui, Operation::Read, Vec::new())
        }
        ["actions", ..] | ["apps", ..] | ["nav-items"] | ["themes", "active"] => {
            let parameters = call.any_parameters()?;
            let needs = Needs::new(What::Named(Named::Resources));
            Ok(call.request(Api::Ui, Operation::Meta, needs, call.target(&parameters)))
        }
        _ => Err(call.unknown()),
    }
}

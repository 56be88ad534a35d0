//! The org's limits, and counts of rows.

use crate::classify::call::Call;
use crate::classify::{Place, Unclear};
use crate::request::{Access, Api, Named, Needs, Operation, Request, Verb, What};

/// `/limits` and `/limits/recordCount`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.is_get(), &*call.names()) {
        (true, ["limits"]) => {
            let parameters = call.parameters(&[])?;
            let needs = Needs::new(What::Named(Named::Limits));
            Ok(call.request(Api::Limits, Operation::Meta, needs, call.target(&parameters)))
        }
        (true, ["limits", "recordCount"]) => {
            let parameters = call.parameters(&["sObjects"])?;
            let objects =
                call.listed(parameters.required("sObjects")?, &Place::Parameter("sObjects".into()))?;
            let counted = objects.into_iter().map(|object| Access::object(Verb::Read, object));
            let needs = Needs::accesses(counted).ok_or_else(|| call.unknown())?;
            Ok(call.request(Api::Limits, Operation::Query, needs, call.target(&parameters)))
        }
        _ => Err(call.unknown()),
    }
}

//! The list of versions, and the resources of one.

use crate::classify::Unclear;
use crate::classify::call::Call;
use crate::request::{Api, Named, Needs, Operation, Request, What};

/// `/services/data` and `/services/data/vXX.0`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    if !call.segments.is_empty() || !call.is_get() {
        return Err(call.unknown());
    }
    let (api, named) = match call.version {
        None => (Api::Versions, Named::Versions),
        Some(_) => (Api::Resources, Named::Resources),
    };
    let parameters = call.parameters(&[])?;
    Ok(call.request(api, Operation::Meta, Needs::new(What::Named(named)), call.target(&parameters)))
}

//! What integrations hold: to look at, and sessions to be revoked one by one.

use forcefield_policy::names::IdentityName;
use http::StatusCode;
use serde_json::Value;

use super::{Api, Refused, Reply, order, value};
use crate::running::Call;
use crate::wire::{ActionAnswer, ActionRequest, Sessions};

impl Api {
    pub(super) fn sessions(&self, target: Option<&IdentityName>) -> Result<Value, Refused> {
        let sessions = self.running.sessions(target).map_err(|text| unknown(&text))?;
        Ok(value(&Sessions { sessions }))
    }

    pub(super) async fn jobs(&self, target: Option<&IdentityName>) -> Result<Value, Refused> {
        Ok(value(&self.running.jobs(target).await.map_err(|text| unknown(&text))?))
    }

    /// Revokes one session: that narrows, and waits for nothing.
    pub(super) fn revoke_session(
        &self,
        id: &str,
        request: &ActionRequest,
        call: &mut Call,
    ) -> Result<Reply, Refused> {
        order::reason_only(request).map_err(|wrong| Refused::bad(&wrong))?;
        let mut answer = ActionAnswer {
            decision: call.decision.to_string(),
            action: call.action.to_owned(),
            identity: None,
            changed: true,
            done: Vec::new(),
            undone: Vec::new(),
            restraints: Vec::new(),
        };
        match self.running.revoke_session(id) {
            Ok(None) => return Err(Refused::new(StatusCode::NOT_FOUND, "there is no such session")),
            Ok(Some((identity, ended))) => {
                answer.changed = ended > 0;
                answer.done.push(format!("revoked {ended} sessions at forcefield"));
                call.target = Some(identity.as_str().to_owned());
                answer.identity.clone_from(&call.target);
            }
            Err(text) => answer.undone.push(format!("it is revoked until a restart only: {text}")),
        }
        Ok(Reply::Acted(Box::new(answer)))
    }
}

fn unknown(text: &str) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, text)
}

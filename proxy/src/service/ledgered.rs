//! The cursors and jobs in the ledger, as responders look at them.

use forcefield_control::wire;
use forcefield_limits::Entry;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::HandleKind;

use super::Service;

impl Service {
    /// Those of all integrations, or of one: the newest, oldest first.
    pub(crate) async fn ledgered(&self, identity: Option<&IdentityName>) -> Result<wire::Jobs, String> {
        let live = self.live.load();
        let all = || live.members().map(|member| member.identity.name.clone()).collect();
        let identities: Vec<IdentityName> = identity.map_or_else(all, |identity| vec![identity.clone()]);
        let mut entries = Vec::new();
        for identity in identities {
            for kind in KINDS {
                let known = self.limits.ledger().list(&identity, kind).await;
                entries.extend(known.map_err(|error| error.to_string())?);
            }
        }
        entries.sort_by(|one, other| one.created.cmp(&other.created).then(one.key.id.cmp(&other.key.id)));
        let cut = entries.len() > MOST;
        let older = entries.len().saturating_sub(MOST);
        Ok(wire::Jobs { jobs: entries.into_iter().skip(older).map(told).collect(), cut })
    }
}

fn told(entry: Entry) -> wire::Job {
    let mut objects: Vec<String> = entry.origin.reads.into_iter().map(|(object, _)| object).collect();
    objects.extend(entry.origin.job.map(|job| job.object));
    objects.dedup();
    wire::Job {
        kind: entry.key.kind.as_str().to_owned(),
        id: entry.key.id.to_string(),
        identity: entry.identity.as_str().to_owned(),
        objects,
        since: entry.created,
        kept_until: entry.deferred,
    }
}

const KINDS: [HandleKind; 6] = [
    HandleKind::Locator,
    HandleKind::QueryJob,
    HandleKind::IngestJob,
    HandleKind::ClassicJob,
    HandleKind::ReportInstance,
    HandleKind::Deployment,
];
/// As many as are told at one time.
const MOST: usize = 1000;

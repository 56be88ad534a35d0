//! The section `vault`.

use std::time::Duration;

use crate::config::{Vault, VaultLogin};
use crate::problem::{Place, Report};
use crate::raw;
use crate::read::{At, Name, Placed};
use crate::secret::SecretRef;

/// The Vault that secrets are read from.
pub(super) fn vault(Placed { at, keys: raw }: Placed<raw::Vault>, report: &mut Report<'_>) -> Option<Vault> {
    let login = login_at_vault((raw.approle?, raw.kubernetes?, raw.token?), at, report);
    let (ca, namespace) = (raw.ca?, raw.namespace?);
    if let Some(at) = ca.as_ref().filter(|ca| is_in_vault(&ca.value)).map(|ca| ca.at) {
        report.error(at, "this cannot be in Vault itself", NOT_IN_VAULT);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if let Some(namespace) = namespace.as_ref().filter(|namespace| !namespace.value.bytes().all(plain)) {
        let help = "write its path: letters, digits, `-`, `_`, `.` and `/`";
        report.error(namespace.at, format!("`{}` is not a namespace", namespace.value), help);
    }
    Some(Vault {
        address: raw.address?.value.0,
        ca: ca.map(|ca| ca.value),
        namespace: namespace.map(|namespace| namespace.value),
        login: login?,
        refresh: raw.refresh?.map_or(REFRESH, |refresh| refresh.value.0.max(SHORTEST_REFRESH)),
    })
}

fn login_at_vault(
    ways: (Option<raw::AppRole>, Option<raw::Kubernetes>, Option<At<SecretRef>>),
    at: Place,
    report: &mut Report<'_>,
) -> Option<VaultLogin> {
    let mount =
        |mount: Option<At<Name>>, usual: &str| mount.map_or_else(|| usual.to_owned(), |mount| mount.value.0);
    let mut own = |secret: At<SecretRef>| {
        if is_in_vault(&secret.value) {
            report.error(secret.at, "this cannot be in Vault itself", NOT_IN_VAULT);
        }
        secret.value
    };
    Some(match ways {
        (Some(role), None, None) => VaultLogin::AppRole {
            role_id: own(role.role_id?),
            secret_id: own(role.secret_id?),
            mount: mount(role.mount?, "approle"),
        },
        (None, Some(account), None) => VaultLogin::Kubernetes {
            role: account.role?.value,
            token: account.token?.map_or_else(|| SecretRef::File(SERVICE_ACCOUNT.into()), own),
            mount: mount(account.mount?, "kubernetes"),
        },
        (None, None, Some(token)) => VaultLogin::Token(own(token)),
        (_, _, _) => {
            let what = "the login at Vault is not exactly one of `approle`, `kubernetes` and `token`";
            report.error(at, what, "write one of them");
            return None;
        }
    })
}

fn is_in_vault(reference: &SecretRef) -> bool {
    matches!(reference, SecretRef::Vault { .. })
}

const NOT_IN_VAULT: &str = "write `file:PATH`, `env:NAME` or `exec:COMMAND`";
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const REFRESH: Duration = Duration::from_secs(300);
/// Vault is asked for each secret at this interval: more often is no use.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

//! Secrets that change at their source: the new is proven before the old is dropped, whatever the flow.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::Credential;
use forcefield_credentials::{Credentials, Problem};
use rcgen::{KeyPair, PKCS_RSA_SHA256};

use crate::org::{Login, Next, ORG, before, client_credentials, name, refresh_token};

const IDENTITY: &str = "billing-sync";

/// Credentials that have minted once.
async fn minted(root: &Path, credential: Credential) -> (Arc<Login>, Credentials) {
    let login = Arc::new(Login::default());
    let credentials = before(&login, root, credential);
    credentials.token(&name(IDENTITY)).await.unwrap();
    (login, credentials)
}

async fn generation(credentials: &Credentials) -> u64 {
    credentials.token(&name(IDENTITY)).await.unwrap().generation()
}

async fn problem(credentials: &Credentials) -> Option<String> {
    let standing = credentials.standing(&name(IDENTITY)).await.unwrap();
    standing.problem.map(|problem| problem.to_string())
}

fn secret_of(form: &str) -> &str {
    form.rsplit_once("client_secret=").unwrap().1
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_is_proven_at_once_and_then_used() {
    let root = tempfile::tempdir().unwrap();
    let (login, credentials) = minted(root.path(), client_credentials()).await;
    let first = generation(&credentials).await;
    credentials.prove().await;
    assert_eq!(login.mints().len(), 1, "nothing has changed");

    std::fs::write(root.path().join("secret"), "rotated").unwrap();
    credentials.prove().await;
    assert!(generation(&credentials).await > first);
    assert_eq!(problem(&credentials).await, None);
    credentials.prove().await;
    assert_eq!(login.mints().iter().map(|form| secret_of(form)).collect::<Vec<_>>(), ["s3cret", "rotated"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_that_the_org_refuses_leaves_the_one_before_in_use() {
    let root = tempfile::tempdir().unwrap();
    let (login, credentials) = minted(root.path(), client_credentials()).await;
    std::fs::write(root.path().join("secret"), "mistyped").unwrap();
    login.will([Next::Refuse(400, "invalid_client")]);
    credentials.prove().await;
    assert_eq!(
        problem(&credentials).await.unwrap(),
        "the org's login refused with `invalid_client` (status 400)"
    );
    credentials.prove().await;
    assert_eq!(login.mints().len(), 3, "one change is tried once");

    // The token ends; the org refuses the new secret still, and the old one still works.
    login.will([Next::Refuse(400, "invalid_client")]);
    tokio::time::advance(Duration::from_secs(3 * 3600)).await;
    generation(&credentials).await;
    let secrets = login.mints();
    let secrets: Vec<_> = secrets.iter().map(|form| secret_of(form)).collect();
    assert_eq!(secrets, ["s3cret", "mistyped", "s3cret", "mistyped", "s3cret"]);

    // Once it is right, the old one is gone.
    std::fs::write(root.path().join("secret"), "right").unwrap();
    credentials.prove().await;
    assert_eq!(problem(&credentials).await, None);
    login.will([Next::Refuse(400, "invalid_client")]);
    let token = credentials.token(&name(IDENTITY)).await.unwrap();
    assert!(credentials.renew(&name(IDENTITY), &token).await.is_err());
    assert_eq!(login.mints().iter().filter(|form| secret_of(form) == "s3cret").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_login_host_that_is_down_proves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (login, credentials) = minted(root.path(), client_credentials()).await;
    let first = generation(&credentials).await;
    std::fs::write(root.path().join("secret"), "rotated").unwrap();
    login.will([Next::Unreachable]);
    credentials.prove().await;
    assert_eq!(generation(&credentials).await, first, "the token in use serves on");
    tokio::time::advance(Duration::from_secs(1)).await;
    credentials.prove().await;
    assert!(generation(&credentials).await > first);
    let secrets = login.mints();
    assert_eq!(
        secrets.iter().map(|form| secret_of(form)).collect::<Vec<_>>(),
        ["s3cret", "rotated", "rotated"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_taken_away_is_not_used_again() {
    let root = tempfile::tempdir().unwrap();
    let (_login, credentials) = minted(root.path(), client_credentials()).await;
    std::fs::remove_file(root.path().join("secret")).unwrap();
    let token = credentials.token(&name(IDENTITY)).await.unwrap();
    let error = credentials.renew(&name(IDENTITY), &token).await.unwrap_err();
    assert!(matches!(*error.problem, Problem::Secret(_)));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_none_leaves_the_one_before_in_use() {
    let root = tempfile::tempdir().unwrap();
    let (key, next) = (root.path().join("key"), KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
    std::fs::write(&key, KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_pem()).unwrap();
    let credential = Credential::JwtBearer {
        client_id: "file:id".parse().unwrap(),
        key: "file:key".parse().unwrap(),
        username: "billing@acme.example".into(),
    };
    let (login, credentials) = minted(root.path(), credential).await;
    std::fs::write(&key, "half a ke").unwrap();
    credentials.prove().await;
    assert!(problem(&credentials).await.unwrap().contains("not an unencrypted RSA private key"));
    assert_eq!(login.mints().len(), 2, "minted with the key before");
    std::fs::write(&key, next.serialize_pem()).unwrap();
    credentials.prove().await;
    assert_eq!((problem(&credentials).await, login.mints().len()), (None, 3));
}

#[tokio::test(start_paused = true)]
async fn a_new_refresh_token_that_is_refused_leaves_the_rotated_one_in_use() {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login::default());
    login.will([Next::Rotated(format!("{ORG}!first.access.token"), "5Aep.second".into())]);
    let credentials = before(&login, root.path(), refresh_token());
    generation(&credentials).await;
    std::fs::write(root.path().join("refresh"), "5Aep.mistyped").unwrap();
    login.will([
        Next::Refuse(400, "invalid_grant"),
        Next::Rotated(format!("{ORG}!third.access.token"), "5Aep.third".into()),
    ]);
    credentials.prove().await;
    std::fs::write(root.path().join("refresh"), "5Aep.anew").unwrap();
    credentials.prove().await;
    let spent = login.mints();
    let spent: Vec<_> = spent.iter().filter_map(|form| form.split('&').nth(1)).collect();
    let expected = ["5Aep.first", "5Aep.mistyped", "5Aep.second", "5Aep.anew"];
    assert_eq!(spent, expected.map(|token| format!("refresh_token={token}")));
}

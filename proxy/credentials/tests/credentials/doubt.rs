//! An answer with a rotated refresh token that does not arrive, at a single replica: the token before it is asked about,
//! and not tried, also by whoever starts anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forcefield_credentials::Credentials;

use crate::org::{Login, Next, ORG, before, name, refresh_token};

const IDENTITY: &str = "billing-sync";

fn rotated(to: &str) -> Next {
    Next::Rotated(format!("{ORG}!{to}.access.token"), format!("5Aep.{to}"))
}

/// Asks for a token, after the pause that a failure is followed by.
async fn token(credentials: &Credentials) -> Result<(), String> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    credentials.token(&name(IDENTITY)).await.map(drop).map_err(|error| error.to_string())
}

/// A process that starts with the state of the one before.
fn started(login: &Arc<Login>, root: &Path) -> Credentials {
    before(login, root, refresh_token())
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_answer_was_lost_is_asked_about_and_not_tried() {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login::default());
    login.will([rotated("second")]);
    token(&started(&login, root.path())).await.unwrap();
    let credentials = started(&login, root.path());
    login.will([Next::Lost, Next::Lives(false), Next::Lives(false)]);
    assert!(token(&credentials).await.is_err());
    for credentials in [credentials, started(&login, root.path())] {
        let refused = token(&credentials).await.unwrap_err();
        assert!(refused.contains("the token before it is dead"), "{refused}");
    }
    assert_eq!(login.refreshes(), ["5Aep.first", "5Aep.second", "?5Aep.second", "?5Aep.second"]);

    let credentials = started(&login, root.path());
    std::fs::write(root.path().join("refresh"), "5Aep.anew").unwrap();
    token(&credentials).await.unwrap();
    assert_eq!(login.refreshes().last().unwrap(), "5Aep.anew", "authorized anew");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_after_a_lost_answer_is_spent() {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login::default());
    login.will([Next::Lost, Next::Lives(true), rotated("second"), rotated("third")]);
    let credentials = started(&login, root.path());
    assert!(token(&credentials).await.is_err());
    token(&credentials).await.unwrap();
    token(&started(&login, root.path())).await.unwrap();
    assert_eq!(login.refreshes(), ["5Aep.first", "?5Aep.first", "5Aep.first", "5Aep.second"]);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_may_not_ask_is_refused_after_an_answer_that_came_too_late() {
    let root = tempfile::tempdir().unwrap();
    let slow = Arc::new(Login { delay: Duration::from_secs(60), ..Login::default() });
    assert!(token(&started(&slow, root.path())).await.is_err());
    assert_eq!(slow.refreshes(), ["5Aep.first"]);
    let login = Arc::new(Login::default());
    login.will([Next::Refuse(403, "forbidden")]);
    let refused = token(&started(&login, root.path())).await.unwrap_err();
    assert!(refused.contains("status 403 of its introspection"), "{refused}");
    assert_eq!(login.refreshes(), ["?5Aep.first"]);
}

#[tokio::test(start_paused = true)]
async fn an_org_that_does_not_rotate_or_was_not_reached_is_not_asked() {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login::default());
    login.will([Next::Unreachable, Next::Refuse(401, "invalid_client")]);
    let mut credentials = started(&login, root.path());
    for _ in 0..2 {
        assert!(token(&credentials).await.is_err());
    }
    token(&credentials).await.unwrap();
    credentials = started(&login, root.path());
    login.will([Next::Lost]);
    assert!(token(&credentials).await.is_err());
    token(&credentials).await.unwrap();
    assert_eq!(login.refreshes(), ["5Aep.first"; 5]);
}

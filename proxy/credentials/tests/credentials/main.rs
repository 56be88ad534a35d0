//! What a credential promises: one mint at a time, no stale token, no stampede, nothing that leaks.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod doubt;
mod org;
mod rotating;
mod sending;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use forcefield_credentials::{Credentials, Fetch, Problem, Secret};
use org::{Login, Next, ORG, before, client_credentials, config, name, refresh_token};

const IDENTITY: &str = "billing-sync";

fn start(delay: Duration) -> (tempfile::TempDir, Arc<Login>, Arc<Credentials>) {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login { delay, ..Login::default() });
    let credentials = Arc::new(before(&login, root.path(), client_credentials()));
    (root, login, credentials)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_cause_one_mint() {
    let (_root, login, credentials) = start(Duration::from_millis(200));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let credentials = Arc::clone(&credentials);
            tokio::spawn(async move { credentials.token(&name(IDENTITY)).await.unwrap().generation() })
        })
        .collect();
    let mut generations = Vec::new();
    for caller in callers {
        generations.push(caller.await.unwrap());
    }
    generations.dedup();
    assert_eq!(generations.len(), 1);
    assert_eq!(login.mints(), ["grant_type=client_credentials&client_id=3MVG9.app&client_secret=s3cret"]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_refused_requests_cause_one_renewal() {
    let (_root, login, credentials) = start(Duration::from_millis(200));
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let (credentials, refused) = (Arc::clone(&credentials), Arc::clone(&first));
            tokio::spawn(
                async move { credentials.renew(&name(IDENTITY), &refused).await.unwrap().generation() },
            )
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap() > first.generation());
    }
    assert_eq!(login.mints().len(), 2);
    // One that comes late with the old token gets the new one at once.
    credentials.renew(&name(IDENTITY), &first).await.unwrap();
    assert_eq!(login.mints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_mint_answers_everyone_and_is_not_repeated_before_its_time() {
    let (_root, login, credentials) = start(Duration::from_millis(200));
    login.will([Next::Refuse(400, "invalid_grant")]);
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let credentials = Arc::clone(&credentials);
            tokio::spawn(async move { credentials.token(&name(IDENTITY)).await.unwrap_err() })
        })
        .collect();
    for caller in callers {
        let error = caller.await.unwrap();
        assert_eq!(error.to_string(), "the org's login refused with `invalid_grant` (status 400)");
        assert!(error.retry_after <= Duration::from_secs(5));
    }
    assert_eq!(login.mints().len(), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(credentials.token(&name(IDENTITY)).await.is_ok());
    let standing = credentials.standing(&name(IDENTITY)).await.unwrap();
    assert!(standing.generation.is_some() && standing.problem.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_ahead_of_its_end_while_it_serves_on() {
    let (_root, login, credentials) = start(Duration::ZERO);
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    tokio::time::advance(Duration::from_secs(49 * 60)).await;
    assert_eq!(credentials.token(&name(IDENTITY)).await.unwrap().generation(), first.generation());
    assert_eq!(login.mints().len(), 1);

    tokio::time::advance(Duration::from_secs(2 * 60)).await;
    login.will([Next::Unreachable, Next::Unreachable]);
    // The first one past the time starts the renewal behind it; the login host is down.
    assert_eq!(credentials.token(&name(IDENTITY)).await.unwrap().generation(), first.generation());
    assert!(credentials.standing(&name(IDENTITY)).await.unwrap().problem.is_some());
    for _ in 0..100 {
        assert_eq!(credentials.token(&name(IDENTITY)).await.unwrap().generation(), first.generation());
    }
    assert_eq!(login.mints().len(), 2, "no try before its time");

    tokio::time::advance(Duration::from_secs(2)).await;
    credentials.token(&name(IDENTITY)).await.unwrap();
    credentials.standing(&name(IDENTITY)).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    credentials.token(&name(IDENTITY)).await.unwrap();
    credentials.standing(&name(IDENTITY)).await;
    let renewed = credentials.token(&name(IDENTITY)).await.unwrap();
    assert!(renewed.generation() > first.generation());
    assert_eq!(login.mints().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_token_past_its_end_is_not_used() {
    let (_root, login, credentials) = start(Duration::ZERO);
    credentials.token(&name(IDENTITY)).await.unwrap();
    tokio::time::advance(Duration::from_secs(2 * 3600)).await;
    login.will([Next::Refuse(503, "temporarily_unavailable")]);
    assert!(credentials.token(&name(IDENTITY)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_used_again_even_when_no_other_can_be_had() {
    let (_root, login, credentials) = start(Duration::ZERO);
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    login.will([Next::Unreachable]);
    assert!(credentials.renew(&name(IDENTITY), &first).await.is_err());
    assert!(credentials.token(&name(IDENTITY)).await.is_err());
    assert_eq!(login.mints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_org_that_refuses_every_token_is_not_flooded_with_logins() {
    let (_root, login, credentials) = start(Duration::ZERO);
    let mut token = credentials.token(&name(IDENTITY)).await.unwrap();
    for _ in 0..500 {
        match credentials.renew(&name(IDENTITY), &token).await {
            Ok(newer) => token = newer,
            Err(error) => assert!(matches!(*error.problem, Problem::RenewedTooOften)),
        }
    }
    assert_eq!(login.mints().len(), 30);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(credentials.renew(&name(IDENTITY), &token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_break_off_the_mint() {
    let (_root, login, credentials) = start(Duration::from_secs(5));
    let impatient = {
        let credentials = Arc::clone(&credentials);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(Duration::from_secs(1), credentials.token(&name(IDENTITY))).await;
        })
    };
    impatient.await.unwrap();
    credentials.token(&name(IDENTITY)).await.unwrap();
    assert_eq!(login.mints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_host_that_never_answers_is_given_up_on() {
    let (_root, _login, credentials) = start(Duration::from_secs(86_400));
    let error = credentials.token(&name(IDENTITY)).await.unwrap_err();
    assert_eq!(error.to_string(), "the org's login host did not answer in time");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_org_is_given_back_and_never_used() {
    let (_root, login, credentials) = start(Duration::ZERO);
    login.will([Next::Token("00D000000000000!stolen.from.elsewhere".into())]);
    let error = credentials.token(&name(IDENTITY)).await.unwrap_err();
    assert!(matches!(*error.problem, Problem::OtherOrg));
    assert_eq!(login.revocations(), ["token=00D000000000000%21stolen.from.elsewhere"]);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_given_back_and_the_next_request_mints_anew() {
    let (_root, login, credentials) = start(Duration::ZERO);
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    credentials.revoke(&name(IDENTITY)).await.unwrap();
    assert_eq!(login.revocations(), [format!("token={ORG}%21token.number.1")]);
    assert!(credentials.token(&name(IDENTITY)).await.unwrap().generation() > first.generation());
    assert!(credentials.revoke(&name("unknown")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_is_taken_up_by_the_next_mint() {
    let (root, login, credentials) = start(Duration::ZERO);
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    std::fs::write(root.path().join("secret"), "rotated\n").unwrap();
    credentials.renew(&name(IDENTITY), &first).await.unwrap();
    assert!(login.mints()[1].ends_with("client_secret=rotated"));
    std::fs::remove_file(root.path().join("secret")).unwrap();
    let second = credentials.token(&name(IDENTITY)).await.unwrap();
    let error = credentials.renew(&name(IDENTITY), &second).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read the secret `file:secret`");
}

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_is_on_disk_before_it_is_needed() {
    let root = tempfile::tempdir().unwrap();
    let login = Arc::new(Login::default());
    login.will([
        Next::Rotated(format!("{ORG}!first.access.token"), "5Aep.second".into()),
        Next::Rotated(format!("{ORG}!second.access.token"), "5Aep.third".into()),
    ]);
    let credentials = before(&login, root.path(), refresh_token());
    let first = credentials.token(&name(IDENTITY)).await.unwrap();
    credentials.renew(&name(IDENTITY), &first).await.unwrap();
    // Another process takes over.
    let credentials = before(&login, root.path(), refresh_token());
    credentials.token(&name(IDENTITY)).await.unwrap();
    let spent = |form: &String| form.split('&').nth(1).map(str::to_owned);
    let spent: Vec<_> = login.mints().iter().filter_map(spent).collect();
    assert_eq!(spent, ["refresh_token=5Aep.first", "refresh_token=5Aep.second", "refresh_token=5Aep.third"]);
    assert_eq!(mode(&root.path().join("state/refresh").join(IDENTITY)), 0o600);

    // A token written anew into the configuration takes over from the rotated ones.
    let credentials = before(&login, root.path(), refresh_token());
    std::fs::write(root.path().join("refresh"), "5Aep.anew").unwrap();
    credentials.token(&name(IDENTITY)).await.unwrap();
    assert!(login.mints()[3].contains("refresh_token=5Aep.anew&"));
}

#[tokio::test(start_paused = true)]
async fn a_changed_configuration_keeps_the_tokens_of_what_it_leaves_alone() {
    let (root, login, credentials) = start(Duration::ZERO);
    credentials.token(&name(IDENTITY)).await.unwrap();
    let same = credentials.next(&config(root.path(), client_credentials())).unwrap();
    same.token(&name(IDENTITY)).await.unwrap();
    assert_eq!(login.mints().len(), 1);

    let other = same.next(&config(root.path(), refresh_token())).unwrap();
    other.token(&name(IDENTITY)).await.unwrap();
    assert_eq!(login.mints().len(), 2);

    let mut without = config(root.path(), client_credentials());
    without.identities.clear();
    let error = other.next(&without).unwrap().token(&name(IDENTITY)).await.unwrap_err();
    assert_eq!(error.to_string(), "`billing-sync` has no credential");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_holds_a_secret_prints_it() {
    let (_root, login, credentials) = start(Duration::ZERO);
    let token = credentials.token(&name(IDENTITY)).await.unwrap();
    let config = config("/nowhere".as_ref(), client_credentials());
    let answer = login.post_form(&config.orgs["production"], "/services/oauth2/token", "x=y".into()).await;
    let printed = [
        format!("{token:?}"),
        format!("{credentials:?}"),
        format!("{:?}", Secret::new(b"hunter2".to_vec())),
        format!("{:?}", answer.unwrap()),
    ];
    for text in printed {
        assert!(text.contains("redacted"), "{text}");
        assert!(
            !text.contains("token.number") && !text.contains("hunter2") && !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

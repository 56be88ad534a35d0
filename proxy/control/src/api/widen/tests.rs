use super::*;
use crate::api::tests::{KILL, Scene, WHY, call, nightly, scene, staff};

const RESTORE: &str = "/v1/identities/nightly/restore";
const GLASS: &str = "/v1/identities/nightly/break-glass";
const GRANT: &str = r#"{"reason":"finish the close","for":"1h","allow":{"Case":{"read":["Subject"]}}}"#;

async fn post(scene: &Scene, who: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    call(scene, who, "POST", path, body).await
}

async fn proposed(scene: &Scene, who: &str, path: &str, body: &str) -> String {
    let (status, proposal) = post(scene, who, path, body).await;
    assert_eq!(status, 202, "{proposal}");
    proposal["id"].as_str().unwrap().to_owned()
}

async fn approve(scene: &Scene, who: &str, id: &str) -> (u16, serde_json::Value) {
    post(scene, who, &format!("/v1/proposals/{id}/approve"), WHY).await
}

fn is_quarantined(scene: &Scene) -> bool {
    scene.restraints.quarantined(&nightly(), Timestamp::now()).is_some()
}

fn two(scene: &Scene) {
    scene.api.replace_staff(staff().approving(Approvals::Two));
}

#[tokio::test]
async fn a_responder_proposes_and_an_admin_approves() {
    let scene = scene(false);
    assert_eq!(post(&scene, "oncall", KILL, WHY).await.0, 200);
    let id = proposed(&scene, "oncall", RESTORE, WHY).await;
    assert!(is_quarantined(&scene), "a proposal does nothing");
    assert_eq!(proposed(&scene, "oncall", RESTORE, WHY).await, id, "the same again is the same");
    let (_, open) = call(&scene, "viewer", "GET", "/v1/proposals", "").await;
    assert_eq!(open["proposals"][0]["by"], "oncall");
    assert_eq!(open["proposals"][0]["needs"], "admin");
    for (who, status) in [("viewer", 403), ("oncall", 403), ("night", 403)] {
        assert_eq!(approve(&scene, who, &id).await.0, status, "{who}");
    }
    assert!(is_quarantined(&scene));
    let (status, answer) = approve(&scene, "admin", &id).await;
    assert_eq!((status, &answer["changed"]), (200, &true.into()), "{answer}");
    assert!(!is_quarantined(&scene));
    let (status, answer) = approve(&scene, "admin", &id).await;
    assert_eq!((status, &answer["changed"]), (200, &false.into()), "{answer}");
    let calls = scene.noted.calls.lock().unwrap();
    let last = calls.last().unwrap();
    assert_eq!((last.action, last.target.as_deref()), ("approve", Some("nightly")));
    assert!(last.detail.as_ref().unwrap().contains("restore of oncall"), "{last:?}");
}

#[tokio::test]
async fn an_admin_restores_alone_unless_it_takes_two() {
    let scene = scene(false);
    post(&scene, "oncall", KILL, WHY).await;
    assert_eq!(post(&scene, "admin", RESTORE, WHY).await.0, 200);
    assert!(!is_quarantined(&scene));
    two(&scene);
    assert_eq!(post(&scene, "oncall", KILL, WHY).await.0, 200, "narrowing never waits");
    let id = proposed(&scene, "admin", RESTORE, WHY).await;
    assert_eq!(approve(&scene, "admin", &id).await.0, 403, "nobody is two people");
    assert!(is_quarantined(&scene));
    assert_eq!(approve(&scene, "oncall", &id).await.0, 200);
    assert!(!is_quarantined(&scene));
}

#[tokio::test]
async fn two_responders_are_not_enough_and_two_admins_are() {
    let scene = scene(false);
    two(&scene);
    post(&scene, "oncall", KILL, WHY).await;
    let id = proposed(&scene, "oncall", RESTORE, WHY).await;
    assert_eq!(approve(&scene, "night", &id).await.0, 403);
    assert!(is_quarantined(&scene));
    assert_eq!(post(&scene, "night", &format!("/v1/proposals/{id}/withdraw"), WHY).await.0, 200);
    assert_eq!(approve(&scene, "admin", &id).await.0, 409, "it was put aside");
    let id = proposed(&scene, "admin", RESTORE, WHY).await;
    assert_eq!(approve(&scene, "chief", &id).await.0, 200);
    assert!(!is_quarantined(&scene));
}

#[tokio::test]
async fn a_restore_lifts_nothing_that_came_after_it_was_proposed() {
    let scene = scene(false);
    post(&scene, "oncall", KILL, WHY).await;
    let id = proposed(&scene, "oncall", RESTORE, WHY).await;
    post(&scene, "night", "/v1/identities/nightly/quarantine", WHY).await;
    assert_eq!(approve(&scene, "admin", &id).await.0, 409);
    assert!(is_quarantined(&scene));
    for (path, status) in [("/v1/proposals/01J/approve", 404), ("/v1/proposals/x/withdraw", 404)] {
        assert_eq!(post(&scene, "admin", path, WHY).await.0, status);
    }
}

#[tokio::test]
async fn what_somebody_proposed_who_left_is_worth_nothing() {
    let scene = scene(false);
    post(&scene, "oncall", KILL, WHY).await;
    let id = proposed(&scene, "oncall", RESTORE, WHY).await;
    scene.api.replace_staff(staff().without("oncall"));
    assert_eq!(approve(&scene, "admin", &id).await.0, 409);
    assert!(is_quarantined(&scene));
}

#[tokio::test]
async fn a_grant_is_put_on_by_whoever_may_and_ended_by_any_responder() {
    let scene = scene(false);
    let now = Timestamp::now;
    let id = proposed(&scene, "oncall", GLASS, GRANT).await;
    assert!(scene.widenings.grants(now()).is_empty());
    assert_eq!(approve(&scene, "admin", &id).await.0, 200);
    let grants = scene.widenings.grants(now());
    assert_eq!((grants[0].by.as_str(), grants[0].approved_by.as_deref()), ("oncall", Some("admin")));
    assert_eq!(
        (grants[0].id.to_string(), grants[0].text.allow.as_str()),
        (id, r#"{"Case":{"read":["Subject"]}}"#)
    );
    let (status, answer) = post(&scene, "oncall", "/v1/identities/nightly/break-glass/end", WHY).await;
    assert_eq!((status, &answer["changed"]), (200, &true.into()), "{answer}");
    assert!(scene.widenings.grants(now()).is_empty());
    assert_eq!(post(&scene, "admin", GLASS, GRANT).await.0, 200);
    assert_eq!(post(&scene, "oncall", KILL, WHY).await.0, 200);
    assert!(scene.widenings.grants(now()).is_empty(), "a kill ends it");
}

#[tokio::test]
async fn a_grant_that_is_not_whole_changes_nothing() {
    let scene = scene(false);
    for body in [
        WHY,
        r#"{"reason":"why","for":"1h"}"#,
        r#"{"reason":"why","allow":{"Case":{"read":["Id"]}}}"#,
        r#"{"reason":"why","for":"25h","allow":{"Case":{"read":["Id"]}}}"#,
        r#"{"reason":"why","for":"1h","allow":"Nothing: { read: [Id] }"}"#,
        r#"{"reason":"why","for":"1h","rows":"1/day","allow":"Case: { read: [Id] }"}"#,
        r#"{"reason":"why","for":"1h","exports":{},"allow":"Case: { read: [Id] }"}"#,
        r#"{"for":"1h","allow":"Case: { read: [Id] }"}"#,
    ] {
        assert_eq!(post(&scene, "admin", GLASS, body).await.0, 400, "{body}");
    }
    assert_eq!(post(&scene, "viewer", GLASS, GRANT).await.0, 403);
    let throttled = r#"{"reason":"why","requests":"1/s","allow":"Case: { read: [Id] }"}"#;
    assert_eq!(post(&scene, "admin", "/v1/identities/nightly/throttle", throttled).await.0, 400);
    assert!(
        scene.widenings.grants(Timestamp::now()).is_empty()
            && scene.api.standing.proposals(Timestamp::now()).is_empty()
    );
}

#[tokio::test]
async fn nothing_widens_without_the_record() {
    let scene = scene(true);
    for (who, path, body) in [("admin", RESTORE, WHY), ("oncall", RESTORE, WHY), ("admin", GLASS, GRANT)] {
        assert_eq!(post(&scene, who, path, body).await.0, 503, "{path}");
    }
    assert!(scene.widenings.grants(Timestamp::now()).is_empty());
}

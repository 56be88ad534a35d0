use std::sync::Mutex;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use tempfile::TempDir;

use super::*;
use crate::running::{AuditQuery, Heard, Refusals, Stopped, Unrecorded};
use crate::staff::{Proof, TokenHash};
use crate::widenings::GrantText;
use crate::wire::{self, AuditAnswer, Day, Stream};

/// A proxy with one integration, that notes what it is told.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) calls: Mutex<Vec<Call>>,
    full: bool,
}

#[async_trait]
impl Running for Noted {
    fn knows(&self, identity: &IdentityName) -> bool {
        identity.as_str() == "nightly"
    }
    fn identities(&self) -> Vec<IdentityStatus> {
        Vec::new()
    }
    fn streams(&self) -> Vec<Stream> {
        Vec::new()
    }
    fn refusals(&self) -> Box<dyn Refusals> {
        Box::new(Silence)
    }
    fn throttles_changed(&self) {}
    fn grantable(&self, _: &IdentityName, text: &GrantText) -> Result<(), String> {
        if text.allow.contains("Nothing") { Err("the org has no such object".into()) } else { Ok(()) }
    }
    fn grants_changed(&self) {}
    fn sessions(&self, _: Option<&IdentityName>) -> Result<Vec<wire::Session>, String> {
        Ok(Vec::new())
    }
    fn revoke_session(&self, id: &str) -> Result<Option<(IdentityName, usize)>, String> {
        Ok((id == "0a").then(|| (nightly(), 1)))
    }
    async fn jobs(&self, _: Option<&IdentityName>) -> Result<wire::Jobs, String> {
        Ok(wire::Jobs { jobs: Vec::new(), cut: false })
    }
    async fn stop(&self, _: &IdentityName, _: usize) -> Stopped {
        Stopped { done: vec!["cut 2 streams".into()], undone: vec![] }
    }
    async fn reload(&self) -> Result<(), String> {
        Err("line 3".into())
    }
    async fn audit(&self, _: AuditQuery) -> Result<AuditAnswer, String> {
        Ok(AuditAnswer { summary: Value::Null, records: vec![], cut: false })
    }
    async fn day(&self, _: &IdentityName, date: jiff::civil::Date) -> Result<Day, String> {
        Err(date.to_string())
    }
    fn public_key(&self) -> String {
        "PEM".into()
    }
    fn can_record(&self) -> bool {
        !self.full
    }
    async fn record(&self, call: Call) -> Result<(), Unrecorded> {
        self.calls.lock().unwrap().push(call);
        if self.full { Err(Unrecorded) } else { Ok(()) }
    }
}

struct Silence;

#[async_trait]
impl Refusals for Silence {
    async fn next(&mut self) -> Heard {
        std::future::pending().await
    }
}

pub(super) struct Scene {
    pub(super) api: Api,
    pub(super) noted: Arc<Noted>,
    pub(super) restraints: Arc<Restraints>,
    pub(super) widenings: Arc<Widenings>,
    _folder: TempDir,
}

pub(super) fn scene(full: bool) -> Scene {
    let folder = TempDir::new().unwrap();
    let restraints = Arc::new(Restraints::open(folder.path()).unwrap());
    let noted = Arc::new(Noted { full, ..Noted::default() });
    let widenings = Arc::new(Widenings::open(folder.path()).unwrap());
    let kept = (Arc::clone(&restraints), Arc::clone(&widenings));
    let api = Api::new(Arc::clone(&noted) as _, kept, staff());
    Scene { api, noted, restraints, widenings, _folder: folder }
}

pub(super) fn staff() -> Staff {
    let responder = |name: &str, role| Responder {
        name: name.into(),
        role,
        proof: Proof::Token(TokenHash::of(token(name).as_bytes()).unwrap()),
    };
    Staff::new(vec![
        responder("viewer", Role::Viewer),
        responder("oncall", Role::Responder),
        responder("night", Role::Responder),
        responder("admin", Role::Admin),
        responder("chief", Role::Admin),
    ])
    .unwrap()
}

fn token(name: &str) -> String {
    format!("{name}-0123456789abcdef0123456789")
}

pub(super) async fn call(scene: &Scene, who: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {}", token(who)))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    send(scene, request).await
}

async fn send(scene: &Scene, request: Request<Full<Bytes>>) -> (u16, Value) {
    let shown = Shown { source: ([127, 0, 0, 1], 1).into(), certificate: None, host: Some(HOST) };
    let answer = scene.api.answer(shown, request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

pub(super) fn nightly() -> IdentityName {
    IdentityName::try_from("nightly").unwrap()
}

const HOST: &str = "forcefield.corp.example:9443";
pub(super) const KILL: &str = "/v1/identities/nightly/kill";
pub(super) const WHY: &str = r#"{"reason":"vendor breached"}"#;

#[tokio::test]
async fn a_kill_is_in_force_recorded_and_told() {
    let scene = scene(false);
    let (status, answer) = call(&scene, "oncall", "POST", KILL, WHY).await;
    assert_eq!((status, &answer["changed"]), (200, &Value::Bool(true)));
    assert!(answer["done"].to_string().contains("cut 2 streams"));
    assert_eq!(answer["restraints"][0]["action"], "kill");
    assert!(scene.restraints.quarantined(&nightly(), Timestamp::now()).is_some());
    let again = call(&scene, "oncall", "POST", KILL, WHY).await;
    assert_eq!((again.0, &again.1["changed"]), (200, &Value::Bool(false)));
    let calls = scene.noted.calls.lock().unwrap();
    assert_eq!(calls[0].who.as_ref().unwrap().0, "oncall");
    assert_eq!((calls[0].action, calls[0].target.as_deref()), ("kill", Some("nightly")));
    assert_eq!(calls[0].reason.as_deref(), Some("vendor breached"));
}

#[tokio::test]
async fn what_a_role_may_not_changes_nothing_and_is_recorded() {
    let scene = scene(false);
    assert_eq!(call(&scene, "viewer", "POST", KILL, WHY).await.0, 403);
    assert_eq!(call(&scene, "viewer", "POST", "/v1/identities/nightly/restore", WHY).await.0, 403);
    assert_eq!(call(&scene, "nobody", "POST", KILL, WHY).await.0, 401);
    assert_eq!(call(&scene, "nobody", "GET", "/v1/no-such-path", "").await.0, 401);
    assert!(scene.restraints.on(&nightly(), Timestamp::now()).is_empty());
    let statuses: Vec<u16> = scene.noted.calls.lock().unwrap().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [403, 403, 401, 401]);
}

#[tokio::test]
async fn a_session_is_revoked_by_its_public_id_and_by_a_responder() {
    let scene = scene(false);
    let revoke = "/v1/sessions/0a/revoke";
    assert_eq!(call(&scene, "viewer", "POST", revoke, WHY).await.0, 403);
    let (status, answer) = call(&scene, "oncall", "POST", revoke, WHY).await;
    assert_eq!((status, answer["identity"].as_str()), (200, Some("nightly")), "{answer}");
    assert_eq!(call(&scene, "oncall", "POST", "/v1/sessions/0b/revoke", WHY).await.0, 404);
    assert_eq!(call(&scene, "viewer", "GET", "/v1/sessions", "").await.0, 200);
    assert_eq!(call(&scene, "viewer", "GET", "/v1/identities/nightly/jobs", "").await.0, 200);
    assert_eq!(call(&scene, "viewer", "GET", "/v1/identities/other/jobs", "").await.0, 404);
}

#[tokio::test]
async fn orders_that_are_not_whole_change_nothing() {
    let scene = scene(false);
    let throttle = "/v1/identities/nightly/throttle";
    for (path, body, status) in [
        (KILL, "", 400),
        (KILL, "{}", 400),
        (KILL, r#"{"reason":"  "}"#, 400),
        (KILL, r#"{"reason":"why","reason":"twice"}"#, 400),
        (KILL, r#"{"reason":"why","fro":"2h"}"#, 400),
        (KILL, r#"{"reason":"why","for":"soon"}"#, 400),
        (KILL, r#"{"reason":"why"} {}"#, 400),
        (KILL, r#"{"reason":"why","rows":"1/day"}"#, 400),
        (throttle, WHY, 400),
        (throttle, r#"{"reason":"why","requests":"0/s"}"#, 400),
        ("/v1/identities/other/kill", WHY, 404),
        ("/v1/identities/nightly/pause", WHY, 404),
    ] {
        assert_eq!(call(&scene, "admin", "POST", path, body).await.0, status, "{path} {body}");
    }
    let long = format!(r#"{{"reason":"{}"}}"#, "a".repeat(20_000));
    assert_eq!(call(&scene, "admin", "POST", KILL, &long).await.0, 413);
    assert!(scene.restraints.on(&nightly(), Timestamp::now()).is_empty());
}

#[tokio::test]
async fn a_page_of_another_site_cannot_call() {
    let scene = scene(false);
    let request = |name: &str, value: &str| {
        let request = Request::builder().method("POST").uri(KILL).header(name, value);
        let request = request.header(AUTHORIZATION, format!("Bearer {}", token("oncall")));
        request.body(Full::new(Bytes::from(WHY))).unwrap()
    };
    assert_eq!(send(&scene, request("origin", "https://evil.example")).await.0, 403);
    assert_eq!(send(&scene, request("content-type", "text/plain")).await.0, 415);
    assert!(scene.restraints.on(&nightly(), Timestamp::now()).is_empty());
}

#[tokio::test]
async fn narrowing_goes_on_without_the_record_and_nothing_else_does() {
    let scene = scene(true);
    let (status, answer) = call(&scene, "oncall", "POST", KILL, WHY).await;
    assert_eq!(status, 200);
    assert!(answer["undone"].to_string().contains("could not be recorded"));
    assert_eq!(call(&scene, "viewer", "GET", "/v1/status", "").await.0, 503);
    assert_eq!(call(&scene, "admin", "POST", "/v1/identities/nightly/restore", WHY).await.0, 503);
    assert!(scene.restraints.quarantined(&nightly(), Timestamp::now()).is_some());
}

#[tokio::test]
async fn a_certificate_identifies_and_a_wrong_token_beside_it_does_not() {
    let scene = scene(false);
    let certified = CertificateMatch::Uri("spiffe://corp.example/staff/oncall".into());
    let other = CertificateMatch::Uri("spiffe://corp.example/staff/other".into());
    let proof = Proof::Certificate(certified.clone());
    let proven = |name: &str, proof| Responder { name: name.into(), role: Role::Responder, proof };
    let by_token = Proof::Token(TokenHash::of(token("night").as_bytes()).unwrap());
    let responders = vec![
        proven("oncall", proof),
        proven("other", Proof::Certificate(other.clone())),
        proven("night", by_token),
    ];
    scene.api.replace_staff(Staff::new(responders).unwrap());
    let both = |_: &CertificateMatch| true;
    let of_two = Shown { source: ([127, 0, 0, 1], 1).into(), certificate: Some(&both), host: Some(HOST) };
    let fits = move |wanted: &CertificateMatch| *wanted == certified;
    let shown = Shown { source: ([127, 0, 0, 1], 1).into(), certificate: Some(&fits), host: Some(HOST) };
    let request = |token: Option<&str>| {
        let request = Request::builder().uri("/v1/streams");
        let request = token.into_iter().fold(request, |request, token| request.header(AUTHORIZATION, token));
        request.body(Full::new(Bytes::new())).unwrap()
    };
    assert_eq!(scene.api.answer(shown, request(None)).await.status(), 200);
    assert_eq!(scene.api.answer(shown, request(Some("Bearer wrong"))).await.status(), 401);
    assert_eq!(scene.api.answer(of_two, request(None)).await.status(), 401, "it fits two people");
    let night = format!("Bearer {}", token("night"));
    assert_eq!(scene.api.answer(shown, request(Some(&night))).await.status(), 401, "one person, two names");
    let alone = Shown { certificate: None, ..shown };
    assert_eq!(scene.api.answer(alone, request(Some(&night))).await.status(), 200);
}

//! What a browser's requests must carry, one by one.

use std::time::Duration;

use forcefield_tests::{Client, Download, Proxy};
use serde_json::{Value, json};

use super::{SOQL, controlled};
use crate::salesforce;

/// A page of the console, signed in.
struct Page {
    /// What the browser sends by itself: the cookie, and whose page it is.
    browser: Client,
    cookie: String,
    origin: String,
    guard: String,
}

impl Page {
    /// Signs in over a client, with a token or its certificate.
    async fn sign_in(client: &Client, origin: &str, body: &Value) -> Result<Self, u16> {
        let browser = client.clone().with_header("sec-fetch-site", "same-origin");
        let reply =
            browser.clone().with_header("origin", origin).json("POST", "/console/session", body).await;
        let reply = reply.unwrap();
        if reply.status != 200 {
            return Err(reply.status);
        }
        let cookie = reply.header("set-cookie");
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(attributes.contains(&attribute), "{cookie}");
        }
        assert!(cookie.starts_with("__Host-forcefield="), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let browser = browser.with_header("cookie", &cookie);
        let guard = reply.json().pointer("/guard").and_then(Value::as_str).unwrap().to_owned();
        Ok(Self { browser, cookie, origin: origin.to_owned(), guard })
    }

    async fn act(&self, identity: &str, action: &str) -> u16 {
        let client = self.browser.clone().with_header("origin", &self.origin);
        let client = client.with_header("x-forcefield-guard", &self.guard);
        order(&client, identity, action).await
    }

    async fn look(&self) -> u16 {
        self.browser.get("/v1/status").await.unwrap().status
    }
}

async fn order(client: &Client, identity: &str, action: &str) -> u16 {
    let path = format!("/v1/identities/{identity}/{action}");
    client.json("POST", &path, &json!({"reason": "vendor breached"})).await.unwrap().status
}

/// A browser that has shown nothing yet, and where the console is.
async fn browser(proxy: &Proxy) -> (Client, String) {
    let address = proxy.control_address().await.unwrap();
    let client = Client::new(address, &proxy.authority().pem(), None).unwrap();
    (client, format!("https://localhost:{}", address.port()))
}

fn token(name: &str) -> Value {
    json!({"token": format!("{name}-0123456789abcdefghijklmnop")})
}

#[tokio::test]
async fn a_session_acts_from_the_consoles_own_page_only() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (client, origin) = browser(&proxy).await;
    assert_eq!(Page::sign_in(&client, &origin, &token("nobody")).await.err(), Some(401));
    assert_eq!(Page::sign_in(&client, &origin, &json!({})).await.err(), Some(401), "no certificate");
    assert_eq!(Page::sign_in(&client, "https://evil.example", &token("oncall")).await.err(), Some(403));
    let page = Page::sign_in(&client, &origin, &token("oncall")).await.unwrap();
    assert_eq!(page.look().await, 200);

    let cookie = page.browser.clone();
    let with_origin = |origin: &str| cookie.clone().with_header("origin", origin);
    let guarded = |client: Client| client.with_header("x-forcefield-guard", &page.guard);
    let wrong_guard = |client: Client| client.with_header("x-forcefield-guard", &"0".repeat(64));
    for (client, what) in [
        (guarded(cookie.clone()), "no origin"),
        (guarded(with_origin("https://evil.example")), "another origin"),
        (guarded(with_origin("null")), "an opaque origin"),
        (with_origin(&page.origin), "no guard"),
        (wrong_guard(with_origin(&page.origin)), "another guard"),
        (guarded(with_origin(&page.origin)).with_header("sec-fetch-site", "cross-site"), "two sites"),
    ] {
        assert_eq!(order(&client, "drift", "kill").await, 403, "{what}");
    }
    // A token or certificate does not help a page of another site either.
    let bearer = proxy.responder("oncall").await.unwrap();
    let evil = bearer.clone().with_header("origin", "https://evil.example");
    assert_eq!(order(&evil, "drift", "kill").await, 403);
    assert_eq!(order(&bearer.with_header("sec-fetch-site", "cross-site"), "drift", "kill").await, 403);
    let svid = proxy.authority().svid("spiffe://test.example/staff").unwrap();
    let address = proxy.control_address().await.unwrap();
    let staff = Client::new(address, &proxy.authority().pem(), Some(&svid)).unwrap();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(order(&staff.clone().with_header(name, value), "drift", "kill").await, 403, "{name}");
    }
    let drift = proxy.client("drift").await.unwrap();
    assert_eq!(drift.query(SOQL).await.unwrap().status, 200, "nothing changed");

    assert_eq!(page.act("drift", "quarantine").await, 200);
    assert_eq!(drift.query(SOQL).await.unwrap().status, 403);
    assert_eq!(page.act("drift", "restore").await, 202, "a responder may only propose to widen");
    assert_eq!(drift.query(SOQL).await.unwrap().status, 403);
    let records = proxy.records().unwrap();
    let quarantine = records.iter().find(|record| record["api"]["operation"] == "quarantine").unwrap();
    assert_eq!(quarantine["actor"]["user"]["name"], "oncall");
    assert_eq!(quarantine["actor"]["session"]["uid"], "session");
}

#[tokio::test]
async fn a_session_of_a_certificate_needs_it_each_time() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (client, origin) = browser(&proxy).await;
    let svid = proxy.authority().svid("spiffe://test.example/staff").unwrap();
    let address = proxy.control_address().await.unwrap();
    let staff = Client::new(address, &proxy.authority().pem(), Some(&svid)).unwrap();
    let page = Page::sign_in(&staff, &origin, &json!({})).await.unwrap();
    assert_eq!(page.look().await, 200);
    assert_eq!(page.act("drift", "quarantine").await, 200);
    let session = page.browser.get("/console/session").await.unwrap();
    assert_eq!(session.json()["responder"], "staff");
    // The same cookie from elsewhere.
    let thief = client.with_header("cookie", &page.cookie).with_header("sec-fetch-site", "same-origin");
    assert_eq!(thief.get("/v1/status").await.unwrap().status, 401);
}

#[tokio::test]
async fn a_session_ends_with_sign_out_and_with_its_responder() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (client, origin) = browser(&proxy).await;
    let oncall = Page::sign_in(&client, &origin, &token("oncall")).await.unwrap();
    let night = Page::sign_in(&client, &origin, &token("night")).await.unwrap();
    let mut events = Events::of(&oncall.browser).await;
    assert!(events.next("status").await.is_some());
    let sign_out = oncall
        .browser
        .clone()
        .with_header("origin", &origin)
        .with_header("x-forcefield-guard", &oncall.guard);
    assert_eq!(sign_out.delete("/console/session").await.unwrap().status, 200);
    assert_eq!((oncall.look().await, night.look().await), (401, 200));
    assert!(events.next("end").await.is_some(), "the stream ends with the session");

    let file = proxy.folder().join("forcefield.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let gone = "  - { name: night, role: responder, token: file:keys/night.token }\n";
    assert!(text.contains(gone), "{text}");
    std::fs::write(&file, text.replace(gone, "")).unwrap();
    let chief = proxy.responder("chief").await.unwrap();
    let why = json!({"reason": "night left"});
    assert_eq!(chief.json("POST", "/v1/reload", &why).await.unwrap().status, 200);
    assert_eq!(night.look().await, 401);
    assert_eq!(night.act("drift", "kill").await, 401);
}

#[tokio::test]
async fn the_console_answers_by_the_listeners_own_names_only() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (client, origin) = browser(&proxy).await;
    let page = client.get("/").await.unwrap();
    assert!(page.status == 200 && page.text().contains("Sign in"), "{}", page.text());
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(
        client.get("/console/main.js").await.unwrap().header("content-type"),
        "text/javascript; charset=utf-8"
    );
    // A name that somebody has lead here.
    let port = proxy.control_address().await.unwrap().port();
    let rebound = format!("rebound.example:{port}");
    let by_it = client.clone().with_host(&rebound);
    assert_eq!(by_it.get("/").await.unwrap().status, 421);
    let signing_in = Page::sign_in(&by_it, &format!("https://{rebound}"), &token("oncall")).await;
    assert_eq!(signing_in.err(), Some(403));
    let signed_in = Page::sign_in(&client, &origin, &token("oncall")).await.unwrap();
    let by_it = signed_in.browser.clone().with_host(&rebound);
    assert_eq!(by_it.get("/v1/status").await.unwrap().status, 403);
    // Its address is in its certificate, and programs are not asked.
    let by_address = client.clone().with_host(&format!("127.0.0.1:{port}"));
    assert_eq!(by_address.get("/").await.unwrap().status, 200);
    let program = proxy.responder("watcher").await.unwrap().with_host(&rebound);
    assert_eq!(program.get("/v1/status").await.unwrap().status, 200);
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens_to_those_who_may_know() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (client, _) = browser(&proxy).await;
    assert_eq!(client.get("/v1/events").await.unwrap().status, 401);
    let watcher = proxy.responder("watcher").await.unwrap();
    let mut events = Events::of(&watcher).await;
    let first = events.next("status").await.unwrap();
    let names = |tick: &Value| {
        tick["identities"]
            .as_array()
            .map(|all| all.iter().map(|one| one["identity"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(
        (first["all"].as_bool(), names(&first)),
        (Some(true), Some(vec![json!("drift"), json!("nightly")]))
    );

    let drift = proxy.client("drift").await.unwrap();
    assert_eq!(drift.query("SELECT SSN__c FROM Contact").await.unwrap().status, 403);
    let refusal = events.next("refusal").await.unwrap();
    assert_eq!((&refusal["identity"], &refusal["status"]), (&json!("drift"), &json!(403)));
    assert!(refusal["reason"].to_string().contains("SSN__c"), "{refusal}");
    let changed = loop {
        let tick = events.next("status").await.unwrap();
        if tick["identities"].as_array().is_some_and(|all| !all.is_empty()) {
            break tick;
        }
    };
    assert_eq!((changed["all"].as_bool(), names(&changed)), (Some(false), Some(vec![json!("drift")])));

    // One responder cannot take every place.
    let mut held = Vec::new();
    let full = loop {
        let more = watcher.download("/v1/events").await.unwrap();
        if more.status() != 200 {
            break more.status();
        }
        held.push(more);
        assert!(held.len() < 100, "there is no end");
    };
    assert_eq!(full, 503);
    assert_eq!(Events::of(&proxy.responder("oncall").await.unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_day_is_told_by_object_and_by_door() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let drift = proxy.client("drift").await.unwrap();
    assert_eq!(drift.query("SELECT Name FROM Account LIMIT 7").await.unwrap().status, 200);
    assert_eq!(drift.query("SELECT LastName FROM Contact LIMIT 5").await.unwrap().status, 200);
    assert_eq!(drift.query("SELECT SSN__c FROM Contact").await.unwrap().status, 403);
    let watcher = proxy.responder("watcher").await.unwrap();
    let day = watcher.get("/v1/identities/drift/day").await.unwrap().json();
    let sum = |numbers: &Value| numbers.as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    let named = |series: &Value| {
        let series = series.as_array().unwrap().iter();
        series.map(|one| (one["name"].as_str().unwrap().to_owned(), sum(&one["rows"]))).collect::<Vec<_>>()
    };
    assert_eq!(named(&day["objects"]), [("Account".to_owned(), 7), ("Contact".to_owned(), 5)], "{day}");
    assert_eq!(named(&day["doors"]), [("query".to_owned(), 12)], "{day}");
    assert_eq!((day["rows"].as_u64(), sum(&day["refused"])), (Some(12), 1), "{day}");
    let before = watcher.get("/v1/identities/drift/day?date=2020-02-29").await.unwrap().json();
    assert_eq!(before["exchanges"], 0, "{before}");
    assert_eq!(watcher.get("/v1/identities/drift/day?date=yesterday").await.unwrap().status, 400);
    assert_eq!(watcher.get("/v1/identities/stranger/day").await.unwrap().status, 404);
}

/// A stream of events.
struct Events {
    status: u16,
    download: Download,
    text: String,
}

impl Events {
    async fn of(client: &Client) -> Self {
        let download = client.download("/v1/events").await.unwrap();
        Self { status: download.status(), download, text: String::new() }
    }

    /// The data of the next event of a name; `None` when the stream ends before.
    async fn next(&mut self, name: &str) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.strip_prefix(&format!("event: {name}\ndata: "));
                let data = data.map(|data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                if data.is_some() {
                    return data;
                }
            }
            let more = tokio::time::timeout(Duration::from_secs(10), self.download.next()).await;
            let more = more.unwrap()?.ok()?;
            self.text.push_str(&String::from_utf8_lossy(&more));
        }
    }
}

//! Every exchange leaves exactly one record, which names what was read and holds no literal.

use crate::{salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name, Industry] }\n";

#[tokio::test]
async fn an_exchange_and_its_record_share_a_decision_id() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let allowed =
        client.query("SELECT Name FROM Account WHERE Industry = 'SecretLiteral' LIMIT 10").await.unwrap();
    let refused = client.query("SELECT Phone FROM Account").await.unwrap();
    assert_eq!((allowed.status, refused.status), (200, 403));
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for reply in [&allowed, &refused] {
        let decision = reply.header("x-forcefield-decision");
        assert_eq!(decision.len(), 26, "a ULID: {decision}");
        let found: Vec<&String> = records.iter().filter(|record| record.contains(decision)).collect();
        assert_eq!(found.len(), 1, "one record for {decision}");
        assert!(found[0].contains("nightly") && found[0].contains("Account"), "{}", found[0]);
    }
    assert!(records.iter().all(|record| !record.contains("SecretLiteral")), "literals are redacted");
}

#[tokio::test]
async fn an_answered_exchange_is_on_record_though_the_process_is_killed() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let mut answered = Vec::new();
    for _ in 0..20 {
        let reply = client.query("SELECT Name FROM Account LIMIT 3").await.unwrap();
        answered.push(reply.header("x-forcefield-decision").to_owned());
    }
    proxy.signal("KILL").await.unwrap();
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for decision in answered {
        assert!(records.iter().any(|record| record.contains(&decision)), "{decision} was answered");
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    client.query("SELECT Name FROM Account LIMIT 3").await.unwrap();
    client.query("SELECT Phone FROM Account").await.unwrap();
    let metrics = proxy.metrics().await.unwrap();
    let counted = |outcome: &str| {
        let line = |line: &&str| {
            line.starts_with("forcefield_requests_total")
                && line.contains(&format!("outcome=\"{outcome}\""))
                && line.contains("api=\"query\"")
        };
        metrics
            .lines()
            .filter(line)
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum::<f64>()
    };
    assert_eq!((counted("allowed"), counted("refused")), (1.0, 1.0), "{metrics}");
}

#[tokio::test]
async fn an_answer_without_a_body_is_on_record_when_its_head_arrives() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name], update: [Name] }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let id = salesforce.first_id("Account").unwrap();
    let path = format!("/services/data/v62.0/sobjects/Account/{id}");
    let mut answered = Vec::new();
    for number in 0..10 {
        let reply =
            client.json("PATCH", &path, &serde_json::json!({"Name": format!("n{number}")})).await.unwrap();
        assert_eq!(reply.status, 204);
        answered.push(reply.header("x-forcefield-decision").to_owned());
        let head = client.send("HEAD", &format!("{path}?fields=Name"), None).await.unwrap();
        assert_eq!(head.status, 200);
        answered.push(head.header("x-forcefield-decision").to_owned());
    }
    proxy.signal("KILL").await.unwrap();
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for decision in answered {
        assert!(records.iter().any(|record| record.contains(&decision)), "{decision} was answered");
    }
}

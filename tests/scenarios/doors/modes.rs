//! `observe` and `warn` let through what `enforce` would refuse, and say so; what is never open stays shut.

use serde_json::json;

use super::{HERE, rows::record};
use crate::{before, data_requests, salesforce};

const ALLOW: &str = "allow:\n  Account: { read: [Name] }\n";
const TOLD: &str = "x-forcefield-would-refuse";

#[tokio::test]
async fn what_enforce_would_refuse_passes_and_is_recorded() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce)
        .identity("enforced", ALLOW)
        .identity("observed", &format!("{ALLOW}mode: observe\nuntil: 2099-12-31\n"))
        .identity("warned", &format!("{ALLOW}mode: warn\nuntil: 2099-12-31\n"))
        .start()
        .await
        .unwrap();
    let account = salesforce.first_id("Account").unwrap();
    for (target, missing) in [
        ("query?q=SELECT+Phone+FROM+Account+LIMIT+1".to_owned(), "Account.Phone"),
        ("query?q=SELECT+Name+FROM+Account+WHERE+Phone+!=+null+LIMIT+1".to_owned(), "Account.Phone"),
        ("query?q=SELECT+Subject+FROM+Case+LIMIT+1".to_owned(), "Case.Subject"),
        (format!("sobjects/Account/{account}?fields=Phone"), "Account.Phone"),
        (format!("ui-api/records/{account}?fields=Account.Phone"), "Account.Phone"),
        ("sobjects".to_owned(), "describe-global"),
        ("limits".to_owned(), "limits"),
    ] {
        let target = format!("/services/data/v62.0/{target}");
        let enforced = proxy.client("enforced").await.unwrap().get(&target).await.unwrap();
        assert_eq!(enforced.status, 403, "{target}: {}", enforced.text());
        for (name, told) in [("observed", false), ("warned", true)] {
            let reply = proxy.client(name).await.unwrap().get(&target).await.unwrap();
            assert_eq!(reply.status, 200, "{target}: {}", reply.text());
            assert_eq!(reply.header(TOLD).contains(missing), told, "{target}: {:?}", reply.headers);
            let record = record(&proxy, reply.header("x-forcefield-decision"));
            assert_eq!(record["unmapped"]["outcome"], "allowed", "{record}");
            assert!(
                record["unmapped"]["overlooked"].as_str().is_some_and(|text| text.contains(missing)),
                "{record}"
            );
            if missing == "Account.Phone" && target.contains("ui-api") {
                assert!(
                    reply.json()["fields"]["Phone"].is_object(),
                    "what passes comes whole: {}",
                    reply.text()
                );
            }
            if missing == "describe-global" {
                assert!(reply.text().contains("Opportunity"));
            }
        }
    }
    let granted =
        proxy.client("warned").await.unwrap().query("SELECT Name FROM Account LIMIT 1").await.unwrap();
    assert_eq!((granted.status, granted.header(TOLD)), (200, ""));
    assert!(record(&proxy, granted.header("x-forcefield-decision"))["unmapped"]["overlooked"].is_null());
}

#[tokio::test]
async fn exports_shut_doors_and_the_unclear_stay_refused() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("observed", &format!("{ALLOW}mode: observe\nuntil: 2099-12-31\n"))
        .identity("other", "allow:\n  Account: { read: [Name] }\n")
        .start()
        .await
        .unwrap();
    let client = proxy.client("observed").await.unwrap();
    let other = proxy.client("other").await.unwrap();
    let page = other.get("/services/data/v62.0/query?q=SELECT+Name+FROM+Account").await.unwrap();
    let locator = page.json()["nextRecordsUrl"].as_str().map(str::to_owned);
    let arrived = data_requests(&salesforce).len();
    let export = json!({"operation": "query", "query": "SELECT Name FROM Account"});
    let export = client.json("POST", "/services/data/v62.0/jobs/query", &export).await.unwrap();
    assert_eq!(export.status, 403, "{}", export.text());
    let mut targets = vec![
        "/services/data/v62.0/tooling/executeAnonymous/?anonymousBody=x",
        "/secur/frontdoor.jsp?sid=x",
        "/services/data/v62.0/nowhere",
        "/services/data/v62.0/query?q=SELECT",
        "/services/data/v62.0/query?q=SELECT+Nope__c+FROM+Account",
        "/services/data/v49.0/query?q=SELECT+Name+FROM+Account",
        "/services/data/v62.0/jobs/query/750000000000001AAA/results",
    ];
    targets.extend(locator.as_deref());
    for target in targets {
        let reply = client.get(target).await.unwrap();
        assert!(matches!(reply.status, 400 | 403), "{target}: {} {}", reply.status, reply.text());
    }
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

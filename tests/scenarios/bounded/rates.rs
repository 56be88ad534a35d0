//! How fast, and how much at once.

use std::time::Duration;

use forcefield_emulator::{Side, Trouble};

use crate::{salesforce, with};

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again() {
    let salesforce = salesforce().await;
    let proxy =
        with(&salesforce, "allow:\n  Account: { read: [Name] }\nlimits: { requests: 6/h, burst: 3 }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    }
    let received = salesforce.org().received_count();
    let reply = client.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
    assert_eq!(reply.status, 429, "{}", reply.text());
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    assert_eq!(reply.json()[0]["errorCode"], "REQUEST_LIMIT_EXCEEDED");
    let message = reply.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("nightly sends more than its 6 requests per hour"), "{message}");
    assert_eq!(salesforce.org().received_count(), received);
}

#[tokio::test]
async fn only_so_many_requests_are_under_way() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name] }\nlimits: { concurrent: 2 }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    salesforce.org().set_latency(Side::Data, Duration::from_millis(700));
    let ask = || client.query("SELECT Name FROM Account LIMIT 1");
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    let mut statuses = [one, two, three, four].map(|reply| reply.unwrap());
    statuses.sort_by_key(|reply| reply.status);
    let [one, two, three, four] = statuses;
    assert_eq!([one.status, two.status, three.status, four.status], [200, 200, 429, 429]);
    assert_eq!(four.header("retry-after"), "1");
    salesforce.org().set_latency(Side::Data, Duration::ZERO);
    assert_eq!(ask().await.unwrap().status, 200, "places are given back");
}

#[tokio::test]
async fn a_door_and_a_verb_have_rates_of_their_own() {
    let salesforce = salesforce().await;
    let limits = "limits: { doors: { search: 1/h }, verbs: { delete: 1/h } }";
    let allow = "allow:\n  Account: { read: [Name], create: [Name], delete: true }";
    let proxy = with(&salesforce, &format!("{allow}\n{limits}\n")).await;
    let client = proxy.client("nightly").await.unwrap();
    let search = "/services/data/v62.0/search?q=FIND+%7BAcme%7D+RETURNING+Account(Name)";
    assert_eq!(client.get(search).await.unwrap().status, 200);
    let reply = client.get(search).await.unwrap();
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert!(
        reply.text().contains("sends more than its 1 requests per hour through `search`"),
        "{}",
        reply.text()
    );
    let body = serde_json::json!({ "Name": "Gone soon" });
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let made = client.json("POST", "/services/data/v62.0/sobjects/Account", &body).await.unwrap();
        assert_eq!(made.status, 201, "making is no deleting: {}", made.text());
        let path = format!("/services/data/v62.0/sobjects/Account/{}", made.json()["id"].as_str().unwrap());
        statuses.push(client.delete(&path).await.unwrap().status);
    }
    assert_eq!(statuses, [204, 429]);
    assert_eq!(
        client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status,
        200,
        "other doors go on"
    );
}

#[tokio::test]
async fn an_integration_makes_no_more_than_its_share_of_the_orgs_calls() {
    let salesforce = salesforce().await;
    salesforce.org().set_api_usage(10, 400);
    let proxy =
        with(&salesforce, "allow:\n  Account: { read: [Name] }\nlimits: { daily_api_share: 1% }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let mut made = 0;
    let refused = loop {
        let reply = client.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
        if reply.status != 200 {
            break reply;
        }
        made += 1;
        assert!(made <= 4, "more than the share was let through");
    };
    assert_eq!((made, refused.status), (4, 403), "{}", refused.text());
    assert_eq!(refused.json()[0]["errorCode"], "REQUEST_LIMIT_EXCEEDED");
    let message = refused.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("has made its 4 of the org's 400 API calls of 24 hours; more from 20"),
        "{message}"
    );
}

#[tokio::test]
async fn the_lowest_priority_goes_slower_when_the_org_is_short_of_calls() {
    let salesforce = salesforce().await;
    let rest =
        |priority: u8| format!("allow:\n  Account: {{ read: [Name] }}\nlimits: {{ priority: {priority} }}\n");
    let proxy = crate::before(&salesforce)
        .identity("nightly", &rest(1))
        .identity("first", &rest(9))
        .start()
        .await
        .unwrap();
    let (nightly, first) = (proxy.client("nightly").await.unwrap(), proxy.client("first").await.unwrap());
    let ask = async |client: &forcefield_tests::Client| {
        client.query("SELECT Name FROM Account LIMIT 1").await.unwrap()
    };
    salesforce.org().set_api_usage(100, 1000);
    for _ in 0..3 {
        assert_eq!(ask(&nightly).await.status, 200);
    }
    salesforce.org().set_api_usage(850, 1000);
    assert_eq!(ask(&first).await.status, 200);
    assert_eq!(ask(&nightly).await.status, 200, "one in ten seconds");
    let slowed = ask(&nightly).await;
    assert_eq!(slowed.status, 429, "{}", slowed.text());
    let wait: u64 = slowed.header("retry-after").parse().unwrap();
    assert!((9..=10).contains(&wait), "{wait}");
    for _ in 0..3 {
        assert_eq!(ask(&first).await.status, 200, "the highest goes on");
    }
}

/// How many queries an integration gets through, of 20.
async fn let_through(client: &forcefield_tests::Client) -> usize {
    let mut through = 0;
    for _ in 0..20 {
        let reply = client.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
        assert!(matches!(reply.status, 200 | 403), "{}", reply.text());
        through += usize::from(reply.status == 200);
    }
    through
}

#[tokio::test]
async fn what_the_org_lists_as_its_limits_is_its_allowance() {
    let rest = "allow:\n  Account: { read: [Name] }\nalso: [limits]\nlimits: { daily_api_share: 1% }\n";
    for listed in [false, true] {
        let salesforce = salesforce().await;
        salesforce.org().set_api_usage(10, 500);
        salesforce.org().set_limit_info(Some("nothing of use"));
        let proxy = with(&salesforce, rest).await;
        let client = proxy.client("nightly").await.unwrap();
        if listed {
            let limits = client.get("/services/data/v62.0/limits").await.unwrap();
            assert_eq!(limits.json()["DailyApiRequests"]["Max"], 500, "{}", limits.text());
            assert!(proxy.metrics().await.unwrap().contains("forcefield_org_calls{org=\"sample\"} 500"));
        }
        // One in a hundred of 500 in all, or of the smallest allowance that there is.
        assert_eq!(let_through(&client).await, if listed { 4 } else { 20 });
    }
}

#[tokio::test]
async fn an_odd_list_of_limits_and_what_code_of_the_org_says_raise_nothing() {
    let salesforce = salesforce().await;
    let also = "also: [limits, \"GET /services/apexrest/limits\"]";
    let rest = format!("allow:\n  Account: {{ read: [Name] }}\n{also}\nlimits: {{ daily_api_share: 1% }}\n");
    salesforce.org().set_api_usage(10, 500);
    let proxy = with(&salesforce, &rest).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    salesforce.org().set_limit_info(Some("api-usage=1/900000"));
    assert_eq!(client.get("/services/apexrest/limits").await.unwrap().status, 200);
    salesforce.org().set_limit_info(Some("nothing of use"));
    salesforce.org().fail_next(Side::Data, Trouble::Garbage, 1);
    assert_eq!(client.get("/services/data/v62.0/limits").await.unwrap().status, 200);
    let metrics = proxy.metrics().await.unwrap();
    assert!(metrics.contains("forcefield_org_limits_unread_total{org=\"sample\"} 1"), "{metrics}");
    assert_eq!(let_through(&client).await, 2, "five in all");
}

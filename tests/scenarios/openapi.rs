//! The control API does what its OpenAPI document says, whatever is sent: schemathesis finds nothing else.

use std::time::Duration;

use forcefield_tests::sdk;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{before, salesforce};

const GRANTS: &str = "allow: { Account: { read: \"*\" } }";
const TOOL: [&str; 1] = ["schemathesis==4.32.5"];

#[tokio::test]
async fn the_control_api_is_as_its_document_says() {
    let python = sdk::python("schemathesis", &TOOL).unwrap();
    let salesforce = salesforce().await;
    let proxy = before(&salesforce).identity("nightly", GRANTS).controlled().unwrap().start().await.unwrap();
    let wrong = proxy.responder("watcher").await.unwrap().delete("/v1/status").await.unwrap();
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET"));
    for responder in ["chief", "watcher"] {
        let token = proxy.responder(responder).await.unwrap().token().unwrap().to_owned();
        let url = format!("https://localhost:{}", proxy.control_address().await.unwrap().port());
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command.args(["run", &format!("{url}/v1/openapi.json"), "--url", &url]);
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
        command.arg("--tls-verify").arg(proxy.ca_file().unwrap());
        // Server-sent events never end.
        command.args(["--exclude-path", "/v1/events", "--phases", "examples,coverage,fuzzing"]);
        command.args([
            "--checks",
            CHECKS,
            "--max-examples",
            "15",
            "--seed",
            "1",
            "--generation-deterministic",
        ]);
        command.args(["--request-timeout", "10", "--max-time", "25", "--no-color"]);
        command.current_dir(proxy.folder()).kill_on_drop(true);
        let output =
            timeout(Duration::from_secs(60), command.output()).await.expect("it takes a minute").unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{responder}: {told}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Not `unsupported_method`: it sends GET with a body, which is refused before its path is looked at.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,negative_data_rejection,ignored_auth";

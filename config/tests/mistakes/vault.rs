//! Mistakes about secrets in Vault.

use super::{IDENTITY, MAIN, identity, main_file, said};

#[test]
fn secrets_in_vault_need_a_vault_and_its_login_is_not_in_it() {
    let help = "write `vault` in the main file: `vault: { address: .., approle: { .. } }`";
    let expected = format!("main.yaml:14:42: there is no Vault to read this secret from; {help}");
    main_file("file:soc.token", "vault:secret/soc#token", &expected);
    let expected = format!("1.yaml:11:41: there is no Vault to read this secret from; {help}");
    identity("file:k.pem", "\"vault:secret/k#pem\"", &expected);

    let with = |vault: &str| {
        said(&format!("{MAIN}vault: {vault}\n"), &[&IDENTITY.replace("file:k.pem", "\"vault:secret/k#pem\"")])
    };
    for good in [
        "{ address: \"https://vault.corp.example:8200\", approle: { role_id: env:R, secret_id: file:s } }",
        "{ address: \"http://127.0.0.1:8100/\", token: file:t, refresh: 1m }",
        "{ address: \"https://v\", namespace: a/b, ca: file:ca, kubernetes: { role: forcefield, mount: k8s } }",
    ] {
        assert_eq!(with(good), "", "{good}");
    }
    for (bad, expected) in [
        (
            "{ address: \"http://vault.corp.example:8200\", token: env:T }",
            "main.yaml:15:19: secrets would travel this network without TLS; write `https://`; `http://` is for an agent of Vault's on this host (`127.0.0.1`)",
        ),
        (
            "{ address: \"https://v\", token: \"vault:secret/v#token\" }",
            "main.yaml:15:39: this cannot be in Vault itself; write `file:PATH`, `env:NAME` or `exec:COMMAND`",
        ),
        (
            "{ address: \"https://v\" }",
            "main.yaml:15:8: the login at Vault is not exactly one of `approle`, `kubernetes` and `token`; write one of them",
        ),
        (
            "{ address: \"https://v\", token: env:T, kubernetes: { role: a } }",
            "main.yaml:15:8: the login at Vault is not exactly one of `approle`, `kubernetes` and `token`; write one of them",
        ),
        (
            "{ address: \"https://v\", token: env:T, namespace: \"a b\" }",
            "main.yaml:15:57: `a b` is not a namespace; write its path: letters, digits, `-`, `_`, `.` and `/`",
        ),
    ] {
        assert_eq!(with(bad), expected, "{bad}");
    }
}

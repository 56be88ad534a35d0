//! The emulator as a program.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn it_says_where_it_is_and_whom_to_trust() {
    let ca_file = std::env::temp_dir().join(format!("forcefield-emulator-test-{}.pem", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_forcefield-emulator"))
        .args(["--listen", "127.0.0.1:0", "--client", "id:secret", "--ca-file"])
        .arg(&ca_file)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    let address = first.strip_prefix("org 00D5g000004XyZEA2 at https://localhost:").unwrap().to_owned();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("CA {}", ca_file.display()));
    CertificateDer::from_pem_file(&ca_file).unwrap();
    assert!(tokio::net::TcpStream::connect(format!("127.0.0.1:{address}")).await.is_ok());
    std::fs::remove_file(&ca_file).unwrap();
}

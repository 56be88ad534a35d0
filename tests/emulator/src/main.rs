//! The emulator as a program: an org that listens until it is interrupted.

use anyhow::{Context as _, Result};
use clap::Parser;
use forcefield_emulator::Org;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A Salesforce org over made-up records, for demonstrations and tests.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The host in the org's own addresses and in its certificate.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The org's id.
    #[arg(long, default_value = "00D5g000004XyZEA2")]
    org_id: String,
    /// Where to write the CA that clients must trust; a file in the temporary folder by default.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// A client that may log in with its secret, as ID:SECRET; can be given several times.
    #[arg(long = "client", value_name = "ID:SECRET")]
    clients: Vec<String>,
    /// A client whose assertions are trusted, as ID:USERNAME:PUBLIC_KEY_FILE; can be given several times.
    #[arg(long = "jwt-app", value_name = "ID:USERNAME:PUBLIC_KEY_FILE")]
    jwt_apps: Vec<String>,
    /// A user who may log in by SOAP, as USERNAME:PASSWORD; can be given several times.
    #[arg(long = "user", value_name = "USERNAME:PASSWORD")]
    users: Vec<String>,
    /// How many rows of `Reading__c` exist without being held.
    #[arg(long, default_value_t = 0)]
    virtual_rows: u64,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the address and the CA are what the program is asked for")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let builder = Org::builder().listen(arguments.listen).host(&arguments.host).org_id(&arguments.org_id);
    let server = builder.virtual_rows(arguments.virtual_rows).start().await?;
    for client in &arguments.clients {
        let (id, secret) = client.split_once(':').context("--client needs ID:SECRET")?;
        server.register_client_credentials(id, secret);
    }
    for app in &arguments.jwt_apps {
        let mut parts = app.splitn(3, ':');
        let (Some(id), Some(username), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
            anyhow::bail!("--jwt-app needs ID:USERNAME:PUBLIC_KEY_FILE");
        };
        let key = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        server.register_jwt_app(id, &key, username)?;
    }
    for user in &arguments.users {
        let (username, password) = user.split_once(':').context("--user needs USERNAME:PASSWORD")?;
        server.register_password(username, password);
    }
    let ca_file = arguments.ca_file.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("forcefield-emulator-{}.pem", server.address().port()))
    });
    std::fs::write(&ca_file, server.ca_pem())
        .with_context(|| format!("cannot write {}", ca_file.display()))?;
    println!("org {} at {}", server.org_id(), server.url());
    println!("CA {}", ca_file.display());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

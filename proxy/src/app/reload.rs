//! Taking up a changed configuration: everything that can fail is made first, then everything is replaced.

use std::sync::Arc;

use anyhow::{Context, Result};
use forcefield_config::Config;
use tracing::{info, warn};

use super::{App, origins, read_issuers, tls, today};
use crate::live::{Snapshot, Standing};

impl App {
    /// Reads the configuration again and takes it up; a bad one changes nothing.
    pub(super) fn reload(&self) {
        let Some(file) = &self.file else { return };
        match forcefield_cli::read_config(file, today()) {
            Err(problems) => warn!(%problems, "configuration not reloaded; what ran goes on"),
            Ok(read) => match self.take_up(read.config) {
                Ok(()) => info!("configuration reloaded"),
                Err(error) => {
                    warn!(error = format!("{error:#}"), "configuration not reloaded; what ran goes on")
                }
            },
        }
    }

    fn take_up(&self, config: Config) -> Result<()> {
        let service = &self.service;
        let before = service.live.load();
        let orgs = origins(&config, &self.secrets)?;
        let trust = tls(&config, &config.listen.proxy, &self.secrets)?;
        let credentials = service.credentials.load().next(&config).context("the credentials")?;
        let keys = Arc::clone(&before.standing().keys);
        read_issuers(&config, &self.secrets, &keys)?;
        if config.listen.proxy.address != before.config.listen.proxy.address {
            warn!("a changed `listen.proxy.address` is taken up at the next start");
        }
        let standing = Standing { keys, sessions: Arc::clone(&before.standing().sessions) };
        let next = Snapshot::new(Arc::new(config), before.schemas().clone(), standing, today());
        service.upstream.replace(orgs);
        self.front.trust().replace(trust);
        service.limits.reload(&next.config.identities);
        service.credentials.store(Arc::new(credentials));
        service.live.replace(next);
        Ok(())
    }
}

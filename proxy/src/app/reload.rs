//! Taking up a changed configuration: everything that can fail is made first, then everything is replaced.

use std::sync::Arc;

use anyhow::{Context, Result};
use forcefield_config::Config;
use forcefield_config::config::Issuer;
use forcefield_control::Staff;
use jiff::Timestamp;
use tracing::{info, warn};

use super::control::staff;
use super::{App, origins, put_keys, read_keys, tls, today, told_keys};
use crate::front::TlsState;
use crate::live::Snapshot;

impl App {
    /// Reads the configuration again and takes it up; a bad one changes nothing.
    pub(super) fn reload(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Err("there is no file to read again".to_owned()) };
        let taken_up = match forcefield_cli::read_config(file, today()) {
            Err(problems) => Err(problems.to_string()),
            Ok(read) => self.take_up(read.config).map_err(|error| format!("{error:#}")),
        };
        self.service.rooms.telemetry.instruments().reloaded(&taken_up, jiff::Timestamp::now());
        match &taken_up {
            Ok(()) => info!("configuration reloaded"),
            Err(problems) => warn!(%problems, "configuration not reloaded; what ran goes on"),
        }
        // Changed secrets of credentials are no part of the configuration: they are tried while those before work.
        let credentials = self.service.credentials.load_full();
        tokio::spawn(async move { Box::pin(credentials.prove()).await });
        taken_up
    }

    /// Takes up what Workload APIs say about trust domains: sessions are not resumed, and open connections are looked at
    /// again. The configuration stays as it is.
    pub(super) fn take_up_bundles(&self) {
        let live = self.service.live.load();
        let config = &live.config;
        put_keys(&live.standing().keys, told_keys(config, &self.bundles));
        let taken_up = || {
            self.front.trust().replace(tls(config, &config.listen.proxy, &self.secrets, &self.bundles)?);
            if let (Some(running), Some(listener)) = (&self.control, &config.listen.control) {
                running.front.trust().replace(tls(config, listener, &self.secrets, &self.bundles)?);
            }
            Ok::<_, anyhow::Error>(())
        };
        if let Err(error) = taken_up() {
            warn!(error = %format!("{error:#}"), "changed trust bundles are not taken up; those before hold");
        }
    }

    /// What of a changed configuration concerns the control plane.
    fn next_control(&self, config: &Config) -> Result<Option<(TlsState, Staff)>> {
        match (&self.control, &config.listen.control) {
            (Some(_), Some(listener)) => {
                let trust =
                    tls(config, listener, &self.secrets, &self.bundles).context("`listen.control`")?;
                Ok(Some((trust, staff(config, &self.secrets)?)))
            }
            (Some(_), None) | (None, Some(_)) => {
                warn!("`listen.control` is opened or closed at the next start");
                Ok(None)
            }
            (None, None) => Ok(None),
        }
    }

    fn take_up(&self, config: Config) -> Result<()> {
        let service = &self.service;
        let before = service.live.load();
        let orgs = origins(&config, &self.secrets)?;
        let trust = tls(&config, &config.listen.proxy, &self.secrets, &self.bundles)?;
        let control = self.next_control(&config)?;
        let credentials = service.credentials.load().next(&config).context("the credentials")?;
        let keys = read_keys(&config, &self.secrets, &self.bundles)?;
        if config.listen.proxy.address != before.config.listen.proxy.address {
            warn!("a changed `listen.proxy.address` is taken up at the next start");
        }
        if config.telemetry != before.config.telemetry {
            warn!("a changed `telemetry` is taken up at the next start");
        }
        if config.vault != before.config.vault {
            warn!("a changed `vault` is taken up at the next start");
        }
        let standing = before.standing().clone();
        // No key of one issuer speaks for another that has its name now.
        let is_gone = |(name, issuer): &(&String, &Issuer)| {
            let now = config.issuers.get(*name);
            !now.is_some_and(|now| now.keys == issuer.keys && now.known_by == issuer.known_by)
        };
        before.config.issuers.iter().filter(is_gone).for_each(|(name, _)| standing.keys.remove(name));
        put_keys(&standing.keys, keys);
        let next = Snapshot::new(Arc::new(config), before.schemas().clone(), standing, Timestamp::now());
        service.upstream.replace(orgs);
        self.front.trust().replace(trust);
        service.limit(&next.config);
        service.credentials.store(Arc::new(credentials));
        service.live.replace(next);
        // What was put on in the meantime followed the configuration before.
        service.follow_throttles();
        service.follow_grants();
        if let (Some(running), Some((trust, staff))) = (&self.control, control) {
            running.front.trust().replace(trust);
            running.api.replace_staff(staff);
        }
        Ok(())
    }
}

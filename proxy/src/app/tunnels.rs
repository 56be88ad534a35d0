//! The CONNECT listener of the process.

use std::net::SocketAddr;
use std::sync::Arc;

use super::App;
use crate::process::Listening;
use crate::tunnel::Tunnels;

impl App {
    /// The listener of tunnels. It shares the front of the proxy listener, and drains with it.
    pub(super) fn tunnels(&self, address: SocketAddr, threads: usize) -> Listening {
        let tunnels = Tunnels::new(Arc::clone(&self.front), Arc::clone(&self.service));
        let described = self.described.subscribe();
        Listening {
            name: "connect",
            address,
            threads,
            is_main: false,
            serve: Box::new(move |listener, stop| {
                Box::pin(async move {
                    let (mut stop, mut described) = (stop, described);
                    tokio::select! { _ = described.wait_for(|is| *is) => {}, _ = &mut stop => return }
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                    tunnels.accept(listener).await;
                })
            }),
        }
    }
}

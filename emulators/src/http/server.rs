//! A server on a port that can be stopped and whose port is free again afterwards.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long requests in flight get when a server stops.
const DRAIN: Duration = Duration::from_secs(2);

/// A running server. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves `router` at `address` (port 0 = any free one). `what` is who asks, for the error.
    pub(crate) async fn start(
        what: &str,
        address: SocketAddr,
        router: Router,
    ) -> anyhow::Result<Self> {
        let listener = listen(what, address).await?;
        let address = listener
            .local_addr()
            .with_context(|| format!("{what}: its own address is unknown"))?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender stops it as well.
                let _ = stopped.await;
            });
            // Accepting goes on after errors; that it ends means that it was told to.
            let _ = serving.await;
        });
        Ok(Self {
            address,
            stop: Some(stop),
            serving,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests in flight finish for a moment, and frees the port.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(DRAIN, &mut self.serving)
            .await
            .is_err()
        {
            self.serving.abort();
        }
    }
}

/// Binds a port, or says who holds which.
async fn listen(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "{what}: port {} on {} is taken; stop what listens there, or choose another port",
                address.port(),
                address.ip()
            ),
            _ => anyhow!("{what}: cannot listen on {address}: {error}"),
        })
}

/// A port for a program that cannot choose one itself: `wished` if it is free, [an unclaimed one](unclaimed_port) if `wished` has port 0.
pub(crate) async fn free_port(what: &str, wished: SocketAddr) -> anyhow::Result<SocketAddr> {
    if wished.port() == 0 {
        let port = unclaimed_port(wished.ip());
        let port = port.with_context(|| format!("{what}: no port on {} is free", wished.ip()))?;
        return Ok(SocketAddr::new(wished.ip(), port));
    }
    listen(what, wished).await?;
    Ok(wished)
}

/// A port on `ip` that nobody listens on, and that systems do not hand out by themselves: whoever asks for any port, or opens a connection, gets another one
/// while the program that this is for has yet to start.
///
/// # Errors
/// None of many could be had; the last error.
pub fn unclaimed_port(ip: IpAddr) -> std::io::Result<u16> {
    // Below what Linux and macOS hand out (from 32768 and 49152 on), above what is registered for well-known services.
    let some = || {
        let dice = RandomState::new().build_hasher().finish() % 20_480;
        10_240 + u16::try_from(dice).unwrap_or_default()
    };
    let mut last = None;
    for _ in 0..100 {
        let port = some();
        match std::net::TcpListener::bind((ip, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ErrorKind::AddrInUse.into()))
}

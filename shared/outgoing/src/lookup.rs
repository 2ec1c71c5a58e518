//! Names to addresses, each address judged before anybody connects to it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::{Guard, Reach};

/// A lookup under way.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
pub trait Lookup: Send + Sync {
    /// All addresses that the name has now.
    fn lookup(&self, name: &str) -> Looking;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> Looking {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The lookup of an HTTP client: what it gives is what is connected to, so nothing can change between the check and the connection.
///
/// One address that is refused refuses the name: which of several is tried first is not ours to say.
pub(crate) struct Checked {
    pub(crate) guard: Guard,
    pub(crate) reach: Reach,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (guard, reach) = (self.guard.clone(), self.reach);
        let looking = self.lookup.lookup(&name);
        Box::pin(async move {
            let found = looking.await?;
            if found.is_empty() {
                return Err(io::Error::other(format!("{name} has no address")).into());
            }
            let mut addresses = Vec::with_capacity(found.len());
            for address in found {
                let address = address.to_canonical();
                guard.admit_address(&name, address, reach)?;
                // Port 0 stands for the URL's.
                addresses.push(SocketAddr::new(address, 0));
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

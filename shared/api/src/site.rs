//! What the routes work on.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ork_core::names::ObjectName;
use ork_core::usage::Usage;
use ork_engine::Engine;
use ork_engine::ports::Ports;

use crate::access::{Access, Buckets, Rate};

/// What use of services costs, where it costs anything.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// Of when they are, such as `2026-11`.
    pub of: &'static str,
    /// The cost at list prices, in billionths of a dollar.
    pub nanos: fn(&Usage) -> u64,
}

/// How the API behaves where it is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who is let in.
    pub access: Access,
    /// How often one caller may ask this process; `None`: as often as they like.
    pub rate: Option<Rate>,
    /// Pause between two looks at a run whose events somebody follows.
    pub look_every: Duration,
    /// How long one answer with events lasts; the follower then asks for the rest.
    pub follow: Duration,
    /// What runs cost; `None` where they cost nothing.
    pub prices: Option<Prices>,
}

impl Settings {
    /// For an address of this machine, where everybody who can ask is let in: a look is a read of a local file.
    pub const fn loopback(at: SocketAddr) -> Self {
        Self::of(Access::Loopback { at, user: None })
    }

    /// For those that `access` lets in.
    pub const fn of(access: Access) -> Self {
        Self {
            access,
            rate: None,
            look_every: Duration::from_millis(150),
            follow: Duration::from_secs(3600),
            prices: None,
        }
    }
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The bytes asked for, as far as there are any.
    pub bytes: Vec<u8>,
    /// Bytes of the whole log as it is now.
    pub size: u64,
}

/// Why a log cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogError(pub String);

/// Logs by parts: they may be larger than anybody wants at once.
pub trait Logs: Send + Sync {
    /// At most `most` bytes from `from` on, of the log called `name`; `None` when nothing was printed (yet).
    fn read<'a>(
        &'a self,
        name: &'a ObjectName,
        from: u64,
        most: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Log>, LogError>> + Send + 'a>>;
}

/// What all routes have.
pub(crate) struct Site<P: Ports> {
    pub(crate) engine: Arc<Engine<P>>,
    pub(crate) logs: Arc<dyn Logs>,
    pub(crate) settings: Settings,
    pub(crate) layouts: crate::web::Layouts,
    pub(crate) buckets: Buckets,
}

//! No HTTP API: what `make run` builds does without its libraries.

use std::future::pending;

use ork_local::{Control, Embedded};

use crate::failure::Failure;

/// Nothing.
pub(super) struct Server;

impl Server {
    /// Takes no port.
    #[expect(clippy::unused_async, reason = "the one that serves waits here")]
    pub(super) async fn bind(_port: u16) -> Result<Self, Failure> {
        Ok(Self)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<String> {
        None
    }

    /// Where it listens, in words.
    pub(super) fn place(&self, _: bool) -> String {
        "it was built without the HTTP API (feature `serve`) and listens nowhere".to_owned()
    }

    /// Waits for ever.
    pub(super) async fn serve(self, _recorder: &Embedded, _control: Control, _: bool) -> Failure {
        pending().await
    }
}

//! Google's Pub/Sub emulator.

use std::net::SocketAddr;

use super::emulator::Emulator;
use super::{PubsubAdmin, Sdk};

/// What it prints when it serves.
const READY: &str = "Server started";

/// A running Pub/Sub emulator. Dropping it kills it; everything in it is gone then.
#[derive(Debug)]
pub struct Pubsub {
    emulator: Emulator,
    admin: PubsubAdmin,
}

impl Pubsub {
    /// Starts it at `address` (port 0 = any free port) and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, the port is taken, or it does not start; then with what it printed.
    pub async fn start(sdk: &Sdk, address: SocketAddr) -> anyhow::Result<Self> {
        let jar = sdk.pubsub.clone()?;
        let emulator = Emulator::start(
            "the Pub/Sub emulator",
            READY,
            &sdk.java,
            address,
            |address| {
                vec![
                    "-jar".into(),
                    jar.clone().into_os_string(),
                    format!("--host={}", address.ip()).into(),
                    format!("--port={}", address.port()).into(),
                ]
            },
        );
        let emulator = emulator.await?;
        let admin = PubsubAdmin::new(emulator.address());
        Ok(Self { emulator, admin })
    }

    /// Where it listens: the value of `PUBSUB_EMULATOR_HOST`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.emulator.address()
    }

    /// Creates and deletes its topics and subscriptions.
    #[must_use]
    pub fn admin(&self) -> &PubsubAdmin {
        &self.admin
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.emulator.output()
    }

    /// Resolves when it has ended by itself, with the reason.
    pub async fn ended(&mut self) -> anyhow::Error {
        self.emulator.ended().await
    }

    /// Kills it and waits until it is gone.
    pub async fn stop(self) {
        self.emulator.stop().await;
    }
}

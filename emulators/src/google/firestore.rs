//! Google's Firestore emulator.

use std::net::SocketAddr;

use super::Sdk;
use super::emulator::Emulator;
use crate::http::{client, text_of};

/// What it prints when it serves.
const READY: &str = "is now running";
const MAIN: &str = "com.google.cloud.datastore.emulator.firestore.CloudFirestore";

/// A running Firestore emulator. Dropping it kills it; everything in it is gone then.
#[derive(Debug)]
pub struct Firestore {
    emulator: Emulator,
    client: reqwest::Client,
}

impl Firestore {
    /// Starts it at `address` (port 0 = any free port) and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, the port is taken, or it does not start; then with what it printed.
    pub async fn start(sdk: &Sdk, address: SocketAddr) -> anyhow::Result<Self> {
        let jar = sdk.firestore.clone()?;
        let emulator = Emulator::start(
            "the Firestore emulator",
            READY,
            &sdk.java,
            address,
            |address| {
                let mut arguments = vec!["-cp".into(), jar.clone().into_os_string()];
                arguments.extend(
                    [
                        MAIN,
                        "start",
                        &format!("--host={}", address.ip()),
                        &format!("--port={}", address.port()),
                        "--database-mode=firestore-native",
                    ]
                    .map(Into::into),
                );
                arguments
            },
        );
        Ok(Self {
            emulator: emulator.await?,
            client: client(),
        })
    }

    /// Where it listens: the value of `FIRESTORE_EMULATOR_HOST`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.emulator.address()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.emulator.output()
    }

    /// Deletes every document of one database of one project.
    ///
    /// # Errors
    /// The emulator does not answer or refuses.
    pub async fn wipe(&self, project: &str, database: &str) -> anyhow::Result<()> {
        let url = format!(
            "http://{}/emulator/v1/projects/{project}/databases/{database}/documents",
            self.address()
        );
        text_of("wiping Firestore", self.client.delete(url))
            .await
            .map(drop)
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

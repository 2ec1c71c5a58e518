//! Starting the parts that need more than a call.

use anyhow::Context;

use crate::google::{Firestore, Pubsub, Sdk};
use crate::http::free_port;
use crate::options::Options;
use crate::storage::{Storage, StorageOptions};

pub(crate) const STORAGE: &str = "the stand-in for Cloud Storage";

/// Both of Google's emulators, started side by side: each JVM takes more than a second.
pub(crate) async fn google(
    options: &Options,
) -> anyhow::Result<(Option<Firestore>, Option<Pubsub>)> {
    let (firestore, pubsub) = (
        options.address(options.firestore),
        options.address(options.pubsub),
    );
    if firestore.is_none() && pubsub.is_none() {
        return Ok((None, None));
    }
    let sdk = Sdk::find_any(options.sdk_root.as_deref())?;
    let firestore = async {
        match firestore {
            Some(address) => Firestore::start(&sdk, address).await.map(Some),
            None => Ok(None),
        }
    };
    let pubsub = async {
        match pubsub {
            Some(address) => Pubsub::start(&sdk, address).await.map(Some),
            None => Ok(None),
        }
    };
    tokio::try_join!(firestore, pubsub)
}

pub(crate) async fn storage(
    options: &Options,
    pubsub: Option<&Pubsub>,
) -> anyhow::Result<Option<Storage>> {
    let Some(address) = options.address(options.storage) else {
        return Ok(None);
    };
    if address.port() != 0 {
        free_port(STORAGE, address).await?;
    }
    let started = Storage::start(StorageOptions {
        pubsub: pubsub.map(|pubsub| pubsub.address().to_string()),
        address,
        strict_rate: options.strict_rate,
        keyring: options.services_options.keyring.clone(),
    });
    Ok(Some(started.await.context(STORAGE)?))
}

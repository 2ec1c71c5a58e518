//! What the emulators and the gates themselves take, with the same client, on the same machine, in the same run.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ork_engine::ports::{Index, Key, Ports, Precondition, Store, Write};
use ork_gcp::Google;

use crate::deployment::Deployment;
use crate::figures::{Spread, millis};

/// Operations of each kind, one after the other.
const TIMES: usize = 200;
/// Bytes of the document: those of a run of a few dozen tasks.
const BYTES: usize = 4_000;

/// Milliseconds of Firestore's emulator.
#[derive(Debug)]
pub(crate) struct Firestore {
    pub(crate) commit: Spread,
    pub(crate) read: Spread,
}

/// Commits to one document, and reads of it.
pub(crate) async fn firestore(google: &Google) -> Result<Firestore> {
    let key = Key::Dead("floor".into());
    let mut precondition = Precondition::Absent;
    let (mut commits, mut reads) = (Vec::new(), Vec::new());
    for at in 0..TIMES {
        let fill = b'a' + u8::try_from(at % 26)?;
        let write = Write::Put {
            key: key.clone(),
            precondition,
            body: vec![fill; BYTES],
            index: Index::default(),
        };
        let began = Instant::now();
        let versions = google.store().commit(&[write]).await?;
        commits.push(millis(began.elapsed()));
        precondition = Precondition::At(*versions.first().context("one version per write")?);
        let began = Instant::now();
        let found = google.store().read(std::slice::from_ref(&key)).await?;
        reads.push(millis(began.elapsed()));
        ensure!(matches!(found[..], [Some(_)]), "it was just written");
    }
    Ok(Firestore {
        commit: Spread::of(commits),
        read: Spread::of(reads),
    })
}

/// Milliseconds that a gate adds to a request: the median through it less the median without it.
pub(crate) async fn gate(deployment: &Deployment) -> Result<f64> {
    let gate = deployment.gate("dispatch");
    let client = reqwest::Client::new();
    let mut medians = Vec::new();
    for url in [gate.services()[0].url("/healthz"), gate.url("/healthz")] {
        let mut found = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            let said = client.get(&url).send().await?;
            ensure!(said.status().is_success(), "{url}: {}", said.status());
            found.push(millis(began.elapsed()));
        }
        medians.push(Spread::of(found).median());
    }
    Ok(medians[1] - medians[0])
}

//! A large fan-out through the services as processes: how long it takes, and how large its documents become.

use std::time::{Duration, Instant};

use anyhow::Result;
use ork_core::ids::RunId;
use ork_engine::ports::{Document, Key, Ports, Store};
use ork_gcp::Google;

use crate::counted;
use crate::deployment::{Deployment, Setup};
use crate::figures::{at_most, known};
use crate::process::Shares;
use crate::table::Row;

const WIDTH: u32 = 10_000;
/// Pages that are asked for at once.
const PAGES_AT_ONCE: u32 = 64;
/// Between two looks at all documents.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The largest document that was seen.
#[derive(Debug, Default)]
struct Largest {
    bytes: usize,
    name: String,
    /// Documents of the run at the last look.
    documents: usize,
    looks: u32,
}

pub(crate) async fn fan(rows: &mut Vec<Row>) -> Result<()> {
    let deployment = Deployment::start(Setup {
        name: "fan",
        processes: 1,
        notes: false,
    })
    .await?;
    let workflow = deployment.deploy(&counted::fan(WIDTH)).await?;
    let google = deployment.engine.ports();
    let mut largest = Largest::default();
    let before = Shares::now()?;
    let began = Instant::now();
    let run = deployment.begin(&workflow).await?;
    let mut looked = Instant::now();
    let look_often = Duration::from_millis(100);
    let looking = deployment.success(&run, look_often, async || {
        if looked.elapsed() >= LOOK_EVERY {
            largest.look(google, &run).await?;
            looked = Instant::now();
        }
        Ok(())
    });
    looking.await?;
    let took = began.elapsed().as_secs_f64();
    let shares = Shares::now()?.since(before);
    largest.look(google, &run).await?;
    let left = deployment.left().len();
    rows.push(at_most(
        "1 → 10,000 → 1 through processes",
        took,
        60.0,
        "s",
        format!("{left} verdicts; {shares}"),
    ));
    rows.push(at_most(
        "its largest document",
        largest.bytes as f64 / 1024.0,
        900.0,
        "KiB",
        format!("{}, in {} looks", largest.name, largest.looks),
    ));
    rows.push(known(
        "its documents at the end",
        largest.documents.to_string(),
        String::new(),
    ));
    deployment.stop().await;
    Ok(())
}

impl Largest {
    /// Looks at the run's header and all of its pages.
    async fn look(&mut self, google: &Google, run: &RunId) -> Result<()> {
        self.looks += 1;
        self.documents = 0;
        let mut keys = vec![Key::Run(run.clone())];
        let mut next = 1;
        loop {
            let end = next + PAGES_AT_ONCE;
            keys.extend((next..end).map(|page| Key::Page(run.clone(), page)));
            next = end;
            let found = google.store().read(&keys).await?;
            let more = found.last().is_some_and(Option::is_some);
            for (key, document) in keys.drain(..).zip(found) {
                let Some(document) = document else { continue };
                self.documents += 1;
                let bytes = bytes(&key, &document);
                if bytes > self.bytes {
                    self.bytes = bytes;
                    self.name = key.to_string();
                }
            }
            if !more {
                return Ok(());
            }
        }
    }
}

/// A document's size as Firestore reckons: 16 bytes and its name, its fields' names and values, 32 bytes.
fn bytes(key: &Key, document: &Document) -> usize {
    const NUMBER: usize = 8;
    let text = |text: &str| text.len() + 1;
    let name: usize = key.to_string().split('/').map(text).sum();
    let inner =
        text("format") + NUMBER + text("replaces") + NUMBER + text("body") + document.body.len();
    let mut all = 16 + name + 32 + text("ork") + inner;
    let index = &document.index;
    all += index.wake_at.map_or(0, |_| text("wake_at") + NUMBER);
    all += text("created_at") + NUMBER;
    all += index
        .status
        .map_or(0, |status| text("status") + text(status.as_str()));
    let workflow = index.workflow.as_ref();
    all + workflow.map_or(0, |workflow| text("workflow") + text(workflow.as_str()))
}

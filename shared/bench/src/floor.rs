//! Floors: what the same machine needs, at the same moment, for the part nobody can avoid.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ork_engine::ports::{Index, Key, Precondition, Store, Write};
use ork_local::store::{Options, Sqlite, Sync};

use crate::measure::median;

fn spawn_true() -> Result<()> {
    let status = Command::new("/bin/true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "/bin/true failed");
    Ok(())
}

/// `n` processes that do nothing, one after the other.
pub(crate) fn spawn_chain(n: usize) -> Result<Duration> {
    median(5, || (0..n).try_for_each(|_| spawn_true()))
}

/// `n` processes that do nothing, `parallel` at a time.
pub(crate) fn spawn_fan(n: usize, parallel: usize) -> Result<Duration> {
    median(1, || {
        let left = AtomicUsize::new(n);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..parallel)
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        while left
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                                n.checked_sub(1)
                            })
                            .is_ok()
                        {
                            spawn_true()?;
                        }
                        Ok(())
                    })
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })
    })
}

/// A bare Python start and exit.
pub(crate) fn python_start(python: &std::path::Path) -> Result<Duration> {
    median(5, || {
        ensure!(
            Command::new(python)
                .args(["-I", "-S", "-c", "pass"])
                .status()?
                .success(),
            "python failed"
        );
        Ok(())
    })
}

/// `n` bare forks of an idle interpreter, each child ending at once: two interpreters, half of them each.
pub(crate) fn python_forks(python: &std::path::Path, n: usize) -> Result<Duration> {
    let code = format!(
        "import os\nfor _ in range({}):\n    p = os.fork()\n    if p == 0: os._exit(0)\n    os.waitpid(p, 0)\n",
        n / 2
    );
    median(3, || {
        let start = || Command::new(python).args(["-I", "-S", "-c", &code]).spawn();
        for mut child in [start()?, start()?] {
            ensure!(child.wait()?.success(), "python failed");
        }
        Ok(())
    })
}

/// One commit of a 2 KB document.
pub(crate) fn commit(sync: Sync) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let store = Sqlite::open(
        &folder.path().join("state.db"),
        &Options {
            sync,
            ..Options::default()
        },
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let key = Key::Dead("bench".to_owned());
        let mut precondition = Precondition::Absent;
        let mut taken = Vec::new();
        for _ in 0..300 {
            let write = Write::Put {
                key: key.clone(),
                precondition,
                body: vec![7; 2048],
                index: Index::default(),
            };
            let start = Instant::now();
            let versions = store.commit(&[write]).await?;
            taken.push(start.elapsed());
            precondition = Precondition::At(versions[0]);
        }
        taken.sort_unstable();
        Ok(taken[taken.len() / 2])
    })
}

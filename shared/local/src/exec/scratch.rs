//! The folder of scratch files of one executor: made when it is needed, removed with it, or else by whoever comes next.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::process::Pid;

use super::watchdog::uptime;

/// The folder, or why it could not be made. Dropping this removes it.
#[derive(Default)]
pub(super) struct Scratch(OnceLock<Result<PathBuf, String>>);

impl Scratch {
    /// The folder below the state folder.
    pub(super) fn folder(&self, state: &Path) -> Result<&Path, String> {
        let made = self.0.get_or_init(|| {
            let root = state.join("scratch");
            sweep(&root);
            let path = root.join(format!("{}-{}", std::process::id(), uptime()));
            std::fs::create_dir_all(&path)
                .map(|()| path.clone())
                .map_err(|error| {
                    format!(
                        "the scratch folder {} cannot be made: {error}",
                        path.display()
                    )
                })
        });
        made.as_deref().map_err(Clone::clone)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(Ok(path)) = self.0.get() {
            // What a daemon still holds open goes with it.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Removes what engines that are gone have left behind.
fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.split_once('-')?.0.parse().ok())
            .and_then(Pid::from_raw);
        if owner.is_some_and(|pid| {
            rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
        }) {
            // Another engine may sweep at the same moment.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

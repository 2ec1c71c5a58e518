//! The virtual environment that `ork` was installed into with pip, when it was started from there by its path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The interpreter of the environment in whose `bin` this program was started, as in `.venv/bin/ork execute …`.
///
/// Without the path, `PATH` has decided which `ork` it is, and decides on the interpreter, too: an environment that is active stands in it.
/// Links are not followed: one that leads into an environment (pipx, `uv tool`) is there to hide it.
pub(crate) fn python() -> Option<PathBuf> {
    std::env::args_os()
        .next()
        .and_then(|started| beside(&started))
}

fn beside(started: &OsStr) -> Option<PathBuf> {
    let bin = Path::new(started)
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())?;
    let bin = std::path::absolute(bin).ok()?;
    // `..` is the folder's own, also where `bin` is `.`.
    let is_environment = bin.join("../pyvenv.cfg").is_file();
    let python = bin.join("python3");
    (is_environment && python.is_file()).then_some(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_into_an_environment_names_its_interpreter() {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).expect("made");
        let started = bin.join("ork");
        assert_eq!(beside(started.as_os_str()), None);
        std::fs::write(bin.join("python3"), "").expect("written");
        assert_eq!(beside(started.as_os_str()), None, "no environment");
        std::fs::write(folder.path().join("pyvenv.cfg"), "").expect("written");
        assert_eq!(beside(started.as_os_str()), Some(bin.join("python3")));
        assert_eq!(beside(OsStr::new("ork")), None);
        assert_eq!(beside(OsStr::new("")), None);
        let link = folder.path().join("ork");
        std::os::unix::fs::symlink(&started, &link).expect("linked");
        assert_eq!(beside(link.as_os_str()), None);
    }
}

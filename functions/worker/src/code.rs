//! The folder an attempt runs in: its bundle, fetched once per hash, or the code that the image brings along.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ork_core::bundle;
use ork_core::ids::VersionHash;
use ork_core::names::ObjectName;
use ork_core::run::Category;
use ork_core::task::TaskSpec;
use ork_engine::ports::{ObjectError, Objects};
use tracing::{info, warn};

use crate::bundle::{Bounds, UnpackError, unpack};
use crate::machine::Machine;
use crate::patience::patiently;

/// What half-unpacked bundles are called.
const PART: &str = ".part-";

/// Why there is no code: the attempt fails with this.
#[derive(Debug)]
pub(crate) struct NoCode {
    pub(crate) category: Category,
    pub(crate) message: String,
}

/// The folder that `spec` runs in.
pub(crate) async fn folder<O: Objects>(
    objects: &O,
    spec: &TaskSpec,
    machine: &Machine,
) -> Result<PathBuf, NoCode> {
    let Some(hash) = &spec.bundle else {
        let folder = machine.code_dir.clone();
        return match folder.is_dir() {
            true => Ok(folder),
            false => Err(NoCode {
                category: Category::Permanent,
                message: format!(
                    "workflow {} has no bundle and the worker's image has no folder {}: deploy it with its code, or set ORK_CODE_DIR",
                    spec.workflow_name,
                    folder.display()
                ),
            }),
        };
    };
    let kept = machine.cache_dir.join("bundles");
    let place = kept.join(hash.as_str());
    if place.is_dir() {
        return Ok(place);
    }
    let bytes = fetch(objects, spec, hash, machine.patience).await?;
    let (name, size) = (hash.clone(), bytes.len());
    let unpacked = tokio::task::spawn_blocking(move || keep(&bytes, &name, &kept)).await;
    match unpacked {
        Ok(Ok(())) => {
            info!(
                bundle = hash.as_str(),
                bytes = size,
                "the bundle is unpacked"
            );
            Ok(place)
        }
        Ok(Err(UnpackError::Bundle(why))) => Err(NoCode {
            category: Category::Permanent,
            message: format!("the bundle {} is not taken: {why}", hash.short()),
        }),
        Ok(Err(error @ UnpackError::Machine { .. })) => Err(NoCode {
            category: Category::Recoverable,
            message: format!("the bundle {} cannot be unpacked: {error}", hash.short()),
        }),
        Err(error) => Err(NoCode {
            category: Category::Unknown,
            message: format!("unpacking the bundle {} broke off: {error}", hash.short()),
        }),
    }
}

async fn fetch<O: Objects>(
    objects: &O,
    spec: &TaskSpec,
    hash: &VersionHash,
    patience: Duration,
) -> Result<Vec<u8>, NoCode> {
    let name = ObjectName::Bundle(spec.workflow_name.clone(), hash.clone());
    let no = |category, message: String| Err(NoCode { category, message });
    let got = patiently("fetching the bundle", patience, || {
        objects.get(&name, bundle::BYTES)
    });
    let bytes = match got.await {
        Ok(Some(object)) => object.bytes,
        Ok(None) => {
            return no(
                Category::Permanent,
                format!("the bundle {name} is not there: deploy the workflow again"),
            );
        }
        Err(error @ ObjectError::TooLarge { .. }) => {
            return no(Category::Permanent, format!("{error}: bring less along"));
        }
        Err(error @ ObjectError::Unavailable(_)) => {
            return no(Category::Transient, format!("the bundle {name}: {error}"));
        }
        Err(error) => return no(Category::Recoverable, format!("the bundle {name}: {error}")),
    };
    let found = VersionHash::of(&bytes);
    if found != *hash {
        return no(
            Category::Permanent,
            format!(
                "the bundle {name} is not what its name says, its hash is {found}: deploy the workflow again"
            ),
        );
    }
    Ok(bytes)
}

/// Unpacks aside and puts the whole in its place. Others may do the same at the same moment; the first one's stays.
fn keep(bytes: &[u8], hash: &VersionHash, kept: &Path) -> Result<(), UnpackError> {
    let machine = |path: &Path, error: io::Error| UnpackError::Machine {
        path: path.display().to_string(),
        error,
    };
    let aside = own(kept, PART).map_err(|error| machine(kept, error))?;
    unpack(bytes, aside.path(), Bounds::default())?;
    let place = kept.join(hash.as_str());
    match fs::rename(aside.path(), &place) {
        Ok(()) => {
            // It is not there any more, and what is in its place stays.
            let _ = aside.keep();
            Ok(())
        }
        Err(_) if place.is_dir() => Ok(()),
        Err(error) => Err(machine(&place, error)),
    }
}

/// Makes a folder that only this user may look into, and those above it.
fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A folder of this process alone, below `folder`, called `prefix` and its number; removed when it is dropped.
pub(crate) fn own(folder: &Path, prefix: &str) -> io::Result<tempfile::TempDir> {
    private(folder)?;
    sweep(folder, prefix);
    tempfile::Builder::new()
        .prefix(&format!("{prefix}{}-", std::process::id()))
        .tempdir_in(folder)
}

/// Removes what workers that were killed have left behind.
fn sweep(folder: &Path, prefix: &str) {
    let (Ok(entries), true) = (fs::read_dir(folder), Path::new("/proc/self").exists()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            name.strip_prefix(prefix)?
                .split_once('-')?
                .0
                .parse::<u32>()
                .ok()
        });
        let Some(owner) = owner.filter(|pid| !Path::new(&format!("/proc/{pid}")).exists()) else {
            continue;
        };
        // Another worker may sweep at the same moment.
        if let Err(error) = fs::remove_dir_all(entry.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            let path = entry.path();
            warn!(path = %path.display(), %error, "what process {owner} left behind cannot be removed");
        }
    }
}

//! Ork's own Python package, carried in this program and unpacked once per version.

use std::path::{Path, PathBuf};

use super::Trouble;

// `package` leads to shared/sdk-python/src/ork, so that cargo takes the files along into the package that it publishes.
macro_rules! package {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("package/", $name)))),+]
    };
}

/// Ork's Python package, name and text of each file. A test sees to it that none is forgotten.
pub const PYTHON_PACKAGE: &[(&str, &str)] = package![
    "__init__.py",
    "__main__.py",
    "_attempt.py",
    "_call.py",
    "_child.py",
    "_codec.py",
    "_context.py",
    "_convert.py",
    "_duration.py",
    "_errors.py",
    "_executor.py",
    "_flow.py",
    "_flow_errors.py",
    "_flow_jobs.py",
    "_flow_read.py",
    "_flow_result.py",
    "_flow_rules.py",
    "_flow_run.py",
    "_flow_said.py",
    "_flow_types.py",
    "_flow_values.py",
    "_frames.py",
    "_metrics.py",
    "_modules.py",
    "_outcome.py",
    "_plain.py",
    "_preload.py",
    "_result.py",
    "_schema.py",
    "_sitepath.py",
    "_spare.py",
    "_task.py",
    "_template.py",
    "_types.py",
    "_warm.py",
    "deferrables.py",
    "py.typed",
    "testing.py",
];

/// The folder that holds the package, `<state>/sdk/<version of its contents>`.
pub(super) fn unpack(state: &Path) -> Result<PathBuf, Trouble> {
    let folder = state.join("sdk").join(format!("{:016x}", fingerprint()));
    if folder.join("ork/_warm.py").is_file() {
        return Ok(folder);
    }
    write(&folder).map_err(|error| {
        Trouble::recoverable(format!(
            "Ork's Python package cannot be unpacked into {}: {error}",
            folder.display()
        ))
    })?;
    Ok(folder)
}

fn write(folder: &Path) -> std::io::Result<()> {
    let temporary = folder.with_extension(format!("part{}", std::process::id()));
    let package = temporary.join("ork");
    std::fs::create_dir_all(&package)?;
    for (name, text) in PYTHON_PACKAGE {
        std::fs::write(package.join(name), text)?;
    }
    match std::fs::rename(&temporary, folder) {
        // Another ork was faster; what it unpacked is the same.
        Err(_) if folder.join("ork/_warm.py").is_file() => std::fs::remove_dir_all(&temporary),
        other => other,
    }
}

/// FNV-1a over names and contents: it tells versions apart, nothing more.
fn fingerprint() -> u64 {
    let bytes = PYTHON_PACKAGE
        .iter()
        .flat_map(|(name, text)| name.bytes().chain([0]).chain(text.bytes()).chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_package_is_carried() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk-python/src/ork");
        let mut names: Vec<String> = std::fs::read_dir(&source)
            .expect("the package")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .filter(|name| name != "__pycache__")
            .collect();
        names.sort();
        let carried: Vec<&str> = PYTHON_PACKAGE.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names, carried,
            "list them in sdk.rs, in order; subfolders are not supported"
        );
    }

    #[test]
    fn unpacking_twice_gives_the_same_folder() {
        let state = tempfile::tempdir().expect("a folder");
        let first = unpack(state.path()).expect("unpacked");
        let again = unpack(state.path()).expect("found");
        assert_eq!(first, again);
        assert!(first.join("ork/__init__.py").is_file());
        assert_eq!(
            std::fs::read_dir(state.path().join("sdk"))
                .expect("listed")
                .count(),
            1
        );
    }
}

//! Where java and the emulators of the gcloud SDK are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use thiserror::Error;

/// Where packages put the SDK when `gcloud` is not there to be asked.
const USUAL_ROOTS: [&str; 4] = [
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
];

/// What has to be installed before the emulators can start.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Missing {
    /// No java runtime.
    #[error(
        "no java: Google's emulators need a Java runtime of version 11 or later; install one (Debian: `apt-get install default-jre-headless`) \
         so that `java -version` works"
    )]
    Java,
    /// No gcloud SDK in any of the places looked at.
    #[error(
        "no gcloud SDK in {}; install it (https://cloud.google.com/sdk/docs/install), then `gcloud components install cloud-firestore-emulator \
         pubsub-emulator`, or name its folder",
        list(.looked_at)
    )]
    Sdk {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// The SDK is there, but not this emulator.
    #[error(
        "no {emulator} in {}; install it with `gcloud components install {component}` or, where gcloud came as a Debian package, \
         `apt-get install {package}`",
        .root.display()
    )]
    Emulator {
        /// What it is.
        emulator: &'static str,
        /// The gcloud component that holds it.
        component: &'static str,
        /// The Debian package that holds it.
        package: &'static str,
        /// The SDK that was found.
        root: PathBuf,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// A java and the jars of the emulators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdk {
    pub(super) java: PathBuf,
    pub(super) firestore: Result<PathBuf, Missing>,
    pub(super) pubsub: Result<PathBuf, Missing>,
}

impl Sdk {
    /// Finds java and both emulators. With `root`, only in that SDK.
    ///
    /// # Errors
    /// What is missing, with the command that installs it.
    pub fn find(root: Option<&Path>) -> Result<Self, Missing> {
        let sdk = Self::find_any(root)?;
        sdk.firestore.clone()?;
        sdk.pubsub.clone()?;
        Ok(sdk)
    }

    /// Finds java and the SDK; an emulator that is not there is missed when it is started.
    ///
    /// # Errors
    /// What is missing, with the command that installs it.
    pub fn find_any(root: Option<&Path>) -> Result<Self, Missing> {
        let java = java().ok_or(Missing::Java)?;
        let roots = match root {
            Some(root) => vec![root.to_path_buf()],
            None => roots(),
        };
        let found: Vec<&PathBuf> = roots
            .iter()
            .filter(|root| root.join("platform").is_dir())
            .collect();
        let Some(first) = found.first() else {
            return Err(Missing::Sdk { looked_at: roots });
        };
        let jar = |folder: &str, prefix: &str| {
            found
                .iter()
                .find_map(|root| newest_jar(&root.join("platform").join(folder), prefix))
        };
        let firestore = jar("cloud-firestore-emulator", "cloud-firestore-emulator");
        let pubsub = jar("pubsub-emulator/lib", "cloud-pubsub-emulator");
        Ok(Self {
            java,
            firestore: firestore.ok_or_else(|| Missing::Emulator {
                emulator: "Firestore emulator",
                component: "cloud-firestore-emulator",
                package: "google-cloud-cli-firestore-emulator",
                root: first.to_path_buf(),
            }),
            pubsub: pubsub.ok_or_else(|| Missing::Emulator {
                emulator: "Pub/Sub emulator",
                component: "pubsub-emulator",
                package: "google-cloud-cli-pubsub-emulator",
                root: first.to_path_buf(),
            }),
        })
    }
}

/// The java of `JAVA_HOME` if there is one, else the one on the path; only one that runs counts. Trying takes a moment and is
/// done once.
fn java() -> Option<PathBuf> {
    static JAVA: OnceLock<Option<PathBuf>> = OnceLock::new();
    let runs = |java: &PathBuf| {
        let output = Command::new(java).arg("-version").output();
        output.is_ok_and(|output| output.status.success())
    };
    JAVA.get_or_init(|| {
        let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
        home.into_iter().chain([PathBuf::from("java")]).find(runs)
    })
    .clone()
}

fn roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = beside_gcloud().into_iter().collect();
    roots.extend(USUAL_ROOTS.iter().map(PathBuf::from));
    if let Some(home) = std::env::home_dir() {
        roots.push(home.join("google-cloud-sdk"));
    }
    roots.dedup();
    roots
}

/// The SDK that `gcloud` on the path belongs to: it lies in its `bin`. Links are followed; a wrapper that lies elsewhere has
/// to be asked, which takes a second.
fn beside_gcloud() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let gcloud = std::env::split_paths(&path)
        .map(|folder| folder.join("gcloud"))
        .find(|file| file.is_file())?;
    let real = std::fs::canonicalize(gcloud).ok()?;
    let root = real.parent()?.parent()?;
    if root.join("platform").is_dir() {
        return Some(root.to_path_buf());
    }
    let asked = Command::new("gcloud")
        .args(["info", "--format=value(installation.sdk_root)"])
        .output()
        .ok()?;
    let root = String::from_utf8(asked.stdout).ok()?;
    Some(PathBuf::from(root.trim())).filter(|root| root.is_dir())
}

/// The jar in `folder` whose name begins with `prefix`; of several the one with the highest version.
fn newest_jar(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix) && name.ends_with(".jar"))
        .max_by_key(|name| version(name))
        .map(|name| folder.join(name))
}

/// The numbers in a file name: `…-0.8.20-all.jar` is `[0, 8, 20]`.
fn version(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    fn sdk_with(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("platform")).unwrap();
        for file in files {
            let path = root.path().join("platform").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        root
    }

    #[test]
    fn of_several_jars_the_highest_version_is_taken() {
        let root = sdk_with(&[
            "cloud-firestore-emulator/cloud-firestore-emulator.jar",
            "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.9-all.jar",
            "pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar",
            "pubsub-emulator/lib/other-9.jar",
        ]);
        if java().is_none() {
            assert_eq!(Sdk::find(Some(root.path())), Err(Missing::Java));
            return;
        }
        let sdk = Sdk::find(Some(root.path())).unwrap();
        assert!(
            sdk.pubsub
                .unwrap()
                .ends_with("cloud-pubsub-emulator-0.8.20-all.jar")
        );
        assert!(
            sdk.firestore
                .unwrap()
                .ends_with("cloud-firestore-emulator.jar")
        );
    }

    #[test]
    fn a_missing_emulator_is_named_with_the_commands_that_install_it() {
        let root = sdk_with(&["cloud-firestore-emulator/cloud-firestore-emulator.jar"]);
        if java().is_none() {
            return;
        }
        let text = Sdk::find(Some(root.path())).unwrap_err().to_string();
        assert!(text.contains("no Pub/Sub emulator"), "{text}");
        assert!(
            text.contains("gcloud components install pubsub-emulator"),
            "{text}"
        );
        assert!(
            text.contains("apt-get install google-cloud-cli-pubsub-emulator"),
            "{text}"
        );
    }

    #[test]
    fn a_folder_that_is_no_sdk_is_named() {
        if java().is_none() {
            return;
        }
        let text = Sdk::find(Some(Path::new("/nowhere")))
            .unwrap_err()
            .to_string();
        assert!(text.contains("no gcloud SDK in /nowhere"), "{text}");
        assert!(
            text.contains("gcloud components install cloud-firestore-emulator pubsub-emulator"),
            "{text}"
        );
    }
}

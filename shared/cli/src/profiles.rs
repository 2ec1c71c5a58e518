//! The configuration file: `ork/config.yaml` in the user's folder of such files, with profiles.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use ork_core::parse::{Profile, Profiles, parse_profiles};

use crate::config::{self, Cloud, Config};
use crate::failure::Failure;
use crate::workflow_file::{shown, unreadable};

/// Bytes of the file that are read; far more than anybody writes.
const BYTES: u64 = 1 << 20;

/// The configuration file as it was read.
pub(crate) struct Settings {
    file: PathBuf,
    all: Profiles,
    cloud: Cloud,
}

/// Where the file is or would be; nowhere for somebody without a home.
pub(crate) fn file(config: &Config) -> Option<PathBuf> {
    let folder = config.settings.as_ref()?;
    Some(folder.join("ork").join("config.yaml"))
}

impl Settings {
    /// Reads the file, if there is one.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(file) = file(config) else {
            return Ok(None);
        };
        let bytes = match read(&file) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Failure::of(error.kind(), unreadable(&file, &error))),
        };
        let name = shown(&file);
        let all = parse_profiles(&name, &bytes).map_err(|found| {
            // The lines are not shown: somebody may have written a key there.
            let line = |one: &ork_core::diagnostic::Diagnostic| {
                let hint = one.hint.as_deref().map(|hint| format!(" ({hint})"));
                let (line, column) = (one.at.line, one.at.column);
                format!("\n  {line}:{column} {}{}", one.message, hint.unwrap_or_default())
            };
            let lines: String = found.iter().map(line).collect();
            Failure::new(format!("the configuration file `{name}` is wrong:{lines}")).hint(
                "docs/cli.md says what may stand there; --server, --project or --state do without it",
            )
        })?;
        Ok(Some(Self {
            file,
            all,
            cloud: config.cloud.clone(),
        }))
    }

    /// The same for somebody who named a profile.
    pub(crate) fn needed(config: &Config, name: &str, by: &str) -> Result<Self, Failure> {
        if let Some(settings) = Self::read(config)? {
            return Ok(settings);
        }
        let place = match file(config) {
            Some(file) => format!("there is no configuration file `{}`", shown(&file)),
            None => "there is no home folder with a configuration file".to_owned(),
        };
        Err(Failure::new(format!(
            "{by} names the profile `{name}`, and {place}"
        )))
    }

    /// What it says.
    pub(crate) const fn all(&self) -> &Profiles {
        &self.all
    }

    /// The profile that applies when nobody says anything.
    pub(crate) fn default(&self) -> Option<&str> {
        self.all.default.as_deref()
    }

    /// One of its profiles.
    pub(crate) fn profile(&self, name: &str) -> Result<&Profile, Failure> {
        self.all.profiles.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.all.profiles.keys().map(String::as_str).collect();
            let there = match names.as_slice() {
                [] => "there are none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Failure::new(format!("there is no profile `{name}` in {}", self.shown()))
                .hint(format!("{there}; `ork profile list` shows them"))
        })
    }

    /// The file, for people.
    pub(crate) fn shown(&self) -> String {
        shown(&self.file)
    }

    /// The folder that the file is in.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    /// A path that stands in the file.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        placed(text, self.folder())
    }

    /// What the environment says about Google Cloud.
    pub(crate) const fn cloud(&self) -> &Cloud {
        &self.cloud
    }
}

/// A path of a file in `folder`; `~/` is the user's home.
pub(crate) fn placed(text: &str, folder: &Path) -> PathBuf {
    match (text.strip_prefix("~/"), config::home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(text),
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

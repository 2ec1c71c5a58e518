//! The places that a command works at.

use std::path::PathBuf;

use ork_core::parse::SecretSource;

use crate::config::{Cloud, Hidden};
use crate::failure::Failure;

/// Where a command works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a state folder.
    Folder(PathBuf),
    /// In a project.
    Project(Box<Deployment>),
    /// At a server.
    Server(Box<ServerAt>),
}

impl Place {
    /// Whether runs go on there without this process.
    pub(crate) const fn is_remote(&self) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::Project(_) | Self::Server(_) => true,
        }
    }

    /// In words.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Folder(_) => "state folder",
            Self::Project(_) => "project",
            Self::Server(_) => "server",
        }
    }
}

/// Where Ork's HTTP API is, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAt {
    /// As `server_url` leaves it.
    pub(crate) url: String,
    /// The API key.
    pub(crate) key: Option<Secret>,
    /// An identity token of Google's.
    pub(crate) id_token: Option<Secret>,
    /// Why no key is shown although there is one.
    pub(crate) withheld: Option<String>,
}

/// Something secret: what it is, or where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// In this variable of the registry.
    Said(&'static str, Hidden),
    /// Where a profile says; paths begin in the folder.
    From(SecretSource, PathBuf),
}

/// Where a deployed Ork is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// The project.
    pub(crate) project: String,
    /// Its bucket.
    pub(crate) bucket: String,
    /// Its database.
    pub(crate) database: String,
    /// Full name of the topic that dispatch hears.
    pub(crate) topic_dispatch: String,
    /// Full name of the topic that poll hears.
    pub(crate) topic_poll: String,
    /// Where the emulators are; `None`: Google's own services.
    pub(crate) emulators: Option<Emulators>,
}

/// Addresses of emulators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emulators {
    /// Firestore's.
    pub(crate) firestore: String,
    /// Pub/Sub's.
    pub(crate) pubsub: String,
    /// Cloud Storage's.
    pub(crate) storage: String,
}

/// The emulators, all of them or none: half a deployment on this machine and half of it at Google's is nobody's wish.
pub(super) fn emulators(said: &Cloud) -> Result<Option<Emulators>, Failure> {
    let all = [
        ("FIRESTORE_EMULATOR_HOST", &said.firestore),
        ("PUBSUB_EMULATOR_HOST", &said.pubsub),
        ("STORAGE_EMULATOR_HOST", &said.storage),
    ];
    let Some((set, _)) = all.iter().find(|(_, value)| value.is_some()) else {
        return Ok(None);
    };
    let need = |(name, value): (&str, &Option<String>)| {
        value.clone().ok_or_else(|| {
            Failure::new(format!(
                "{set} is set, and {name} is not: with emulators all three are needed"
            ))
            .hint("`ork-emulators --env-file FILE` writes them into a file to be sourced; without any of them Google's own services are asked")
        })
    };
    let [firestore, pubsub, storage] = all;
    Ok(Some(Emulators {
        firestore: need(firestore)?,
        pubsub: need(pubsub)?,
        storage: need(storage)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_are_asked_all_or_none() {
        let of = |n: usize, missing: usize| (n != missing).then(|| format!("127.0.0.1:{n}"));
        let said = |missing: usize| Cloud {
            firestore: of(0, missing),
            pubsub: of(1, missing),
            storage: of(2, missing),
            ..Cloud::default()
        };
        let names = [
            "FIRESTORE_EMULATOR_HOST is not",
            "PUBSUB_EMULATOR_HOST is not",
            "STORAGE_EMULATOR_HOST is not",
        ];
        for (missing, name) in names.iter().enumerate() {
            let wrong = emulators(&said(missing)).expect_err("one is missing");
            assert!(wrong.message.contains(name), "{wrong:?}");
        }
        let one = Cloud {
            storage: of(2, 9),
            ..Cloud::default()
        };
        let wrong = emulators(&one).expect_err("two are missing");
        assert!(
            wrong
                .message
                .starts_with("STORAGE_EMULATOR_HOST is set, and FIRESTORE"),
            "{wrong:?}"
        );
        let found = emulators(&said(9)).expect("all three").expect("emulators");
        assert_eq!(found.storage, "127.0.0.1:2");
        assert_eq!(emulators(&Cloud::default()).expect("none"), None);
    }
}

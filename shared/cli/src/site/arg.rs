//! Where a command works: a state folder here, or a project on Google Cloud.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Cloud, Config};
use crate::failure::Failure;
use crate::state_folder::StateArg;

/// The database that a project has without saying anything.
const DATABASE: &str = "(default)";

/// Where the workflows and runs are.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct SiteArg {
    #[command(flatten)]
    state: StateArg,
    /// Google Cloud project to work with, instead of a state folder [default: ORK_PROJECT]
    #[arg(long, value_name = "PROJECT", conflicts_with = "state")]
    project: Option<String>,
    /// Bucket of the project [default: ORK_BUCKET]
    #[arg(long, value_name = "BUCKET", conflicts_with = "state")]
    bucket: Option<String>,
    /// Firestore database of the project [default: ORK_DATABASE, or `(default)`]
    #[arg(long, value_name = "NAME", conflicts_with = "state")]
    database: Option<String>,
}

/// Where a command works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a state folder.
    Folder(PathBuf),
    /// In a project.
    Project(Box<Deployment>),
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

impl SiteArg {
    /// For a command about a workflow file: the folder is `.ork` beside it.
    pub(crate) fn beside(&self, file: &Path, config: &Config) -> Result<Place, Failure> {
        match self.deployment(config)? {
            Some(deployment) => Ok(Place::Project(Box::new(deployment))),
            None => self.state.beside(file, config).map(Place::Folder),
        }
    }

    /// For a command about what is there: the folder is the nearest `.ork`, here or above.
    pub(crate) fn nearest(&self, config: &Config) -> Result<Place, Failure> {
        match self.deployment(config)? {
            Some(deployment) => Ok(Place::Project(Box::new(deployment))),
            None => self.state.nearest(config).map(Place::Folder),
        }
    }

    /// The project that was named, if one was. A folder that was named as an option comes before a project of the environment.
    fn deployment(&self, config: &Config) -> Result<Option<Deployment>, Failure> {
        if self.state.state.is_some() {
            return Ok(None);
        }
        let said = &config.cloud;
        let Some(project) = self.project.as_ref().or(said.project.as_ref()) else {
            let option = match (&self.bucket, &self.database) {
                (None, None) => return Ok(None),
                (Some(_), _) => "--bucket",
                (None, Some(_)) => "--database",
            };
            return Err(
                Failure::new(format!("{option} is about a project, and none is named"))
                    .hint("name it with --project PROJECT, or with ORK_PROJECT"),
            );
        };
        let Some(bucket) = self.bucket.as_ref().or(said.bucket.as_ref()) else {
            return Err(
                Failure::new(format!("the bucket of project `{project}` is not named"))
                    .hint("name it with --bucket BUCKET, or with ORK_BUCKET"),
            );
        };
        let database = self.database.as_ref().or(said.database.as_ref());
        // Topics of another project are none of this one's.
        let is_said = said.project.as_ref().is_none_or(|known| known == project);
        let topic = |named: &Option<String>, function: &str| {
            let usual = || format!("projects/{project}/topics/ork-{function}");
            named.clone().filter(|_| is_said).unwrap_or_else(usual)
        };
        Ok(Some(Deployment {
            project: project.clone(),
            bucket: bucket.clone(),
            database: database.map_or_else(|| DATABASE.to_owned(), Clone::clone),
            topic_dispatch: topic(&said.topic_dispatch, "dispatch"),
            topic_poll: topic(&said.topic_poll, "poll"),
            emulators: emulators(said)?,
        }))
    }
}

/// The emulators, all of them or none: half a deployment on this machine and half of it at Google's is nobody's wish.
fn emulators(said: &Cloud) -> Result<Option<Emulators>, Failure> {
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

    fn environment(project: bool) -> Config {
        let of = |name: &str| Some(name.to_owned());
        Config {
            state: Some(PathBuf::from("/from-environment")),
            cloud: Cloud {
                project: if project { of("p") } else { None },
                bucket: of("b"),
                ..Cloud::default()
            },
            ..Config::default()
        }
    }

    fn deployment(arg: &SiteArg, config: &Config) -> Deployment {
        match arg.nearest(config).expect("a place") {
            Place::Project(deployment) => *deployment,
            Place::Folder(folder) => panic!("{}", folder.display()),
        }
    }

    #[test]
    fn a_project_of_the_environment_comes_before_a_folder_of_the_environment() {
        let found = deployment(&SiteArg::default(), &environment(true));
        assert_eq!((found.project.as_str(), found.bucket.as_str()), ("p", "b"));
        assert_eq!(found.database, "(default)");
        assert_eq!(found.topic_dispatch, "projects/p/topics/ork-dispatch");
        assert_eq!(found.topic_poll, "projects/p/topics/ork-poll");
        assert_eq!(found.emulators, None);
    }

    #[test]
    fn a_folder_that_is_an_option_comes_first() {
        let arg = SiteArg {
            state: StateArg {
                state: Some(PathBuf::from("/option")),
            },
            ..SiteArg::default()
        };
        for place in [
            arg.nearest(&environment(true)),
            arg.beside(Path::new("w.yaml"), &environment(true)),
        ] {
            assert_eq!(place.expect("a place"), Place::Folder("/option".into()));
        }
    }

    #[test]
    fn without_a_project_the_bucket_of_the_environment_means_nothing() {
        let place = SiteArg::default().nearest(&environment(false));
        assert_eq!(
            place.expect("a place"),
            Place::Folder("/from-environment".into())
        );
    }

    #[test]
    fn options_come_before_the_environment() {
        let arg = SiteArg {
            project: Some("other".to_owned()),
            database: Some("d".to_owned()),
            ..SiteArg::default()
        };
        let mut config = environment(true);
        config.cloud.topic_poll = Some("projects/x/topics/y".to_owned());
        let found = deployment(&arg, &config);
        assert_eq!(
            (found.project.as_str(), found.database.as_str()),
            ("other", "d")
        );
        assert_eq!(found.topic_dispatch, "projects/other/topics/ork-dispatch");
        // The topic of the environment is one of the project of the environment.
        assert_eq!(found.topic_poll, "projects/other/topics/ork-poll");
        let found = deployment(&SiteArg::default(), &config);
        assert_eq!(found.topic_poll, "projects/x/topics/y");
        config.cloud.project = None;
        assert_eq!(deployment(&arg, &config).topic_poll, "projects/x/topics/y");
    }

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

    #[test]
    fn what_is_missing_is_named() {
        let project = SiteArg {
            project: Some("p".to_owned()),
            ..SiteArg::default()
        };
        let wrong = project.nearest(&Config::default()).expect_err("no bucket");
        assert!(wrong.message.contains("bucket of project `p`"), "{wrong:?}");
        assert!(wrong.hint.is_some_and(|hint| hint.contains("--bucket")));
        let bucket = SiteArg {
            bucket: Some("b".to_owned()),
            ..SiteArg::default()
        };
        let wrong = bucket.nearest(&Config::default()).expect_err("no project");
        assert!(wrong.hint.is_some_and(|hint| hint.contains("--project")));
    }
}

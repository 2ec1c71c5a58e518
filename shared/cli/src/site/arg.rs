//! Where a command works: a state folder here, a project on Google Cloud, or a server. What is said is looked for in this order: options, the
//! option `--profile`, the environment, the default profile. Nothing said is a state folder.

use std::path::Path;

use clap::Args;
use ork_core::parse::{Profile, server_url};

use super::place::emulators;
use super::{Deployment, Place, Secret, ServerAt};
use crate::config::{Cloud, Config};
use crate::failure::Failure;
use crate::profiles::Settings;
use crate::state_folder::StateArg;

/// The database that a project has without saying anything.
const DATABASE: &str = "(default)";

/// Where the workflows and runs are.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct SiteArg {
    #[command(flatten)]
    state: StateArg,
    /// Server to work with over its HTTP API [default: ORK_SERVER]
    #[arg(long, value_name = "URL", conflicts_with_all = ["state", "profile", "project", "bucket", "database"])]
    server: Option<String>,
    /// Google Cloud project to work with, instead of a state folder [default: ORK_PROJECT]
    #[arg(long, value_name = "PROJECT", conflicts_with = "state")]
    project: Option<String>,
    /// Bucket of the project [default: ORK_BUCKET]
    #[arg(long, value_name = "BUCKET", conflicts_with = "state")]
    bucket: Option<String>,
    /// Firestore database of the project [default: ORK_DATABASE, or `(default)`]
    #[arg(long, value_name = "NAME", conflicts_with = "state")]
    database: Option<String>,
    /// Profile of the configuration file [default: ORK_PROFILE, or the default of the file]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["state", "project", "bucket", "database"])]
    profile: Option<String>,
}

/// What was said of where a command works.
pub(crate) struct Found {
    /// Where; none is the state folder that is usual for the command, or the one that was named.
    pub(crate) place: Option<Place>,
    /// The profile that says so.
    pub(crate) profile: Option<String>,
    /// Why it is that one, in words.
    pub(crate) because: String,
}

impl Found {
    fn of(place: Option<Place>, because: impl Into<String>) -> Self {
        Self {
            place,
            profile: None,
            because: because.into(),
        }
    }

    fn profile(settings: &Settings, name: &str, because: String) -> Result<Self, Failure> {
        Ok(Self {
            place: Some(settings.place(name)?),
            profile: Some(name.to_owned()),
            because,
        })
    }
}

impl SiteArg {
    /// For a command about a workflow file: the folder is `.ork` beside it.
    pub(crate) fn beside(&self, file: &Path, config: &Config) -> Result<Place, Failure> {
        match self.said(config)?.place {
            Some(place) => Ok(place),
            None => self.state.beside(file, config).map(Place::Folder),
        }
    }

    /// For a command about what is there: the folder is the nearest `.ork`, here or above.
    pub(crate) fn nearest(&self, config: &Config) -> Result<Place, Failure> {
        match self.said(config)?.place {
            Some(place) => Ok(place),
            None => self.state.nearest(config).map(Place::Folder),
        }
    }

    /// Where pages are: those of a project are at its server, so that a project of the environment is none.
    pub(crate) fn pages(&self, config: &Config) -> Result<Place, Failure> {
        let no_pages = |project: &str| {
            Failure::new(format!(
                "the pages of project `{project}` are at the address of its API"
            ))
            .hint("name that with --server URL")
        };
        if let Some(project) = &self.project {
            return Err(no_pages(project));
        }
        match self.said(config)? {
            Found {
                place: Some(Place::Project(deployment)),
                profile: Some(_),
                ..
            } => Err(no_pages(&deployment.project)),
            Found {
                place: None | Some(Place::Project(_)),
                ..
            } => self.state.nearest(config).map(Place::Folder),
            Found {
                place: Some(place), ..
            } => Ok(place),
        }
    }

    /// What was said, and by what.
    pub(crate) fn said(&self, config: &Config) -> Result<Found, Failure> {
        if self.state.state.is_some() {
            return Ok(Found::of(None, "--state"));
        }
        if let Some(url) = &self.server {
            let place = server(url, "--server", config)?;
            return Ok(Found::of(Some(place), "--server"));
        }
        if self.project.is_some() || self.bucket.is_some() || self.database.is_some() {
            let place = self.deployment(config)?.map(project);
            return Ok(Found::of(place, "--project"));
        }
        if let Some(name) = &self.profile {
            let settings = Settings::needed(config, name, "--profile")?;
            return Found::profile(&settings, name, "--profile".to_owned());
        }
        if let Some(found) = environment(config)? {
            return match found {
                Environment::Profile(name) => {
                    let settings = Settings::needed(config, name, "ORK_PROFILE")?;
                    Found::profile(&settings, name, "ORK_PROFILE".to_owned())
                }
                Environment::Server(url) => {
                    let place = server(url, "ORK_SERVER", config)?;
                    Ok(Found::of(Some(place), "ORK_SERVER"))
                }
                Environment::Project => {
                    let place = self.deployment(config)?.map(project);
                    Ok(Found::of(place, "ORK_PROJECT"))
                }
                Environment::State => Ok(Found::of(None, "ORK_STATE")),
            };
        }
        if let Some(settings) = Settings::read(config)?
            && let Some(name) = settings.default()
        {
            let because = format!("`default` of {}", settings.shown());
            return Found::profile(&settings, name, because);
        }
        Ok(Found::of(None, "nothing says otherwise"))
    }

    /// The project that was named, if one was.
    fn deployment(&self, config: &Config) -> Result<Option<Deployment>, Failure> {
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
        in_project(project, bucket, database, said).map(Some)
    }
}

/// Where a project is.
pub(crate) fn in_project(
    project: &str,
    bucket: &str,
    database: Option<&String>,
    said: &Cloud,
) -> Result<Deployment, Failure> {
    // Topics of another project are none of this one's.
    let is_said = said.project.as_ref().is_none_or(|known| known == project);
    let topic = |named: &Option<String>, function: &str| {
        let usual = || format!("projects/{project}/topics/ork-{function}");
        named.clone().filter(|_| is_said).unwrap_or_else(usual)
    };
    Ok(Deployment {
        project: project.to_owned(),
        bucket: bucket.to_owned(),
        database: database.map_or_else(|| DATABASE.to_owned(), Clone::clone),
        topic_dispatch: topic(&said.topic_dispatch, "dispatch"),
        topic_poll: topic(&said.topic_poll, "poll"),
        emulators: emulators(said)?,
    })
}

fn project(deployment: Deployment) -> Place {
    Place::Project(Box::new(deployment))
}

/// A server that was named, with what the environment has for it.
fn server(text: &str, by: &str, config: &Config) -> Result<Place, Failure> {
    let read = |text: &str, by: &str| {
        server_url(text).map_err(|why| {
            Failure::new(format!("{by} is no URL of a server: {why}"))
                .hint("write the address that its pages have, such as https://ork.example")
        })
    };
    let url = read(text, by)?;
    let said = &config.server;
    // What is meant for one server is shown to no other.
    let meant = match &said.url {
        Some(other) => Some(read(other, "ORK_SERVER")?).filter(|other| *other != url),
        None => None,
    };
    let secret = |name, value: &Option<_>| {
        let value = value.clone().filter(|_| meant.is_none());
        value.map(|value| Secret::Said(name, value))
    };
    Ok(Place::Server(Box::new(ServerAt {
        key: secret("ORK_API_KEY", &said.key),
        id_token: secret("ORK_ID_TOKEN", &said.id_token),
        withheld: meant
            .filter(|_| said.key.is_some() || said.id_token.is_some())
            .map(|other| {
                format!("ORK_API_KEY and ORK_ID_TOKEN are for {other}, which ORK_SERVER names, and were not shown")
            }),
        url,
    })))
}

/// What the environment names.
enum Environment<'a> {
    Profile(&'a str),
    Server(&'a str),
    Project,
    State,
}

/// Of what stands for a whole place only one may be said. A state folder of the environment comes after those.
fn environment(config: &Config) -> Result<Option<Environment<'_>>, Failure> {
    let profile = config.profile.as_deref().map(Environment::Profile);
    let server = config.server.url.as_deref().map(Environment::Server);
    let project = config.cloud.project.as_ref().map(|_| Environment::Project);
    let all = [
        ("ORK_PROFILE", profile),
        ("ORK_SERVER", server),
        ("ORK_PROJECT", project),
    ];
    let mut said = all.into_iter().filter_map(|(name, one)| Some((name, one?)));
    match (said.next(), said.next()) {
        (None, _) => Ok(config.state.as_ref().map(|_| Environment::State)),
        (Some((_, one)), None) => Ok(Some(one)),
        (Some((one, _)), Some((other, _))) => Err(Failure::new(format!(
            "{one} and {other} are both set, and each says where to work"
        ))
        .hint("unset one of them, or say it with an option: --profile, --server, --project or --state")),
    }
}

impl Settings {
    /// The place that a profile names.
    pub(crate) fn place(&self, name: &str) -> Result<Place, Failure> {
        let from = |source: &Option<_>| {
            let source = source.clone();
            source.map(|source| Secret::From(source, self.folder().to_owned()))
        };
        Ok(match self.profile(name)? {
            Profile::Server {
                server,
                key,
                id_token,
            } => Place::Server(Box::new(ServerAt {
                url: server.clone(),
                key: from(key),
                id_token: from(id_token),
                withheld: None,
            })),
            Profile::Project {
                project: id,
                bucket,
                database,
            } => project(in_project(id, bucket, database.as_ref(), self.cloud())?),
            Profile::Folder { state } => Place::Folder(self.path(state)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
            other => panic!("{other:?}"),
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

    fn served(place: Place) -> ServerAt {
        match place {
            Place::Server(at) => *at,
            other => panic!("{other:?}"),
        }
    }

    fn with_server(url: &str) -> Config {
        let mut config = Config::default();
        config.server.url = Some(url.to_owned());
        config.server.key = Some(crate::config::Hidden("ork_a_b".to_owned()));
        config
    }

    #[test]
    fn a_key_of_the_environment_is_shown_to_the_server_of_the_environment() {
        let config = with_server("https://ork.example/");
        let found = served(SiteArg::default().nearest(&config).expect("a place"));
        assert_eq!(found.url, "https://ork.example");
        assert!(found.key.is_some() && found.withheld.is_none());
        let other = |url: &str| SiteArg {
            server: Some(url.to_owned()),
            ..SiteArg::default()
        };
        let same = other("https://ork.example").nearest(&config);
        assert!(served(same.expect("a place")).key.is_some());
        let other_one = served(
            other("https://else.example")
                .nearest(&config)
                .expect("a place"),
        );
        assert_eq!(other_one.key, None);
        let why = other_one.withheld.expect("a reason");
        assert!(why.contains("https://ork.example"), "{why}");
    }

    #[test]
    fn two_places_of_the_environment_are_an_error_that_names_both() {
        let mut config = with_server("https://ork.example");
        config.state = Some("/from-environment".into());
        assert!(SiteArg::default().nearest(&config).is_ok());
        config.cloud.project = Some("p".to_owned());
        let wrong = SiteArg::default().nearest(&config).expect_err("both");
        assert!(
            wrong.message.contains("ORK_SERVER and ORK_PROJECT"),
            "{wrong:?}"
        );
        let arg = SiteArg {
            server: Some("https://ork.example".to_owned()),
            ..SiteArg::default()
        };
        assert!(arg.nearest(&config).is_ok(), "an option says it");
    }

    #[test]
    fn a_url_that_holds_a_password_is_refused_without_being_repeated() {
        let arg = SiteArg {
            server: Some("https://me:secret@ork.example".to_owned()),
            ..SiteArg::default()
        };
        let wrong = arg.nearest(&Config::default()).expect_err("a password");
        assert!(!format!("{wrong:?}").contains("secret"), "{wrong:?}");
    }
}

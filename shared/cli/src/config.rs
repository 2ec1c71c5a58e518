//! The environment variables Ork reads: all of them, here and nowhere else.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use ork_core::definition::SecretRef;

use crate::failure::Exit;

/// A variable and what it does.
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, for `ork --help`.
    pub(crate) doc: &'static str,
}

/// The registry, in the order it is shown.
pub(crate) const VARIABLES: [Variable; 29] = [
    Variable {
        name: "ORK_PYTHON",
        doc: "Interpreter for Python tasks that have no environment of their own",
    },
    Variable {
        name: "ORK_STATE",
        doc: "State folder, as --state",
    },
    Variable {
        name: "ORK_PROFILE",
        doc: "Profile of the configuration file, as --profile",
    },
    Variable {
        name: "ORK_SERVER",
        doc: "Server to work with, as --server",
    },
    Variable {
        name: "ORK_API_KEY",
        doc: "API key that a server is shown",
    },
    Variable {
        name: "ORK_ID_TOKEN",
        doc: "Google identity token that a server is shown",
    },
    Variable {
        name: "ORK_PROJECT",
        doc: "Google Cloud project to work with, as --project",
    },
    Variable {
        name: "ORK_BUCKET",
        doc: "Bucket of that project, as --bucket",
    },
    Variable {
        name: "ORK_DATABASE",
        doc: "Firestore database of that project, as --database",
    },
    Variable {
        name: "ORK_TOPIC_DISPATCH",
        doc: "Full name of its topic `ork-dispatch`, should it be another one",
    },
    Variable {
        name: "ORK_TOPIC_POLL",
        doc: "Full name of its topic `ork-poll`, should it be another one",
    },
    Variable {
        name: "FIRESTORE_EMULATOR_HOST",
        doc: "Firestore emulator, HOST:PORT; the two others are needed with it",
    },
    Variable {
        name: "PUBSUB_EMULATOR_HOST",
        doc: "Pub/Sub emulator, HOST:PORT",
    },
    Variable {
        name: "STORAGE_EMULATOR_HOST",
        doc: "Cloud Storage emulator, http://HOST:PORT",
    },
    Variable {
        name: "GOOGLE_APPLICATION_CREDENTIALS",
        doc: "File with credentials for Google Cloud, instead of those of gcloud",
    },
    Variable {
        name: "GCE_METADATA_HOST",
        doc: "Metadata server that gives credentials on a machine of Google's",
    },
    Variable {
        name: "ORK_OUTGOING_ALLOW",
        doc: "Internal hosts and ranges that deferred jobs of type `custom_http` may be at",
    },
    Variable {
        name: "ORK_TRACKERS",
        doc: "Further types of deferred jobs: a JSON object of URLs",
    },
    Variable {
        name: "ORK_SMTP_URL",
        doc: "Server for letters, smtps://USER:PASSWORD@HOST",
    },
    Variable {
        name: "ORK_SMTP_FROM",
        doc: "Address that those letters are from",
    },
    Variable {
        name: "ORK_RUN_ENDPOINT",
        doc: "Cloud Run emulator for deferred jobs, http://HOST:PORT",
    },
    Variable {
        name: "ORK_BIGQUERY_ENDPOINT",
        doc: "BigQuery emulator for deferred jobs, http://HOST:PORT",
    },
    Variable {
        name: "ORK_DATAPROC_ENDPOINT",
        doc: "Dataproc emulator for deferred jobs, http://HOST:PORT",
    },
    Variable {
        name: "ORK_ADMIN_ENDPOINT",
        doc: "Stand-in for what `ork doctor` asks Google, http://HOST:PORT",
    },
    Variable {
        name: "XDG_CONFIG_HOME",
        doc: "Folder of ork/config.yaml, the profiles; otherwise ~/.config",
    },
    Variable {
        name: "BROWSER",
        doc: "Browser that `ork open` starts: commands with colons between",
    },
    Variable {
        name: "NO_COLOR",
        doc: "No colours, whatever the terminal",
    },
    Variable {
        name: "CLICOLOR_FORCE",
        doc: "Colours even where there is no terminal",
    },
    Variable {
        name: "TERM",
        doc: "`dumb` means no colours and no live progress",
    },
];

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// `ORK_PYTHON`.
    pub(crate) python: Option<PathBuf>,
    /// `ORK_STATE`.
    pub(crate) state: Option<PathBuf>,
    /// `ORK_PROFILE`.
    pub(crate) profile: Option<String>,
    /// What is said about a server.
    pub(crate) server: ServerSaid,
    /// `XDG_CONFIG_HOME`, where it is absolute, or else `~/.config`.
    pub(crate) settings: Option<PathBuf>,
    /// `BROWSER`.
    pub(crate) browser: Option<String>,
    /// `NO_COLOR`.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE`.
    pub(crate) force_color: bool,
    /// `TERM=dumb`.
    pub(crate) dumb_terminal: bool,
    /// What is said about Google Cloud.
    pub(crate) cloud: Cloud,
    /// What is said about services that run deferred jobs.
    pub(crate) services: Services,
}

/// What the environment says about a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerSaid {
    /// `ORK_SERVER`.
    pub(crate) url: Option<String>,
    /// `ORK_API_KEY`.
    pub(crate) key: Option<Hidden>,
    /// `ORK_ID_TOKEN`.
    pub(crate) id_token: Option<Hidden>,
}

/// What the environment says about services that run deferred jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Services {
    /// `ORK_OUTGOING_ALLOW`.
    pub(crate) outgoing_allow: Option<String>,
    /// `ORK_TRACKERS`.
    pub(crate) trackers: Option<String>,
    /// `ORK_SMTP_URL`.
    pub(crate) smtp_url: Option<Hidden>,
    /// `ORK_SMTP_FROM`.
    pub(crate) smtp_from: Option<String>,
    /// `PUBSUB_EMULATOR_HOST`.
    pub(crate) pubsub: Option<String>,
    /// `ORK_RUN_ENDPOINT`.
    pub(crate) run: Option<String>,
    /// `ORK_BIGQUERY_ENDPOINT`.
    pub(crate) bigquery: Option<String>,
    /// `ORK_DATAPROC_ENDPOINT`.
    pub(crate) dataproc: Option<String>,
    /// `STORAGE_EMULATOR_HOST`.
    pub(crate) storage: Option<String>,
    /// `ORK_PROJECT`: of jobs that name none.
    pub(crate) project: Option<String>,
}

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the environment says about Google Cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// `ORK_PROJECT`.
    pub(crate) project: Option<String>,
    /// `ORK_BUCKET`.
    pub(crate) bucket: Option<String>,
    /// `ORK_DATABASE`.
    pub(crate) database: Option<String>,
    /// `ORK_TOPIC_DISPATCH`.
    pub(crate) topic_dispatch: Option<String>,
    /// `ORK_TOPIC_POLL`.
    pub(crate) topic_poll: Option<String>,
    /// `FIRESTORE_EMULATOR_HOST`.
    pub(crate) firestore: Option<String>,
    /// `PUBSUB_EMULATOR_HOST`.
    pub(crate) pubsub: Option<String>,
    /// `STORAGE_EMULATOR_HOST`.
    pub(crate) storage: Option<String>,
    /// `GOOGLE_APPLICATION_CREDENTIALS`; Google's library reads it itself.
    pub(crate) credentials: Option<PathBuf>,
    /// `GCE_METADATA_HOST`; Google's library reads it, too.
    pub(crate) metadata: Option<String>,
    /// `ORK_ADMIN_ENDPOINT`.
    pub(crate) admin: Option<String>,
}

impl Config {
    /// Reads the registry's variables; an empty one counts as absent.
    pub(crate) fn read() -> Self {
        let [
            python,
            state,
            profile,
            server,
            api_key,
            id_token,
            project,
            bucket,
            database,
            topic_dispatch,
            topic_poll,
            firestore,
            pubsub,
            storage,
            credentials,
            metadata,
            outgoing_allow,
            trackers,
            smtp_url,
            smtp_from,
            run,
            bigquery,
            dataproc,
            admin,
            config_home,
            browser,
            no_color,
            force_color,
            term,
        ] = VARIABLES.map(|one| env::var_os(one.name).filter(|value| !value.is_empty()));
        // What is not UTF-8 is no name of Google's, and is shown as it is when it is refused.
        let text =
            |value: Option<OsString>| value.map(|value| value.to_string_lossy().into_owned());
        Self {
            python: python.map(PathBuf::from),
            state: state.map(PathBuf::from),
            profile: text(profile),
            server: ServerSaid {
                url: text(server),
                key: text(api_key).map(Hidden),
                id_token: text(id_token).map(Hidden),
            },
            // One that is relative is to be ignored, as its specification says.
            settings: config_home
                .map(PathBuf::from)
                .filter(|folder| folder.is_absolute())
                .or_else(|| home().map(|home| home.join(".config"))),
            browser: text(browser),
            no_color: no_color.is_some(),
            force_color: force_color.is_some_and(|value| value != "0"),
            dumb_terminal: term.is_some_and(|value| value == "dumb"),
            cloud: Cloud {
                project: text(project.clone()),
                bucket: text(bucket),
                database: text(database),
                topic_dispatch: text(topic_dispatch),
                topic_poll: text(topic_poll),
                firestore: text(firestore),
                pubsub: text(pubsub.clone()),
                storage: text(storage.clone()),
                credentials: credentials.map(PathBuf::from),
                metadata: text(metadata),
                admin: text(admin),
            },
            services: Services {
                outgoing_allow: text(outgoing_allow),
                trackers: text(trackers),
                smtp_url: text(smtp_url).map(Hidden),
                smtp_from: text(smtp_from),
                pubsub: text(pubsub),
                run: text(run),
                bigquery: text(bigquery),
                dataproc: text(dataproc),
                storage: text(storage),
                project: text(project),
            },
        }
    }
}

/// The whole environment, which tasks inherit.
pub(crate) fn whole_environment() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}

/// Where programs are looked for.
pub(crate) fn search_path() -> Option<OsString> {
    env::var_os("PATH")
}

/// A variable that a profile names.
#[cfg(feature = "server")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the user is at home.
pub(crate) fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// A secret by its name: of `projects/P/secrets/S/versions/V` the environment variable S holds it.
pub(crate) fn secret(name: &str) -> Option<String> {
    let name = name.to_owned();
    env::var(SecretRef { name }.variable()).ok()
}

/// Where `gcloud auth application-default login` puts credentials.
#[cfg(feature = "cloud")]
pub(crate) fn gcloud_credentials() -> Option<PathBuf> {
    env::home_dir().map(|home| home.join(".config/gcloud/application_default_credentials.json"))
}

/// The registry as the end of `ork --help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Environment:\n");
    for one in &VARIABLES {
        text.push_str(&format!("  {:<31} {}\n", one.name, one.doc));
    }
    let codes = Exit::ALL.map(|(exit, means)| format!("{} {means}", exit.code()));
    text.push_str(&format!("\nExit codes: {}.", codes.join(", ")));
    text
}

//! What the API is told about itself: where the state is, and who is let in how.

use std::collections::{BTreeMap, BTreeSet};

use super::read::Reader;
use super::{Emulators, LogLevel, Problems, Role, Serving, values};
use crate::identity::People;

/// Settings of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Google Cloud project.
    pub project: String,
    /// Bucket of workflows and runs.
    pub bucket: String,
    /// Firestore database.
    pub database: String,
    /// Topic of the hints to dispatch.
    pub topic_dispatch: String,
    /// Topic of the hints to poll.
    pub topic_poll: String,
    /// Where the services of Google are: those that it uses.
    pub emulators: Emulators,
    /// What is logged.
    pub log: LogLevel,
    /// Who is let in.
    pub auth: ApiAuth,
    /// Requests a second and at once of one caller, if they are limited.
    pub rate: Option<(u32, u32)>,
    /// How it serves.
    pub serving: Serving,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiAuth {
    /// Everybody on this machine: everything is emulated.
    Off,
    /// Whoever shows who they are in one of these ways, of which there is one at least.
    Shown {
        /// Google's identity tokens.
        google: Option<GoogleAuth>,
        /// Identity-Aware Proxy, by the audience of its assertions.
        iap: Option<String>,
        /// API keys.
        keys: bool,
        /// What people may do.
        people: People,
    },
}

/// Google's identity tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleAuth {
    /// Any of these audiences.
    pub audiences: Vec<String>,
    /// Cloud Run has checked them.
    pub behind_iam: bool,
}

impl ApiSettings {
    /// Reads the settings from `variables`. All that is wrong is reported at once.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let mut reader = Reader::new(Role::Api, variables);
        let project = reader.optional("ORK_PROJECT", values::segment);
        let bucket = reader.optional("ORK_BUCKET", values::segment);
        let database = reader.optional("ORK_DATABASE", values::segment);
        let topic_dispatch = reader.optional("ORK_TOPIC_DISPATCH", values::topic);
        let topic_poll = reader.optional("ORK_TOPIC_POLL", values::topic);
        let log = reader.optional("ORK_LOG", values::level);
        let emulators = emulators(&mut reader);
        let emulated = emulators.firestore.is_some();
        let auth = auth(&mut reader, emulated);
        let rate = reader.optional("ORK_RATE", rate).flatten();
        let serving = reader.serving(bucket.as_deref().unwrap_or_default(), emulated, None);
        match (
            project,
            bucket,
            database,
            topic_dispatch,
            topic_poll,
            log,
            auth,
        ) {
            (
                Some(project),
                Some(bucket),
                Some(database),
                Some(topic_dispatch),
                Some(topic_poll),
                Some(log),
                Some(auth),
            ) if reader.problems.is_empty() => Ok(Self {
                project,
                bucket,
                database,
                topic_dispatch,
                topic_poll,
                emulators,
                log,
                auth,
                rate,
                serving,
            }),
            _ => Err(Problems(reader.problems)),
        }
    }
}

/// Either all that is used is emulated or nothing.
fn emulators(reader: &mut Reader<'_>) -> Emulators {
    let names = [
        "FIRESTORE_EMULATOR_HOST",
        "STORAGE_EMULATOR_HOST",
        "PUBSUB_EMULATOR_HOST",
    ];
    let [firestore, storage, pubsub] = names.map(|name| reader.optional(name, values::emulator));
    if let Some(set) = names.iter().find(|name| reader.text(name).is_some()) {
        for name in names {
            if reader.text(name).is_none() {
                reader.problem(
                    name,
                    format!("is not set, and {set} is: emulators and Google Cloud do not mix"),
                );
            }
        }
    }
    Emulators {
        firestore,
        storage,
        pubsub,
        ..Emulators::default()
    }
}

const WAYS: [&str; 4] = ["iam", "verify", "iap", "keys"];

fn auth(reader: &mut Reader<'_>, emulated: bool) -> Option<ApiAuth> {
    let said = reader.optional("ORK_AUTH", ways)?;
    let has = |word: &str| said.contains(word);
    if said.is_empty() {
        if !emulated {
            reader.problem(
                "ORK_AUTH",
                "is off, which is for emulators only (FIRESTORE_EMULATOR_HOST is not set)",
            );
        }
        return Some(ApiAuth::Off);
    }
    if has("iam") && has("verify") {
        reader.problem(
            "ORK_AUTH",
            "has iam and verify: either Cloud Run checks tokens or nobody has",
        );
    }
    if has("iam") && reader.text("K_SERVICE").is_none() {
        reader.problem(
            "ORK_AUTH",
            "has iam, which is for Cloud Run only (K_SERVICE is not set): elsewhere nobody has checked the token; use verify",
        );
    }
    let google = has("iam") || has("verify");
    let audiences = match google {
        true => reader.needed("ORK_AUTH_AUDIENCE", "ORK_AUTH has iam or verify", audiences),
        false => None,
    };
    let iap = match has("iap") {
        true => reader.needed("ORK_IAP_AUDIENCE", "ORK_AUTH has iap", iap_audience),
        false => None,
    };
    let people = match google || has("iap") {
        true => reader.needed("ORK_ROLES", "ORK_AUTH lets people in", People::parse),
        false => Some(People::default()),
    };
    Some(ApiAuth::Shown {
        google: audiences.map(|audiences| GoogleAuth {
            audiences,
            behind_iam: has("iam"),
        }),
        iap,
        keys: has("keys"),
        people: people.unwrap_or_default(),
    })
}

/// The words of a list; none when it is `off`.
fn ways(text: &str) -> Result<BTreeSet<String>, String> {
    if text == "off" {
        return Ok(BTreeSet::new());
    }
    let mut said = BTreeSet::new();
    for word in text.split(',').map(str::trim) {
        if !WAYS.contains(&word) {
            return Err(format!(
                "is `{text}`, which is neither off nor a list of {}",
                WAYS.join(", ")
            ));
        }
        said.insert(word.to_owned());
    }
    Ok(said)
}

fn audiences(text: &str) -> Result<Vec<String>, String> {
    text.split(',')
        .map(|one| match one.trim() {
            "" => Err(format!("is `{text}`, which is no list of audiences")),
            one => values::audience(one),
        })
        .collect()
}

/// `/projects/N/locations/R/services/S`, `/projects/N/global/backendServices/I` or `/projects/N/apps/A`.
fn iap_audience(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let fits = match parts.as_slice() {
        [
            "",
            "projects",
            number,
            "locations",
            region,
            "services",
            service,
        ] => is_number(number) && !region.is_empty() && !service.is_empty(),
        ["", "projects", number, "global", "backendServices", id] => {
            is_number(number) && is_number(id)
        }
        ["", "projects", number, "apps", app] => is_number(number) && !app.is_empty(),
        _ => false,
    };
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "is `{text}`, which is not /projects/NUMBER/locations/REGION/services/SERVICE, nor /projects/NUMBER/global/backendServices/NUMBER"
        ))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `20/100`, or `off`.
fn rate(text: &str) -> Result<Option<(u32, u32)>, String> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || format!("is `{text}`, which is neither off nor two numbers as 20/100");
    let (speed, burst) = text.split_once('/').ok_or_else(wrong)?;
    let read = |text: &str| values::number(text, 1, 100_000).map_err(|_| wrong());
    Ok(Some((read(speed)?, read(burst)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<ApiSettings, String> {
        let mut all: BTreeMap<String, String> = [
            ("ORK_PROJECT", "p"),
            ("ORK_BUCKET", "b"),
            ("ORK_TOPIC_DISPATCH", "projects/p/topics/d"),
            ("ORK_TOPIC_POLL", "projects/p/topics/q"),
            ("ORK_AUTH", "iap,keys"),
            ("ORK_IAP_AUDIENCE", "/projects/7/locations/r/services/s"),
            ("ORK_ROLES", r#"{"admin": ["ada@example.com"]}"#),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (name, value) in changes {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        ApiSettings::read(&all).map_err(|problems| problems.to_string())
    }

    #[test]
    fn ways_are_said_and_not_guessed() {
        let settings = read(&[]).expect("it is right");
        let ApiAuth::Shown {
            google: None,
            iap: Some(audience),
            keys: true,
            people,
        } = settings.auth
        else {
            panic!("{:?}", settings.auth);
        };
        assert_eq!(audience, "/projects/7/locations/r/services/s");
        assert!(people.role_of("ada@example.com", None).is_some());
        assert_eq!(settings.rate, Some((20, 100)));
        assert!(!settings.serving.loopback);
        let keys = read(&[("ORK_AUTH", "keys"), ("ORK_ROLES", ""), ("ORK_RATE", "off")]);
        assert_eq!(keys.expect("keys need nobody's name").rate, None);
        let verify = [
            ("ORK_AUTH", "verify"),
            ("ORK_AUTH_AUDIENCE", "https://a.example, https://b.example"),
        ];
        let settings = read(&verify).expect("it is right");
        assert!(matches!(
            settings.auth,
            ApiAuth::Shown { google: Some(GoogleAuth { behind_iam: false, audiences }), .. } if audiences.len() == 2
        ));
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_said_by_its_name() {
        for (changes, said) in [
            (&[("ORK_AUTH", "")][..], "ORK_AUTH is not set"),
            (&[("ORK_AUTH", "on")], "ORK_AUTH is `on`"),
            (&[("ORK_AUTH", "keys,")], "ORK_AUTH is `keys,`"),
            (&[("ORK_AUTH", "off,keys")], "ORK_AUTH is `off,keys`"),
            (
                &[("ORK_AUTH", "off")],
                "ORK_AUTH is off, which is for emulators",
            ),
            (
                &[
                    ("ORK_AUTH", "iam"),
                    ("ORK_AUTH_AUDIENCE", "https://a.example"),
                ],
                "K_SERVICE",
            ),
            (
                &[
                    ("ORK_AUTH", "iam,verify"),
                    ("K_SERVICE", "a"),
                    ("ORK_AUTH_AUDIENCE", "https://a.example"),
                ],
                "iam and verify",
            ),
            (&[("ORK_AUTH", "verify")], "ORK_AUTH_AUDIENCE is not set"),
            (&[("ORK_IAP_AUDIENCE", "")], "ORK_IAP_AUDIENCE is not set"),
            (
                &[("ORK_IAP_AUDIENCE", "https://a.example")],
                "ORK_IAP_AUDIENCE is `https",
            ),
            (&[("ORK_ROLES", "")], "ORK_ROLES is not set"),
            (&[("ORK_ROLES", "{}")], "ORK_ROLES names nobody"),
            (&[("ORK_RATE", "20")], "ORK_RATE is `20`"),
            (&[("ORK_RATE", "0/5")], "ORK_RATE is `0/5`"),
            (
                &[("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")],
                "STORAGE_EMULATOR_HOST is not set",
            ),
            (&[("ORK_TOPIC_POLL", "")], "ORK_TOPIC_POLL is not set"),
        ] {
            let error = read(changes).expect_err("it is wrong");
            assert!(error.contains(said), "{changes:?}: {error}");
        }
    }

    #[test]
    fn with_emulators_everybody_on_this_machine_may_be_let_in() {
        let settings = read(&[
            ("ORK_AUTH", "off"),
            ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1"),
            ("STORAGE_EMULATOR_HOST", "127.0.0.1:1"),
            ("PUBSUB_EMULATOR_HOST", "127.0.0.1:1"),
        ])
        .expect("it is right");
        assert_eq!(settings.auth, ApiAuth::Off);
        assert!(settings.serving.loopback);
    }
}

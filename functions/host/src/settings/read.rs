//! Reading the settings of a role: all problems are gathered, none is guessed away.

use std::collections::BTreeMap;
use std::time::Duration;

use ork_telemetry::{Telemetry, TelemetrySettings};

use super::variables::{Absent, OF_OTHERS, VARIABLES, variable};
use super::{
    Auth, Caller, Cloud, Emulators, HttpSecrets, Problem, Problems, Role, Serving, Settings, Smtp,
    Wake, WorkerUrls, values,
};

/// How long a head may take. Nobody has a reason to set this.
const HEAD: Duration = Duration::from_secs(30);
/// Cloud Run kills a process ten seconds after it told it to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// The longest that Pub/Sub waits for the answer to a push, in seconds. What the task may take is bounded by its own timeout.
const PUSH: u32 = 600;
/// The longest work of a service on one request, unless it is told.
const WORK: u32 = 50;
/// Tasks that a worker service runs at the same time, unless it is told.
const TASKS: u32 = 4;
/// Requests that a service works on at the same time, unless it is told.
const REQUESTS: u32 = 80;

/// The variables that are set, and what was found wrong with them so far.
pub(super) struct Reader<'a> {
    role: Role,
    variables: &'a BTreeMap<String, String>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(role: Role, variables: &'a BTreeMap<String, String>) -> Self {
        Self {
            role,
            variables,
            problems: unknown(variables),
        }
    }
    pub(super) fn problem(&mut self, variable: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            variable: variable.to_owned(),
            what: what.into(),
        });
    }
    /// The text of a variable; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let known = variable(name).expect("every variable that is read stands in the table");
        let set = self.variables.get(name).filter(|text| !text.is_empty());
        set.cloned().or_else(|| match known.absent {
            Absent::Default(value) => Some(value.to_owned()),
            Absent::Refused(_) | Absent::Means(_) => None,
        })
    }
    /// The value of a variable if it is there, checked.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name);
        if text.is_none()
            && let Some(known) = variable(name)
            && let Absent::Refused(roles) = known.absent
            && roles.contains(&self.role)
        {
            self.problem(name, "is not set");
        }
        match read(&text?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.problem(name, what);
                None
            }
        }
    }
    /// The same for one that is needed because of another.
    pub(super) fn needed<T>(
        &mut self,
        name: &str,
        because: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(name).is_none() {
            self.problem(name, format!("is not set, and {because}"));
        }
        self.optional(name, read)
    }
    fn number(&mut self, name: &str, least: u32, most: u32) -> u32 {
        // Without a value there is a problem, and no settings come of it.
        self.optional(name, |text| values::number(text, least, most))
            .unwrap_or(least)
    }

    /// OpenTelemetry's own variables.
    fn otlp(&mut self) -> Option<TelemetrySettings> {
        match telemetry(self.variables) {
            Ok(settings) => settings,
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Either everything is emulated or nothing: a mixture would write half of its state into a real project.
    fn emulators(&mut self, wakes: bool) -> Emulators {
        let mut at = |name: &str| self.optional(name, values::emulator);
        let found = Emulators {
            firestore: at("FIRESTORE_EMULATOR_HOST"),
            storage: at("STORAGE_EMULATOR_HOST"),
            pubsub: at("PUBSUB_EMULATOR_HOST"),
            run: at("ORK_RUN_ENDPOINT"),
            tasks: at("ORK_TASKS_ENDPOINT"),
            bigquery: at("ORK_BIGQUERY_ENDPOINT"),
            dataproc: at("ORK_DATAPROC_ENDPOINT"),
            iam: at("ORK_IAM_ENDPOINT"),
        };
        let any = [
            ("FIRESTORE_EMULATOR_HOST", true),
            ("STORAGE_EMULATOR_HOST", true),
            ("PUBSUB_EMULATOR_HOST", true),
            ("ORK_RUN_ENDPOINT", true),
            ("ORK_TASKS_ENDPOINT", wakes),
            ("ORK_BIGQUERY_ENDPOINT", true),
            ("ORK_DATAPROC_ENDPOINT", true),
            ("ORK_IAM_ENDPOINT", self.text("ORK_WORKER_URLS").is_some()),
        ];
        let set = any.iter().find(|(name, _)| self.text(name).is_some());
        if let Some((set, _)) = set {
            for (name, needed) in any {
                if needed && self.text(name).is_none() {
                    self.problem(
                        name,
                        format!("is not set, and {set} is: emulators and Google Cloud do not mix"),
                    );
                }
            }
        }
        found
    }

    fn auth(&mut self, emulated: bool) -> Auth {
        let mode = self.optional("ORK_AUTH", |text| match text {
            "iam" | "verify" | "off" => Ok(text.to_owned()),
            _ => Err(format!("is `{text}`, which is not iam, verify or off")),
        });
        let Some(mode) = mode else { return Auth::Off };
        if mode == "off" {
            if !emulated {
                let emulator = match self.role {
                    Role::WorkerService => "STORAGE_EMULATOR_HOST",
                    _ => "FIRESTORE_EMULATOR_HOST",
                };
                self.problem(
                    "ORK_AUTH",
                    format!("is off, which is for emulators only ({emulator} is not set)"),
                );
            }
            return Auth::Off;
        }
        if mode == "iam" && self.text("K_SERVICE").is_none() {
            self.problem(
                "ORK_AUTH",
                "is iam, which is for Cloud Run only (K_SERVICE is not set): elsewhere nobody has checked the token; use verify",
            );
        }
        let because = format!("ORK_AUTH is {mode}");
        let audience = self.needed("ORK_AUTH_AUDIENCE", &because, values::audience);
        let email = self.needed("ORK_AUTH_EMAIL", &because, values::email);
        let (Some(audience), Some(email)) = (audience, email) else {
            return Auth::Off;
        };
        let caller = Caller { audience, email };
        if mode == "iam" {
            Auth::Iam(caller)
        } else {
            Auth::Verify(caller)
        }
    }

    fn wake(&mut self) -> Option<Wake> {
        let queue = self.optional("ORK_WAKE_QUEUE", values::queue).flatten()?;
        let because = "ORK_WAKE_QUEUE is not off";
        let url = self.needed("ORK_WAKE_URL", because, |text| {
            let url = values::url(text)?;
            // Poll has no other path for it, and the audience of the tokens is what stands before.
            if url.ends_with("/wake") && url.matches('/').count() == 3 {
                Ok(url)
            } else {
                Err(format!("is `{url}`, whose path is not /wake"))
            }
        });
        let identity = if self.text("ORK_AUTH").as_deref() == Some("off") {
            self.optional("ORK_WAKE_IDENTITY", values::email)
        } else {
            self.needed("ORK_WAKE_IDENTITY", because, values::email)
        };
        Some(Wake {
            queue,
            url: url?,
            identity,
        })
    }

    /// Jobs and services that run tasks: each profile is one or the other, and one of all is the default.
    fn workers(&mut self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let jobs = self.optional("ORK_WORKER_JOBS", values::worker_jobs);
        let set = self.text("ORK_WORKER_SERVICES").is_some();
        let services = self.optional("ORK_WORKER_SERVICES", values::worker_services);
        let wrong = set && services.is_none();
        let services = services.unwrap_or_default();
        if let Some(jobs) = &jobs {
            for profile in services
                .keys()
                .filter(|profile| jobs.contains_key(*profile))
            {
                self.problem(
                    "ORK_WORKER_SERVICES",
                    format!("has a topic for `{profile}`, and ORK_WORKER_JOBS has a job for it: a profile is one or the other"),
                );
            }
            let default = "default";
            if !wrong && !jobs.contains_key(default) && !services.contains_key(default) {
                self.problem(
                    "ORK_WORKER_JOBS",
                    "has no job called `default`, and ORK_WORKER_SERVICES no topic",
                );
            }
        }
        (jobs.unwrap_or_default(), services)
    }

    /// Workers without credentials: which, and who signs for them.
    fn worker_urls(&mut self, jobs: &BTreeMap<String, String>) -> Option<WorkerUrls> {
        let profiles = self.optional("ORK_WORKER_URLS", values::profiles)?;
        for profile in profiles.iter().filter(|one| !jobs.contains_key(*one)) {
            self.problem(
                "ORK_WORKER_URLS",
                format!("names `{profile}`, for which ORK_WORKER_JOBS has no job"),
            );
        }
        let account = self.needed("ORK_SIGN_ACCOUNT", "ORK_WORKER_URLS is", values::email)?;
        Some(WorkerUrls { profiles, account })
    }

    fn cloud(&mut self, wake: Option<Wake>) -> Option<Cloud> {
        let database = self.optional("ORK_DATABASE", values::segment);
        let region = self.optional("ORK_REGION", values::segment);
        let topic_dispatch = self.optional("ORK_TOPIC_DISPATCH", values::topic);
        let topic_poll = self.optional("ORK_TOPIC_POLL", values::topic);
        let (worker_jobs, worker_services) = self.workers();
        let worker_urls = self.worker_urls(&worker_jobs);
        // Whoever uses them reads them, before the port is open.
        let outgoing_allow = self.optional("ORK_OUTGOING_ALLOW", |text| Ok(text.to_owned()));
        let trackers = self.optional("ORK_TRACKERS", |text| Ok(text.to_owned()));
        let variables = self.variables;
        let http_secrets = self.optional("ORK_HTTP_SECRETS", |list| {
            HttpSecrets::read(list, variables)
        });
        // Whoever sends letters reads them, before the port is open.
        let smtp_url = self.optional("ORK_SMTP_URL", |text| Ok(text.to_owned()));
        let smtp_from = self.optional("ORK_SMTP_FROM", |text| Ok(text.to_owned()));
        let retention = self.optional("ORK_RETENTION", values::retention);
        Some(Cloud {
            database: database?,
            region: region?,
            topic_dispatch: topic_dispatch?,
            topic_poll: topic_poll?,
            worker_jobs,
            worker_services,
            worker_urls,
            chain_identity: self.optional("ORK_CHAIN_IDENTITY", values::email),
            wake,
            outgoing_allow: outgoing_allow.unwrap_or_default(),
            trackers: trackers.unwrap_or_default(),
            http_secrets: http_secrets.unwrap_or_default(),
            smtp: Smtp {
                url: smtp_url.unwrap_or_default(),
                from: smtp_from.unwrap_or_default(),
            },
            retention: retention.unwrap_or_default(),
        })
    }

    pub(super) fn serving(&mut self, bucket: &str, emulated: bool, wake: Option<Wake>) -> Serving {
        let pushed = !matches!(self.role, Role::Tick | Role::Api);
        let of_tasks = self.role == Role::WorkerService;
        let port = self.optional("PORT", port);
        let at_once = |text: &str| values::number(text, 1, 1_000);
        let usual = if of_tasks { TASKS } else { REQUESTS };
        let (places, tick_limit) = if of_tasks {
            (1, 1)
        } else {
            let limit = self.number("ORK_TICK_LIMIT", 1, 500) as usize;
            (self.number("ORK_PLACES", 1, 1_000), limit)
        };
        let (longest, most) = if of_tasks {
            (PUSH, PUSH)
        } else {
            (WORK, 3_000)
        };
        let deadline = self.optional("ORK_DEADLINE_SECONDS", |text| values::number(text, 1, most));
        let deadline = Duration::from_secs(deadline.unwrap_or(longest).into());
        Serving {
            // Where a value is wrong there is a problem, and no settings come of it.
            port: port.unwrap_or_default(),
            loopback: emulated,
            auth: match self.role {
                // It knows many callers, each by what they show.
                Role::Api => Auth::Off,
                _ => self.auth(emulated),
            },
            subscription: if pushed {
                self.optional("ORK_SUBSCRIPTION", values::subscription)
            } else {
                None
            },
            bucket: bucket.to_owned(),
            wake,
            deadline,
            places,
            tick_limit,
            concurrency: self.optional("ORK_CONCURRENCY", at_once).unwrap_or(usual) as usize,
            one_request: self
                .optional("ORK_ONE_REQUEST", |text| match text {
                    "1" => Ok(true),
                    _ => Err(format!("is `{text}`: only 1 means something")),
                })
                .unwrap_or(false),
            head: HEAD,
            drain: DRAIN,
            otlp: self.otlp(),
            telemetry: Telemetry::off(),
        }
    }
}

/// A port to listen on.
fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("is `{text}`, which is not a port from 0 to 65535"))
}

pub(super) fn read(role: Role, variables: &BTreeMap<String, String>) -> Result<Settings, Problems> {
    let mut reader = Reader::new(role, variables);
    let project = reader.optional("ORK_PROJECT", values::segment);
    let bucket = reader.optional("ORK_BUCKET", values::segment);
    let log = reader.optional("ORK_LOG", values::level);
    let wake = reader.wake();
    let emulators = reader.emulators(wake.is_some());
    let cloud = reader.cloud(wake.clone());
    let emulated = emulators.firestore.is_some();
    let serving = reader.serving(bucket.as_deref().unwrap_or_default(), emulated, wake);
    match (project, bucket, log, cloud) {
        (Some(project), Some(bucket), Some(log), Some(cloud)) if reader.problems.is_empty() => {
            Ok(Settings {
                role,
                project,
                bucket,
                emulators,
                log,
                cloud,
                serving,
            })
        }
        _ => Err(Problems(reader.problems)),
    }
}

/// Where traces and metrics go, or everything that is wrong with what is said of it.
pub fn telemetry(
    variables: &BTreeMap<String, String>,
) -> Result<Option<TelemetrySettings>, Vec<Problem>> {
    TelemetrySettings::read(variables).map_err(|wrong| {
        let problem = |(variable, what): (&str, String)| Problem {
            variable: variable.to_owned(),
            what,
        };
        wrong.into_iter().map(problem).collect()
    })
}

/// What users write is strict: a variable with a wrong letter would be one that is not heeded.
pub fn unknown(variables: &BTreeMap<String, String>) -> Vec<Problem> {
    let foreign = variables
        .keys()
        .filter(|name| name.starts_with("ORK_") && variable(name).is_none())
        .filter(|name| !OF_OTHERS.contains(&name.as_str()));
    let problem = |name: &String| {
        let near = VARIABLES
            .iter()
            .map(|known| (distance(name, known.name), known.name))
            .min()
            .filter(|(distance, _)| *distance <= 3);
        Problem {
            variable: name.clone(),
            what: match near {
                Some((_, known)) => format!("is no variable of Ork; is {known} meant?"),
                None => "is no variable of Ork: take it away".into(),
            },
        }
    };
    foreign.map(problem).collect()
}

/// How many letters differ (Levenshtein), for guessing what was meant.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let up = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(up + 1).min(row[j] + 1);
            diagonal = up;
        }
    }
    row[b.len()]
}

//! What `ork doctor` looks at. Checks are made side by side, each within its time; none changes anything that lasts.

mod laptop;
#[cfg(feature = "cloud")]
mod project;
#[cfg(feature = "server")]
mod server;
#[cfg(any(feature = "cloud", feature = "server"))]
mod standing;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::LocalSet;

use crate::config::Config;
use crate::failure::Failure;
use crate::site::{Deployment, Place, ServerAt};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a finding begins of what was not seen.
const NOT_SEEN: &str = "could not look: ";

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at.
    Unknown,
    /// There is nothing to look at, or nothing that is needed.
    Skipped,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 5] = [
        Self::Ok,
        Self::Warning,
        Self::Failed,
        Self::Unknown,
        Self::Skipped,
    ];

    /// Its word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// What was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) state: State,
    pub(crate) found: String,
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn of(state: State, found: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            state,
            found: found.into(),
            remedy,
        }
    }
    /// As it should be.
    pub(crate) fn ok(found: impl Into<String>) -> Self {
        Self::of(State::Ok, found, None)
    }
    /// It works, and somebody should look at it.
    pub(crate) fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(State::Warning, found, Some(remedy.into()))
    }
    /// It does not work.
    pub(crate) fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(State::Failed, found, Some(remedy.into()))
    }
    /// It could not be looked at.
    pub(crate) fn unknown(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(
            State::Unknown,
            format!("{NOT_SEEN}{}", found.into()),
            Some(remedy.into()),
        )
    }
    /// There is nothing to look at.
    pub(crate) fn skipped(found: impl Into<String>) -> Self {
        Self::of(State::Skipped, found, None)
    }
    /// Nothing that is needed is missing, and this is what brings it.
    pub(crate) fn optional(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(State::Skipped, found, Some(remedy.into()))
    }
}

/// What was found under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) finding: Finding,
}

/// Every check there is, in the order in which they are told. The names are a promise: docs/doctor.md has the same ones.
pub(crate) const NAMES: [&str; 51] = [
    "ork.version",
    "machine.system",
    "machine.clock",
    "python.version",
    "python.sdk",
    "python.packages",
    "python.uv",
    "tools.compiler",
    "tools.cargo",
    "tools.emulators",
    "state.folder",
    "state.store",
    "state.locks",
    "state.space",
    "folder.settings",
    "folder.workflows",
    "dev.port",
    "server.answers",
    "server.version",
    "server.api",
    "server.identity",
    "server.clock",
    "google.credentials",
    "google.clock",
    "google.apis",
    "firestore.database",
    "firestore.indexes",
    "firestore.fields",
    "firestore.state",
    "bucket.settings",
    "bucket.notices",
    "pubsub.topics",
    "pubsub.push",
    "pubsub.dead_letters",
    "run.services",
    "run.settings",
    "run.images",
    "run.doors",
    "run.workers",
    "tasks.queue",
    "scheduler.tick",
    "iam.invokers",
    "iam.database",
    "iam.bucket",
    "iam.topics",
    "iam.queue",
    "iam.wake",
    "iam.jobs",
    "system.ticks",
    "system.wakes",
    "system.set_aside",
];

/// A check that is under way.
type Looking = Pin<Box<dyn Future<Output = Finding>>>;

/// Checks that are to be made.
#[derive(Default)]
struct Checks(Vec<(&'static str, Looking)>);

impl Checks {
    /// Adds one.
    fn add(&mut self, name: &'static str, looking: impl Future<Output = Finding> + 'static) {
        self.0.push((name, Box::pin(looking)));
    }

    /// Adds one that asks the file system, which may hang.
    fn blocking(&mut self, name: &'static str, look: impl FnOnce() -> Finding + Send + 'static) {
        self.add(name, async move {
            match tokio::task::spawn_blocking(look).await {
                Ok(finding) => finding,
                Err(error) => broken(&error),
            }
        });
    }

    /// Makes all of them at once, each within `patience`.
    async fn made(self, patience: Duration) -> Vec<Check> {
        let local = LocalSet::new();
        let begun: Vec<_> = self
            .0
            .into_iter()
            .map(|(name, looking)| {
                let within = tokio::time::timeout(patience, looking);
                (name, local.spawn_local(within))
            })
            .collect();
        let mut done = local
            .run_until(async {
                let mut done = Vec::new();
                for (name, one) in begun {
                    let finding = match one.await {
                        Ok(Ok(finding)) => finding,
                        Ok(Err(_)) => Finding::unknown(
                            format!("not done within {} ms", patience.as_millis()),
                            "try again; what is asked here hangs, or is very busy",
                        ),
                        Err(error) => broken(&error),
                    };
                    done.push(Check { name, finding });
                }
                done
            })
            .await;
        done.sort_by_key(|one| NAMES.iter().position(|name| *name == one.name));
        done
    }
}

fn broken(error: &tokio::task::JoinError) -> Finding {
    Finding::unknown(
        format!("the check itself broke ({error})"),
        "this is a bug in ork; please report it",
    )
}

/// Where to look for what a deployment is made of, beyond what every command knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    /// What the names of everything begin with.
    pub(crate) prefix: Option<String>,
    /// Where its services are.
    pub(crate) region: Option<String>,
}

/// Looks at whatever a command would work on.
pub(crate) async fn examine(
    place: Place,
    named: Named,
    config: &Config,
) -> Result<Vec<Check>, Failure> {
    match place {
        Place::Folder(state) => here(&state, config).await,
        Place::Server(at) => at_server(*at).await,
        Place::Project(deployment) => in_project(*deployment, named, config).await,
    }
}

async fn here(state: &Path, config: &Config) -> Result<Vec<Check>, Failure> {
    let mut checks = Checks::default();
    checks.add("ork.version", async { laptop::version() });
    laptop::add(&mut checks, state, config)?;
    Ok(checks.made(PATIENCE).await)
}

#[cfg(feature = "server")]
async fn at_server(at: ServerAt) -> Result<Vec<Check>, Failure> {
    let mut checks = Checks::default();
    checks.add("ork.version", async { laptop::version() });
    server::add(&mut checks, at).await?;
    Ok(checks.made(PATIENCE).await)
}

#[cfg(not(feature = "server"))]
async fn at_server(at: ServerAt) -> Result<Vec<Check>, Failure> {
    // It says why not.
    match crate::site::Server::connect(at).await? {}
}

#[cfg(feature = "cloud")]
async fn in_project(
    deployment: Deployment,
    named: Named,
    config: &Config,
) -> Result<Vec<Check>, Failure> {
    let mut checks = Checks::default();
    checks.add("ork.version", async { laptop::version() });
    project::add(&mut checks, deployment, named, config);
    Ok(checks.made(PATIENCE).await)
}

#[cfg(not(feature = "cloud"))]
async fn in_project(
    deployment: Deployment,
    _: Named,
    config: &Config,
) -> Result<Vec<Check>, Failure> {
    // It says why not.
    match crate::site::Remote::connect(deployment, config).await? {}
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_has_every_check_and_no_other_in_the_same_order() {
        let page = include_str!("../../../docs/doctor.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let named: Vec<&str> = rows
            .filter_map(|row| row.split_once("` |"))
            .map(|(name, _)| name)
            .filter(|name| name.contains('.') && !name.contains(' '))
            .collect();
        assert_eq!(named, NAMES);
        let once: BTreeSet<&str> = NAMES.into_iter().collect();
        assert_eq!(once.len(), NAMES.len());
        for state in State::ALL {
            let row = format!("| `{}` |", state.word());
            assert!(page.contains(&row), "{row}");
        }
    }

    #[tokio::test]
    async fn a_check_that_hangs_or_breaks_spoils_no_other() {
        let mut checks = Checks::default();
        checks.add("python.uv", async { Finding::ok("fine") });
        checks.add("ork.version", async { Finding::ok("fine") });
        checks.blocking("state.space", || panic!("broken on purpose"));
        let made = checks.made(Duration::from_secs(120)).await;
        let told: Vec<(&str, State)> = made
            .iter()
            .map(|one| (one.name, one.finding.state))
            .collect();
        assert_eq!(
            told,
            [
                ("ork.version", State::Ok),
                ("python.uv", State::Ok),
                ("state.space", State::Unknown),
            ]
        );
        assert!(made[2].finding.found.contains("the check itself broke"));
        let mut checks = Checks::default();
        checks.add("python.uv", std::future::pending());
        let made = checks.made(Duration::from_millis(1)).await;
        assert_eq!(
            made[0].finding.found,
            "could not look: not done within 1 ms"
        );
    }
}

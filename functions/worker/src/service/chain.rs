//! Chaining: dispatch is told of a verdict at once, and its answer may bring the next attempt.
//!
//! Nothing depends on it. The notice of the verdict comes to monitor in any case, and an attempt that got lost with an answer is one that
//! was handed over and not begun: its claim lease finds it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::idtoken::{IDTokenCredentials, mds};
use ork_core::names::AttemptFile;
use ork_core::task::{NextAttempt, TaskSpec, VerdictWritten};

use tokio::time::{Instant, timeout};
use tracing::warn;

/// Attempts that follow each other without a message of their own, at most.
pub(super) const MOST: usize = 100;
/// Dispatch's route.
const PATH: &str = "/finished";
/// How long dispatch may take to answer. What it does in longer is found by the claim lease.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a dispatch that could not be reached is left alone: each try would cost the task's place its patience.
const PAUSE: Duration = Duration::from_secs(30);

/// What comes next, if dispatch says so.
pub(super) struct Chain {
    url: String,
    client: reqwest::Client,
    /// Absent where nobody is checked.
    identity: Option<IDTokenCredentials>,
    /// Until when dispatch is not asked.
    quiet: Mutex<Option<Instant>>,
}

impl Chain {
    /// Tells `url`; `checked`: with an identity token of this service's account for the service that is there.
    pub(super) fn new(url: String, checked: bool) -> io::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .timeout(PATIENCE)
            .build()
            .map_err(io::Error::other)?;
        let identity = if checked {
            let audience = url.strip_suffix(PATH).unwrap_or(&url);
            let token = mds::Builder::new(audience).with_format(mds::Format::Full);
            Some(token.build().map_err(io::Error::other)?)
        } else {
            None
        };
        Ok(Self {
            url,
            client,
            identity,
            quiet: Mutex::default(),
        })
    }

    /// Tells dispatch that the verdict of `spec` is written, and gives what it hands on to the service behind `topic`.
    pub(super) async fn next(&self, spec: &TaskSpec, topic: &str) -> Option<TaskSpec> {
        if self.is_quiet() {
            return None;
        }
        let asked = timeout(PATIENCE, self.ask(spec, topic)).await;
        let said = asked.unwrap_or_else(|_| {
            let seconds = PATIENCE.as_secs();
            Err(format!("no answer within {seconds} s"))
        });
        match said {
            Ok(Some(next)) if next.id.run != spec.id.run => {
                warn!(run = %next.id.run, "an attempt of another run was handed on, and is left alone");
                None
            }
            Ok(next) => next.map(|next| *next),
            Err(why) => {
                warn!(
                    "dispatch was not told of a verdict, which the bucket's notice tells it of: {why}"
                );
                *self.quiet() = Some(Instant::now() + PAUSE);
                None
            }
        }
    }

    async fn ask(&self, spec: &TaskSpec, topic: &str) -> Result<Option<Box<TaskSpec>>, String> {
        let told = VerdictWritten {
            verdict: spec.object(AttemptFile::Result).to_string(),
            topic: topic.to_owned(),
        };
        let mut request = self.client.post(&self.url).json(&told);
        if let Some(identity) = &self.identity {
            let token = identity.id_token().await;
            let token = token.map_err(|error| format!("no identity token: {error}"))?;
            request = request.bearer_auth(token);
        }
        // What an error of the client says has no secret in it: the token is in a header.
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => {
                let next: NextAttempt = answer.json().await.map_err(|error| error.to_string())?;
                Ok(next.next)
            }
            // The run is gone, or has moved on.
            204 => Ok(None),
            status => Err(format!("{} answered {status}", self.url)),
        }
    }

    fn is_quiet(&self) -> bool {
        self.quiet().is_some_and(|until| Instant::now() < until)
    }

    fn quiet(&self) -> MutexGuard<'_, Option<Instant>> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

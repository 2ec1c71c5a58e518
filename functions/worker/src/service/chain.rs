//! Chaining: dispatch is told of a verdict at once, and its answer may bring the next attempt.
//!
//! Nothing depends on it. The notice of the verdict comes to monitor in any case, and an attempt that got lost with an answer is one that
//! was handed over and not begun: its claim lease finds it.
//!
//! The answer is a line of JSON. Dispatch sends it when it knows what comes next, and ends it when all is done that follows from the
//! verdict: until then its request is kept open, which is what Cloud Run gives it a processor for.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::idtoken::{IDTokenCredentials, mds};
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::task::{NextAttempt, TaskSpec, VerdictWritten};
use ork_core::time::Millis;
use ork_engine::ports::Clock;
use ork_host::WAITS_UNTIL;
use ork_local::clock::SystemClock;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

/// Attempts that follow each other without a message of their own, at most.
pub(super) const MOST: usize = 100;
/// Dispatch's route.
const PATH: &str = "/finished";
/// How long dispatch may take to answer. It is told, and hands nothing on any more when too little is left.
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer that brings nothing and took this long was not worth the wait.
const SLOW: Duration = Duration::from_secs(5);
/// How long a dispatch that could not be reached, or is slow, is left alone: each try would cost the task's place its patience.
const PAUSE: Duration = Duration::from_secs(30);
/// How long the request of a dispatch that has answered is kept open: more than its work on one may take.
const REST: Duration = Duration::from_secs(60);

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
        let began = Instant::now();
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
            Ok(Some(next)) => Some(*next),
            Ok(None) => {
                if began.elapsed() >= SLOW {
                    warn!("dispatch took long to say that nothing comes next");
                    self.leave_alone();
                }
                None
            }
            Err(why) => {
                warn!(
                    "dispatch was not told of a verdict, which the bucket's notice tells it of: {why}"
                );
                self.leave_alone();
                None
            }
        }
    }

    async fn ask(&self, spec: &TaskSpec, topic: &str) -> Result<Option<Box<TaskSpec>>, String> {
        let told = VerdictWritten {
            verdict: spec.object(AttemptFile::Result).to_string(),
            topic: topic.to_owned(),
        };
        let until = SystemClock.now() + Millis::from_secs(PATIENCE.as_secs());
        let mut request = self.client.post(&self.url).json(&told);
        request = request.header(WAITS_UNTIL, until.0);
        if let Some(identity) = &self.identity {
            let token = identity.id_token().await;
            let token = token.map_err(|error| format!("no identity token: {error}"))?;
            request = request.bearer_auth(token);
        }
        // What an error of the client says has no secret in it: the token is in a header.
        let mut answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => {
                let line = line_of(&mut answer).await?;
                tokio::spawn(read_out(answer));
                let next: NextAttempt = serde_json::from_slice(&line)
                    .map_err(|error| format!("the answer makes no sense: {error}"))?;
                Ok(next.next)
            }
            // The run is gone, or has moved on.
            204 => Ok(None),
            status => Err(format!("{} answered {status}", self.url)),
        }
    }

    fn leave_alone(&self) {
        *self.quiet() = Some(Instant::now() + PAUSE);
    }

    fn is_quiet(&self) -> bool {
        self.quiet().is_some_and(|until| Instant::now() < until)
    }

    fn quiet(&self) -> MutexGuard<'_, Option<Instant>> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first line of an answer, or all of one that has a single one without an end.
async fn line_of(answer: &mut Response) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(|error| error.to_string())? {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        if end.is_some() {
            break;
        }
        if line.len() > limits::BATCH_BYTES {
            let most = limits::BATCH_BYTES;
            return Err(format!("the answer has more than {most} bytes"));
        }
    }
    Ok(line)
}

/// Lets dispatch do the rest with its request open.
async fn read_out(mut answer: Response) {
    let rest = async { while let Ok(Some(_)) = answer.chunk().await {} };
    if timeout(REST, rest).await.is_err() {
        debug!("dispatch is left to do the rest of its work without a request");
    }
}

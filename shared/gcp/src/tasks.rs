//! Precise wakes: tasks of Cloud Tasks that call the poll function at an instant.

use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_tasks_v2::client::CloudTasks as Client;
use google_cloud_tasks_v2::model::{HttpMethod, HttpRequest, OidcToken, Task};
use google_cloud_wkt::Timestamp;
use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::QueueError;
use sha2::{Digest, Sha256};

use crate::endpoints::{ConnectError, nobody, plain};
use crate::failure::{self, Failure};
use crate::meter::{Meter, Usage};
use crate::retry::{Again, Unhindered, pauses, policy};

/// The service schedules no further ahead.
const FURTHEST: Millis = Millis::from_secs(30 * 24 * 3600);
/// One try.
const SHORT: Duration = Duration::from_secs(2);
/// All tries together.
const LONG: Duration = Duration::from_secs(5);

/// Which queue calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// `projects/P/locations/R/queues/Q`.
    pub queue: String,
    /// What is called: the poll function's `/wake`.
    pub url: String,
    /// The service account whose token the call carries, for the audience `url` without `/wake`. `None`: no token, for stand-ins.
    pub identity: Option<String>,
}

/// Schedules wakes. Clones share their connections.
#[derive(Debug, Clone)]
pub struct CloudTasks {
    client: Client,
    wake: Arc<Wake>,
    meter: Meter,
}

impl CloudTasks {
    /// A scheduler of wakes; the queue is not asked for until there is one.
    pub async fn connect(wake: Wake, endpoint: Option<&str>) -> Result<Self, ConnectError> {
        if !matches!(*wake.queue.split('/').collect::<Vec<_>>(), ["projects", p, "locations", l, "queues", q] if ![p, l, q].contains(&""))
        {
            return Err(ConnectError(format!(
                "`{}` is no queue: write it as projects/PROJECT/locations/REGION/queues/QUEUE",
                wake.queue
            )));
        }
        if !is_callable(&wake.url) {
            return Err(ConnectError(format!(
                "`{}` is no URL that a wake can call: give the poll function's, https://…/wake",
                wake.url
            )));
        }
        let endpoint = plain("Cloud Tasks", endpoint)?;
        if endpoint.is_none() && wake.identity.as_deref().is_none_or(str::is_empty) {
            return Err(ConnectError(
                "wakes need the e-mail address of the service account that may call the poll function".into(),
            ));
        }
        let mut client = Client::builder()
            // Made twice under one name is made once.
            .with_retry_policy(policy(Again::Harmless))
            .with_backoff_policy(pauses())
            .with_retry_throttler(Unhindered);
        if let Some(endpoint) = endpoint {
            client = client.with_endpoint(endpoint).with_credentials(nobody());
        }
        let client = client.build().await;
        Ok(Self {
            client: client.map_err(|error| ConnectError::client("Cloud Tasks", &error))?,
            wake: Arc::new(wake),
            meter: Meter::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Asks for `run` to be looked at at `at`, as seen at `now`. What is further away than the service schedules is left to the tick.
    pub async fn wake_at(&self, run: &RunId, at: Time, now: Time) -> Result<(), QueueError> {
        if at > now + FURTHEST {
            return Ok(());
        }
        let task = task(&self.wake, run, at, now);
        let used = Usage {
            tasks: 1,
            ..Usage::default()
        };
        self.meter.count(Some(run), &used);
        let call = self
            .client
            .create_task()
            .set_parent(&self.wake.queue)
            .set_task(task)
            .with_idempotency(true)
            .with_attempt_timeout(SHORT)
            .send();
        let failed = |why: String| {
            QueueError(format!(
                "run {run} is to be looked at at {}: {why}",
                at.rfc3339()
            ))
        };
        match tokio::time::timeout(LONG, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => match failure::of(&error) {
                // Asked for before.
                Failure::Exists => Ok(()),
                Failure::Missing => Err(failed(format!(
                    "there is no queue {}: create it or switch wakes off ({error})",
                    self.wake.queue
                ))),
                Failure::Denied => Err(failed(format!(
                    "no leave to add to {}: give this service's account roles/cloudtasks.enqueuer on the queue and \
                     roles/iam.serviceAccountUser on {} ({error})",
                    self.wake.queue,
                    self.wake
                        .identity
                        .as_deref()
                        .unwrap_or("the wakes' identity"),
                ))),
                _ => Err(failed(error.to_string())),
            },
            Err(_) => Err(failed(format!(
                "Cloud Tasks did not answer within {} s",
                LONG.as_secs()
            ))),
        }
    }
}

fn task(wake: &Wake, run: &RunId, at: Time, now: Time) -> Task {
    let mut request = HttpRequest::new()
        .set_url(&wake.url)
        .set_http_method(HttpMethod::Post)
        .set_headers([("content-type", "application/json")])
        .set_body(serde_json::json!({ "run": run }).to_string());
    if let Some(identity) = wake.identity.as_deref().filter(|email| !email.is_empty()) {
        request = request.set_oidc_token(
            OidcToken::new()
                .set_service_account_email(identity)
                .set_audience(audience(&wake.url)),
        );
    }
    // One that came before it is due would find nothing to do, and nobody would ask for another before the tick.
    let (named, schedule) = if at <= now {
        // A name is not free again for a day once its task is done, so one that is overdue is named by the second it was asked in.
        (Time(now.0 - now.0.rem_euclid(1000)), None)
    } else {
        (at, timestamp(at))
    };
    Task::new()
        .set_name(format!("{}/tasks/{}", wake.queue, id(run, named)))
        .set_or_clear_schedule_time(schedule)
        .set_http_request(request)
}

/// The id of a wake's task. It begins with a hash: ids that begin alike or count up slow the queue down.
fn id(run: &RunId, at: Time) -> String {
    let hash = Sha256::digest(format!("{run}\n{}", at.0));
    let start: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // The alphabet of run ids is that of task ids.
    format!("{start}-{}-{run}", at.0)
}

fn timestamp(at: Time) -> Option<Timestamp> {
    let nanos = i32::try_from(at.0.rem_euclid(1000)).ok()? * 1_000_000;
    Timestamp::new(at.0.div_euclid(1000), nanos).ok()
}

/// Whether `url` has a scheme that can be called, and a host.
fn is_callable(url: &str) -> bool {
    let host = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    host.is_some_and(|host| !host.starts_with('/') && !host.is_empty())
}

/// Whom a wake's token is for: the poll function's address, which is its URL without `/wake`.
fn audience(url: &str) -> &str {
    url.strip_suffix("/wake").unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time(1_780_000_000_500);

    fn run(id: &str) -> RunId {
        RunId::new(id).expect("a run id")
    }
    fn wake() -> Wake {
        Wake {
            queue: "projects/p/locations/r/queues/q".into(),
            url: "https://poll.example/wake".into(),
            identity: Some("wake@p.iam.gserviceaccount.com".into()),
        }
    }

    #[test]
    fn ids_are_of_the_allowed_alphabet_and_length_and_spread() {
        let longest = run(&"a-_Z9".repeat(32));
        for at in [Time(0), NOON, Time(i64::MAX), Time(-1)] {
            let id = id(&longest, at);
            assert!(id.len() <= 500, "{}", id.len());
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(id.chars().all(allowed), "{id}");
        }
        let starts: std::collections::BTreeSet<String> = (0..100)
            .map(|n| id(&run("etl"), Time(NOON.0 + n))[..2].to_owned())
            .collect();
        assert!(starts.len() > 50, "{starts:?}");
    }

    #[test]
    fn one_run_and_instant_have_one_id_and_others_have_others() {
        let known = id(&run("etl"), NOON);
        assert_eq!(known, id(&run("etl"), NOON));
        assert_ne!(known, id(&run("etl"), Time(NOON.0 + 1)));
        assert_ne!(known, id(&run("etl2"), NOON));
    }

    #[test]
    fn a_task_carries_run_instant_and_token() {
        let at = NOON + Millis::from_secs(5);
        let task = task(&wake(), &run("etl"), at, NOON);
        assert!(
            task.name
                .starts_with("projects/p/locations/r/queues/q/tasks/")
        );
        let when = task.schedule_time.as_ref().expect("scheduled");
        assert_eq!((when.seconds(), when.nanos()), (1_780_000_005, 500_000_000));
        let request = task.http_request().expect("an HTTP request");
        assert_eq!(request.url, "https://poll.example/wake");
        assert_eq!(request.body, r#"{"run":"etl"}"#);
        let token = request.oidc_token().expect("a token");
        assert_eq!(
            token.service_account_email,
            "wake@p.iam.gserviceaccount.com"
        );
        assert_eq!(token.audience, "https://poll.example");
    }

    #[test]
    fn what_is_due_is_asked_for_now_once_a_second() {
        let names: Vec<_> = [NOON.0 - 60_000, NOON.0 - 1, NOON.0]
            .into_iter()
            .map(|at| {
                let task = task(&wake(), &run("etl"), Time(at), NOON);
                assert_eq!(task.schedule_time, None);
                task.name
            })
            .collect();
        assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
        let later = task(&wake(), &run("etl"), NOON, NOON + Millis::from_secs(1));
        assert_ne!(later.name, names[0]);
        let soon = task(&wake(), &run("etl"), NOON + Millis(1), NOON);
        assert!(soon.schedule_time.is_some(), "not before it is due");
    }

    #[test]
    fn an_audience_is_the_address_of_the_function() {
        for (url, expected) in [
            ("https://poll-x.run.app/wake", "https://poll-x.run.app"),
            (
                "https://gate.example/poll/wake",
                "https://gate.example/poll",
            ),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ] {
            assert!(is_callable(url), "{url}");
            assert_eq!(audience(url), expected);
        }
        for url in ["ftp://poll/", "https:///wake", "poll/wake", "https://", ""] {
            assert!(!is_callable(url), "{url}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said_before_anything_is_asked() {
        let connect = async |change: fn(&mut Wake), endpoint| {
            let mut wake = wake();
            change(&mut wake);
            CloudTasks::connect(wake, endpoint)
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let stand_in = Some("http://127.0.0.1:1");
        assert_eq!(connect(|_| {}, stand_in).await, Ok(()));
        assert_eq!(connect(|wake| wake.identity = None, stand_in).await, Ok(()));
        let cases: [(fn(&mut Wake), _, _); 3] = [
            (|wake| wake.queue = "q".into(), stand_in, "locations/REGION"),
            (|wake| wake.url = "/wake".into(), stand_in, "no URL"),
            (|wake| wake.identity = None, None, "service account"),
        ];
        for (change, endpoint, word) in cases {
            let said = connect(change, endpoint).await.expect_err("refused");
            assert!(said.contains(word), "{said}");
        }
    }
}

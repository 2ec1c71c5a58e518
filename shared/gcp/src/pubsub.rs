//! Messages over Pub/Sub, which are their attributes; hints are such with two of them, sent in small batches within bounded time.

use std::time::Duration;

use google_cloud_gax::retry_policy::{RetryPolicyArg, RetryPolicyExt};
use google_cloud_pubsub::client::{BasePublisher, Publisher};
use google_cloud_pubsub::model::Message;
use ork_engine::ports::{Function, Hint, QueueError};

use crate::endpoints::{ConnectError, nobody, plain};
use crate::meter::{Meter, Usage};
use crate::prices;
use crate::retry::{Again, Unhindered, pauses, policy};

/// Hints that are sent within this travel together.
const TOGETHER: Duration = Duration::from_millis(1);
/// A hint that is not sent by then is given up: the tick finds what is due.
const PATIENCE: Duration = Duration::from_secs(2);

/// The topics, by their full names `projects/P/topics/T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// For dispatch.
    pub dispatch: String,
    /// For poll.
    pub poll: String,
}

/// What publishers are made from, over one connection. `again` says when a message is sent again.
pub(crate) async fn publishers(
    endpoint: Option<&str>,
    again: impl Into<RetryPolicyArg>,
) -> Result<BasePublisher, ConnectError> {
    let mut base = BasePublisher::builder()
        .with_grpc_subchannel_count(1)
        .with_retry_policy(again)
        .with_backoff_policy(pauses())
        .with_retry_throttler(Unhindered);
    if let Some(endpoint) = plain("Pub/Sub", endpoint)? {
        base = base.with_endpoint(endpoint).with_credentials(nobody());
    }
    base.build()
        .await
        .map_err(|error| ConnectError::client("Pub/Sub", &error))
}

/// The attribute in which a message says what it was sent by, where spans are recorded.
const TRACEPARENT: &str = "traceparent";

/// An empty message with these attributes and what it was sent by, and what it is billed for.
pub(crate) fn message<const N: usize>(
    attributes: [(&str, &str); N],
    trace: Option<&str>,
) -> (Message, Usage) {
    let trace = trace.map(|trace| (TRACEPARENT, trace));
    let attributes = attributes.into_iter().chain(trace);
    let bytes: usize = attributes.clone().map(|(k, v)| k.len() + v.len()).sum();
    let used = Usage {
        messages: 1,
        message_bytes: prices::billed(bytes as u64),
        ..Usage::default()
    };
    (Message::new().set_attributes(attributes), used)
}

/// Sends hints. Clones share their connection and their batches.
#[derive(Debug, Clone)]
pub struct PubsubHints {
    dispatch: Publisher,
    poll: Publisher,
    meter: Meter,
}

impl PubsubHints {
    /// Publishers for the topics, which are not asked for until there is a hint. Needs a tokio runtime, which sends the batches.
    pub async fn connect(topics: &Topics, endpoint: Option<&str>) -> Result<Self, ConnectError> {
        for topic in [&topics.dispatch, &topics.poll] {
            if !matches!(*topic.split('/').collect::<Vec<_>>(), ["projects", p, "topics", t] if !p.is_empty() && !t.is_empty())
            {
                return Err(ConnectError(format!(
                    "`{topic}` is no topic: write it as projects/PROJECT/topics/TOPIC"
                )));
            }
        }
        // Twice the same hint is the same hint.
        let again = policy(Again::Harmless).with_time_limit(PATIENCE);
        let base = publishers(endpoint, again).await?;
        let publisher =
            |topic: &String| base.publisher(topic).set_delay_threshold(TOGETHER).build();
        Ok(Self {
            dispatch: publisher(&topics.dispatch),
            poll: publisher(&topics.poll),
            meter: Meter::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Sends a hint now; gives up after two seconds.
    pub async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        let (publisher, to) = match hint.to {
            Function::Dispatch => (&self.dispatch, "dispatch"),
            Function::Poll => (&self.poll, "poll"),
            Function::Monitor => {
                return Err(QueueError(format!(
                    "monitor hears of verdicts from the bucket and listens to no hints; it was to look at run {}",
                    hint.run
                )));
            }
        };
        let (message, used) = message(
            [("to", to), ("run", hint.run.as_str())],
            hint.trace.as_deref(),
        );
        self.meter.count(Some(&hint.run), &used);
        let sending = publisher.publish(message);
        let what = |why: String| QueueError(format!("{to} is to look at run {}: {why}", hint.run));
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(what(error.to_string())),
            Err(_) => Err(what(format!(
                "Pub/Sub did not answer within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}

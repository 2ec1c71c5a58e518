//! Attempts as messages of topics, each pushed to a worker service: no container has to be started for a task.
//!
//! The lane differs from the one of jobs in how an attempt comes to its worker and in nothing else: what to run stands in the same batch
//! objects, and claim, signs of life and verdict are the same. A message that comes twice meets the claim of the first.

mod kept;
mod lanes;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use google_cloud_pubsub::client::Publisher;
use ork_core::limits;
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::ports::StartError;

pub use kept::keeping;
pub use lanes::Lanes;

use crate::endpoints::ConnectError;
use crate::meter::{Meter, Usage};
use crate::objects::GcsObjects;
use crate::pubsub::{message, publishers};
use crate::retry::{Again, policy};
use crate::run_jobs::batches::{Batch, part};
use crate::run_jobs::start::{leave, permanent, same};
use outcome::{all_of, not_published};

/// The attribute that names the batch object.
pub const BATCH: &str = "batch";
/// The attribute that says which of the batch's specs.
pub const INDEX: &str = "index";
/// The attribute that names the topic itself.
pub const TOPIC: &str = "topic";

/// The longest timeout of a task that is handed to a service: what a task has that states none. A push is answered sooner, and the attempt
/// goes on without it; whoever states more wants a job.
const LONGEST: Millis = limits::TIMEOUT;
/// Batches that are handed over at once.
const AT_ONCE: usize = 4;
/// Messages that one call publishes at most: as many as a batch has.
const TOGETHER: u32 = 1_000;
/// What is published within this travels together.
const PAUSE: Duration = Duration::from_millis(1);
/// How long Pub/Sub may take to accept messages.
const ACCEPT: Duration = Duration::from_secs(30);

/// Hands attempts to worker services. Clones share their connections.
#[derive(Debug, Clone)]
pub struct WorkerServices {
    topics: BTreeMap<String, Publisher>,
    objects: GcsObjects,
    meter: Meter,
}

impl WorkerServices {
    /// Publishers for `topics`, with what the workers are to do left among `objects`. Needs a tokio runtime, which sends the messages.
    pub async fn connect(
        topics: &BTreeSet<&str>,
        objects: GcsObjects,
        endpoint: Option<&str>,
    ) -> Result<Self, ConnectError> {
        // What may have been published is not published again: then what is said of it last would hide that.
        let base = publishers(endpoint, policy(Again::WhenNotDone)).await?;
        let publisher = |topic: &str| {
            base.publisher(topic)
                .set_message_count_threshold(TOGETHER)
                .set_delay_threshold(PAUSE)
                .build()
        };
        let topics = topics
            .iter()
            .map(|topic| ((*topic).to_owned(), publisher(topic)))
            .collect();
        Ok(Self {
            topics,
            objects,
            meter: Meter::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Hands over attempts, each with the topic of its service.
    pub(crate) async fn start(
        &self,
        mut specs: Vec<(TaskSpec, &str)>,
    ) -> Vec<Result<(), StartError>> {
        let kept = kept::keep(&mut specs);
        let mut answers = self.publish(specs).await;
        if let Some(at) = kept {
            // It goes to its worker with the answer that is waited for. Should that get lost, the claim lease finds out.
            answers.insert(at, Ok(()));
        }
        answers
    }

    async fn publish(&self, specs: Vec<(TaskSpec, &str)>) -> Vec<Result<(), StartError>> {
        let mut answers: Vec<Result<(), StartError>> = Vec::new();
        answers.resize_with(specs.len(), || Ok(()));
        let (specs, topics): (Vec<_>, Vec<_>) = specs.into_iter().unzip();
        let mut topics = topics.into_iter();
        let (batches, refused) = part(specs, |spec| {
            let topic = topics.next().expect("each spec has its topic, in order");
            within(spec).map(|()| topic)
        });
        for (position, why) in refused {
            answers[position] = Err(permanent(why));
        }
        let sent = futures_util::stream::iter(batches).map(|batch| async move {
            let answer = Box::pin(self.hand_over(&batch)).await;
            (batch, answer)
        });
        let mut sent = std::pin::pin!(sent.buffer_unordered(AT_ONCE));
        while let Some((batch, answer)) = sent.next().await {
            match answer {
                Ok(each) => {
                    for ((position, _), answer) in batch.members.iter().zip(each) {
                        answers[*position] = answer;
                    }
                }
                Err(error) => {
                    for (position, _) in &batch.members {
                        answers[*position] = Err(same(&error));
                    }
                }
            }
        }
        answers
    }

    /// Leaves the batch and publishes a message for each of its members.
    async fn hand_over(&self, batch: &Batch) -> Result<Vec<Result<(), StartError>>, StartError> {
        let Some(publisher) = self.topics.get(&batch.job) else {
            return Err(permanent(format!(
                "{} is no topic of a worker service of this deployment",
                batch.job
            )));
        };
        // No labels: nothing is ever stopped by the name of an execution.
        let name = leave(&self.objects, batch, &[]).await?;
        let name = name.to_string();
        let mut used = Usage::default();
        let sending: Vec<_> = (0..)
            .zip(&batch.traces)
            .map(|(index, trace): (usize, _)| {
                let index = index.to_string();
                let attributes = [(BATCH, &*name), (INDEX, &*index), (TOPIC, &*batch.job)];
                let (message, one) = message(attributes, trace.as_deref());
                used.add(&one);
                publisher.publish(message)
            })
            .collect();
        self.meter.count(Some(&batch.run), &used);
        let published = all_of(sending, ACCEPT, |error| not_published(&batch.job, error)).await;
        tracing::debug!(
            run = %batch.run,
            batch = name,
            attempts = published.len(),
            topic = batch.job,
            "handed to a worker service"
        );
        Ok(published)
    }
}

/// Whether a service may hold the attempt for as long as it may last.
fn within(spec: &TaskSpec) -> Result<(), String> {
    if spec.timeout <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "its timeout of {} s is more than the {} s that a worker service holds a task for: set a shorter one (`timeout: 5m`), \
         or have it run in a job: name a profile of ORK_WORKER_JOBS as its `worker`",
        spec.timeout.0 / 1000,
        LONGEST.0 / 1000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_jobs::start::tests::spec;

    #[test]
    fn what_takes_longer_than_any_usual_task_is_refused_and_told_where_it_can_run() {
        let mut one = spec("r", 0);
        one.timeout = Millis::from_secs(3_600);
        assert_eq!(within(&one), Ok(()), "nobody has to state one");
        one.timeout = Millis(3_601_000);
        let said = within(&one).expect_err("too long");
        for word in ["3601 s", "3600 s", "ORK_WORKER_JOBS", "`worker`", "timeout"] {
            assert!(said.contains(word), "{said}");
        }
    }
}

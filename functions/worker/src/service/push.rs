//! `POST /push`: a message is an attempt, run from its claim to its verdict.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ork_core::task::TaskSpec;
use ork_engine::batch;
use ork_engine::ports::Metering;
use ork_host::push::Broken;
use ork_host::{Payload, answer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{Instrument, Span, error, info, warn};

use super::chain::{self, Chain};
use super::order::Order;
use super::{Inner, Supply};
use crate::attempt::{Around, Done, Trouble};
use crate::patience::random;

pub(super) async fn push<S: Supply>(
    State(service): State<Arc<Inner<S>>>,
    body: Payload,
) -> Response {
    let order = service.host.open(&body).and_then(|envelope| {
        Order::of(&envelope).map_err(|broken| Box::new(service.host.broken(&broken)))
    });
    let order = match order {
        Ok(order) => order,
        Err(answer) => return *answer,
    };
    Span::current().record("run", order.run.as_str());
    service.host.touch(Some(&order.run));
    let place = match service.place() {
        Ok(place) => place,
        Err(answer) => return *answer,
    };
    let until = Instant::now() + service.hold;
    // Whoever asked may give up and close the connection; a claimed attempt goes on to its verdict all the same.
    let work = Arc::clone(&service).run(order, place).in_current_span();
    let work = tokio::spawn(ork_telemetry::carried(work));
    match tokio::time::timeout_at(until, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            error!(%error, "the attempt broke off");
            answer::problem(StatusCode::INTERNAL_SERVER_ERROR, "the attempt broke off")
        }
        // Pub/Sub would send it again. Whoever claimed it gives signs of life, and that is what the engine looks at.
        Err(_) => {
            info!("the message is acknowledged, and its attempt goes on");
            answer::done()
        }
    }
}

impl<S: Supply> Inner<S> {
    /// Does what the message asks for, and what follows it, and says what to answer.
    async fn run(self: Arc<Self>, order: Order, place: OwnedSemaphorePermit) -> Response {
        let began = Instant::now();
        let answer = match Box::pin(self.ordered(&order)).await {
            Ok((Done::Verdict, spec)) => {
                if let (Some(chain), Some(topic)) = (&self.chain, &order.topic) {
                    Box::pin(self.go_on(chain, topic, spec, began)).await;
                }
                answer::done()
            }
            // Somebody else has it, or it has its verdict: the message is dealt with.
            Ok((Done::NotOurs | Done::Void, _)) => answer::done(),
            Ok((Done::Told, _)) => {
                info!("the attempt was given back: this process ends");
                answer::done()
            }
            Err(Trouble::Told) => answer::later("this process is about to end"),
            Err(trouble @ (Trouble::Unreachable { .. } | Trouble::Claim(_))) => {
                warn!("answered with 503: {trouble}");
                answer::later("the objects cannot be reached")
            }
            Err(trouble @ Trouble::Batch { .. }) => self.host.broken(&Broken(trouble.to_string())),
            // Another worker would only find the claim. The engine will miss the signs of life.
            Err(trouble @ Trouble::Verdict(_)) => {
                error!("{trouble}");
                answer::done()
            }
        };
        drop(place);
        answer
    }

    /// The attempt that a message asks for.
    async fn ordered(&self, order: &Order) -> Result<(Done, TaskSpec), Trouble> {
        let (objects, meter) = self.supply.objects();
        if let Some(meter) = &meter {
            meter.request(Some(&order.run), None);
        }
        let patience = self.machine.patience;
        let bytes = tokio::select! {
            bytes = self.batches.get(&objects, &order.batch, patience) => bytes?,
            () = self.stop.asked() => return Err(Trouble::Told),
        };
        let wrong = |error: String| Trouble::Batch {
            name: order.batch.to_string(),
            error,
        };
        let spec = batch::decode(&bytes, order.index).map_err(wrong)?;
        if spec.id.run != order.run {
            return Err(wrong(format!("it has a spec of run {}", spec.id.run)));
        }
        Span::current().record("task", spec.task_name.as_str());
        let done = self.attempt(&spec, &objects, meter.as_deref()).await?;
        Ok((done, spec))
    }

    async fn attempt(
        &self,
        spec: &TaskSpec,
        objects: &S::Objects,
        meter: Option<&dyn Metering>,
    ) -> Result<Done, Trouble> {
        let around = Around {
            objects,
            machine: &self.machine,
            stop: &self.stop,
            warm: Some(&self.warm),
            meter,
            urls: None,
        };
        let name = format!("{}/{:016x}", self.name, random());
        around.attempt(spec, name).await
    }

    /// Does what dispatch hands on after the end of `spec`, one after the other. What it does not hand on comes as a message.
    async fn go_on(&self, chain: &Chain, topic: &str, mut spec: TaskSpec, began: Instant) {
        for _ in 0..chain::MOST {
            // Ends of a fan-out come close together: monitor settles many of them with one commit. Nor is anything asked for that
            // might not be over while the message lasts.
            if spec.fans_out || self.stop.is_near() || began.elapsed() > self.hold / 2 {
                return;
            }
            let Some(next) = chain.next(&spec, topic).await else {
                return;
            };
            if self.stop.is_near() {
                warn!(task = %next.task_name, "left to its claim lease: this process is about to end");
                return;
            }
            let (objects, meter) = self.supply.objects();
            match Box::pin(self.attempt(&next, &objects, meter.as_deref())).await {
                Ok(Done::Verdict) => spec = next,
                Ok(Done::NotOurs | Done::Void | Done::Told) => return,
                // Not begun, or with a claim: the engine finds out, as it does when a worker dies.
                Err(trouble) => {
                    warn!(task = %next.task_name, "an attempt that was handed on: {trouble}");
                    return;
                }
            }
        }
    }
}

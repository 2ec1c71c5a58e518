//! One attempt, from its claim to its verdict.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::run::Category;
use ork_core::task::{Report, TaskSpec, Verdict};
use ork_core::time::Millis;
use ork_engine::ports::{Clock, Metering, ObjectError, Objects};
use ork_engine::{Worker, batch};
use ork_gcp::signed::UrlObjects;
use ork_local::clock::SystemClock;
use tracing::{debug, info, warn};

use crate::beats::Beats;
use crate::by_url::expired;
use crate::machine::Machine;
use crate::patience::patiently;
use crate::runner::{End, News, Runner, failed};
use crate::service::watch;
use crate::settings::WorkerSettings;
use crate::stop::{self, Stop};
use crate::warm::Warm;
use crate::{code, handin};

/// What became of it, as far as this process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Its verdict stands.
    Verdict,
    /// Its verdict stands, and says that this process was told to end.
    Told,
    /// It was claimed by somebody else, or given up: there was nothing to do.
    NotOurs,
    /// Somebody else gave it a verdict while it ran, so it was ended.
    Void,
}

/// Why Ork could not do its part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the batch {name} cannot be read: {error}")]
    Batch { name: String, error: String },
    #[error("the batch {name} cannot be reached: {error}")]
    Unreachable { name: String, error: String },
    #[error("the attempt cannot be claimed: {0}")]
    Claim(ObjectError),
    #[error("the verdict cannot be written: {0}")]
    Verdict(ObjectError),
    #[error("told to end before the attempt was claimed")]
    Told,
}

/// Does the attempt at the position that `settings` names, of the batch object `name`.
pub(crate) async fn carry_out<O: Objects>(
    objects: &O,
    name: &ObjectName,
    settings: &WorkerSettings,
    stop: &Stop,
    meter: Option<&dyn Metering>,
) -> Result<Done, Trouble> {
    let patience = settings.machine.patience;
    let batch = tokio::select! {
        batch = fetch(objects, name, patience) => batch?,
        () = stop.asked() => return Err(Trouble::Told),
    };
    let spec = batch::decode(&batch, settings.index as usize).map_err(|error| Trouble::Batch {
        name: name.to_string(),
        error,
    })?;
    let around = Around {
        objects,
        machine: &settings.machine,
        stop,
        warm: None,
        meter,
        urls: None,
    };
    around.attempt(&spec, settings.name()).await
}

/// The bytes of a batch object.
pub(crate) async fn fetch<O: Objects>(
    objects: &O,
    name: &ObjectName,
    patience: Duration,
) -> Result<Vec<u8>, Trouble> {
    let object = patiently("reading the batch", patience, || {
        objects.get(name, limits::BATCH_BYTES as u64)
    });
    match object.await {
        Ok(Some(object)) => Ok(object.bytes),
        Ok(None) => Err(Trouble::Batch {
            name: name.to_string(),
            error: "there is no such object".to_owned(),
        }),
        Err(ObjectError::Unavailable(error)) => Err(Trouble::Unreachable {
            name: name.to_string(),
            error,
        }),
        Err(error) => Err(Trouble::Batch {
            name: name.to_string(),
            error: error.to_string(),
        }),
    }
}

/// What an attempt is run with.
pub(crate) struct Around<'a, O> {
    pub(crate) objects: &'a O,
    pub(crate) machine: &'a Machine,
    pub(crate) stop: &'a Stop,
    /// What runs the attempts of a service; an attempt that comes alone has something of its own.
    pub(crate) warm: Option<&'a Warm>,
    pub(crate) meter: Option<&'a dyn Metering>,
    /// What `objects` is, where they are reached by signed URLs.
    pub(crate) urls: Option<&'a UrlObjects>,
}

impl<O: Objects> Around<'_, O> {
    /// Claims the attempt of `spec` as the worker called `name`, and does it.
    pub(crate) async fn attempt(&self, spec: &TaskSpec, name: String) -> Result<Done, Trouble> {
        let worker = Worker::new(self.objects, spec, name);
        let begin = patiently("claiming the attempt", self.machine.patience, || {
            worker.begin(SystemClock.now())
        });
        // Not given up at the first sign of the signal: a claim without a verdict would be missed only when it is long overdue.
        let ours = tokio::select! {
            ours = begin => ours.map_err(Trouble::Claim)?,
            () = self.stop.since(stop::LOG) => return Err(Trouble::Told),
        };
        if !ours {
            debug!(run = %spec.id.run, task = %spec.task_name, "somebody else has the claim");
            return Ok(Done::NotOurs);
        }
        info!(
            run = %spec.id.run,
            task = %spec.task_name,
            index = spec.id.index,
            attempt = spec.id.attempt,
            "the attempt is claimed"
        );
        let claimed = Claimed {
            around: self,
            spec,
            worker: &worker,
            began: Instant::now(),
        };
        claimed.carry_out().await
    }
}

/// Why the code was ended before its time, other than by a signal.
#[derive(Debug, Clone, Copy)]
enum Over {
    /// The attempt has its verdict.
    Void,
    /// It can have none from here.
    Mute,
}

/// An attempt that is this process's.
struct Claimed<'a, O> {
    around: &'a Around<'a, O>,
    spec: &'a TaskSpec,
    worker: &'a Worker<'a, O>,
    began: Instant,
}

impl<O: Objects> Claimed<'_, O> {
    async fn carry_out(&self) -> Result<Done, Trouble> {
        let Around {
            objects,
            machine,
            stop,
            urls,
            ..
        } = *self.around;
        let beats = Beats::new(self.worker, self.spec.heartbeat.to_duration(), urls);
        let mut signs = pin!(async {
            tokio::select! {
                () = beats.give() => {}
                // Of a job the execution is cancelled.
                () = watch::verdict(objects, self.spec), if self.around.warm.is_some() => {}
            }
        });
        let folder = tokio::select! {
            folder = code::folder(objects, self.spec, machine) => folder,
            () = &mut signs => return Ok(Done::Void),
            () = stop.asked() => {
                let done = self.leave(signs, told(false), None).await?;
                return Ok(if done == Done::Verdict { Done::Told } else { done });
            }
        };
        let started = folder
            .map_err(|no| failed(no.category, no.message))
            .and_then(|folder| Runner::start(self.spec.clone(), folder, machine, self.around.warm));
        let mut runner = match started {
            Ok(runner) => runner,
            Err(verdict) => return self.leave(signs, verdict, None).await,
        };
        let (end, over) = self.watch(&mut runner, &beats, signs.as_mut()).await;
        runner.leave().await;
        let log = runner.log().unwrap_or_else(|error| {
            tracing::warn!(%error, "the log cannot be read back");
            None
        });
        self.report(log.as_deref());
        match over {
            Some(Over::Void) => {
                handin::log(objects, self.spec, log.as_deref(), Duration::ZERO, stop).await;
                return self.late(end.verdict).await;
            }
            Some(Over::Mute) => {
                return Err(Trouble::Verdict(ObjectError::Refused(
                    "its signed URLs have expired, so that it was ended: it will be found out to be lost"
                        .to_owned(),
                )));
            }
            None => {}
        }
        let verdict = match end.verdict {
            Verdict::Failed { log_tail, .. } if end.stopped => with_tail(told(end.began), log_tail),
            verdict => verdict,
        };
        let done = self.leave(signs, verdict, log).await?;
        Ok(match done {
            Done::Verdict if end.stopped => Done::Told,
            done => done,
        })
    }

    /// Takes what the task reported out of its log. It is sent when the request ends, or with the process.
    fn report(&self, log: Option<&[u8]>) {
        let Some(log) = log else { return };
        let workflow = self.spec.workflow_name.as_str();
        let task = self.spec.task_name.as_str();
        let telemetry = &self.around.machine.telemetry;
        let reported = telemetry.custom(workflow, task, log);
        if reported.refused > 0 {
            warn!(
                taken = reported.taken,
                refused = reported.refused,
                "not all that the task reported is a metric, or there is too much of it (docs/telemetry.md)"
            );
        }
    }

    /// Waits for the end of the code, and sees to it when it must come, because nobody will learn of another.
    async fn watch(
        &self,
        runner: &mut Runner,
        beats: &Beats<'_, O>,
        mut signs: Pin<&mut impl Future<Output = ()>>,
    ) -> (End, Option<Over>) {
        let (mut over, mut told, mut killed) = (None, false, false);
        loop {
            tokio::select! {
                news = runner.news() => match news {
                    News::Began => beats.began(),
                    News::Setup(text) => info!("{text}"),
                    News::Ended(end) => return (end, over),
                },
                () = signs.as_mut(), if over.is_none() => {
                    info!("the attempt has its verdict already: it is ended");
                    over = Some(Over::Void);
                    runner.stop();
                }
                () = expired(self.around.urls), if over.is_none() => {
                    warn!("the signed URLs have expired: the task is stopped");
                    over = Some(Over::Mute);
                    runner.stop();
                }
                () = self.around.stop.asked(), if !told => {
                    info!("told to end: the task is stopped");
                    told = true;
                    runner.stop();
                }
                () = self.around.stop.since(stop::KILL), if !killed => {
                    killed = true;
                    runner.kill().await;
                }
            }
        }
    }

    /// Hands in the log, with signs of life beside it, and the verdict.
    async fn leave(
        &self,
        signs: Pin<&mut impl Future<Output = ()>>,
        verdict: Verdict,
        log: Option<Vec<u8>>,
    ) -> Result<Done, Trouble> {
        let Around { objects, stop, .. } = *self.around;
        let patience = self.around.machine.patience;
        let outcome = match &verdict {
            Verdict::Success { .. } => "success",
            Verdict::Failed { .. } => "failed",
            Verdict::Deferred { .. } => "deferred",
        };
        let uploading = handin::log(objects, self.spec, log.as_deref(), patience / 2, stop);
        tokio::select! {
            () = uploading => {}
            () = signs => {
                info!(outcome, "the attempt has its verdict already");
                return self.late(verdict).await;
            }
        }
        // No signs beside this one: they would take it for somebody else's.
        let done = self.hand_in(verdict).await?;
        info!(
            outcome,
            first = matches!(done, Done::Verdict),
            "the attempt is over"
        );
        Ok(done)
    }

    /// What becomes of an attempt that has another verdict: the jobs it handed over to are named, so that somebody stops them.
    async fn late(&self, verdict: Verdict) -> Result<Done, Trouble> {
        match verdict {
            Verdict::Deferred { count, .. } => {
                info!(jobs = count, "what it handed over to is to be stopped");
                self.hand_in(verdict).await
            }
            Verdict::Success { .. } | Verdict::Failed { .. } => Ok(Done::Void),
        }
    }

    async fn hand_in(&self, verdict: Verdict) -> Result<Done, Trouble> {
        let Around { stop, meter, .. } = *self.around;
        let patience = self.around.machine.patience;
        let report = Report {
            took: Some(millis(self.began.elapsed())),
            used: meter.map(Metering::total),
        };
        let first = handin::verdict(self.worker, verdict, report, patience, stop)
            .await
            .map_err(Trouble::Verdict)?;
        Ok(if first { Done::Verdict } else { Done::Void })
    }
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// The verdict of an attempt that ends because this process must.
pub(crate) fn told(began: bool) -> Verdict {
    let when = if began {
        "while its code ran"
    } else {
        "before its code began"
    };
    failed(
        Category::Lost,
        format!(
            "its worker was told to end (SIGTERM) {when}: a cancelled execution, an instance that is not needed any more, Cloud Run's own time limit or its maintenance"
        ),
    )
}

fn with_tail(mut verdict: Verdict, tail: Vec<String>) -> Verdict {
    if let Verdict::Failed { log_tail, .. } = &mut verdict {
        *log_tail = tail;
    }
    verdict
}

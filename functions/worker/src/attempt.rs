//! One attempt, from its claim to its verdict.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use ork_core::limits;
use ork_core::run::Category;
use ork_core::task::{Report, TaskSpec, Verdict};
use ork_core::time::Millis;
use ork_engine::ports::{Clock, Metering, ObjectError, Objects};
use ork_engine::{Worker, batch};
use ork_local::clock::SystemClock;
use tracing::{debug, info};

use crate::beats::Beats;
use crate::patience::{patiently, random};
use crate::runner::{End, News, Runner, failed};
use crate::settings::WorkerSettings;
use crate::stop::{self, Stop};
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
    #[error("the attempt cannot be claimed: {0}")]
    Claim(ObjectError),
    #[error("the verdict cannot be written: {0}")]
    Verdict(ObjectError),
    #[error("told to end before the attempt was claimed")]
    Told,
}

/// Does the attempt that `settings` names.
pub(crate) async fn carry_out<O: Objects>(
    objects: &O,
    settings: &WorkerSettings,
    stop: &Stop,
    meter: Option<&dyn Metering>,
) -> Result<Done, Trouble> {
    let spec = tokio::select! {
        spec = read(objects, settings) => spec?,
        _ = stop.asked() => return Err(Trouble::Told),
    };
    let name = format!(
        "{}/{}/{}/{:016x}",
        settings.execution,
        settings.index,
        settings.count,
        random()
    );
    let worker = Worker::new(objects, &spec, name);
    let begin = patiently("claiming the attempt", settings.patience, async || {
        worker.begin(SystemClock.now()).await
    });
    // Not given up at the first sign of the signal: a claim without a verdict would be missed only when it is long overdue.
    let ours = tokio::select! {
        ours = begin => ours.map_err(Trouble::Claim)?,
        () = stop.since(stop::LOG) => return Err(Trouble::Told),
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
    Claimed {
        objects,
        settings,
        stop,
        spec: &spec,
        worker: &worker,
        began: Instant::now(),
        meter,
    }
    .carry_out()
    .await
}

async fn read<O: Objects>(objects: &O, settings: &WorkerSettings) -> Result<TaskSpec, Trouble> {
    let trouble = |error: String| Trouble::Batch {
        name: settings.batch.to_string(),
        error,
    };
    let object = patiently("reading the batch", settings.patience, async || {
        objects
            .get(&settings.batch, limits::BATCH_BYTES as u64)
            .await
    });
    let object = object
        .await
        .map_err(|error| trouble(error.to_string()))?
        .ok_or_else(|| trouble("there is no such object".to_owned()))?;
    batch::decode(&object.bytes, settings.index as usize).map_err(trouble)
}

/// An attempt that is this process's.
struct Claimed<'a, O> {
    objects: &'a O,
    settings: &'a WorkerSettings,
    stop: &'a Stop,
    spec: &'a TaskSpec,
    worker: &'a Worker<'a, O>,
    began: Instant,
    meter: Option<&'a dyn Metering>,
}

impl<O: Objects> Claimed<'_, O> {
    async fn carry_out(&self) -> Result<Done, Trouble> {
        let beats = Beats::new(self.worker, self.spec.heartbeat.to_duration());
        let mut signs = pin!(beats.give());
        let folder = tokio::select! {
            folder = code::folder(self.objects, self.spec, self.settings) => folder,
            () = &mut signs => return Ok(Done::Void),
            _ = self.stop.asked() => {
                let done = self.leave(signs, told(false), None).await?;
                return Ok(if done == Done::Verdict { Done::Told } else { done });
            }
        };
        let started = folder
            .map_err(|no| failed(no.category, no.message))
            .and_then(|folder| Runner::start(self.spec.clone(), folder, self.settings));
        let mut runner = match started {
            Ok(runner) => runner,
            Err(verdict) => return self.leave(signs, verdict, None).await,
        };
        let (end, void) = self.watch(&mut runner, &beats, signs.as_mut()).await;
        // What prepared its surroundings may still be at work.
        runner.kill().await;
        let log = runner.log().unwrap_or_else(|error| {
            tracing::warn!(%error, "the log cannot be read back");
            None
        });
        if void {
            handin::log(
                self.objects,
                self.spec,
                log.as_deref(),
                Duration::ZERO,
                self.stop,
            )
            .await;
            return Ok(Done::Void);
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

    /// Waits for the end of the code, and sees to it when it must come. `true`: the attempt has its verdict already.
    async fn watch(
        &self,
        runner: &mut Runner,
        beats: &Beats<'_, O>,
        mut signs: Pin<&mut impl Future<Output = ()>>,
    ) -> (End, bool) {
        let (mut void, mut told, mut killed) = (false, false, false);
        loop {
            tokio::select! {
                news = runner.news() => match news {
                    News::Began => beats.began(),
                    News::Setup(text) => info!("{text}"),
                    News::Ended(end) => return (end, void),
                },
                () = signs.as_mut(), if !void => {
                    info!("the attempt has its verdict already: it is ended");
                    void = true;
                    runner.stop();
                }
                _ = self.stop.asked(), if !told => {
                    info!("told to end: the task is stopped");
                    told = true;
                    runner.stop();
                }
                () = self.stop.since(stop::KILL), if !killed => {
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
        let patience = self.settings.patience;
        let outcome = match &verdict {
            Verdict::Success { .. } => "success",
            Verdict::Failed { .. } => "failed",
            Verdict::Deferred { .. } => "deferred",
        };
        let uploading = handin::log(
            self.objects,
            self.spec,
            log.as_deref(),
            patience / 2,
            self.stop,
        );
        tokio::select! {
            () = uploading => {}
            () = signs => {
                info!(outcome, "the attempt has its verdict already");
                return Ok(Done::Void);
            }
        }
        // No signs beside this one: they would take it for somebody else's.
        let report = Report {
            took: Some(millis(self.began.elapsed())),
            used: self.meter.map(Metering::total),
        };
        let first = handin::verdict(self.worker, verdict, report, patience, self.stop)
            .await
            .map_err(Trouble::Verdict)?;
        info!(outcome, first, "the attempt is over");
        Ok(if first { Done::Verdict } else { Done::Void })
    }
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// The verdict of an attempt that ends because this process must.
fn told(began: bool) -> Verdict {
    let when = if began {
        "while its code ran"
    } else {
        "before its code began"
    };
    failed(
        Category::Lost,
        format!(
            "its worker was told to end (SIGTERM) {when}: a cancelled execution, Cloud Run's own time limit or its maintenance"
        ),
    )
}

fn with_tail(mut verdict: Verdict, tail: Vec<String>) -> Verdict {
    if let Verdict::Failed { log_tail, .. } = &mut verdict {
        *log_tail = tail;
    }
    verdict
}

//! Queries that are asked again and again until their answer is something true: sensors.
//!
//! Each look is a job of its own, and the ids of a sensor's looks are those of its work with numbers behind: 0, 1, 2, … without a gap.
//! So a look that is still at work is found by the next one instead of doubled, whoever makes it, and what was begun is found when the
//! sensor ends. Nothing of it is stored by Ork: the newest look is what BigQuery knows, and a memory saves asking for it.

use google_cloud_bigquery_v2::client::JobService;
use google_cloud_bigquery_v2::model;
use ork_core::deferred::BigQueryJob;
use ork_core::run::Category;
use ork_core::{Map, Value};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use serde_json::json;

use super::memory::Look;
use super::start::{Inserted, place, placed};
use super::{BigQueryTracker, HOST, about, is_over, legal, look};
use crate::trackers::category::of_bigquery;
use crate::trackers::classify::{Doing, Kind, classify, kind, said, shortened};
use crate::trackers::request::{BigQueryQuestion, BigQueryRequest};

/// What stands in the place of a look that must not begin any more. It reads nothing and costs nothing.
const SEAL: &str = "-- Ork: nobody waits for this sensor any more\nSELECT FALSE";

/// What a look came to.
enum Heard {
    AtWork,
    /// Nothing, false, 0 or an empty text.
    No,
    Yes(Value),
    /// It failed: whether the next one may do better, and why.
    Failed {
        passing: bool,
        why: String,
    },
}

impl BigQueryTracker {
    /// Whether the first value of the first row of a query's answer is something true: not false, 0, an empty text or nothing. `id` is
    /// that of the sensor's work. A look that is at work is asked for its answer, else there is another; one call begins one at most.
    pub async fn ask(
        &self,
        question: &BigQueryQuestion,
        id: &str,
    ) -> Result<JobStatus, TrackerError> {
        let asked = BigQueryRequest::from(question);
        match self.looks.of(id) {
            Some(look) if !look.answered => self.hear_out(id, look).await,
            Some(look) => {
                self.begin(&placed_at(asked, &look.job), id, look.number + 1)
                    .await
            }
            None => match Box::pin(self.insert(&asked, &id_of(id, 0))).await? {
                Inserted::Found(first) => {
                    let newest = Box::pin(self.newest(id, first)).await?;
                    if !newest.over {
                        return self.hear_out(id, newest.look).await;
                    }
                    // It may have been at work when the last look ended.
                    match self.hear(&newest.look.job).await? {
                        Heard::No | Heard::Failed { passing: true, .. } => {
                            let at = placed_at(asked, &newest.look.job);
                            self.begin(&at, id, newest.look.number + 1).await
                        }
                        heard => self.taken(id, newest.look, heard),
                    }
                }
                begun => self.hear_out(id, of(begun, 0)?).await,
            },
        }
    }

    /// Ends a sensor: sees to it that none of its looks is at work, and that none begins any more.
    ///
    /// Somebody may be about to begin the next one at this moment, and what is begun after the end is stopped by nobody: so where it would
    /// be there is another job, which is over at once.
    pub async fn end_looks(
        &self,
        question: &BigQueryQuestion,
        id: &str,
    ) -> Result<Stopping, TrackerError> {
        Box::pin(self.seal(question, id)).await
    }

    async fn seal(&self, question: &BigQueryQuestion, id: &str) -> Result<Stopping, TrackerError> {
        let asked = BigQueryRequest::from(question);
        let known = self.looks.of(id).map(|look| look.job.location);
        let first = BigQueryJob {
            location: known.flatten().or_else(|| asked.location.clone()),
            ..self.described(&asked, &id_of(id, 0))
        };
        legal(&first)?;
        let client = self.clients.at(HOST).await?;
        let seen = Box::pin(look(&client, &first)).await;
        let next = match seen.map(|known| place(&known)) {
            Ok(place) => {
                let newest = Box::pin(self.newest(id, placed(first, place))).await?;
                if !newest.over {
                    return Box::pin(self.cancel(&newest.look.job)).await;
                }
                (newest.look.number + 1, newest.look.job.location)
            }
            // The place is known, and it is not there. Without one it may be anywhere: the error says so.
            Err(error) if kind(&error) == Kind::Missing && first.location.is_some() => {
                (0, first.location.clone())
            }
            Err(error) => return Err(classify(&about(&first, Doing::See), &error)),
        };
        let seal = BigQueryRequest {
            query: SEAL.into(),
            location: next.1,
            params: Map::new(),
            maximum_bytes_billed: None,
            ..asked
        };
        match Box::pin(self.insert(&seal, &id_of(id, next.0))).await? {
            Inserted::Found(_) => Err(TrackerError::Transient {
                message: format!("look {} of a sensor was begun just now", next.0),
                retry_after: None,
            }),
            Inserted::New(_) | Inserted::Checked(_) => {
                self.looks.forget(id);
                Ok(Stopping::Over)
            }
        }
    }

    /// Begins a look, and asks it for its answer.
    async fn begin(
        &self,
        asked: &BigQueryRequest,
        id: &str,
        number: u32,
    ) -> Result<JobStatus, TrackerError> {
        let inserted = Box::pin(self.insert(asked, &id_of(id, number))).await?;
        let new = matches!(inserted, Inserted::New(_));
        let said = self.hear_out(id, of(inserted, number)?).await;
        if !new {
            // Somebody else looks too, and may be further: the next look finds out.
            self.looks.forget(id);
        }
        said
    }

    async fn hear_out(&self, id: &str, look: Look) -> Result<JobStatus, TrackerError> {
        match self.hear(&look.job).await {
            Ok(heard) => self.taken(id, look, heard),
            Err(error) => {
                self.looks.forget(id);
                Err(error)
            }
        }
    }

    /// What a look came to, for the sensor.
    fn taken(&self, id: &str, look: Look, heard: Heard) -> Result<JobStatus, TrackerError> {
        let answered = !matches!(heard, Heard::AtWork);
        self.looks.remember(id, Look { answered, ..look });
        match heard {
            Heard::AtWork | Heard::No => Ok(JobStatus::Running),
            Heard::Yes(value) => Ok(JobStatus::Gave(json!({ "value": value }))),
            Heard::Failed { passing: true, why } => Err(TrackerError::Transient {
                message: why,
                retry_after: None,
            }),
            Heard::Failed { why, .. } => Ok(JobStatus::Broke {
                category: Category::Permanent,
                why,
            }),
        }
    }

    /// Waits a while for the answer of a look.
    async fn hear(&self, job: &BigQueryJob) -> Result<Heard, TrackerError> {
        let client = self.clients.at(HOST).await?;
        let call = client
            .get_query_results()
            .set_project_id(&job.project)
            .set_job_id(&job.job_id)
            .set_location(job.location.as_deref().unwrap_or_default())
            .set_max_results(1_u32)
            .set_timeout_ms(u32::try_from(self.wait.as_millis()).unwrap_or(u32::MAX));
        let answer = match Box::pin(call.send()).await {
            Ok(answer) => answer,
            Err(error) => return Box::pin(failed(&client, job, &error)).await,
        };
        if answer.job_complete != Some(true) {
            return Ok(Heard::AtWork);
        }
        let first = answer.rows.first().and_then(|row| {
            let cell = row.get("f")?.as_array()?.first()?;
            cell.get("v").cloned()
        });
        Ok(first.filter(is_true).map_or(Heard::No, Heard::Yes))
    }

    /// The newest look, of which the first is there: with steps that double, and then halves of the last one.
    async fn newest(&self, id: &str, first: BigQueryJob) -> Result<Newest, TrackerError> {
        let client = self.clients.at(HOST).await?;
        let at = |number| BigQueryJob {
            job_id: id_of(id, number),
            ..first.clone()
        };
        let see = async |number| {
            let job = at(number);
            match Box::pin(look(&client, &job)).await {
                Ok(known) => Ok(Some(is_over(&known))),
                Err(error) if kind(&error) == Kind::Missing => Ok(None),
                Err(error) => Err(classify(&about(&job, Doing::See), &error)),
            }
        };
        let Some(mut over) = see(0).await? else {
            return Err(TrackerError::Transient {
                message: "the first look of a sensor was there, and is not to be seen".into(),
                retry_after: None,
            });
        };
        let (mut low, mut step) = (0, 1);
        let mut high = loop {
            match see(low + step).await? {
                Some(found) => {
                    (low, over) = (low + step, found);
                    step *= 2;
                }
                None => break low + step,
            }
        };
        while low + 1 < high {
            let middle = low.midpoint(high);
            match see(middle).await? {
                Some(found) => (low, over) = (middle, found),
                None => high = middle,
            }
        }
        let look = Look {
            number: low,
            job: at(low),
            answered: false,
        };
        Ok(Newest { look, over })
    }
}

struct Newest {
    look: Look,
    over: bool,
}

fn id_of(work: &str, number: u32) -> String {
    format!("{work}_look_{number}")
}

/// The same question where the looks before ran, which is where its tables are.
fn placed_at(asked: BigQueryRequest, before: &BigQueryJob) -> BigQueryRequest {
    BigQueryRequest {
        location: before.location.clone().or(asked.location),
        ..asked
    }
}

fn of(inserted: Inserted, number: u32) -> Result<Look, TrackerError> {
    match inserted {
        Inserted::New(job) | Inserted::Found(job) => Ok(Look {
            number,
            job,
            answered: false,
        }),
        Inserted::Checked(_) => Err(TrackerError::Permanent(
            "a sensor's query was only checked, not run".into(),
        )),
    }
}

/// Why there is no answer: because the look failed, which is said in the same way, or for another reason.
async fn failed(
    client: &JobService,
    job: &BigQueryJob,
    error: &google_cloud_gax::error::Error,
) -> Result<Heard, TrackerError> {
    let unheard = || TrackerError::Transient {
        message: format!(
            "BigQuery has no answer of a sensor's look now: {}",
            said(error)
        ),
        retry_after: None,
    };
    let known: model::Job = match look(client, job).await {
        Ok(known) => known,
        // It was there a moment ago.
        Err(error) if kind(&error) == Kind::Missing => return Err(unheard()),
        Err(error) => return Err(classify(&about(job, Doing::See), &error)),
    };
    let status = known.status.as_ref();
    let Some(end) = status.and_then(|status| status.error_result.as_ref()) else {
        return Err(match kind(error) {
            Kind::Missing | Kind::Exists | Kind::State | Kind::Permanent => unheard(),
            Kind::Transient | Kind::Denied | Kind::Unclear => {
                classify(&about(job, Doing::See), error)
            }
        });
    };
    Ok(Heard::Failed {
        // Somebody stopped this look; the sensor waits all the same.
        passing: of_bigquery(&end.reason) == Category::Transient || end.reason == "stopped",
        why: format!(
            "the sensor's query failed: {} ({}); BigQuery job {}:{}",
            shortened(&end.message),
            end.reason,
            job.project,
            job.job_id
        ),
    })
}

/// BigQuery writes every value as text.
fn is_true(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let zero = text.parse::<f64>().is_ok_and(|number| number == 0.0);
            !zero && !text.is_empty() && !text.eq_ignore_ascii_case("false")
        }
        Value::Null | Value::Bool(false) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bigquery_writes_as_text_is_true_or_not() {
        for (value, expected) in [
            (json!("true"), true),
            (json!("7"), true),
            (json!("2026-01-31"), true),
            (json!("false"), false),
            (json!("0"), false),
            (json!("0.0"), false),
            (json!(""), false),
            (json!(null), false),
        ] {
            assert_eq!(is_true(&value), expected, "{value}");
        }
    }
}

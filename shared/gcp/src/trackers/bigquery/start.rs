//! Starts queries. BigQuery takes the id of a job from whoever starts it, so a start that is repeated finds the first one.

use google_cloud_bigquery_v2::client::JobService;
use google_cloud_bigquery_v2::model;
use google_cloud_gax::error::Error;
use ork_core::deferred::BigQueryJob;
use ork_engine::ports::TrackerError;

use super::{BigQueryTracker, HOST, LONGEST_ID, about, legal, look, parameters};
use crate::trackers::classify::{Doing, Kind, kind};
use crate::trackers::names::{Alphabet, fitting};
use crate::trackers::request::{BigQueryRequest, Write};
use crate::trackers::start::{StartTrouble, not_started};

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BigQueryStart {
    /// The job, now or from an earlier start with the same id.
    Job(BigQueryJob),
    /// The query was looked at only: there is no job.
    Checked(DryRun),
}

/// What a query would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DryRun {
    /// How many bytes it would read.
    pub bytes_processed: u64,
}

impl BigQueryTracker {
    /// Starts a query as the job called `id`, or finds the one that was started so before. An id that BigQuery would not take gives way
    /// to one made of its hash.
    pub async fn start(
        &self,
        request: &BigQueryRequest,
        id: &str,
    ) -> Result<BigQueryStart, StartTrouble> {
        Ok(match self.insert(request, id).await? {
            Inserted::Checked(dry) => BigQueryStart::Checked(dry),
            Inserted::New(job) | Inserted::Found(job) => BigQueryStart::Job(job),
        })
    }

    /// The same, and whether it was this call that started it.
    pub(super) async fn insert(
        &self,
        request: &BigQueryRequest,
        id: &str,
    ) -> Result<Inserted, StartTrouble> {
        let job = self.described(request, id);
        legal(&job)?;
        let wanted = Box::new(described(request, &job).map_err(TrackerError::Permanent)?);
        let client = self.clients.at(HOST).await?;
        let call = client.insert_job().set_project_id(&job.project);
        match Box::pin(call.set_job(*wanted).send()).await {
            Ok(known) if request.dry_run => Ok(Inserted::Checked(looked_at(&known))),
            Ok(known) => Ok(Inserted::New(placed(job, place(&known)))),
            Err(error) if kind(&error) == Kind::Exists && !request.dry_run => {
                let place = Box::pin(place_of_first(&client, &job, &error)).await?;
                Ok(Inserted::Found(placed(job, place)))
            }
            Err(error) => Err(not_started(&about(&job, Doing::Start), &error)),
        }
    }

    /// The job that a start of `request` as `id` makes, as far as that is known without asking.
    pub(crate) fn described(&self, request: &BigQueryRequest, id: &str) -> BigQueryJob {
        BigQueryJob {
            project: request.project.clone(),
            job_id: fitting(id, Alphabet::Words, LONGEST_ID),
            location: request.location.clone(),
        }
    }
}

/// What became of an insert.
#[derive(Debug)]
pub(super) enum Inserted {
    /// A job that was not there.
    New(BigQueryJob),
    /// A job that was.
    Found(BigQueryJob),
    /// No job.
    Checked(DryRun),
}

/// The job that is asked for; an error says what of the request cannot be used.
fn described(request: &BigQueryRequest, job: &BigQueryJob) -> Result<model::Job, String> {
    if request.query.trim().is_empty() {
        return Err("the query is empty".into());
    }
    let mut query = model::JobConfigurationQuery::new()
        .set_query(&request.query)
        .set_use_legacy_sql(false);
    match (&request.destination, request.write) {
        (Some(table), write) => {
            query = query.set_destination_table(destination(table, &request.project)?);
            if let Some(write) = write {
                query = query.set_write_disposition(disposition(write));
            }
        }
        (None, Some(_)) => {
            return Err(
                "`write` says what becomes of a destination's rows, and there is no `destination`"
                    .into(),
            );
        }
        (None, None) => {}
    }
    if !request.params.is_empty() {
        query = query
            .set_parameter_mode("NAMED")
            .set_query_parameters(parameters::named(&request.params)?);
    }
    if let Some(most) = request.maximum_bytes_billed {
        let most = i64::try_from(most).map_err(|_| {
            format!("`maximum_bytes_billed` is {most}, which is more than there is")
        })?;
        query = query.set_maximum_bytes_billed(most);
    }
    let mut reference = model::JobReference::new().set_project_id(&job.project);
    // What is only looked at leaves no job, and its id must not be taken.
    if !request.dry_run {
        reference = reference.set_job_id(&job.job_id);
    }
    if let Some(location) = &job.location {
        reference = reference.set_location(location);
    }
    let mut configuration = model::JobConfiguration::new().set_query(query);
    if request.dry_run {
        configuration = configuration.set_dry_run(true);
    }
    configuration = configuration.set_labels(request.labels.clone());
    Ok(model::Job::new()
        .set_job_reference(reference)
        .set_configuration(configuration))
}

fn destination(table: &str, project: &str) -> Result<model::TableReference, String> {
    // A project may have dots of its own: `example.com:project.dataset.table`.
    let mut parts = table.rsplitn(3, '.');
    let (name, dataset) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let project = parts.next().unwrap_or(project);
    if [name, dataset, project].contains(&"") {
        return Err(format!(
            "the destination is `{table}`: write dataset.table or project.dataset.table"
        ));
    }
    Ok(model::TableReference::new()
        .set_project_id(project)
        .set_dataset_id(dataset)
        .set_table_id(name))
}

const fn disposition(write: Write) -> &'static str {
    match write {
        Write::Append => "WRITE_APPEND",
        Write::Truncate => "WRITE_TRUNCATE",
        Write::Empty => "WRITE_EMPTY",
    }
}

fn looked_at(known: &model::Job) -> DryRun {
    let bytes = known.statistics.as_ref().and_then(|all| {
        let of_query = all
            .query
            .as_ref()
            .and_then(|query| query.total_bytes_processed);
        all.total_bytes_processed.or(of_query)
    });
    DryRun {
        bytes_processed: bytes
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(0),
    }
}

pub(super) fn place(known: &model::Job) -> Option<String> {
    known.job_reference.as_ref()?.location.clone()
}

pub(super) fn placed(job: BigQueryJob, place: Option<String>) -> BigQueryJob {
    BigQueryJob {
        location: place.filter(|place| !place.is_empty()).or(job.location),
        ..job
    }
}

/// Where the first job of this id runs. The refusal says it; else BigQuery is asked, which without a place knows only those of US and EU.
async fn place_of_first(
    client: &JobService,
    job: &BigQueryJob,
    refusal: &Error,
) -> Result<Option<String>, StartTrouble> {
    if let Some(location) = &job.location {
        return Ok(Some(location.clone()));
    }
    let said = refusal.status().map(|status| &*status.message);
    if let Some(place) = said.and_then(|said| place_in(said, job)) {
        return Ok(Some(place));
    }
    match look(client, job).await {
        Ok(known) => Ok(place(&known)),
        Err(error) if kind(&error) == Kind::Missing => Err(StartTrouble::Permanent(format!(
            "BigQuery has a job {} and does not say where: give the query a `location`",
            job.job_id
        ))),
        Err(error) => Err(not_started(&about(job, Doing::See), &error)),
    }
}

/// The place in `Already Exists: Job project:EU.id`.
fn place_in(said: &str, job: &BigQueryJob) -> Option<String> {
    let (_, rest) = said.split_once(&format!("{}:", job.project))?;
    let (place, rest) = rest.split_once('.')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let ours = rest.starts_with(&*job.job_id);
    (ours && !place.is_empty() && place.chars().all(legal)).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> BigQueryJob {
        BigQueryJob {
            project: "example.com:p".into(),
            job_id: "j-1".into(),
            location: None,
        }
    }

    #[test]
    fn a_refusal_says_where_the_first_job_runs() {
        for (said, expected) in [
            ("Already Exists: Job example.com:p:EU.j-1", Some("EU")),
            (
                "Already Exists: Job  example.com:p:asia-east1.j-1",
                Some("asia-east1"),
            ),
            ("Already Exists: Job example.com:p:EU.j-2", None),
            ("Already Exists: Job other:EU.j-1", None),
            ("Already Exists: Job example.com:p:j-1", None),
            ("", None),
        ] {
            assert_eq!(place_in(said, &job()).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn a_destination_has_two_parts_or_three() {
        for (table, expected) in [
            ("d.t", ["p", "d", "t"]),
            ("q.d.t", ["q", "d", "t"]),
            (
                "example.com:q.d.t$20260131",
                ["example.com:q", "d", "t$20260131"],
            ),
        ] {
            let found = destination(table, "p").expect("a table");
            assert_eq!(
                [&*found.project_id, &*found.dataset_id, &*found.table_id],
                expected
            );
        }
        for bad in ["", "t", ".t", "d.", "..", ".d.t"] {
            let error = destination(bad, "p").expect_err("no table");
            assert!(error.contains("dataset.table"), "{error}");
        }
    }
}

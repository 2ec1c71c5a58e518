//! Ids of remote jobs that an attempt always chooses alike, and the labels by which their run is found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::Context;

/// The id of a job that the attempt of `ctx` starts; `name` tells its several jobs apart.
///
/// It is derived from run, task, index and attempt. A request that is made twice by an attempt, because the answer to the first was
/// lost, therefore names the same job, and the service's "already exists" means that it was started. The next attempt has another id: it
/// does not find the job of an earlier one. Where that one handed the job over, Ork has it stopped before the next attempt starts; where
/// it died before that, nobody knows the job, and it goes on.
///
/// ```
/// let ctx = ork::Context::default();
/// let id = ork::job_id(&ctx, "load");
/// assert_eq!(id, ork::job_id(&ctx, "load"));
/// assert_ne!(id, ork::job_id(&ctx, "clean"));
/// assert!(id.bigquery().starts_with("ork_"));
/// assert_eq!(id.dataproc().len(), 44);
/// ```
pub fn job_id(ctx: &Context, name: &str) -> JobId {
    let text = format!(
        "{}/{}/{}/{}/{name}",
        ctx.run_id,
        ctx.task_name,
        ctx.index(),
        ctx.attempt
    );
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a text takes all that is written");
    }
    JobId(hex)
}

/// The label that names a job's run.
const RUN_LABEL: &str = "ork-run";
/// Characters that a label has room for.
const LABEL: usize = 63;

impl Context {
    /// Labels for a job of BigQuery that the task starts: `ork-run`, by which word of the job's end finds this run at once.
    ///
    /// The value is the run's id; labels know no capitals, so `_` stands before what is one, and before itself. There are none where a
    /// label has no room for it, or outside of a run: the job is then found when it is next asked about.
    ///
    /// ```
    /// let mut ctx = ork::Context::default();
    /// assert!(ctx.job_labels().is_empty());
    /// ctx.run_id = "nightly--20260601T023000Z".to_owned();
    /// assert_eq!(ctx.job_labels()["ork-run"], "nightly--20260601_t023000_z");
    /// ```
    pub fn job_labels(&self) -> BTreeMap<String, String> {
        let mut label = String::with_capacity(LABEL);
        for letter in self.run_id.chars() {
            if letter == '_' || letter.is_ascii_uppercase() {
                label.push('_');
            }
            label.push(letter.to_ascii_lowercase());
        }
        let fits = (1..=LABEL).contains(&label.len());
        fits.then(|| (RUN_LABEL.to_owned(), label))
            .into_iter()
            .collect()
    }
}

/// A derived id, in the spelling that each service takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    /// The 64 hexadecimal digits that the spellings are made of.
    pub fn hex(&self) -> &str {
        &self.0
    }
    /// `ork_` and all digits: BigQuery takes letters, digits, `_` and `-`, up to 1,024 of them.
    pub fn bigquery(&self) -> String {
        format!("ork_{}", self.0)
    }
    /// `ork-` and 40 digits: batches of Dataproc take lower-case letters, digits and `-`, up to 63 of them.
    pub fn dataproc(&self) -> String {
        format!("ork-{}", &self.0[..40])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_that_of_run_task_index_and_attempt() {
        let mut ctx = Context {
            run_id: "r-1".to_owned(),
            task_name: "load".to_owned(),
            parallel_index: 2,
            attempt: 3,
            ..Context::default()
        };
        let id = job_id(&ctx, "query");
        // printf 'r-1/load/2/3/query' | sha256sum
        assert_eq!(
            id.hex(),
            "3dbdcee703c7f4fa6ac14e2158fda097a162538a0a5e3ba89233ce4a3a224108"
        );
        assert_eq!(id.bigquery(), format!("ork_{}", id.hex()));
        assert_eq!(id.dataproc(), format!("ork-{}", &id.hex()[..40]));
        // With `foreach` and `parallel` together two instances have the same position.
        ctx.task_id = "r-1/load.7".to_owned();
        assert_ne!(job_id(&ctx, "query"), id);
        ctx.task_id = "r-1/load.2".to_owned();
        assert_eq!(job_id(&ctx, "query"), id);
        ctx.attempt = 4;
        assert_ne!(job_id(&ctx, "query"), id);
    }
}

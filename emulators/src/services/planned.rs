//! Scripts that wait for their jobs.

use serde::{Deserialize, Serialize};

use super::job::{Job, Key, Service};
use super::script::Script;

/// A script for one job by its id, there already or yet to come; or for the next jobs, whatever they are called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Only jobs of this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Only jobs of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The job's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// For how many jobs; without it, for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What they do.
    pub script: Script,
}

impl Planned {
    /// Why this makes no sense; `None` when it does.
    pub(super) fn nonsense(&self) -> Option<String> {
        if self.times == Some(0) {
            return Some("0 times is never".to_owned());
        }
        self.script.nonsense()
    }

    fn fits(&self, key: &Key) -> bool {
        self.service.is_none_or(|service| service == key.service)
            && self
                .project
                .as_deref()
                .is_none_or(|project| project == key.project)
            && self.job.as_deref().is_none_or(|id| id == key.id)
    }
}

/// The scripts that wait, in the order they were given.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Planned>);

impl Waiting {
    /// Gives a script to the jobs it is for, or keeps it for those to come.
    pub(super) fn add<'a>(&mut self, planned: Planned, jobs: impl Iterator<Item = &'a mut Job>) {
        let mut met = false;
        if planned.job.is_some() {
            for job in jobs.filter(|job| planned.fits(&job.key)) {
                let script = std::mem::take(&mut job.timeline.script);
                job.timeline.script = script.overlaid(planned.script.clone());
                met = true;
            }
        }
        if !met {
            self.0.push(planned);
        }
    }

    /// What a new job does: its own script, with what the next jobs do, with what this one does.
    pub(super) fn script(&mut self, key: &Key, own: Script) -> Script {
        let mut script = own;
        for named in [false, true] {
            let found = self
                .0
                .iter()
                .position(|planned| planned.job.is_some() == named && planned.fits(key));
            if let Some(at) = found {
                script = script.overlaid(self.0[at].script.clone());
                let left = self.0[at].times.unwrap_or(1) - 1;
                if left == 0 {
                    self.0.remove(at);
                } else {
                    self.0[at].times = Some(left);
                }
            }
        }
        script
    }

    pub(super) fn all(&self) -> &[Planned] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those of one project are forgotten.
    pub(super) fn wipe(&mut self, project: &str) {
        self.0
            .retain(|planned| planned.project.as_deref() != Some(project));
    }
}

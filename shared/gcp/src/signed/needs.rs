//! What an attempt needs URLs for, and for how long.

use std::time::Duration;

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::ports::Alive;

use super::grant::{Grant, Method};
use super::signer::LONGEST;

/// What an attempt may take beyond its timeout: waiting for its start, fetching code, the log and the verdict.
const MARGIN: Duration = Duration::from_secs(3600);
/// The longest timeout of a task whose first URLs last until its end. Those of longer ones are renewed.
pub const UNRENEWED_LONGEST: Millis = Millis::from_secs(LONGEST.as_secs() - MARGIN.as_secs());

const SMALL: u64 = limits::VERDICT_OUTPUT_BYTES as u64;
/// More than it may hold of what was printed: it says, too, what was left out.
const LOG: u64 = limits::LOG_BYTES as u64 + SMALL;

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    Once,
    Again,
}

/// One thing to be done to one of an attempt's objects.
#[derive(Debug, Clone)]
pub(super) struct Need {
    pub(super) file: AttemptFile,
    pub(super) way: Way,
    object: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write(Writing, u64),
}

/// What is created once is read, too: who never heard whether it was done looks for what is there.
///
/// Reading the verdict also tells whether there is one. The status is nothing that a worker reads, nor is its log; the spec comes along
/// with the URLs.
const NEEDS: [(AttemptFile, Way); URLS_AN_ATTEMPT] = [
    (AttemptFile::Claim, Way::Write(Writing::Once, SMALL)),
    (AttemptFile::Claim, Way::Read),
    (AttemptFile::Status, Way::Write(Writing::Again, SMALL)),
    // As much as the engine reads of one.
    (AttemptFile::Result, Way::Write(Writing::Once, 4 * SMALL)),
    (AttemptFile::Result, Way::Read),
    (AttemptFile::Late, Way::Write(Writing::Once, 4 * SMALL)),
    (
        AttemptFile::Output,
        Way::Write(Writing::Once, limits::OUTPUT_BYTES as u64),
    ),
    (AttemptFile::Output, Way::Read),
    (AttemptFile::Log, Way::Write(Writing::Again, LOG)),
];

/// Signatures that the URLs of one attempt take; the bundle of its code takes another, which is shared, and the URL that reads renewed ones
/// one more.
pub const URLS_AN_ATTEMPT: usize = 9;

/// An attempt as far as its URLs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// What the names of its objects begin with.
    pub(super) prefix: String,
    /// The object with its code, if it has one.
    pub(super) bundle: Option<String>,
    pub(super) timeout: Millis,
}

impl Holder {
    fn new(claim: &ObjectName, bundle: Option<String>, timeout: Millis) -> Self {
        let mut prefix = claim.to_string();
        prefix.truncate(prefix.len() - AttemptFile::Claim.as_str().len());
        Self {
            prefix,
            bundle,
            timeout,
        }
    }

    /// Whether its worker finds renewed URLs when the first ones grow old.
    pub(crate) fn renews(&self) -> bool {
        renews(self.timeout)
    }

    /// All that it needs, but for its code.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> {
        let renewed = self.renews().then_some((AttemptFile::Urls, Way::Read));
        NEEDS.into_iter().chain(renewed).map(|(file, way)| Need {
            file,
            way,
            object: format!("{}{}", self.prefix, file.as_str()),
        })
    }
}

impl From<&TaskSpec> for Holder {
    fn from(spec: &TaskSpec) -> Self {
        let hash = spec.bundle.clone();
        let bundle =
            hash.map(|hash| ObjectName::Bundle(spec.workflow_name.clone(), hash).to_string());
        Self::new(&spec.object(AttemptFile::Claim), bundle, spec.timeout)
    }
}

impl From<&Alive<'_>> for Holder {
    fn from(alive: &Alive<'_>) -> Self {
        let bundle = alive.bundle().map(|name| name.to_string());
        Self::new(
            &alive.object(AttemptFile::Claim),
            bundle,
            alive.task.timeout,
        )
    }
}

/// Whether the URLs of an attempt with this timeout are renewed.
pub(crate) fn renews(timeout: Millis) -> bool {
    timeout > UNRENEWED_LONGEST
}

impl Need {
    pub(super) fn grant(&self, bucket: &str) -> Grant {
        grant(bucket, &self.object, self.way)
    }
}

/// What lets `way` be gone.
pub(super) fn grant(bucket: &str, object: &str, way: Way) -> Grant {
    match way {
        Way::Read => Grant::new(Method::Get, bucket, object),
        Way::Write(writing, most) => {
            let put = Grant::new(Method::Put, bucket, object).at_most(most);
            match writing {
                Writing::Once => put.once(),
                Writing::Again => put,
            }
        }
    }
}

/// For how long an attempt with this timeout gets its URLs: until its end, or until long after they were to be renewed.
pub fn lifetime(timeout: Millis) -> Duration {
    let all = Duration::from_secs(timeout.0.div_ceil(1000)).saturating_add(MARGIN);
    all.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_its_margin_or_is_renewed() {
        for (timeout, seconds, renewed) in [
            (Millis(1), 3601, false),
            (Millis::from_secs(60), 3660, false),
            (Millis::from_secs(11 * 3600), 12 * 3600, false),
            (Millis(11 * 3_600_000 + 1), 12 * 3600, true),
            (Millis::from_secs(167 * 3600), 12 * 3600, true),
            (Millis(u64::MAX), 12 * 3600, true),
        ] {
            assert_eq!(lifetime(timeout).as_secs(), seconds, "{timeout}");
            assert_eq!(renews(timeout), renewed, "{timeout}");
            let holder = Holder {
                prefix: "runs/r/t/1/".into(),
                bundle: None,
                timeout,
            };
            let objects: Vec<String> = holder.needs().map(|need| need.object).collect();
            assert_eq!(objects.len(), URLS_AN_ATTEMPT + usize::from(renewed));
            let of_urls = "runs/r/t/1/urls.json".to_owned();
            assert_eq!(objects.contains(&of_urls), renewed, "{timeout}");
        }
    }
}

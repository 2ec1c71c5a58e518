//! What an attempt needs URLs for, and for how long.

use std::time::Duration;

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::TaskSpec;
use ork_core::time::Millis;

use super::grant::{Grant, Method};
use super::signer::LONGEST;

/// What an attempt may take beyond its timeout: waiting for its start, fetching code, the log and the verdict.
const MARGIN: Duration = Duration::from_secs(3600);
/// The longest timeout of a task whose worker has no credentials.
pub const TIMEOUT_LONGEST: Millis = Millis::from_secs(LONGEST.as_secs() - MARGIN.as_secs());

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
    (
        AttemptFile::Output,
        Way::Write(Writing::Once, limits::OUTPUT_BYTES as u64),
    ),
    (AttemptFile::Output, Way::Read),
    (AttemptFile::Log, Way::Write(Writing::Again, LOG)),
];

/// Signatures that the URLs of one attempt take; the bundle of its code takes another, which is shared.
pub const URLS_AN_ATTEMPT: usize = 8;

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

/// All that `spec` needs, but for its code.
pub(super) fn of(spec: &TaskSpec) -> impl Iterator<Item = Need> {
    NEEDS.into_iter().map(|(file, way)| Need {
        file,
        way,
        object: spec.object(file).to_string(),
    })
}

/// The object with the code of `spec`, if it has one.
pub(super) fn bundle(spec: &TaskSpec) -> Option<String> {
    let hash = spec.bundle.clone()?;
    Some(ObjectName::Bundle(spec.workflow_name.clone(), hash).to_string())
}

/// What the names of all of the attempt's objects begin with.
pub(super) fn prefix(spec: &TaskSpec) -> String {
    let claim = spec.object(AttemptFile::Claim).to_string();
    let end = claim.len() - AttemptFile::Claim.as_str().len();
    claim[..end].to_owned()
}

/// For how long an attempt with this timeout needs its URLs; an error says what to do about one that is too long for any.
pub fn lifetime(timeout: Millis) -> Result<Duration, String> {
    if timeout > TIMEOUT_LONGEST {
        return Err(format!(
            "its timeout of {} s is too long for a worker without credentials: signed URLs are good for {} h, which leaves a task {} s; \
             set a shorter timeout, or run it on a worker job whose service account may read and write the objects of runs itself",
            timeout.0.div_ceil(1000),
            LONGEST.as_secs() / 3600,
            TIMEOUT_LONGEST.0 / 1000
        ));
    }
    Ok(Duration::from_secs(timeout.0.div_ceil(1000)) + MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_its_margin_or_is_refused_with_what_to_do() {
        assert_eq!(lifetime(Millis(1)), Ok(Duration::from_secs(3601)));
        assert_eq!(lifetime(TIMEOUT_LONGEST), Ok(LONGEST));
        let said = lifetime(Millis(TIMEOUT_LONGEST.0 + 1)).expect_err("too long");
        assert!(said.contains("39601 s") && said.contains("12 h"), "{said}");
        assert!(said.contains("service account"), "{said}");
    }
}

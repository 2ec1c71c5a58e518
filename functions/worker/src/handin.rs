//! The end of an attempt: its log first, then its verdict.

use std::time::Duration;

use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::task::{Report, TaskSpec, Verdict};
use ork_engine::ports::{ObjectError, Objects};
use ork_engine::{Worker, encode_verdict};
use tracing::warn;

use crate::patience::patiently;
use crate::stop::{self, Stop};

/// Readers take a verdict of four times the largest output; half of it leaves room for what is not its log.
const VERDICT_BYTES: usize = 2 * limits::VERDICT_OUTPUT_BYTES;

/// Uploads the log. One that cannot be is told about and missed: the verdict counts.
pub(crate) async fn log<O: Objects>(
    objects: &O,
    spec: &TaskSpec,
    bytes: Option<&[u8]>,
    patience: Duration,
    stop: &Stop,
) {
    let Some(bytes) = bytes else { return };
    let name = spec.object(AttemptFile::Log);
    let put = patiently("writing the log", patience, || {
        objects.put(&name, bytes, None)
    });
    let answer = tokio::select! {
        answer = put => answer.map(|_| ()),
        () = stop.since(stop::LOG) => Err(ObjectError::Unavailable("no time left".to_owned())),
    };
    if let Err(error) = answer {
        warn!(%error, "the log is lost");
    }
}

/// Leaves the verdict. `false`: the attempt had another already.
pub(crate) async fn verdict<O: Objects>(
    worker: &Worker<'_, O>,
    verdict: Verdict,
    report: Report,
    patience: Duration,
    stop: &Stop,
) -> Result<bool, ObjectError> {
    let verdict = fitting(verdict);
    let finish = patiently("writing the verdict", patience, || {
        worker.finish_with(&verdict, report)
    });
    tokio::select! {
        answer = finish => answer,
        () = stop.since(stop::VERDICT) => Err(ObjectError::Unavailable("no time left".to_owned())),
    }
}

/// The verdict with so much of the log's end that a reader takes it.
fn fitting(mut verdict: Verdict) -> Verdict {
    loop {
        let bytes = encode_verdict(&verdict).len();
        match &mut verdict {
            Verdict::Failed { log_tail, .. } if bytes > VERDICT_BYTES && !log_tail.is_empty() => {
                // The last lines say most. Half of them each time: lines differ, and a round costs a copy.
                log_tail.drain(..log_tail.len().div_ceil(2));
            }
            _ => return verdict,
        }
    }
}

#[cfg(test)]
mod tests {
    use ork_core::run::Category;
    use ork_engine::decode_verdict;

    use super::*;

    #[test]
    fn a_verdict_keeps_as_much_of_the_log_as_readers_take() {
        let lines = |count: usize, line: &str| Verdict::Failed {
            category: Category::Unknown,
            message: "it broke".to_owned(),
            log_tail: (0..count).map(|n| format!("{n} {line}")).collect(),
            exit_code: Some(1),
        };
        let small = lines(100, "short");
        assert_eq!(fitting(small.clone()), small);
        // A control character takes six bytes in JSON.
        let bytes = encode_verdict(&fitting(lines(100, &"\u{1b}".repeat(2000))));
        assert!(bytes.len() <= VERDICT_BYTES, "{}", bytes.len());
        let Verdict::Failed {
            log_tail, message, ..
        } = decode_verdict(&bytes)
        else {
            panic!("it is a failure");
        };
        assert_eq!(message, "it broke");
        assert!(log_tail.len() > 4, "{}", log_tail.len());
        assert!(log_tail.last().is_some_and(|line| line.starts_with("99 ")));
    }
}

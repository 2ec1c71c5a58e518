//! The objects that a worker and the engine exchange about one attempt: who has its claim, and what its verdict is.

use ork_core::limits;
use ork_core::run::Category;
use ork_core::task::{Output, Report, TASK_FORMAT, Verdict};
use ork_core::time::Time;
use serde::{Deserialize, Serialize};

/// What stands in a claim object: who has the right to begin the attempt. Made once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimObject {
    /// [`TASK_FORMAT`].
    pub format: u32,
    /// The worker, by a name nobody else has; empty when sealed.
    #[serde(default)]
    pub worker: String,
    /// The engine took it, so that nobody begins the attempt any more.
    #[serde(default)]
    pub sealed: bool,
    /// The fence of the start that reached the worker.
    #[serde(default)]
    pub fence: u32,
    /// When, by the clock of whoever made it.
    #[serde(default)]
    pub at: Option<Time>,
}

impl ClaimObject {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a claim is plain data")
    }
    /// Whether `bytes` are a claim that keeps everybody out. What cannot be read was made by some worker.
    pub fn is_seal(bytes: &[u8]) -> bool {
        serde_json::from_slice::<Self>(bytes).is_ok_and(|claim| claim.sealed)
    }
    /// Whether `bytes` are the claim of `worker`.
    pub fn is_of(bytes: &[u8], worker: &str) -> bool {
        serde_json::from_slice::<Self>(bytes)
            .is_ok_and(|claim| !claim.sealed && claim.worker == worker)
    }
}

#[derive(Serialize)]
struct Numbered<'a> {
    format: u32,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(flatten)]
    report: Report,
}

#[derive(Deserialize)]
struct Format {
    /// Verdicts had none at first.
    #[serde(default)]
    format: u32,
}

/// The bytes of a verdict object.
pub fn encode_verdict(verdict: &Verdict) -> Vec<u8> {
    encode_verdict_with(verdict, Report::default())
}

/// The same, with what its worker says beside that.
pub fn encode_verdict_with(verdict: &Verdict, report: Report) -> Vec<u8> {
    serde_json::to_vec(&Numbered {
        format: TASK_FORMAT,
        verdict,
        report,
    })
    .expect("a verdict is plain data")
}

/// What the worker that wrote a verdict object says beside it. Nobody's verdict is worse for a report that cannot be read.
pub fn decode_report(bytes: &[u8]) -> Option<Box<Report>> {
    let report = serde_json::from_slice::<Box<Report>>(bytes).ok()?;
    (*report != Report::default()).then_some(report)
}

/// Reads a verdict object, whatever stands in it: one that cannot be read is a failure of its worker, not of Ork.
///
/// A text that does not fit a page stays in the object.
pub fn decode_verdict(bytes: &[u8]) -> Verdict {
    match serde_json::from_slice::<Format>(bytes) {
        Ok(Format { format }) if format > TASK_FORMAT => {
            return bad_verdict(&format!(
                "a newer worker wrote it (format {format}, this Ork reads up to {TASK_FORMAT})"
            ));
        }
        Err(error) => return bad_verdict(&error.to_string()),
        Ok(_) => {}
    }
    let in_object = |text: &str| Output::Object {
        bytes: text.len() as u64,
    };
    match serde_json::from_slice::<Verdict>(bytes) {
        Ok(Verdict::Success {
            output: Output::Inline(text),
        }) if text.len() > limits::INLINE_OUTPUT_BYTES => Verdict::Success {
            output: in_object(&text),
        },
        Ok(Verdict::Deferred {
            jobs: Output::Inline(text),
            count,
            ..
        }) if text.len() > limits::INLINE_OUTPUT_BYTES => {
            Verdict::deferred(in_object(&text), count, &text)
        }
        // The text goes into lists as it is, so it must be one value and nothing else.
        Ok(Verdict::Success {
            output: Output::Inline(text),
        }) => match serde_json::from_str::<ork_core::Value>(&text) {
            Ok(_) => Verdict::Success {
                output: Output::Inline(text),
            },
            Err(error) => bad_verdict(&format!("its output is not JSON: {error}")),
        },
        Ok(verdict) => verdict,
        Err(error) => bad_verdict(&error.to_string()),
    }
}

/// The verdict on a worker that left none that can be read.
pub(crate) fn bad_verdict(why: &str) -> Verdict {
    Verdict::Failed {
        category: Category::Unknown,
        message: format!("bad verdict object: {why}"),
        log_tail: Vec::new(),
        exit_code: None,
    }
}

#[cfg(test)]
mod tests {
    use ork_core::time::Millis;
    use ork_core::usage::Usage;

    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written_and_carries_its_format() {
        let verdict = Verdict::Success {
            output: Output::Inline("[1]".into()),
        };
        let bytes = encode_verdict(&verdict);
        assert_eq!(decode_report(&bytes), None);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            r#"{"format":1,"outcome":"success","output":{"inline":"[1]"}}"#
        );
        assert_eq!(decode_verdict(&bytes), verdict);
    }

    #[test]
    fn a_verdict_may_say_what_its_worker_took_and_used() {
        let verdict = Verdict::Success {
            output: Output::null(),
        };
        let used = Usage {
            class_a: 2,
            ..Usage::default()
        };
        let report = Report {
            took: Some(Millis(1500)),
            used: Some(used),
        };
        let bytes = encode_verdict_with(&verdict, report);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            r#"{"format":1,"outcome":"success","output":{"inline":"null"},"took_ms":1500,"used":{"class_a":2}}"#
        );
        assert_eq!(decode_verdict(&bytes), verdict);
        assert_eq!(decode_report(&bytes), Some(Box::new(report)));
        let odd = br#"{"format":1,"outcome":"success","output":{"inline":"1"},"used":"much"}"#;
        assert_eq!(decode_report(odd), None);
        assert!(matches!(decode_verdict(odd), Verdict::Success { .. }));
    }

    #[test]
    fn a_verdict_without_a_format_is_one_of_the_first() {
        let old = br#"{"outcome":"success","output":{"inline":"1"}}"#;
        assert_eq!(
            decode_verdict(old),
            Verdict::Success {
                output: Output::Inline("1".into())
            }
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_failure_that_says_why() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "EOF"),
            (b"{}", "outcome"),
            (
                br#"{"format":2,"outcome":"success","output":{"inline":"1"}}"#,
                "a newer worker wrote it (format 2",
            ),
            (
                br#"{"format":1,"outcome":"success","output":{"inline":"1 2"}}"#,
                "not JSON",
            ),
        ];
        for (bytes, word) in cases {
            match decode_verdict(bytes) {
                Verdict::Failed {
                    category: Category::Unknown,
                    message,
                    ..
                } => assert!(message.contains(word), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

//! Names of spans that everybody works out alike: a run is a trace, and its id and those of its attempts follow from what they are about.
//!
//! So nobody has to be told of a span to add to it, and a message that comes twice does not make two of it.

use std::fmt;

use ork_core::ids::RunId;
use ork_core::run::Attempt;
use sha2::{Digest, Sha256};

/// The id of a trace; never all zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span; never all zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A span as others refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context {
    /// Its trace.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl Context {
    /// `traceparent` as W3C's Trace Context (version 00) has it.
    pub fn traceparent(&self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{}-{}-{flags:02x}", self.trace, self.span)
    }

    /// Reads a `traceparent`; what is not right is not there. Later versions may say more.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = version != "ff"
            && bytes::<1>(version).is_some()
            && (version != "00" || parts.next().is_none());
        let [flags] = bytes::<1>(flags)?;
        fits.then_some(())?;
        Self::of(trace, span, flags & 1 == 1)
    }

    /// From 32 and 16 lower-case hexadecimal digits, neither all zeroes.
    pub fn of(trace: &str, span: &str, sampled: bool) -> Option<Self> {
        let (trace, span) = (bytes::<16>(trace)?, bytes::<8>(span)?);
        (trace != [0; 16] && span != [0; 8]).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled,
        })
    }
}

/// Exactly `N` bytes of lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The first bytes of a hash over parts, each with its length before it; never all zeroes.
fn hash<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut first = [0; N];
    first.copy_from_slice(&hash.finalize()[..N]);
    if first == [0; N] {
        first[N - 1] = 1;
    }
    first
}

/// The trace of a run. `place` is the deployment, since two of them may have runs of one name.
pub fn trace_of(place: &str, run: &RunId) -> TraceId {
    TraceId(hash(&[
        b"ork trace 1",
        place.as_bytes(),
        run.as_str().as_bytes(),
    ]))
}

/// The span of a run as a whole, the root of its trace.
pub fn span_of_run(run: &RunId) -> SpanId {
    SpanId(hash(&[b"ork run 1", run.as_str().as_bytes()]))
}

/// The span of an attempt. A claim that was superseded is the same attempt.
pub fn span_of_attempt(run: &RunId, attempt: Attempt) -> SpanId {
    SpanId(hash(&[
        b"ork attempt 1",
        run.as_str().as_bytes(),
        &attempt.task.to_be_bytes(),
        &attempt.index.to_be_bytes(),
        &attempt.attempt.to_be_bytes(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> RunId {
        RunId::new(id).expect("a run id")
    }

    #[test]
    fn everybody_works_out_the_same_ids_for_ever() {
        // Whoever changes these breaks traces of runs that are on their way while a deployment is updated.
        assert_eq!(
            trace_of("p", &run("r")).to_string(),
            "df42246a8709e8e11ea3a775c9f19bee"
        );
        let attempt = Attempt {
            task: 1,
            index: 2,
            attempt: 3,
            fence: 4,
        };
        let again = Attempt {
            fence: 9,
            ..attempt
        };
        let span = span_of_attempt(&run("r"), attempt);
        assert_eq!(span, span_of_attempt(&run("r"), again));
        assert_eq!(span.to_string(), "b2019244b5a7f560");
        assert_eq!(span_of_run(&run("r")).to_string(), "8be719960e0fb8ee");
        for other in [
            Attempt { task: 2, ..attempt },
            Attempt {
                index: 1,
                ..attempt
            },
            Attempt {
                attempt: 2,
                ..attempt
            },
        ] {
            assert_ne!(span, span_of_attempt(&run("r"), other));
        }
        assert_ne!(trace_of("p", &run("r")), trace_of("q", &run("r")));
        assert_ne!(trace_of("pr", &run("r")), trace_of("p", &run("rr")));
    }

    #[test]
    fn a_traceparent_is_written_and_read() {
        let text = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        let context = Context::parse(text).expect("it is right");
        assert!(context.sampled);
        assert_eq!(context.traceparent(), text);
        let later = "01-0123456789abcdef0123456789abcdef-0123456789abcdef-00-more";
        assert!(!Context::parse(later).expect("a later version").sampled);
        for wrong in [
            "",
            "00",
            "00-0123456789abcdef0123456789abcdef-0123456789abcdef",
            "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-more",
            "00-0123456789ABCDEF0123456789abcdef-0123456789abcdef-01",
            "00-00000000000000000000000000000000-0123456789abcdef-01",
            "00-0123456789abcdef0123456789abcdef-0000000000000000-01",
            "ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
            "00-0123456789abcdef0123456789abcdeé-0123456789abcdef-01",
        ] {
            assert_eq!(Context::parse(wrong), None, "{wrong}");
        }
    }
}

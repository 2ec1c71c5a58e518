//! Runs a target over many inputs, and says of one that breaks a promise what is needed to see it again.

use std::fmt;
use std::time::{Duration, Instant};

use crate::Reading;
use crate::corpus::Entry;
use crate::judge::{Judgement, judge};
use crate::mutate::Mutator;
use crate::random::Random;
use crate::targets::Target;

/// Times an input is run while it is made smaller.
const SHRINKING: usize = 2_000;
/// Bytes of an input that are printed.
const PRINTED: usize = 4 * 1024;

/// What a run over many inputs found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Files of the corpus.
    pub files: u64,
    /// Mutations that were taken.
    pub accepted: u64,
    /// Mutations that were refused.
    pub rejected: u64,
    /// Inputs that break the promise in a way that is known.
    pub open: u64,
    /// The longest that one input took.
    pub slowest: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} files, {} mutations: {} accepted, {} rejected",
            self.files,
            self.accepted + self.rejected,
            self.accepted,
            self.rejected,
        )?;
        if self.open > 0 {
            write!(f, "; {} met a known defect", self.open)?;
        }
        write!(f, "; the slowest took {} ms", self.slowest.as_millis())
    }
}

/// An input that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The target.
    pub target: &'static str,
    /// Where the input came from.
    pub origin: String,
    /// What the panic said.
    pub message: String,
    /// The input, made as small as it was possible quickly.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            origin,
            message,
            bytes,
        } = self;
        let printed = &bytes[..bytes.len().min(PRINTED)];
        writeln!(f, "target {target}, {origin}: {message}")?;
        writeln!(f, "the input, {} bytes, shrunk:", bytes.len())?;
        writeln!(f, "  {}", printed.escape_ascii())?;
        writeln!(f, "to see it again, from the top folder:")?;
        writeln!(
            f,
            "  printf '{}' > shared/fuzz/corpus/{target}/found-NAME",
            octal(printed)
        )?;
        write!(
            f,
            "  cargo run -p ork-fuzz -- {target} shared/fuzz/corpus/{target}/found-NAME"
        )
    }
}

/// The bytes as `printf` of any shell reads them.
fn octal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'\n' => "\\n".to_owned(),
            b'\'' | b'\\' | b'%' => format!("\\{byte:03o}"),
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("\\{other:03o}"),
        })
        .collect()
}

/// Runs `target` over a corpus and then over `inputs` mutations of it; stops at the first input that breaks a promise.
pub fn fuzz(
    target: &Target,
    corpus: &[Entry],
    seed: u64,
    inputs: u64,
    mut before_each: impl FnMut(&str),
) -> Result<Report, Box<Broken>> {
    let mut report = Report::default();
    for entry in corpus {
        let origin = format!("corpus file {}", entry.name);
        before_each(&origin);
        one(target, &entry.bytes, &origin, &mut report)?;
        report.files += 1;
    }
    let seeds = corpus.iter().map(|entry| entry.bytes.as_slice()).collect();
    let random = Random::new(seed, target.name);
    let mut mutator = Mutator::new(seeds, (target.words)(), random);
    for number in 0..inputs {
        let bytes = mutator.input();
        let origin = format!("mutation {number} of seed {seed}");
        before_each(&origin);
        match one(target, &bytes, &origin, &mut report)? {
            Some(Reading::Accepted) => report.accepted += 1,
            Some(Reading::Rejected) => report.rejected += 1,
            None => {}
        }
    }
    Ok(report)
}

fn one(
    target: &Target,
    bytes: &[u8],
    origin: &str,
    report: &mut Report,
) -> Result<Option<Reading>, Box<Broken>> {
    let begun = Instant::now();
    let judgement = judge(target, bytes);
    match judgement {
        Judgement::Held(reading) => {
            report.slowest = report.slowest.max(begun.elapsed());
            Ok(Some(reading))
        }
        Judgement::Open => {
            report.open += 1;
            Ok(None)
        }
        Judgement::Broken(said) => {
            let (bytes, message) = shrunk(target, bytes.to_vec(), said);
            Err(Box::new(Broken {
                target: target.name,
                origin: origin.to_owned(),
                message,
                bytes,
            }))
        }
    }
}

/// Leaves out what can be left out: halves first, then ever smaller pieces.
fn shrunk(target: &Target, mut bytes: Vec<u8>, mut said: String) -> (Vec<u8>, String) {
    let mut tries = SHRINKING;
    let mut piece = bytes.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < bytes.len() && tries > 0 {
            let mut smaller = bytes.clone();
            smaller.drain(at..(at + piece).min(bytes.len()));
            tries -= 1;
            match judge(target, &smaller) {
                Judgement::Broken(why) => (bytes, said) = (smaller, why),
                Judgement::Held(_) | Judgement::Open => at += piece,
            }
        }
        piece /= 2;
    }
    (bytes, said)
}

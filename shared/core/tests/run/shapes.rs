//! Random workflows of the whole format, and random choices that shrink.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// Choices from bytes that are used again, mixed, when they are used up; zero is the dullest and stays zero.
pub(crate) struct Tape {
    bytes: Vec<u8>,
    at: usize,
}

impl Tape {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            at: 0,
        }
    }
    pub(crate) fn next(&mut self) -> u8 {
        let Some(&byte) = self.bytes.get(self.at % self.bytes.len().max(1)) else {
            return 0;
        };
        let round = (self.at / self.bytes.len()) as u64;
        self.at += 1;
        match byte {
            0 => 0,
            _ if round == 0 => byte,
            _ => mix(u64::from(byte) << 32 | round) as u8,
        }
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n
    }
    /// Rarely true for a large `n`, never on an empty tape.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        usize::from(self.next()) % n == n - 1
    }
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// SplitMix64's finaliser.
pub(crate) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bytes for a tape.
pub(crate) fn tapes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// Runs a property on the same cases every time.
pub(crate) fn check<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..ProptestConfig::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    if let Err(error) = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    }) {
        panic!("{error}");
    }
}

/// What a task's end may depend on besides how its upstreams ended.
#[derive(Clone, Copy, Default)]
struct Kin {
    /// It may be skipped although nothing above it failed.
    skips: bool,
    /// What it counts as for the rules below it, when it is skipped, depends on which of its upstreams ended first.
    racy: bool,
}

const RULES: [&str; 6] = [
    "all_success",
    "all_done",
    "one_success",
    "one_failed",
    "none_failed",
    "always",
];

/// A workflow of at most `most` tasks.
///
/// With `settled` no task's end depends on which of its upstreams ended first: below an `all_success` that may be skipped
/// for one upstream's skip or for another's failure, whichever comes first, there is no rule that tells the two apart.
pub(crate) fn yaml(tape: &mut Tape, most: usize, settled: bool) -> String {
    let mut text = String::from(
        "name: random\nmax_recovery_attempts: 2\nparams: {n: {type: int, default: 2}}\n",
    );
    if tape.one_in(5) {
        text += &format!("deadline: {}m\n", 1 + tape.below(90));
    }
    if tape.one_in(4) {
        text += &format!(
            "defaults: {{retries: {}, timeout: {}}}\n",
            tape.below(3),
            60 + tape.below(600)
        );
    }
    text += "tasks:\n";
    let mut kin: Vec<Kin> = Vec::new();
    for at in 0..1 + tape.below(most) {
        let count = [0, 1, 2, 2, 3][tape.below(5)].min(at);
        let chosen: BTreeSet<usize> = (0..count).map(|_| tape.below(at)).collect();
        let upstreams = Vec::from_iter(chosen);
        let when = tape.one_in(5);
        let rule = rule(tape, &upstreams, when, &mut kin, settled);
        let names: Vec<String> = upstreams.iter().map(|up| format!("t{up}")).collect();
        text += &task(tape, at, &names, rule, when);
    }
    text
}

/// The rule of the next task.
fn rule(
    tape: &mut Tape,
    upstreams: &[usize],
    when: bool,
    kin: &mut Vec<Kin>,
    settled: bool,
) -> &'static str {
    let above = |of: fn(&Kin) -> bool| upstreams.iter().any(|&up| of(&kin[up]));
    let mut rule = *tape.pick(&RULES);
    if settled && matches!(rule, "one_failed" | "none_failed") && above(|kin| kin.racy) {
        rule = "all_done";
    }
    let passes_on = matches!(rule, "all_success" | "one_success");
    let next = Kin {
        skips: when || rule == "one_failed" || passes_on && above(|kin| kin.skips),
        racy: rule == "all_success" && upstreams.len() > 1 && above(|kin| kin.skips)
            || passes_on && above(|kin| kin.racy),
    };
    kin.push(next);
    rule
}

/// A workflow of three tasks that only have to be run and up to five that depend on them, by any rules.
pub(crate) fn rules(tape: &mut Tape, settled: bool) -> String {
    let mut text = String::from("name: rules\ntasks:\n");
    let mut kin = Vec::new();
    for at in 0..4 + tape.below(5) {
        let chosen: BTreeSet<usize> = match at {
            0..3 => BTreeSet::new(),
            _ => (0..1 + tape.below(3)).map(|_| tape.below(at)).collect(),
        };
        let upstreams = Vec::from_iter(chosen);
        let rule = rule(tape, &upstreams, false, &mut kin, settled);
        text += &format!("  t{at}: {{command: work, trigger: {rule}, depends_on: [");
        let names: Vec<String> = upstreams.iter().map(|up| format!("t{up}")).collect();
        text += &format!("{}]}}\n", names.join(", "));
    }
    text
}

fn task(tape: &mut Tape, at: usize, upstreams: &[String], rule: &str, when: bool) -> String {
    let executor = ["command: work", "executor: marker", "run_as: {workflow: w}"]
        [[0, 0, 0, 0, 1, 2][tape.below(6)]];
    let mut keys = vec![executor.to_owned()];
    if rule == "all_done" && tape.one_in(2) {
        keys.push("on_failure: run".into());
    } else if rule != "all_success" {
        keys.push(format!("trigger: {rule}"));
    }
    if when {
        keys.push("when: \"{{ run.id == 'x' }}\"".into());
    }
    let mut fans = true;
    match (tape.below(7), upstreams.first()) {
        (1, _) => keys.push(format!("parallel: {}", 1 + tape.below(4))),
        (2 | 3, Some(upstream)) => {
            keys.push(format!("foreach: {upstream}"));
            if tape.one_in(3) {
                keys.push("batch: 2".into());
            }
        }
        (4, _) => keys.push("parallel: {ref: params.n}".into()),
        (5, Some(upstream)) => keys.push(format!("foreach: {upstream}, parallel: 2")),
        _ => fans = false,
    }
    if fans && tape.one_in(3) {
        keys.push(format!("tolerate: {}", tape.pick(&["1", "50%", "100%"])));
    }
    if fans && tape.one_in(3) {
        keys.push(format!("concurrency: {}", 1 + tape.below(2)));
    }
    if tape.one_in(5) {
        keys.push(format!("pool: {}", tape.pick(&["p", "q"])));
    }
    if tape.one_in(3) {
        keys.push(format!("priority: {}", tape.below(5)));
    }
    if executor != "executor: marker" {
        keys.extend(tries(tape));
    }
    if !upstreams.is_empty() {
        keys.push(format!("depends_on: [{}]", upstreams.join(", ")));
    }
    format!("  t{at}: {{{}}}\n", keys.join(", "))
}

/// How long an attempt may take and how often it is tried.
fn tries(tape: &mut Tape) -> Vec<String> {
    let mut keys = Vec::new();
    match tape.below(4) {
        1 => keys.push(format!("retries: {}", tape.below(4))),
        2 => keys.push(format!(
            "retries: {{max: {}, delay: {}s, backoff: {}, jitter: {}}}",
            tape.below(4),
            tape.below(40),
            tape.pick(&["fixed", "exponential"]),
            tape.one_in(2),
        )),
        3 => keys.push(format!(
            "retries: {{max: {}, delay: 0s, max_delay: 5m, on: [{}]}}",
            1 + tape.below(3),
            tape.pick(&["transient, timeout", "lost", "unknown, oom, recoverable"]),
        )),
        _ => {}
    }
    for key in ["timeout", "start_timeout", "heartbeat_timeout"] {
        if tape.one_in(4) {
            keys.push(format!(
                "{key}: {}",
                tape.pick(&["1s", "45s", "3m", "10m", "2h"])
            ));
        }
    }
    keys
}

#[test]
fn random_workflows_are_accepted_and_cover_the_format() {
    let all = std::cell::RefCell::new(String::new());
    check(300, tapes(120), |bytes| {
        let text = yaml(&mut Tape::new(&bytes), 8, false);
        crate::world::workflow(&text);
        all.borrow_mut().push_str(&text);
    });
    let all = all.borrow();
    for key in RULES[1..].iter().chain(&[
        "marker",
        "run_as",
        "on_failure",
        "when",
        "parallel: 4",
        "parallel: {ref",
        "foreach: t0, parallel",
        "batch",
        "tolerate: 50%",
        "concurrency",
        "pool",
        "priority",
        "retries: {",
        "exponential",
        "on: [lost",
        "deadline",
        "defaults",
        "heartbeat_timeout",
        "start_timeout",
    ]) {
        assert!(all.contains(key), "{key}");
    }
}

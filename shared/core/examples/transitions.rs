//! How many transitions a second the state machine applies on one core, and what it takes to write them down.
//!
//! `cargo run --release -p ork-core --example transitions`
#![expect(clippy::print_stdout, reason = "a figure is its purpose")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::parse::parse_workflow;
use ork_core::run::{
    Attempt, ClaimOffer, Effect, Event, Graph, Header, Out, RunState, RunStatus, RunTrigger,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::Time;

/// Each figure is the best of this many.
const ROUNDS: usize = 7;
/// Ends of attempts that are committed together.
const GROUP: u32 = 100;

fn main() {
    println!("{:<58} {:>12} {:>12}", "work", "per second", "each");
    let mut rates = Vec::new();
    for (what, supervised, encode) in [
        ("1 -> 10,000 -> 1, attempts of this process", true, false),
        (
            "1 -> 10,000 -> 1, attempts elsewhere (timers)",
            false,
            false,
        ),
        (
            "1 -> 10,000 -> 1, attempts of this process, encoded",
            true,
            true,
        ),
    ] {
        let graph = fan(10_000, false);
        let (transitions, took) = best(|| processes(&graph, supervised, encode));
        report(what, transitions, took);
        rates.push(rate(transitions, took));
    }
    let mut each = Vec::new();
    for n in [1000, 10_000] {
        let graph = fan(n, true);
        let (instances, took) = best(|| markers(&graph));
        report(
            &format!("1 -> {n} -> 1 markers, encoded, instances"),
            instances,
            took,
        );
        each.push(took.as_secs_f64() / f64::from(u32::try_from(instances).expect("small")));
    }
    println!(
        "target: at least 1,000,000 transitions a second: {:.1} million",
        rates[0] / 1e6
    );
    println!(
        "target: a marker of 10,000 at most 1.3 times one of 1,000: {:.2} times",
        each[1] / each[0]
    );
}

fn report(what: &str, count: u64, took: Duration) {
    println!(
        "{what:<58} {:>12.0} {:>9.0} ns",
        rate(count, took),
        1e9 / rate(count, took)
    );
}

fn rate(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).expect("small")) / took.as_secs_f64()
}

fn best(mut round: impl FnMut() -> (u64, Duration)) -> (u64, Duration) {
    (0..ROUNDS)
        .map(|_| round())
        .min_by_key(|&(_, took)| took)
        .expect("there are rounds")
}

fn fan(n: u32, marker: bool) -> Graph {
    let work = if marker {
        "executor: marker"
    } else {
        "command: /bin/true"
    };
    let text = format!(
        "name: fan\ntasks:\n  first: {{{work}}}\n  fan: {{{work}, depends_on: [first], parallel: {n}}}\n  last: {{{work}, depends_on: [fan]}}\n"
    );
    Graph::new(
        parse_workflow("fan.yaml", text.as_bytes())
            .expect("the text is a workflow")
            .workflow,
    )
}

fn begin(graph: &Graph) -> RunState {
    let header = Header {
        id: RunId::new("fan-1").expect("a run id"),
        workflow: graph.workflow.name.clone(),
        version: graph.workflow.version(),
        status: RunStatus::Pending,
        trigger: RunTrigger::Manual,
        slot: Time(0),
        params: serde_json::Map::new(),
        parent: None,
        depth: 0,
        only: Vec::new(),
        created_at: Time(0),
        started_at: None,
        finished_at: None,
        deadline_at: None,
        seed: 1,
        recovering: false,
        recovery_attempts: 0,
        error: None,
        owner: None,
        commits: 0,
        extra: BTreeMap::new(),
    };
    RunState::new(graph, header)
}

/// Runs to the end with `GROUP` ends to a commit. Each claim, start and end of an instance is one transition; so is getting ready.
fn processes(graph: &Graph, supervised: bool, encode: bool) -> (u64, Duration) {
    let mut run = begin(graph);
    let (mut transitions, mut now) = (0, 0);
    let offer = ClaimOffer {
        places: GROUP,
        pools: BTreeMap::new(),
        supervised,
    };
    let began = Instant::now();
    let mut out = Out::default();
    let mut apply = |run: &mut RunState, event: &Event, out: &mut Out| {
        now += 1;
        run.apply(graph, event, Time(now), out)
            .expect("no command is given");
    };
    apply(&mut run, &Event::Start, &mut out);
    while !run.header.status.is_terminal() {
        out.effects.clear();
        out.notes.clear();
        apply(&mut run, &Event::Claim(offer.clone()), &mut out);
        let claimed: Vec<Attempt> = out
            .effects
            .iter()
            .filter_map(|effect| {
                if let Effect::Start(attempt) = effect {
                    Some(*attempt)
                } else {
                    None
                }
            })
            .collect();
        assert!(!claimed.is_empty(), "something is ready until the end");
        for &attempt in &claimed {
            apply(&mut run, &Event::Started(attempt), &mut out);
        }
        for &attempt in &claimed {
            let verdict = Verdict::Success {
                output: Output::null(),
            };
            apply(&mut run, &Event::Finished { attempt, verdict }, &mut out);
        }
        // Ready, claimed, started, ended.
        transitions += 4 * claimed.len() as u64;
        if encode {
            black_box(run.encode());
        }
        black_box(run.next_wake_at(Time(0)));
    }
    let took = began.elapsed();
    assert_eq!(run.header.status, RunStatus::Success);
    (transitions, took)
}

/// Markers are done in the event that starts the run.
fn markers(graph: &Graph) -> (u64, Duration) {
    let mut run = begin(graph);
    let began = Instant::now();
    let mut out = Out::default();
    run.apply(graph, &Event::Start, Time(1), &mut out)
        .expect("no command is given");
    black_box(run.encode());
    let took = began.elapsed();
    assert_eq!(run.header.status, RunStatus::Success);
    (u64::from(run.counts().total()), took)
}

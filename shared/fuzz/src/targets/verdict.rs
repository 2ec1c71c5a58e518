//! The verdict object of an attempt.

use ork_core::Value;
use ork_core::limits;
use ork_core::run::{Attempt, ClaimOffer, Effect, Event, InstanceStatus, Out, RunState};
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;
use ork_engine::{decode_verdict, encode_verdict};

use super::run::{Story, reread};
use super::script::MADE;
use crate::Reading;

/// `result.json` as a worker wrote it.
///
/// Reading ends and gives a verdict; one that cannot be read is a failure of its worker. Whatever it says, the attempt it is
/// about gets one end, the run stays sound, its documents stay within bounds, and saying it again changes nothing.
pub fn verdict(bytes: &[u8]) -> Reading {
    let (verdict, reading) = read(bytes);
    let story = Story::named(0);
    let mut run = story.fresh();
    let graph = &story.graph;
    let mut now = MADE;
    let mut out = Out::default();
    let claim = Event::Claim(ClaimOffer {
        places: 1,
        ..ClaimOffer::default()
    });
    for event in [&Event::Start, &claim] {
        run.apply(graph, event, now, &mut out).expect("no command");
    }
    let attempt = out
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Start(attempt) => Some(*attempt),
            _ => None,
        })
        .expect("one place, one start");
    let finished = Event::Finished {
        attempt,
        verdict: verdict.clone(),
        report: None,
    };
    now = now + Millis(1500);
    for event in [Event::Started(attempt), finished.clone()] {
        run.apply(graph, &event, now, &mut out).expect("no command");
        run.verify(graph).expect("the run is sound");
    }
    let status = status_of(&run, attempt);
    assert!(
        !matches!(status, InstanceStatus::Dispatched | InstanceStatus::Running),
        "{verdict:?} left it {status}"
    );
    let after = reread(graph, &run);
    run.apply(graph, &finished, now, &mut out)
        .expect("no command");
    assert_eq!(reread(graph, &run), after, "said twice");
    for note in &out.notes {
        note.render(graph);
    }
    reading
}

fn status_of(run: &RunState, attempt: Attempt) -> InstanceStatus {
    run.instance(attempt.task, attempt.index)
        .expect("it was claimed")
        .status()
}

/// What the engine reads, and whether that is what a worker said.
fn read(bytes: &[u8]) -> (Verdict, Reading) {
    let verdict = decode_verdict(bytes);
    let fits = |text: &Output| match text {
        Output::Inline(text) => text.len() <= limits::INLINE_OUTPUT_BYTES,
        Output::Object { .. } => true,
    };
    match &verdict {
        Verdict::Success { output } => {
            assert!(fits(output), "its output outgrows a page");
            if let Output::Inline(text) = output {
                serde_json::from_str::<Value>(text)
                    .unwrap_or_else(|error| panic!("its output is not JSON: {error}"));
            }
        }
        Verdict::Deferred { jobs, .. } => assert!(fits(jobs), "its jobs outgrow a page"),
        Verdict::Failed { message, .. } => {
            if message.starts_with("bad verdict object: ") {
                return (verdict, Reading::Rejected);
            }
        }
    }
    let again = decode_verdict(&encode_verdict(&verdict));
    assert_eq!(again, verdict, "written and read");
    (verdict, Reading::Accepted)
}

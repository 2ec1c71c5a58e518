//! No document outgrows its bound and no commit its number of writes, whatever a workflow says and its attempts do.
//!
//! Stores take 1 MiB a document, and 500 writes and 10 MiB a commit. A document keeps within [`limits::DOCUMENT_BYTES`] in every
//! state. A commit keeps within 500 writes in every state, and within 10 MiB as long as its pages are not full of texts:
//! see [`a_commit_of_the_largest_run_keeps_within_what_stores_take`] for what that is worth.

use std::collections::BTreeMap;

use ork_core::definition::{Occasion, Task};
use ork_core::limits;
use ork_core::run::{
    AskedAgain, Attempt, Category, ClaimOffer, Command, Event, FailedTask, Graph, Header,
    JobAnswer, Notice, NoticeKey, NoticeState, Out, ParentRef, RunState, RunStatus, State,
    StoredRun,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::{Millis, Time};

use crate::shapes::{Tape, check, tapes};
use crate::world::{World, bytes, header};

/// What a store takes in one commit.
const COMMIT_WRITES: usize = 500;
const COMMIT_BYTES: usize = 10 << 20;

fn largest(run: &RunState) -> usize {
    let (header, pages) = bytes(run);
    let pages = pages.iter().map(Vec::len);
    pages.chain([header.len()]).max().unwrap()
}

fn apply(world: &mut World, event: &Event) {
    world
        .run
        .apply(&world.graph, event, world.now, &mut Out::default())
        .unwrap();
}

/// The latest attempt of an instance.
fn attempt(run: &RunState, task: u32, index: u32) -> Attempt {
    let instance = run.instance(task, index).unwrap();
    Attempt {
        task,
        index,
        attempt: instance.attempt,
        fence: instance.fence,
    }
}

fn failed(message: &str, category: Category) -> Verdict {
    Verdict::Failed {
        category,
        message: message.to_owned(),
        log_tail: vec![message.to_owned()],
        exit_code: Some(-1),
    }
}

/// The largest JSON text that stays in a page.
fn output() -> Output {
    Output::Inline(format!("\"{}\"", "o".repeat(limits::INLINE_OUTPUT_BYTES - 2)).into())
}

/// Texts around the bound, in characters of one to four bytes, so that the cut falls everywhere.
fn text(tape: &mut Tape) -> String {
    let character = ["x", "ü", "→", "🦀", "\u{1}", "\u{301}"][tape.below(6)];
    let bytes = [
        limits::ERROR_BYTES,
        limits::ERROR_BYTES + 1,
        limits::ERROR_BYTES - 1,
        5 * limits::ERROR_BYTES,
        0,
    ][tape.below(5)];
    let lead = "y".repeat(tape.below(5));
    lead + &character.repeat(bytes / character.len())
}

#[test]
fn no_page_outgrows_its_bound_whatever_its_instances_have_to_say() {
    let most = std::cell::Cell::new(0);
    check(12, (tapes(64), 1..3_u32), |(choices, pages)| {
        let mut tape = Tape::new(&choices);
        let count = pages * limits::PAGE_INSTANCES as u32;
        let mut world = World::quick(&format!(
            "  fan: {{x, parallel: {count}, retries: {{max: 9, delay: 0s}}}}\n"
        ));
        // Instants far from the run's beginning are the longest to write.
        world.now = world.now + Millis(1 << 45);
        let offer = Event::Claim(ClaimOffer {
            places: count,
            ..ClaimOffer::default()
        });
        apply(&mut world, &Event::Start);
        apply(&mut world, &offer);
        for index in 0..count {
            let said = text(&mut tape);
            let first = attempt(&world.run, 0, index);
            let verdict = failed(&said, *tape.pick(Category::ALL));
            apply(
                &mut world,
                &Event::Finished {
                    attempt: first,
                    verdict,
                    report: None,
                },
            );
            let kept = world
                .run
                .instance(0, index)
                .unwrap()
                .failure
                .clone()
                .unwrap();
            assert!(
                kept.message.len() <= limits::ERROR_BYTES,
                "{}",
                kept.message.len()
            );
            assert!(
                said == *kept.message || kept.message.ends_with("… (cut)"),
                "what is cut says so: {}",
                kept.message
            );
        }
        apply(&mut world, &offer);
        for index in 0..count {
            if !matches!(
                world.run.instance(0, index).unwrap().state,
                State::Dispatched { .. }
            ) {
                continue;
            }
            let attempt = attempt(&world.run, 0, index);
            apply(&mut world, &Event::Started(attempt));
            let verdict = match tape.below(4) {
                0 | 1 => Verdict::Success { output: output() },
                2 => {
                    let Output::Inline(jobs) = output() else {
                        unreachable!("it is inline")
                    };
                    Verdict::Deferred {
                        jobs: Output::Inline(jobs),
                        count: limits::DEFERRED_JOBS as u32,
                        every: None,
                    }
                }
                _ => continue,
            };
            apply(
                &mut world,
                &Event::Finished {
                    attempt,
                    verdict,
                    report: None,
                },
            );
            let done = Event::Job {
                attempt,
                job: limits::DEFERRED_JOBS as u32 - 1,
                answer: JobAnswer::Done,
            };
            apply(&mut world, &done);
            let unanswered = Event::Job {
                attempt,
                job: 0,
                answer: JobAnswer::Unanswered {
                    retry_after: None,
                    why: Some(text(&mut tape)),
                },
            };
            apply(&mut world, &unanswered);
        }
        world.check_quickly();
        let bytes = largest(&world.run);
        assert!(bytes <= limits::DOCUMENT_BYTES, "{bytes}");
        most.set(most.get().max(bytes));
    });
    let most = most.get();
    assert!(most > 256 * 1200, "the pages were full: {most}");
}

/// A workflow of many tasks like one.
fn many(template: &str, count: usize) -> (Graph, Header) {
    let mut workflow = World::new(template).graph.workflow;
    let last = workflow.tasks.len() - 1;
    let tasks: Vec<Task> = (0..count)
        .map(|at| Task {
            name: format!("t{at}").parse().unwrap(),
            ..workflow.tasks[at.min(last)].clone()
        })
        .collect();
    workflow.tasks = tasks;
    let header = header(&workflow);
    (Graph::new(workflow), header)
}

/// The longest header a run can be made with.
fn longest(header: Header, tasks: usize) -> Header {
    let mut longest = header;
    longest.id = "r".repeat(160).parse().unwrap();
    longest.workflow = "w".repeat(63).parse().unwrap();
    // Six bytes of JSON for each character, and as many bytes of JSON as are allowed.
    let value = "\u{1}".repeat((limits::PARAMS_BYTES - 10) / 6);
    longest.params.insert("p".into(), value.into());
    let json = serde_json::to_string(&longest.params).unwrap().len();
    assert!(
        (limits::PARAMS_BYTES - 10..=limits::PARAMS_BYTES).contains(&json),
        "{json}"
    );
    longest.only = (0..tasks as u32).collect();
    longest.parent = Some(ParentRef {
        run: "p".repeat(160).parse().unwrap(),
        task: u32::MAX,
        index: u32::MAX,
        attempt: u32::MAX,
    });
    longest.depth = limits::SUBWORKFLOW_DEPTH;
    (longest.seed, longest.commits) = (u64::MAX, u64::MAX);
    longest.owner = Some("o".repeat(200));
    longest
}

/// What a run that has ended keeps of its end, the longest there may be of it.
fn ended_longest(header: &mut Header) {
    header.failed = Some(FailedTask {
        task: "t".repeat(63).parse().unwrap(),
        why: "\u{1}".repeat(limits::FAILED_BYTES),
    });
    let latest = Time(i64::MAX);
    let told = |round| Notice {
        key: NoticeKey {
            on: Occasion::LateStart,
            target: u32::MAX,
            round,
        },
        at: latest,
        status: RunStatus::Recovering,
        error: Some("\u{1}".repeat(limits::NOTICE_ERROR_BYTES)),
        failed: vec![u32::MAX; limits::NOTICE_TASKS],
        attempts: u32::MAX,
        state: NoticeState::Pending { next_at: latest },
        trouble: Some("\u{1}".repeat(limits::TROUBLE_BYTES)),
        again: Some(AskedAgain {
            at: latest,
            attempts: u32::MAX,
        }),
        extra: BTreeMap::new(),
    };
    let most = u32::try_from(limits::NOTICES).unwrap();
    header.notices = (0..most).map(|n| told(u32::MAX - n)).collect();
}

#[test]
fn no_header_outgrows_its_bound_with_its_first_page_inside_or_with_all_tasks_there_can_be() {
    // With 1,000 tasks the first page lies inside the header, as full as it can be; beyond that the table of tasks is all.
    for (tasks, full) in [(1000, 256), (1001, 256), (limits::TASKS, 0)] {
        let (graph, header) = many("  t: {x, retries: {max: 1, delay: 0s}}\n", tasks);
        let mut world = World {
            thorough: false,
            ..World::with(graph, longest(header, tasks))
        };
        world.now = world.now + Millis(1 << 45);
        apply(&mut world, &Event::Start);
        let offer = Event::Claim(ClaimOffer {
            places: full,
            ..ClaimOffer::default()
        });
        for verdict in [
            failed(&"→".repeat(limits::ERROR_BYTES), Category::Unknown),
            Verdict::Success { output: output() },
        ] {
            apply(&mut world, &offer);
            for task in 0..full {
                let attempt = attempt(&world.run, task, 0);
                let verdict = verdict.clone();
                apply(
                    &mut world,
                    &Event::Finished {
                        attempt,
                        verdict,
                        report: None,
                    },
                );
            }
        }
        let cancel = Command::Cancel {
            reason: "\u{1}".repeat(limits::ERROR_BYTES),
        };
        apply(&mut world, &Event::Command(cancel));
        assert_eq!(world.status(), RunStatus::Cancelled);
        ended_longest(&mut world.run.header);
        let bytes = largest(&world.run);
        assert!(bytes <= limits::DOCUMENT_BYTES, "{tasks} tasks: {bytes}");
        let floor = limits::PARAMS_BYTES + full as usize * 2048;
        assert!(bytes > floor || tasks == 1001, "{tasks} tasks: {bytes}");
    }
}

/// Writes and bytes of a commit, and its largest document.
fn commit(stored: &StoredRun) -> [usize; 3] {
    let pages: Vec<usize> = stored.pages.iter().map(|(_, page)| page.len()).collect();
    [
        1 + pages.len(),
        stored.header.len() + pages.iter().sum::<usize>(),
        pages
            .into_iter()
            .chain([stored.header.len()])
            .max()
            .unwrap(),
    ]
}

fn fits(what: &str, stored: &StoredRun) {
    let [writes, bytes, largest] = commit(stored);
    assert!(writes <= COMMIT_WRITES, "{what}: {writes} writes");
    assert!(bytes <= COMMIT_BYTES, "{what}: {bytes} bytes");
    assert!(
        largest <= limits::DOCUMENT_BYTES,
        "{what}: {largest} bytes in one"
    );
}

#[test]
fn a_commit_of_the_largest_run_keeps_within_what_stores_take() {
    // All instances there can be, in two tasks, each with a few numbers and no text: 10 MiB allow about 90 bytes for each.
    let mut world = World::quick("  a: {x, parallel: 100000}\n  b: {x, parallel: 12640}\n");
    fits("made", &world.run.encode());
    apply(&mut world, &Event::Start);
    assert_eq!(world.run.counts().total(), limits::INSTANCES_PER_RUN);
    let stored = world.run.encode();
    fits("begun", &stored);
    assert!(commit(&stored)[0] >= limits::INSTANCES_PER_RUN as usize / limits::PAGE_INSTANCES);
    world.now = world.now + Millis(1 << 45);
    let offer = ClaimOffer {
        places: 30_000,
        ..ClaimOffer::default()
    };
    apply(&mut world, &Event::Claim(offer));
    fits("claimed", &world.run.encode());
    let cancel = Command::Cancel {
        reason: "no".into(),
    };
    apply(&mut world, &Event::Command(cancel));
    fits("cancelled", &world.run.encode());
    assert!(world.run.encode().pages.is_empty());
}

#[test]
fn a_workflow_of_all_tasks_that_want_more_instances_than_there_can_be_keeps_within_what_stores_take()
 {
    // Those that get none still get one, to fail in.
    let template = "  a: {x, parallel: 100000}\n  b: {x, parallel: 12640}\n  c: {x, parallel: 2}\n";
    let (graph, header) = many(template, limits::TASKS);
    let mut world = World {
        thorough: false,
        ..World::with(graph, header)
    };
    apply(&mut world, &Event::Start);
    assert_eq!(
        world.run.counts().total() as usize,
        limits::INSTANCES_PER_RUN as usize + limits::TASKS - 2
    );
    fits("begun", &world.run.encode());
    world.check_quickly();
}

#[test]
fn a_commit_writes_the_pages_of_what_changed_and_no_other() {
    check(25, (tapes(40), 300..2000_u32), |(choices, count)| {
        let mut tape = Tape::new(&choices);
        let mut world = World::quick(&format!("  fan: {{x, parallel: {count}, retries: 2}}\n"));
        apply(&mut world, &Event::Start);
        let offer = ClaimOffer {
            places: count,
            ..ClaimOffer::default()
        };
        apply(&mut world, &Event::Claim(offer));
        world.run.encode();
        for _ in 0..8 {
            let mut touched = std::collections::BTreeSet::new();
            for _ in 0..tape.below(20) {
                let index = (u32::from(tape.next()) << 3 | u32::from(tape.next()) & 7) % count;
                let attempt = attempt(&world.run, 0, index);
                let verdict = match tape.below(2) {
                    0 => Verdict::Success { output: output() },
                    _ => failed("no", Category::Transient),
                };
                let live = world
                    .run
                    .instance(0, index)
                    .unwrap()
                    .status()
                    .is_in_flight();
                apply(
                    &mut world,
                    &Event::Finished {
                        attempt,
                        verdict,
                        report: None,
                    },
                );
                if live && index as usize >= limits::PAGE_INSTANCES {
                    touched.insert(index / limits::PAGE_INSTANCES as u32);
                }
            }
            let stored = world.run.encode();
            let written: Vec<u32> = stored.pages.iter().map(|(page, _)| *page).collect();
            assert_eq!(written, Vec::from_iter(touched));
            fits("some", &stored);
        }
    });
}

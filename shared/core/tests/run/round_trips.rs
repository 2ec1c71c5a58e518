//! What a store holds is the run: kept up to date by the pages that changed alone, and keeping what a newer Ork added.

use std::collections::BTreeMap;

use ork_core::run::{
    Attempt, Category, ClaimOffer, Command, Event, Out, RecoverFrom, Resolution, RunState,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;

use crate::shapes::{Tape, check, tapes};
use crate::words::success;
use crate::world::{World, bytes};

/// Tasks over several pages, two of which get another number of instances in each of their lives and outgrow their places.
const YAML: &str = "name: t\nmax_recovery_attempts: 9\ntasks:\n  a: {command: work}\n  fan: {command: work, depends_on: [a], foreach: a, tolerate: 50%, retries: {max: 2, delay: 1s}}\n  more: {command: work, depends_on: [a], foreach: a, priority: 1}\n  z: {command: work, depends_on: [fan, more], trigger: all_done}\n";

/// The documents as a store holds them.
#[derive(Default)]
struct Held {
    header: Vec<u8>,
    pages: BTreeMap<u32, Vec<u8>>,
}

impl Held {
    /// Writes what changed.
    fn take(&mut self, run: &mut RunState) {
        let stored = run.encode();
        self.header = stored.header;
        self.pages.extend(stored.pages);
    }

    /// The run as a process reads it that has never seen it.
    fn read(&self, world: &World) -> RunState {
        let pages: Vec<Vec<u8>> = RunState::pages_of(&self.header)
            .unwrap()
            .map(|page| self.pages[&page].clone())
            .collect();
        RunState::decode(&world.graph, &self.header, &pages).unwrap()
    }
}

fn number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn block<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let len = number(bytes) as usize;
    let (block, rest) = bytes.split_at(len);
    *bytes = rest;
    block
}

fn put(out: &mut Vec<u8>, block: &[u8]) {
    let mut len = block.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(block);
}

const TAIL: &[u8] = b"\x07tomorrow";
const KEY: &str = r#""colour":{"of":["tomorrow"]}"#;

/// A list of records, each with the tail a newer Ork writes.
fn grown_records(mut list: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !list.is_empty() {
        // What this Ork knows of a record comes first; a record that ends before it has none of it.
        put(&mut out, &[block(&mut list), &[0, 0, 0, 0], TAIL].concat());
    }
    out
}

/// How many bytes stand before the records of a page.
fn page_front(page: &[u8]) -> usize {
    let mut rest = page.strip_prefix(b"ORKP").expect("a page");
    for _ in ["format", "base", "count"] {
        number(&mut rest);
    }
    page.len() - rest.len()
}

fn grown_page(page: &[u8]) -> Vec<u8> {
    let (front, records) = page.split_at(page_front(page));
    [front, &grown_records(records)].concat()
}

fn grown_header(header: &[u8]) -> Vec<u8> {
    let (front, mut rest) = header.split_at(5);
    assert_eq!(front, b"ORKR\x01");
    let mut out = front.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        rest = after;
        let body = block(&mut rest);
        out.push(kind);
        match kind {
            1 => put(
                &mut out,
                &[&body[..body.len() - 1], b",", KEY.as_bytes(), b"}"].concat(),
            ),
            2 => put(&mut out, &grown_records(body)),
            4 => put(&mut out, &grown_page(body)),
            _ => put(&mut out, body),
        }
    }
    out
}

fn with_tail(mut records: &[u8]) -> usize {
    let mut found = 0;
    while !records.is_empty() {
        found += usize::from(block(&mut records).ends_with(TAIL));
    }
    found
}

/// Whether tasks and header still have what was added to them, the instances that have, and all positions of instances.
fn kept(held: &Held) -> (bool, usize, u64) {
    let (mut tasks, mut instances, mut key, mut slots) = (0, 0, false, 0);
    let mut rest = &held.header[5..];
    while let Some((&kind, after)) = rest.split_first() {
        rest = after;
        let body = block(&mut rest);
        match kind {
            1 => key = String::from_utf8_lossy(body).contains(KEY),
            2 => tasks = with_tail(body),
            3 => slots = number(&mut { body }),
            4 => instances += with_tail(&body[page_front(body)..]),
            _ => {}
        }
    }
    for page in held.pages.values() {
        instances += with_tail(&page[page_front(page)..]);
    }
    (key && tasks == 4, instances, slots)
}

/// Something that happens to one of many instances, or to all.
fn event(world: &World, tape: &mut Tape) -> Event {
    let task = [1, 2, 1, 2, 0, 3][tape.below(6)];
    let count = world.run.instances(task).len().max(1);
    // Mostly the same few, so that more than one thing happens to them.
    let index = match tape.below(4) {
        0 => usize::from(tape.next()) << 8 | usize::from(tape.next()),
        few => [0, 258, 1][few - 1],
    };
    let index = (index % count) as u32;
    let (number, fence) = world
        .run
        .instance(task, index)
        .map_or((1, 1), |instance| (instance.attempt, instance.fence));
    let attempt = Attempt {
        task,
        index,
        attempt: number,
        fence,
    };
    if let Some(&(task, generation)) = world.run.unresolved().first() {
        let instances = [300, 0, 1, 256, 257, 700, 0, 2][tape.below(8)];
        return Event::Resolved {
            task,
            generation,
            result: Resolution::Run(instances),
        };
    }
    match tape.below(16) {
        0..=2 => Event::Claim(ClaimOffer {
            places: [1000, 10, 300][tape.below(3)],
            supervised: tape.one_in(2),
            ..ClaimOffer::default()
        }),
        3 => Event::Started(attempt),
        4 | 15 => Event::Heartbeat(attempt),
        5 | 6 => Event::Finished {
            attempt,
            verdict: success("[1,\"ü\"]"),
            report: None,
        },
        7 => Event::Finished {
            attempt,
            verdict: Verdict::Failed {
                category: *tape.pick(Category::ALL),
                message: "no → ".repeat(tape.below(40)),
                log_tail: Vec::new(),
                exit_code: None,
            },
            report: None,
        },
        8 => Event::Finished {
            attempt,
            verdict: Verdict::Deferred {
                jobs: Output::Object { bytes: 70_000 },
                count: 64,
                every: None,
            },
            report: None,
        },
        9 => Event::Tick,
        10 if tape.one_in(3) => Event::OwnerLost {
            new_owner: Some("next".into()),
        },
        11 => Event::Finished {
            attempt: Attempt {
                task: 0,
                index: 0,
                ..attempt
            },
            verdict: success("[1]"),
            report: None,
        },
        10 | 12 => Event::Command(Command::RetryTask {
            task: [1, 2][tape.below(2)],
        }),
        13 => Event::Command(Command::Recover {
            from: RecoverFrom::Task(1),
        }),
        _ => Event::Command(
            [
                Command::Pause,
                Command::PauseTask { task },
                Command::Resume,
                Command::ResumeTask { task },
                Command::Cancel {
                    reason: "no".into(),
                },
            ][tape.below(5)]
            .clone(),
        ),
    }
}

/// Task, index, attempt and fence of every instance.
fn tries(run: &RunState) -> Vec<(u32, u32, u32, u32)> {
    let of = |task| {
        let instances = (0u32..).zip(run.instances(task));
        instances.map(move |(index, one)| (task, index, one.attempt, one.fence))
    };
    (0..run.tasks().len() as u32).flat_map(of).collect()
}

#[test]
fn what_is_stored_is_the_run_after_every_step_and_keeps_what_a_newer_ork_added() {
    let (steps, most_pages, grown, moves) = (
        std::cell::Cell::new(0),
        std::cell::Cell::new(0),
        std::cell::Cell::new(0),
        std::cell::Cell::new(0),
    );
    check(45, (tapes(200), 5..45_usize), |(choices, count)| {
        let mut world = World::quick(YAML);
        let mut tape = Tape::new(&choices);
        let mut held = Held::default();
        held.take(&mut world.run);
        let mut newer: Option<usize> = None;
        let (mut most_count, mut moved) = ([0; 2], false);
        let mut given = BTreeMap::new();
        let begin = [
            Event::Start,
            Event::Claim(ClaimOffer {
                places: 100,
                ..ClaimOffer::default()
            }),
            Event::Finished {
                attempt: Attempt {
                    task: 0,
                    index: 0,
                    attempt: 1,
                    fence: 1,
                },
                verdict: success("[1]"),
                report: None,
            },
        ];
        for step in 0..count {
            let event = begin
                .get(step)
                .cloned()
                .unwrap_or_else(|| event(&world, &mut tape));
            let refused = world
                .run
                .apply(&world.graph, &event, world.now, &mut Out::default());
            assert!(refused.is_ok() || matches!(event, Event::Command(_)));
            held.take(&mut world.run);
            let read = held.read(&world);
            assert_eq!(bytes(&read), bytes(&world.run), "{event:?}");
            read.verify(&world.graph).unwrap();
            assert_eq!(
                read.clone().next_wake_at(world.now),
                world.run.next_wake_at(world.now)
            );
            // A number that was given to an attempt is not given to another, however often the task begins anew.
            for (task, index, attempt, fence) in tries(&world.run) {
                let highest = given.entry((task, index)).or_insert((0, 0));
                assert!(
                    (attempt, fence) >= *highest,
                    "{event:?}: task {task}[{index}] is back at attempt {attempt}"
                );
                *highest = (attempt, fence);
            }
            // Positions that are copied when a task outgrows its place take along what they know.
            let (added, instances, slots) = kept(&held);
            if let Some(before) = newer {
                assert!(added && instances >= before, "{event:?}");
                newer = Some(instances);
            }
            for (most, task) in most_count.iter_mut().zip([1, 2]) {
                *most = (*most).max(world.run.instances(task).len() as u64);
            }
            moved |= slots > 2 + most_count.iter().sum::<u64>();
            if newer.is_none() && tape.one_in(8) {
                // Another process, of a newer Ork, writes everything and adds to it.
                held.header = grown_header(&held.header);
                for page in held.pages.values_mut() {
                    *page = grown_page(page);
                }
                world.run = held.read(&world);
                newer = Some(kept(&held).1);
                grown.set(grown.get() + 1);
            } else if tape.one_in(3) {
                world.run = read;
            }
            world.now = world.now + Millis(u64::from(tape.next()) * 20);
            steps.set(steps.get() + 1);
            most_pages.set(most_pages.get().max(held.pages.len()));
        }
        moves.set(moves.get() + u32::from(moved));
    });
    assert!(
        steps.get() > 500 && most_pages.get() >= 3 && grown.get() > 10 && moves.get() > 2,
        "{} steps, {} pages, {} grown, {} in which a task moved",
        steps.get(),
        most_pages.get(),
        grown.get(),
        moves.get()
    );
}

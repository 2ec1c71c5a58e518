//! The stored format: old bytes can be read for ever, what is unknown is kept, what is newer or damaged is refused.
//!
//! `tests/fixtures/run/v1` holds runs as format 1 writes them. `ORK_ADD_FIXTURES=1 cargo test -p ork-core --test run fixtures`
//! writes those of [`STORIES`] that are missing; it never changes one that is there. A story that is changed needs a new name.

use std::path::PathBuf;

use ork_core::definition::Workflow;
use ork_core::limits;
use ork_core::run::{ClaimOffer, Command, DecodeError, Event, Graph, RunState, RunStatus};

use crate::world::{World, bytes, header};

const STORIES: [(&str, &str, &str); 10] = [
    (
        "in_flight",
        "name: t\ndeadline: 2h\ntasks:\n  a: {x, parallel: 8, retries: {max: 2, delay: 30s, jitter: false}}\n  f: {x, priority: 3}\n  s: {x, depends_on: [f]}\n  p: {x}\n  w: {x, when: \"{{ run.id == 'x' }}\"}\n  c: {run_as: {workflow: other}}\n  l: {x, depends_on: [a]}\n",
        "start; pause p; claim 6 remote; +1500ms; fail f permanent no such table; started a[0]; defer a[1] 3; job a[1] 1 done; fail a[2] transient ünlucky; ok a[3] {\"n\":1}; +60s; tick",
    ),
    (
        "paged",
        "  fan: {x, parallel: 600}\n  z: {executor: marker, depends_on: [fan]}\n",
        "start; claim 300; +5s; ok fan[0] 1; ok fan[299] [\"two\"]; fail fan[298] oom; cancel",
    ),
    (
        "recovered",
        "  a: {x}\n  b: {x, depends_on: [a], foreach: a}\n  c: {x, depends_on: [b], trigger: one_failed}\n",
        "start; claim 1; ok a; resolve b run 2; claim 2; ok b[0]; fail b[1] permanent; claim 1; ok c; +1h; recover failed; resolve b run 4; pause; owner_lost",
    ),
    (
        "metered",
        "  a: {x}\n  b: {x, depends_on: [a]}\n",
        "start; claim 1 remote; +1s; metered a 2; claim 1 remote; metered b 3; metered b 3",
    ),
    (
        "stopping",
        "  a: {x, retries: {max: 1, delay: 0s}}\n  b: {x, parallel: 3}\n",
        "start; claim 9 remote; +2s; defer a 3; defer b[1] 2; job a 1 failed; stopped a#1 1 denied; +30s; tick; job b[1] 0 denied; cancel; stopped b[1]#1 1",
    ),
    (
        "telling",
        "name: t\nnotifications:\n  - {on: [failure, recovery], webhook: https://example.com}\n  - {on: failure, email: [a@example.com]}\n  - {on: failure, pubsub: alerts}\n  - {on: success, slack: {secret: URL}}\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n",
        "start; claim 1; ok a; claim 1; +1s; fail b permanent ünlucky; told failure.0.1 received; told failure.1.1 never; told failure.2.1 busy; retry; claim 1; ok b; +80s; tick; told recovery.0.2 #1 busy",
    ),
    (
        "resending",
        "name: t\nnotifications:\n  - {on: failure, webhook: https://example.com}\n  - {on: failure, email: [a@example.com]}\ntasks:\n  a: {x}\n",
        "start; claim 1; fail a permanent; told failure.0.1 never; told failure.1.1 never; +2s; resend failure.0.1; tick; told failure.0.1 busy",
    ),
    (
        "unanswered",
        "  a: {x, retries: {max: 1, delay: 0s}}\n  b: {x, parallel: 3}\n",
        "start; claim 9 remote; +2s; defer a 3; defer b[1] 2; job a 1 failed transient; stopped a#1 1 unanswered; +30s; tick; stopped a#1 0 unanswered; job b[1] 0 busy; job b[1] 1 busy 60s; +60s; job b[1] 0 running; job b[1] 1 missing; defer b[2] 1; job b[2] 0 denied",
    ),
    (
        "removing",
        "  a: {x}\n",
        "start; claim 1; +1s; ok a; +1h; remove 1900000000000",
    ),
    (
        OWING,
        "  a: {x}\n",
        "start; claim 1 remote; +1s; started a; cancel",
    ),
];

/// A run whose last commit was made by somebody who may not write objects: no event says so.
const OWING: &str = "owing";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run/v1")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// A run as text, field by field.
fn shown(run: &RunState) -> String {
    let mut text = format!("{:#?}\n", run.header);
    // These came after the first fixtures.
    for later in [
        "    usage: UsageByFunction(\n        {},\n    ),\n",
        "    started_by: None,\n",
        "    cancelled_by: None,\n",
        "    late: None,\n",
        "    objects_owed: false,\n",
        "    failed: None,\n",
        "    notices: [],\n",
        "    ends: 0,\n",
        "    failed_before: false,\n",
        "    removing: false,\n",
        "            again: None,\n",
    ] {
        text = text.replace(later, "");
    }
    let none = |text: &str| text.replace(", trouble: None", "");
    for (at, task) in (0u32..).zip(run.tasks()) {
        text += &format!(
            "task {at}: {:?} {} paused {} generation {} ready {:?} ended {:?}\n",
            task.phase,
            task.status(),
            task.paused,
            task.generation,
            task.ready_at,
            task.finished_at
        );
        for (index, instance) in run.instances(at).iter().enumerate() {
            text += &none(&format!("  {index}: {instance:?}\n"));
        }
    }
    text
}

/// What is behind the name of a story for each way in which an Ork wrote it, the newest last: with more about jobs that are waited for or
/// stopped, with when to look for late words of workers.
fn written(name: &str) -> &'static [&'static str] {
    match name {
        "in_flight" => &["", ".2"],
        "stopping" => &["", ".2", ".3"],
        _ => &[""],
    }
}

fn newest(name: &str) -> &'static str {
    written(name).last().expect("there is one")
}

fn write_once(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if !path.exists() {
        std::fs::write(path, bytes).expect("the folder of fixtures can be written");
    }
}

fn story(name: &str) -> World {
    let (_, yaml, script) = STORIES
        .iter()
        .find(|story| story.0 == name)
        .expect("a story");
    let mut world = World::new(yaml);
    world.play(script);
    if name == OWING {
        let now = world.now;
        world.run.owe_objects(now);
    }
    world
}

#[test]
fn fixtures_of_format_1_are_read_as_what_they_were() {
    if std::env::var_os("ORK_ADD_FIXTURES").is_some() {
        for (story_name, ..) in STORIES {
            let world = story(story_name);
            let name = format!("{story_name}{}", newest(story_name));
            let (header, pages) = bytes(&world.run);
            write_once(
                &format!("{story_name}.workflow.json"),
                &world.graph.workflow.encode(),
            );
            write_once(&format!("{name}.header"), &header);
            for (page, bytes) in RunState::pages_of(&header).unwrap().zip(pages) {
                write_once(&format!("{name}.page-{page}"), &bytes);
            }
            write_once(&format!("{name}.txt"), shown(&world.run).as_bytes());
        }
    }
    for (story, written) in STORIES
        .iter()
        .flat_map(|(name, ..)| written(name).iter().map(move |written| (name, written)))
    {
        let name = format!("{story}{written}");
        let definition = read(&format!("{story}.workflow.json"));
        let graph = Graph::new(Workflow::decode(&definition).unwrap());
        let header = read(&format!("{name}.header"));
        let pages: Vec<Vec<u8>> = RunState::pages_of(&header)
            .unwrap()
            .map(|page| read(&format!("{name}.page-{page}")))
            .collect();
        let run = RunState::decode(&graph, &header, &pages).unwrap();
        run.verify(&graph).unwrap();
        assert_eq!(
            shown(&run),
            String::from_utf8(read(&format!("{name}.txt"))).unwrap(),
            "{name}"
        );
        assert_eq!(
            RunState::decode_header(&header).unwrap(),
            run.header,
            "{name}"
        );
    }
}

#[test]
fn the_same_stories_still_give_the_same_bytes() {
    // Not a promise, but a change of what is written should be noticed and be meant.
    for (name, ..) in STORIES {
        assert_eq!(
            bytes(&story(name).run).0,
            read(&format!("{name}{}.header", newest(name))),
            "{name}"
        );
    }
}

#[test]
fn an_unchanged_page_is_not_written_again_and_a_changed_one_is() {
    let mut world = story("paged");
    let first = world.run.encode();
    assert_eq!(
        first.pages.iter().map(|page| page.0).collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(!world.run.is_changed() && world.run.encode().pages.is_empty());
    let mut world = World::new("  fan: {x, parallel: 600}\n");
    world.play("start; claim 300");
    world.run.encode();
    world.play("ok fan[299]");
    assert_eq!(
        world
            .run
            .encode()
            .pages
            .iter()
            .map(|page| page.0)
            .collect::<Vec<_>>(),
        [1]
    );
}

/// A cursor over a document, written again here so that the format is not only what its writer thinks.
struct Doc<'a>(&'a [u8]);

impl<'a> Doc<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap();
        self.0 = rest;
        *first
    }
    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }
    fn bytes(&mut self) -> &'a [u8] {
        let len = self.number() as usize;
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
}

fn number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn block(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

const TAIL: &[u8] = b"\x05new!";

/// Each record of a list with `change` made to it.
fn records(list: &[u8], change: &mut impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut doc, mut out) = (Doc(list), Vec::new());
    while !doc.0.is_empty() {
        block(&mut out, &change(doc.bytes()));
    }
    out
}

fn page(bytes: &[u8], change: &mut impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    assert_eq!(&bytes[..4], b"ORKP");
    let mut doc = Doc(&bytes[4..]);
    let (format, base, count) = (doc.number(), doc.number(), doc.number());
    let mut out = b"ORKP".to_vec();
    [format, base, count]
        .into_iter()
        .for_each(|n| number(&mut out, n));
    out.extend(records(doc.0, change));
    out
}

fn document(
    bytes: &[u8],
    json: &mut impl FnMut(&[u8]) -> Vec<u8>,
    change: &mut impl FnMut(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    assert_eq!(&bytes[..5], b"ORKR\x01");
    let (mut doc, mut out) = (Doc(&bytes[5..]), bytes[..5].to_vec());
    while !doc.0.is_empty() {
        let kind = doc.byte();
        let body = doc.bytes();
        out.push(kind);
        let body = match kind {
            1 => json(body),
            2 => records(body, change),
            4 => page(body, change),
            _ => body.to_vec(),
        };
        block(&mut out, &body);
    }
    out
}

#[test]
fn what_a_newer_ork_added_to_a_record_outlives_a_change_by_this_one() {
    let mut world = story("paged");
    let (header, pages) = bytes(&world.run);
    // A newer Ork writes what this one knows before what it does not: no jobs that are being stopped, no deferral, no trouble with questions.
    let mut grow = |record: &[u8]| [record, &[0, 0, 0, 0], TAIL].concat();
    let mut extend =
        |json: &[u8]| [&json[..json.len() - 1], br#","colour":{"of":"tomorrow"}}"#].concat();
    let grown = document(&header, &mut extend, &mut grow);
    let grown_pages: Vec<Vec<u8>> = pages.iter().map(|bytes| page(bytes, &mut grow)).collect();
    world.run = RunState::decode(&world.graph, &grown, &grown_pages).unwrap();
    assert_eq!(
        bytes(&world.run),
        (grown, grown_pages),
        "nothing was changed"
    );
    world.play("retry; claim 20; ok fan[1]; fail fan[2] permanent; +1s; cancel");
    let (header, pages) = bytes(&world.run);
    let mut seen = 0;
    let mut ends = |record: &[u8]| {
        assert!(record.ends_with(TAIL), "{record:?}");
        seen += 1;
        record.to_vec()
    };
    document(
        &header,
        &mut |json| {
            assert!(String::from_utf8_lossy(json).contains(r#""colour":{"of":"tomorrow"}"#));
            json.to_vec()
        },
        &mut ends,
    );
    pages.iter().for_each(|bytes| {
        page(bytes, &mut ends);
    });
    assert_eq!(seen, 2 + 601);
}

#[test]
fn a_higher_format_is_newer_and_not_damaged() {
    let world = story("paged");
    let (mut header, mut pages) = bytes(&world.run);
    let good = header.clone();
    header[4] = 2;
    let newer = DecodeError::Newer { found: 2, known: 1 };
    assert_eq!(
        RunState::decode(&world.graph, &header, &pages).unwrap_err(),
        newer
    );
    assert_eq!(RunState::decode_header(&header).unwrap_err(), newer);
    assert_eq!(RunState::pages_of(&header).unwrap_err(), newer);
    pages[0][4] = 2;
    assert_eq!(
        RunState::decode(&world.graph, &good, &pages).unwrap_err(),
        newer
    );
}

#[test]
fn pages_that_are_missing_doubled_or_longer_than_they_say_are_damaged() {
    let world = story("paged");
    let (header, pages) = bytes(&world.run);
    let damaged = |pages: &[Vec<u8>]| {
        matches!(
            RunState::decode(&world.graph, &header, pages),
            Err(DecodeError::Damaged(_))
        )
    };
    assert!(damaged(&pages[..1]));
    assert!(damaged(&[
        pages[0].clone(),
        pages[1].clone(),
        pages[1].clone()
    ]));
    assert!(damaged(&[pages[0].clone(), [&pages[1][..], b"x"].concat()]));
    assert!(!damaged(&pages));
}

#[test]
fn a_run_of_another_workflow_is_damaged() {
    let world = story("paged");
    let (header, pages) = bytes(&world.run);
    let other = World::new("  a: {x}\n");
    assert!(matches!(
        RunState::decode(&other.graph, &header, &pages),
        Err(DecodeError::Damaged(_))
    ));
}

#[test]
fn damaged_bytes_are_refused_or_read_but_never_end_the_process() {
    for (name, ..) in STORIES {
        let world = story(name);
        let (header, pages) = bytes(&world.run);
        let look = |header: &[u8], pages: &[Vec<u8>]| {
            let _ = RunState::decode_header(header);
            if let Ok(named) = RunState::pages_of(header) {
                assert!(
                    named.end <= 1000,
                    "{named:?} pages of {} bytes",
                    header.len()
                );
            }
            if let Ok(mut run) = RunState::decode(&world.graph, header, pages) {
                // Whatever was read can be shown, driven and written.
                run.progress(&world.graph, world.now);
                let mut out = ork_core::run::Out::default();
                let cancel = Event::Command(Command::Cancel {
                    reason: "damaged".into(),
                });
                for event in [
                    Event::Tick,
                    Event::Claim(ClaimOffer {
                        places: 9,
                        ..ClaimOffer::default()
                    }),
                    cancel,
                    Event::Command(Command::Retry),
                ] {
                    let _refused = run.apply(&world.graph, &event, world.now, &mut out);
                }
                out.notes
                    .iter()
                    .for_each(|note| drop(note.render(&world.graph)));
                run.next_wake_at(world.now);
                run.touch_all();
                run.encode();
            }
        };
        for at in 0..header.len() {
            look(&header[..at], &pages);
            for value in [
                0,
                1,
                0x7f,
                0x80,
                0xff,
                header[at] ^ 1,
                header[at].wrapping_add(1),
            ] {
                let mut bytes = header.clone();
                bytes[at] = value;
                look(&bytes, &pages);
            }
            let mut bytes = header.clone();
            bytes.splice(at..at, [0xff; 9]);
            look(&bytes, &pages);
        }
        if let Some(first) = pages.first() {
            for at in (0..first.len()).step_by(3) {
                let mut mutated = pages.clone();
                mutated[0][at] ^= 0x55;
                look(&header, &mutated);
                mutated[0].truncate(at);
                look(&header, &mutated);
            }
        }
    }
}

/// The largest document of a run.
fn largest(run: &RunState) -> usize {
    let (header, pages) = bytes(run);
    pages
        .iter()
        .map(Vec::len)
        .chain([header.len()])
        .max()
        .unwrap()
}

#[test]
fn no_document_of_a_hundred_thousand_instances_outgrows_its_limit() {
    let mut world = World::quick("  fan: {x, parallel: 100000, retries: {max: 1, delay: 0s}}\n");
    let long = "ü".repeat(limits::ERROR_BYTES);
    let output = format!("\"{}\"", "o".repeat(limits::INLINE_OUTPUT_BYTES - 2));
    // Two whole pages as full as they can be: each instance failed at length once and then succeeded at length, late.
    world.now = world.now + ork_core::time::Millis(1 << 45);
    world.play("start; claim 512; +9000h");
    for index in 0..512 {
        world.play(&format!(
            "fail fan[{index}] unknown {long}; claim 1; ok fan[{index}] {output}"
        ));
        world.trace.clear();
    }
    assert_eq!(
        world
            .run
            .counts()
            .of(ork_core::run::InstanceStatus::Success),
        512
    );
    let most = largest(&world.run);
    assert!(
        most > 256 * 2048,
        "the pages are as full as they can be: {most}"
    );
    // 532,327 bytes when this was written.
    assert!(most <= limits::DOCUMENT_BYTES, "{most}");
}

#[test]
fn no_header_outgrows_its_limit_with_its_page_inside_or_with_ten_thousand_tasks() {
    let template = World::new("  fan: {x, retries: {max: 1, delay: 0s}}\n")
        .graph
        .workflow;
    for (tasks, failing) in [(1000, 256), (limits::TASKS, 0)] {
        let mut workflow = template.clone();
        workflow.tasks = (0..tasks)
            .map(|at| ork_core::definition::Task {
                name: format!("t{at}").parse().unwrap(),
                ..template.tasks[0].clone()
            })
            .collect();
        let mut header = header(&workflow);
        header
            .params
            .insert("all".into(), "p".repeat(limits::PARAMS_BYTES).into());
        header.only = (0..tasks as u32).collect();
        let mut world = World {
            thorough: false,
            ..World::with(Graph::new(workflow), header)
        };
        world.now = world.now + ork_core::time::Millis(1 << 45);
        world.play(&format!("start; claim {failing}"));
        let long = "ü".repeat(limits::ERROR_BYTES);
        let output = format!("\"{}\"", "o".repeat(limits::INLINE_OUTPUT_BYTES - 2));
        for at in 0..failing {
            world.play(&format!(
                "fail t{at} unknown {long}; claim 1; ok t{at} {output}"
            ));
            world.trace.clear();
        }
        world.play("cancel");
        assert_eq!(world.status(), RunStatus::Cancelled);
        let most = largest(&world.run);
        assert!(most <= limits::DOCUMENT_BYTES, "{tasks} tasks: {most}");
        assert!(most > limits::PARAMS_BYTES, "{most}");
    }
}

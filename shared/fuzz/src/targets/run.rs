//! The stored documents of a run: `STORY`, a script of events, the header document and the pages, with a line `=====`
//! between them.

use std::sync::LazyLock;

use ork_core::definition::Workflow;
use ork_core::ids::{RunId, VersionHash};
use ork_core::limits;
use ork_core::run::{Graph, Header, RunState};

use super::script::{self, MADE};
use crate::Reading;

/// Between the parts of an input.
const MARK: &[u8] = b"\n=====\n";

/// A workflow whose runs are read.
pub(super) struct Story {
    pub(super) graph: Graph,
}

/// The workflows of the fixtures, by number.
static STORIES: LazyLock<Vec<Story>> = LazyLock::new(|| {
    let files: [&[u8]; 3] = [
        include_bytes!("../../corpus/definition/in_flight.json"),
        include_bytes!("../../corpus/definition/paged.json"),
        include_bytes!("../../corpus/definition/recovered.json"),
    ];
    files
        .into_iter()
        .map(|bytes| Story {
            graph: Graph::new(Workflow::decode(bytes).expect("a definition of the corpus")),
        })
        .collect()
});

impl Story {
    /// The workflow with this number; there is one for every number.
    pub(super) fn named(number: u8) -> &'static Self {
        &STORIES[usize::from(number) % STORIES.len()]
    }
    /// A new run of it.
    pub(super) fn fresh(&self) -> RunState {
        let id = RunId::new("run-1").expect("a run id");
        let name = self.graph.workflow.name.clone();
        let header = Header::new(id, name, VersionHash::of(b"fuzz"), MADE);
        RunState::new(&self.graph, header)
    }
}

/// The bytes of a run, all pages, read back and written again: they are the same.
pub(super) fn reread(graph: &Graph, run: &RunState) -> (Vec<u8>, Vec<Vec<u8>>) {
    let written = all_bytes(run);
    let read =
        RunState::decode(graph, &written.0, &written.1).expect("what was written can be read");
    assert_eq!(all_bytes(&read), written, "written, read and written");
    written
}

pub(super) fn all_bytes(run: &RunState) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut copy = run.clone();
    copy.touch_all();
    let stored = copy.encode();
    (
        stored.header,
        stored.pages.into_iter().map(|(_, page)| page).collect(),
    )
}

/// A run as it was stored, damaged or written by an Ork of another age, and what then happens to it.
///
/// Reading ends and takes memory in proportion. What is accepted can be shown, written so that it reads as the same, and
/// driven on by any event without a panic. If it was sound when it was read, it stays sound.
pub fn run(bytes: &[u8]) -> Reading {
    let mut parts = parts(bytes).into_iter();
    let (Some(story), Some(script), Some(header)) = (parts.next(), parts.next(), parts.next())
    else {
        return Reading::Rejected;
    };
    let pages: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    let story = Story::named(story.first().copied().unwrap_or(0));
    read_on(&story.graph, header, &pages, script)
}

/// Reads a run, shows it and drives it on.
pub(super) fn read_on(graph: &Graph, header: &[u8], pages: &[Vec<u8>], script: &[u8]) -> Reading {
    let head = RunState::decode_header(header);
    if let Ok(named) = RunState::pages_of(header) {
        let most = (limits::INSTANCES_PER_RUN as usize + limits::TASKS) / limits::PAGE_INSTANCES;
        assert!(named.end as usize <= most + 1, "{named:?}");
    }
    let Ok(mut run) = RunState::decode(graph, header, pages) else {
        return Reading::Rejected;
    };
    assert_eq!(head.as_ref(), Ok(&run.header), "its header alone");
    let version = run.header.version.as_str();
    assert!(
        VersionHash::parse(version).is_some(),
        "{version:?} is no version"
    );
    reread(graph, &run);
    let sound = run.verify(graph).is_ok();
    script::play(graph, &mut run, script, sound);
    reread(graph, &run);
    Reading::Accepted
}

pub(super) fn parts(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(MARK.len()).position(|part| part == MARK) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + MARK.len()..];
    }
    parts.push(bytes);
    parts
}

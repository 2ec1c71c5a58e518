//! Runs whose stored documents were damaged: `STORY`, a script, patches, another script, with a line `=====` between them.
//!
//! Unlike the documents of the target `run`, nearly all of these can still be read: they reach what decoding cannot see.

use ork_core::run::RunState;

use super::run::{Story, all_bytes, parts, read_on};
use super::script;
use crate::Reading;

/// Patches of one input.
const MOST: usize = 6;

/// A run that lived through the first script, was stored and damaged, and is then read and driven on by the second.
///
/// It promises what [`run`](super::run()) promises.
pub fn damage(bytes: &[u8]) -> Reading {
    let parts = parts(bytes);
    let [story, before, patches, after] = parts[..] else {
        return Reading::Rejected;
    };
    let story = Story::named(story.first().copied().unwrap_or(0));
    let mut run: RunState = story.fresh();
    script::play(&story.graph, &mut run, before, true);
    let (mut header, mut pages) = all_bytes(&run);
    for patch in patches.chunks_exact(4).take(MOST) {
        // Most of what a run is lies at the end of its header document.
        let document = match pages.len() {
            0 => &mut header,
            n => match usize::from(patch[0] >> 4) % (n + 1) {
                0 => &mut header,
                page => &mut pages[page - 1],
            },
        };
        change(document, patch);
    }
    read_on(&story.graph, &header, &pages, after)
}

/// Changes one byte, or leaves some out or puts some in.
fn change(document: &mut Vec<u8>, patch: &[u8]) {
    let from_end = usize::from(patch[1]) + 256 * usize::from(patch[0] & 3);
    let Some(at) = document.len().checked_sub(from_end + 1) else {
        return;
    };
    let value = patch[3];
    match patch[2] % 8 {
        0 => {
            let end = (at + usize::from(value % 16)).min(document.len());
            document.drain(at..end);
        }
        1 => document[at] = value,
        2 => document[at] ^= value,
        3 => document[at] = document[at].wrapping_add(1),
        4 => document[at] = document[at].wrapping_sub(1),
        5 => document.insert(at, value),
        6 => {
            // The largest number of 32 bits.
            document.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        }
        _ => document.truncate(at),
    }
}

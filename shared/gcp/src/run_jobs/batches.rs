//! Parts attempts that start together into batches: one run, one job or topic, and no more than an execution and an object may hold.

use std::collections::BTreeMap;

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::batch;
use serde_json::value::RawValue;

use crate::signed;

/// Attempts that one execution runs, or one start hands to a service.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) run: RunId,
    /// The job or the topic.
    pub(crate) job: String,
    /// Where each stands among what was asked for, and what it is.
    pub(crate) members: Vec<(usize, Box<RawValue>)>,
    /// The spans of the members, where they are recorded.
    pub(crate) traces: Vec<Option<String>>,
    /// The longest of their timeouts.
    pub(crate) timeout: Millis,
    /// The only one, when there is one only.
    pub(crate) alone: Option<TaskSpec>,
    /// The members, where signed URLs are to stand beside them.
    pub(crate) with_urls: Vec<TaskSpec>,
    bytes: usize,
}

/// Where an attempt goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The job or the topic.
    pub(crate) job: &'a str,
    /// Whether its worker has no credentials and is handed signed URLs.
    pub(crate) by_urls: bool,
}

impl<'a> From<&'a str> for Place<'a> {
    fn from(job: &'a str) -> Self {
        Self {
            job,
            by_urls: false,
        }
    }
}

impl Batch {
    fn new(run: RunId, job: String) -> Self {
        Self {
            run,
            job,
            members: Vec::new(),
            traces: Vec::new(),
            timeout: Millis(0),
            alone: None,
            with_urls: Vec::new(),
            bytes: FRAME,
        }
    }
    fn has_room(&self, bytes: usize) -> bool {
        self.members.len() < limits::BATCH_ATTEMPTS && self.bytes + bytes < limits::BATCH_BYTES
    }
    fn push(&mut self, position: usize, (spec, by_urls): (TaskSpec, bool), written: Box<RawValue>) {
        self.bytes += size(&written, by_urls);
        self.timeout = self.timeout.max(spec.timeout);
        if by_urls {
            self.with_urls.push(spec.clone());
        }
        self.traces.push(spec.trace.clone());
        self.alone = self.members.is_empty().then_some(spec);
        self.members.push((position, written));
    }
    /// The members as they are written.
    pub(crate) fn specs(&self) -> Vec<&RawValue> {
        self.members.iter().map(|(_, spec)| &**spec).collect()
    }
    /// The contents of its object.
    pub(crate) fn encode(&self) -> Vec<u8> {
        batch::encode(&self.specs())
    }
}

/// What a member takes of its batch's object.
fn size(written: &RawValue, by_urls: bool) -> usize {
    let beside = if by_urls { signed::batch::ROOM } else { 0 };
    written.get().len() + 1 + beside
}

/// What stands around the specs, amply.
const FRAME: usize = 64;

/// Parts `specs`, keeping their order; those that `job` has no place for, or that are too large, come back with the reason.
pub(crate) fn part<'a, P: Into<Place<'a>>>(
    specs: Vec<TaskSpec>,
    mut place: impl FnMut(&TaskSpec) -> Result<P, String>,
) -> (Vec<Batch>, Vec<(usize, String)>) {
    let mut open: BTreeMap<(RunId, &str), Batch> = BTreeMap::new();
    let (mut full, mut refused) = (Vec::new(), Vec::new());
    for (position, spec) in specs.into_iter().enumerate() {
        let Place { job, by_urls } = match place(&spec) {
            Ok(place) => place.into(),
            Err(why) => {
                refused.push((position, why));
                continue;
            }
        };
        let written = batch::encode_spec(&spec);
        let bytes = size(&written, by_urls);
        if bytes + FRAME >= limits::BATCH_BYTES {
            let spec = written.get().len();
            refused.push((
                position,
                format!(
                    "its inputs make a spec of {spec} bytes, more than the {} that a worker is handed: pass large values as files",
                    limits::BATCH_BYTES - (bytes - spec)
                ),
            ));
            continue;
        }
        let run = spec.id.run.clone();
        let new = || Batch::new(run.clone(), job.to_owned());
        let batch = open.entry((run.clone(), job)).or_insert_with(new);
        if !batch.has_room(bytes) {
            full.push(std::mem::replace(batch, new()));
        }
        batch.push(position, (spec, by_urls), written);
    }
    full.extend(open.into_values());
    (full, refused)
}

#[cfg(test)]
mod tests {
    use super::super::start::tests::spec;
    use super::*;

    fn members(batches: &[Batch]) -> Vec<Vec<usize>> {
        let members = |batch: &Batch| batch.members.iter().map(|(at, _)| *at).collect();
        batches.iter().map(members).collect()
    }

    #[test]
    fn runs_and_jobs_are_kept_apart_and_order_is_kept() {
        let specs = vec![spec("a", 0), spec("b", 0), spec("a", 1), spec("a", 2)];
        let (batches, refused) = part(specs, |spec| Ok(["x", "y"][spec.id.index as usize % 2]));
        assert_eq!(members(&batches), [vec![0, 3], vec![2], vec![1]]);
        let alone: Vec<_> = batches.iter().map(|batch| batch.alone.is_some()).collect();
        assert_eq!(alone, [false, true, true]);
        assert_eq!(refused, []);
    }

    #[test]
    fn a_batch_holds_no_more_than_an_execution_starts() {
        let specs: Vec<_> = (0..2_100).map(|index| spec("a", index)).collect();
        let (batches, _) = part(specs, |_| Ok("x"));
        let sizes: Vec<_> = batches.iter().map(|batch| batch.members.len()).collect();
        assert_eq!(sizes, [1000, 1000, 100]);
        let second = batches[1].encode();
        let found = batch::decode(&second, 7).expect("there");
        assert_eq!(found.id.index, 1007);
    }

    #[test]
    fn a_batch_holds_no_more_bytes_than_a_worker_reads() {
        let large = |index| {
            let mut large = spec("a", index);
            large.env = vec![("X".into(), "x".repeat(3 << 20))];
            large
        };
        let (batches, refused) = part((0..5).map(large).collect(), |_| Ok("x"));
        assert_eq!(members(&batches), [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(
            batches
                .iter()
                .all(|batch| batch.encode().len() <= limits::BATCH_BYTES)
        );
        assert_eq!(refused, []);
        let mut huge = spec("a", 0);
        huge.env = vec![("X".into(), "x".repeat(limits::BATCH_BYTES))];
        let (batches, refused) = part(vec![huge, spec("a", 1)], |_| Ok("x"));
        assert_eq!(members(&batches), [vec![1]]);
        assert!(
            refused[0].1.contains("pass large values as files"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_batch_lasts_as_long_as_its_longest_member() {
        let mut long = spec("a", 1);
        long.timeout = Millis::from_secs(9999);
        let (batches, _) = part(vec![spec("a", 0), long, spec("a", 2)], |_| Ok("x"));
        assert_eq!(batches[0].timeout, Millis::from_secs(9999));
    }
}

//! Which write a file is: its inode, its modification time to the nanosecond and its size, hashed.
//!
//! The kernel's own stamps are no good for that: they advance every few milliseconds, and a freed inode is given out again at
//! once, so two quick writes could look the same. So a writer sets the modification time itself, to a nanosecond it has not used
//! before. Two writers that pick the same nanosecond hold two files, with two inodes, at that moment. What others write without
//! setting it (a growing log) still changes with its size and the kernel's stamp. Nothing is stored beside the file, so a
//! generation is never out of step with its contents and survives a copy of the machine's disk.

use std::fs::{File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use ork_engine::ports::Generation;

use crate::clock::unix_nanos;

/// The last stamp of this process.
static LAST: AtomicI64 = AtomicI64::new(0);

/// A nanosecond this process has not used before, near now.
fn unused_nanosecond() -> i64 {
    let now = unix_nanos().max(0);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(now.max(last + 1))
    });
    // The closure never says no, and both arms carry the value before the update.
    now.max(last.unwrap_or_else(|last| last) + 1)
}

/// Stamps a file just written and says its generation.
pub(super) fn stamp(file: &File) -> io::Result<Generation> {
    let nanos = unused_nanosecond();
    let at = UNIX_EPOCH + Duration::from_nanos(nanos.unsigned_abs());
    file.set_times(FileTimes::new().set_modified(at))?;
    let metadata = file.metadata()?;
    if modified(&metadata) != nanos {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this file system does not keep modification times to the nanosecond, by which Ork tells one write from another",
        ));
    }
    Ok(of(&metadata))
}

/// The generation of a file as it is.
pub(super) fn of(metadata: &Metadata) -> Generation {
    let mut hash = 0x6f72_6b5f_6765_6e31;
    for part in [
        metadata.ino(),
        modified(metadata).cast_unsigned(),
        metadata.size(),
    ] {
        hash = mix(hash ^ part);
    }
    Generation(hash)
}

fn modified(metadata: &Metadata) -> i64 {
    metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec())
}

/// A permutation of 64 bits that spreads every bit over all (the finisher of splitmix64).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_nanosecond_is_used_twice_by_any_thread() {
        let taken: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..2000).map(|_| unused_nanosecond()).collect::<Vec<_>>()))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len());
    }

    #[test]
    fn a_file_that_grows_or_is_stamped_again_has_another_generation() {
        use std::io::Write;
        let mut file = tempfile::tempfile().expect("a file");
        let first = stamp(&file).expect("stamped");
        assert_eq!(of(&file.metadata().expect("metadata")), first);
        file.write_all(b"x").expect("written");
        let second = of(&file.metadata().expect("metadata"));
        let third = stamp(&file).expect("stamped");
        assert_eq!(BTreeSet::from([first, second, third]).len(), 3);
    }
}

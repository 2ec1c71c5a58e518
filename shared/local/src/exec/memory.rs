//! How much memory a task holds: the resident pages of its process group, on Linux.

use std::fs;

use rustix::process::Pid;

/// How often a limited attempt is looked at.
pub(crate) const INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);
/// Every so many looks the whole system is searched for members of the group that left the leader's family.
const THOROUGH: u32 = 10;

/// Watches one group against a limit.
pub(crate) struct Watch {
    pub(crate) limit: u64,
    pub(crate) peak: u64,
    looks: u32,
    /// When to look next.
    pub(crate) next: std::time::Instant,
}

impl Watch {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            peak: 0,
            looks: 0,
            next: std::time::Instant::now() + INTERVAL,
        }
    }

    /// Looks now; true when the group holds more than it may.
    pub(crate) fn is_over(&mut self, leader: Pid) -> bool {
        self.next = std::time::Instant::now() + INTERVAL;
        self.looks += 1;
        let leader = leader.as_raw_nonzero().get();
        let found = if self.looks.is_multiple_of(THOROUGH) {
            everybody(leader)
        } else {
            family(leader)
        };
        self.peak = self.peak.max(found);
        found > self.limit
    }
}

/// The leader and its descendants.
fn family(leader: i32) -> u64 {
    let mut pending = vec![leader];
    let mut bytes = 0;
    while let Some(pid) = pending.pop() {
        let Some((_, rss)) = stat(pid) else { continue };
        bytes += rss;
        // Children are listed by the thread that made them.
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            if let Ok(children) = fs::read_to_string(thread.path().join("children")) {
                pending.extend(
                    children
                        .split_ascii_whitespace()
                        .filter_map(|child| child.parse::<i32>().ok()),
                );
            }
        }
    }
    bytes
}

/// Whoever is in the group.
fn everybody(group: i32) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(stat)
        .filter(|(of, _)| *of == group)
        .map(|(_, rss)| rss)
        .sum()
}

/// A process's group and resident bytes.
fn stat(pid: i32) -> Option<(i32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let group = fields.nth(2)?.parse().ok()?;
    let pages: u64 = fields.nth(18)?.parse().ok()?;
    Some((group, pages * rustix::param::page_size() as u64))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_some_memory() {
        let me = rustix::process::getpid();
        let (group, rss) = stat(me.as_raw_nonzero().get()).expect("this process");
        assert!(rss > 100_000, "{rss}");
        assert!(everybody(group) >= rss / 2);
        assert!(family(me.as_raw_nonzero().get()) >= rss / 2);
    }
}

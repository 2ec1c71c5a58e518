//! Sees to it that no process outlives an engine that was killed.
//!
//! One helper (`ork __reaper`) sleeps on a pipe that ends when the engine does. The engine notes each process group in a
//! table, a file both share: one small write when a group starts, one when it has ended, and no wake-up of anybody. When the
//! pipe ends the helper kills the groups that are left in the table. A number that was given to another process meanwhile
//! is recognised by its start time. Only Linux can tell start times; elsewhere there is no helper.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::time::{ClockId, clock_gettime};

/// Where the table begins: what a stray print might leave at the start of the file is no entry.
const TABLE: u64 = 64 * 1024;
/// Bytes of an entry: group, then the instants just before and after its start.
const ENTRY: usize = 24;

/// The engine's side.
pub(crate) struct Watchdog {
    exe: Option<PathBuf>,
    helper: OnceLock<Option<Helper>>,
}

struct Helper {
    table: File,
    alive: Mutex<Option<(OwnedFd, Child)>>,
}

/// Milliseconds since the machine started, sleep included: what start times of processes count from.
pub(crate) fn uptime() -> u64 {
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000
        + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

impl Watchdog {
    pub(crate) fn new(exe: Option<PathBuf>) -> Self {
        Self {
            exe: exe.filter(|_| cfg!(target_os = "linux")),
            helper: OnceLock::new(),
        }
    }

    /// Notes a group in `slot`; it started between `before` and now. Starts the helper the first time.
    pub(crate) fn enter(
        &self,
        slot: usize,
        group: Pid,
        before: u64,
        scratch: &Path,
        complain: impl FnOnce(String),
    ) {
        let Some(exe) = &self.exe else { return };
        let helper = self.helper.get_or_init(|| match start(exe, scratch) {
            Ok(helper) => Some(helper),
            Err(error) => {
                complain(format!(
                    "no watchdog ({error}): tasks outlive this ork if it is killed with SIGKILL"
                ));
                None
            }
        });
        let mut entry = [0; ENTRY];
        entry[..8]
            .copy_from_slice(&u64::from(group.as_raw_nonzero().get().unsigned_abs()).to_le_bytes());
        entry[8..16].copy_from_slice(&before.to_le_bytes());
        entry[16..].copy_from_slice(&uptime().to_le_bytes());
        write(helper.as_ref(), slot, &entry);
    }

    /// Forgets the group in `slot`. Call it before its leader is reaped.
    pub(crate) fn leave(&self, slot: usize) {
        write(
            self.helper.get().and_then(Option::as_ref),
            slot,
            &[0; ENTRY],
        );
    }

    /// Ends the helper; the table must be empty by now, or what is in it is killed.
    pub(crate) fn close(&self) {
        let Some(helper) = self.helper.get().and_then(Option::as_ref) else {
            return;
        };
        let alive = helper
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((pipe, mut child)) = alive {
            drop(pipe);
            // It has nothing left to do; a failed wait means that it is gone already.
            let _ = child.wait();
        }
    }
}

fn write(helper: Option<&Helper>, slot: usize, entry: &[u8; ENTRY]) {
    if let Some(helper) = helper {
        // The file lies in memory and only grows by an entry per slot; without the entry only the safety net is missing.
        let _ = rustix::io::pwrite(&helper.table, entry, TABLE + (slot * ENTRY) as u64);
    }
}

fn start(exe: &Path, scratch: &Path) -> std::io::Result<Helper> {
    let table = shared_file(scratch)?;
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let child = Command::new(exe)
        .arg("__reaper")
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::from(read))
        .stdout(Stdio::from(table.try_clone()?))
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Helper {
        table,
        alive: Mutex::new(Some((write, child))),
    })
}

#[cfg(target_os = "linux")]
fn shared_file(_scratch: &Path) -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(
        "ork-groups",
        rustix::fs::MemfdFlags::CLOEXEC,
    )?))
}

#[cfg(not(target_os = "linux"))]
fn shared_file(scratch: &Path) -> std::io::Result<File> {
    let path = scratch.join("groups");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// The helper: the hidden command `ork __reaper`. Standard input is the pipe, standard output the table.
pub fn reaper_main() -> ExitCode {
    let pipe = std::io::stdin();
    let mut byte = [0; 1];
    // Nothing is ever written: a read returns when the other end is gone.
    while let Ok(1..) | Err(rustix::io::Errno::INTR) = rustix::io::read(&pipe, &mut byte) {}
    let table = std::io::stdout();
    let mut offset = TABLE;
    let mut entry = [0; ENTRY];
    while let Ok(ENTRY) = rustix::io::pread(table.as_fd(), &mut entry, offset) {
        offset += ENTRY as u64;
        kill_if_ours(&entry);
    }
    ExitCode::SUCCESS
}

fn kill_if_ours(entry: &[u8; ENTRY]) {
    let number = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().expect("eight bytes"));
    let Some(group) = i32::try_from(number(0)).ok().and_then(Pid::from_raw) else {
        return;
    };
    // Start times have a resolution of 10 ms. Without a leader the number is still that of the group, if it is anybody's:
    // a number is not given out again while a group bears it.
    let ours = started_at(group).is_none_or(|at| at + 20 >= number(8) && at <= number(16) + 20);
    if ours {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// When a process started, in milliseconds since the machine did.
fn started_at(pid: Pid) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name, in parentheses, may hold anything; the 22nd field is the start in ticks.
    let ticks: u64 = stat
        .rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    Some(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

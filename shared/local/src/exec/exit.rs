//! Tells when a child has ended, without reaping it: until then its number and its group are nobody else's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Readable once the child has ended.
pub(crate) struct ExitWatch(OwnedFd);

impl ExitWatch {
    pub(crate) fn new(pid: Pid) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            Ok(fd) => return Ok(Self(fd)),
            // A kernel or sandbox without it: wait as everywhere else.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(super::pipe::explain(error)),
        }
        let (read, write) = super::pipe::pipe()?;
        std::thread::Builder::new()
            .name("ork-wait".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                // Whatever the answer: there is nothing left to wait for. Dropping the write end tells.
                while let Err(rustix::io::Errno::INTR) = waitid(
                    WaitId::Pid(pid),
                    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
                ) {}
                drop(write);
            })?;
        Ok(Self(read))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

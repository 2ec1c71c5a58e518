//! Pipes that do not block us, and the bell that wakes a reactor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

/// A pipe: the read end never blocks, the write end (for a child) does. Neither is inherited.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(explain)?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    Ok((read, write))
}

/// Names what to do when descriptors run out.
pub(crate) fn explain(error: Errno) -> io::Error {
    if matches!(error, Errno::MFILE | Errno::NFILE) {
        return io::Error::other("too many open files: lower --max-parallel or raise `ulimit -n`");
    }
    error.into()
}

/// What one read gave.
pub(crate) enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing now.
    Empty,
    /// Nothing ever again.
    End,
}

/// Reads once.
pub(crate) fn read(fd: impl AsFd, buffer: &mut [u8]) -> Read {
    loop {
        match rustix::io::read(&fd, &mut *buffer) {
            Ok(0) => return Read::End,
            Ok(n) => return Read::Some(n),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Read::Empty,
            // A socket whose other end died may say so; for us that is its end.
            Err(_) => return Read::End,
        }
    }
}

/// Wakes a thread out of `poll`.
pub(crate) struct Bell {
    read: OwnedFd,
    write: OwnedFd,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(explain)?;
        Ok(Self { read, write })
    }
    /// Rings; ringing twice is as good as once.
    pub(crate) fn ring(&self) {
        // A full pipe means that it rings already.
        let _ = rustix::io::write(&self.write, &[1]);
    }
    /// Becomes readable when rung.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
    /// Forgets earlier rings.
    pub(crate) fn hush(&self) {
        let mut sink = [0; 64];
        while matches!(read(&self.read, &mut sink), Read::Some(64)) {}
    }
}

//! A child of a template that its reactor talks to over a channel of their own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::process::Pid;

use super::frames::ResultFrame;
use super::request::WorkerKey;

/// What a child is for.
pub(crate) enum Serves {
    /// One attempt after the other.
    Many(WorkerKey),
    /// A single one; forked ahead of it, in this batch, with these upstream outputs in its environment.
    One {
        batch: u64,
        upstream: Option<Arc<str>>,
    },
}

/// See the module. It is at one attempt at a time.
pub(crate) struct Worker {
    pub(crate) serves: Serves,
    pub(crate) pid: Option<Pid>,
    pub(crate) log: Option<OwnedFd>,
    /// `None` once it is not to be given anything more.
    pub(crate) channel: Option<OwnedFd>,
    unsent: Vec<u8>,
    pub(crate) answer: ResultFrame,
    /// The place of the attempt it is at.
    pub(crate) current: Option<usize>,
}

impl Worker {
    pub(crate) fn new(serves: Serves, log: OwnedFd, channel: OwnedFd) -> Self {
        Self {
            serves,
            pid: None,
            log: Some(log),
            channel: Some(channel),
            unsent: Vec::new(),
            answer: ResultFrame::default(),
            current: None,
        }
    }

    /// Whether it waits for an attempt.
    pub(crate) fn is_idle(&self) -> bool {
        self.current.is_none() && self.channel.is_some()
    }

    /// Whether it is for one attempt and was forked in the batch `since` or later.
    pub(crate) fn is_spare_since(&self, since: Option<u64>) -> bool {
        matches!(self.serves, Serves::One { batch, .. } if since.is_some_and(|since| batch >= since))
    }

    /// Whether it is only to end.
    pub(crate) fn is_spent(&self) -> bool {
        self.current.is_none() && self.channel.is_none()
    }

    /// Hands it the next attempt.
    pub(crate) fn give(&mut self, slot: usize, frame: &[u8]) {
        self.current = Some(slot);
        self.answer.clear();
        self.unsent.extend_from_slice(frame);
        self.flush();
    }

    /// Sends what it can; a child that is gone is reported by its template.
    pub(crate) fn flush(&mut self) {
        let Some(channel) = &self.channel else { return };
        while !self.unsent.is_empty() {
            match send(
                channel,
                &self.unsent,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return,
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// What to poll its channel for.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let channel = self.channel.as_ref()?;
        let write = if self.unsent.is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::OUT
        };
        Some((channel.as_fd(), PollFlags::IN | write))
    }
}

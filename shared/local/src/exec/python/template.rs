//! A template process, which forks the children that run attempts.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    send, sendmsg,
};
use rustix::process::Pid;

use super::super::ExecConfig;
use super::super::exit::ExitWatch;
use super::PythonEnv;
use super::frames::Buffer;
use super::worker::Worker;

/// The protocol's version that this code speaks.
pub(crate) const PROTOCOL: u32 = 1;

/// Descriptors that travel with one frame, at most.
pub(crate) const MOST_FDS: usize = 16;

/// See the module.
pub(crate) struct Template {
    pub(crate) python: PathBuf,
    /// The folder whose modules it has loaded, when it has loaded any.
    pub(crate) preload: Option<PathBuf>,
    pub(crate) socket: OwnedFd,
    pub(crate) child: Child,
    pub(crate) ready: bool,
    pub(crate) incoming: Buffer,
    unsent: VecDeque<Unsent>,
    /// Attempts with a process of their own, and their places.
    pub(crate) attempts: BTreeMap<u64, usize>,
    pub(crate) workers: BTreeMap<u64, Worker>,
    /// How many children the next batch has.
    pub(crate) batch: usize,
    /// Batches so far.
    pub(crate) batches: u64,
    /// Files it knows, by the first batch of children that know them too.
    pub(crate) files: BTreeMap<String, u64>,
    /// When to have ended children reaped.
    pub(crate) reap_at: Option<Instant>,
    complaints: Complaints,
}

/// The file that holds what a template wrote to its standard error.
struct Complaints(PathBuf);

/// A frame on its way, and what travels with its first bytes.
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    fds: Vec<OwnedFd>,
}

impl Template {
    /// Starts one. It gets its socket as standard input, because that no other child can inherit by accident.
    pub(crate) fn start(
        env: &PythonEnv,
        preload: Option<&Path>,
        config: &ExecConfig,
        complaints: PathBuf,
    ) -> io::Result<Self> {
        let (ours, theirs) = channel()?;
        let stderr = std::fs::File::create(&complaints)?;
        let mut command = Command::new(&env.python);
        command
            .args(["-I", "-S", "-X", "utf8"])
            .arg(env.sdk.join("ork/_warm.py"))
            .arg("0");
        // Symbols resolved once here are not resolved in every child; the template takes it out of their environment.
        command.env_clear().env("LD_BIND_NOW", "ork").envs(
            config
                .env_passthrough
                .iter()
                .map(|(name, value)| (name, value)),
        );
        command
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::from(stderr));
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn()?;
        Ok(Self {
            python: env.python.clone(),
            preload: preload.map(Path::to_path_buf),
            socket: ours,
            child,
            ready: false,
            incoming: Buffer::default(),
            unsent: VecDeque::new(),
            attempts: BTreeMap::new(),
            workers: BTreeMap::new(),
            batch: 1,
            batches: 0,
            files: BTreeMap::new(),
            reap_at: None,
            complaints: Complaints(complaints),
        })
    }

    /// Sends a frame with its descriptors, now or when there is room.
    pub(crate) fn send(&mut self, frame: Vec<u8>, fds: Vec<OwnedFd>) {
        self.unsent.push_back(Unsent {
            bytes: frame,
            sent: 0,
            fds,
        });
        self.flush();
    }

    /// Whether something waits for room.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends what it can. A template that is gone is noticed when its end of file is read.
    pub(crate) fn flush(&mut self) {
        while let Some(front) = self.unsent.front_mut() {
            match front.push(&self.socket) {
                Ok(true) => drop(self.unsent.pop_front()),
                Ok(false) => return,
                Err(_) => {
                    self.unsent.clear();
                    return;
                }
            }
        }
    }

    /// Closes its socket, at which it ends; gives what there is to wait for.
    pub(crate) fn let_go(self) -> (Child, Option<ExitWatch>) {
        let Self {
            socket,
            workers,
            child,
            ..
        } = self;
        drop((socket, workers));
        let watch = ExitWatch::new(Pid::from_child(&child)).ok();
        (child, watch)
    }

    /// What it complained about, at its end.
    pub(crate) fn complaint(&self) -> String {
        let text = std::fs::read(&self.complaints.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned();
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        // Usually empty, and nobody asks for it any more.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Unsent {
    /// True when all of it is sent, false when there is no room.
    fn push(&mut self, socket: &OwnedFd) -> io::Result<bool> {
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            let sent = if self.fds.is_empty() {
                send(socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
            } else {
                with_fds(socket, rest, &self.fds)
            };
            match sent {
                Ok(n) => {
                    self.sent += n;
                    self.fds.clear();
                }
                Err(Errno::INTR) => {}
                // ENOBUFS and ETOOMANYREFS: too many descriptors are in flight; poll says when there is room.
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::TOOMANYREFS) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

fn with_fds(socket: &OwnedFd, bytes: &[u8], fds: &[OwnedFd]) -> rustix::io::Result<usize> {
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(Errno::INVAL);
    }
    sendmsg(
        socket,
        &[io::IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    )
}

/// A stream socket pair: ours does not block, theirs does. Neither is inherited.
pub(crate) fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SOCKET_FLAGS, None);
    let (ours, theirs) = pair.map_err(super::super::pipe::explain)?;
    rustix::fs::fcntl_setfl(&ours, OFlags::NONBLOCK)?;
    #[cfg(not(target_os = "linux"))]
    for fd in [&ours, &theirs] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((ours, theirs))
}

#[cfg(target_os = "linux")]
const SOCKET_FLAGS: SocketFlags = SocketFlags::CLOEXEC;
#[cfg(not(target_os = "linux"))]
const SOCKET_FLAGS: SocketFlags = SocketFlags::empty();

//! One thread that looks after many attempts: takes jobs, polls pipes and exits, keeps deadlines.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_process_group};

use super::ExecEvent;
use super::attempt::{Attempt, Body};
use super::python::PythonEnv;
use super::python::template::Template;
use super::shared::{Shared, Turn};
use super::verdict::Why;

/// How long the news of a start may wait for company: most short tasks end within it, and one wake-up tells both.
const NEWS_WAIT: Duration = Duration::from_millis(2);
/// How soon a reactor without a warm interpreter looks again at waiting Python jobs.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(3);
/// How long templates get to report the ends of their children when everything closes.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Reactor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) seat: usize,
    pub(crate) slots: Vec<Option<Attempt>>,
    pub(crate) free: usize,
    pub(crate) templates: BTreeMap<u64, Template>,
    /// A template worth starting beside the work at hand: interpreter, and folder when it preloads.
    pub(crate) wanted: Option<(Arc<PythonEnv>, Option<PathBuf>)>,
    pub(crate) buffer: Vec<u8>,
    news: Vec<ExecEvent>,
    news_since: Option<Instant>,
    closing: Option<Instant>,
}

/// What became readable.
#[derive(Clone, Copy)]
enum Token {
    Bell,
    Exit(usize),
    Out(usize),
    Err(usize),
    Result(usize),
    Template(u64),
    Channel(u64, u64),
    WorkerLog(u64, u64),
}

impl Reactor {
    pub(crate) fn new(shared: Arc<Shared>, seat: usize, slots: usize) -> Self {
        Self {
            shared,
            seat,
            slots: (0..slots).map(|_| None).collect(),
            free: slots,
            templates: BTreeMap::new(),
            wanted: None,
            buffer: vec![0; 64 * 1024],
            news: Vec::new(),
            news_since: None,
            closing: None,
        }
    }

    /// Until everything is closed and over.
    pub(crate) fn run(mut self) {
        loop {
            // Ends are told before the next start, which takes a while.
            self.tell(None);
            let mut pause = self.take();
            if self.closing.is_some() && self.free == self.slots.len() {
                break;
            }
            self.keep_time();
            pause = self.tell(pause);
            self.poll(pause);
        }
        self.flush();
        self.end_templates();
    }

    /// Takes at most one job, so that ends are noticed between starts. Gives how long to wait at most.
    fn take(&mut self) -> Option<Duration> {
        if self.closing.is_some() {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let turn = shared.turn(self.seat, self.free, |waiting| self.wants(&waiting));
        self.start_wanted();
        match turn {
            Turn::Start(job, env) => {
                self.start(job, env);
                Some(Duration::ZERO)
            }
            Turn::Stop(ids) => {
                for id in ids {
                    let slot = self.slots.iter().position(|slot| {
                        slot.as_ref()
                            .is_some_and(|attempt| attempt.job.spec.id == id)
                    });
                    if let Some(slot) = slot {
                        self.kill(slot, Why::Stopped);
                    }
                }
                Some(Duration::ZERO)
            }
            Turn::Close => {
                self.close();
                Some(Duration::ZERO)
            }
            Turn::Rest(true) => Some(LOOK_AGAIN),
            Turn::Rest(false) => None,
        }
    }

    fn close(&mut self) {
        self.closing = Some(Instant::now() + CLOSE_WAIT);
        for slot in 0..self.slots.len() {
            if let Some(attempt) = &mut self.slots[slot] {
                attempt.why.get_or_insert(Why::Stopped);
                attempt.kill_at = None;
                self.signal(slot, Signal::KILL);
            }
        }
    }

    /// Begins to end an attempt: SIGTERM now, SIGKILL after the grace period; too much memory is given no grace.
    pub(crate) fn kill(&mut self, slot: usize, why: Why) {
        let grace = self.shared.config.grace;
        let Some(attempt) = &mut self.slots[slot] else {
            return;
        };
        if attempt.why.is_some() {
            return;
        }
        attempt.why = Some(why);
        if matches!(why, Why::Memory(_)) {
            self.signal(slot, Signal::KILL);
        } else {
            attempt.kill_at = Some(Instant::now() + grace);
            self.signal(slot, Signal::TERM);
        }
    }

    /// Sends a signal to an attempt's process group, which cannot be another's: its leader is not reaped yet.
    fn signal(&mut self, slot: usize, signal: Signal) {
        let Some(attempt) = &self.slots[slot] else {
            return;
        };
        let (template, id) = match &attempt.body {
            Body::Process { .. } => {
                if let Some(pid) = attempt.pid {
                    // A group that is gone, or of another user by now, is not ours to kill.
                    let _ = kill_process_group(pid, signal);
                }
                return;
            }
            // Only the template knows whether its child is reaped.
            Body::Forked { template, id, .. } => (*template, *id),
            Body::Served { template, worker } => (*template, *worker),
        };
        self.template_kill(template, id, signal);
    }

    /// Deadlines, grace periods, memory limits.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.closing.is_some_and(|until| now >= until) {
            self.closing = Some(now + CLOSE_WAIT);
            let templates: Vec<u64> = self.templates.keys().copied().collect();
            for template in templates {
                self.template_died(template);
            }
        }
        self.reap(now);
        for slot in 0..self.slots.len() {
            let Some(attempt) = &mut self.slots[slot] else {
                continue;
            };
            if attempt.due().is_none_or(|due| due > now) {
                continue;
            }
            if attempt.watch_at.take_if(|at| *at <= now).is_some()
                && let Body::Served { template, worker } = attempt.body
            {
                self.watch(template, worker);
                continue;
            }
            if attempt.kill_at.is_some_and(|at| at <= now) {
                attempt.kill_at = None;
                attempt.forced = true;
                let template = match attempt.body {
                    Body::Forked { template, .. } | Body::Served { template, .. }
                        if !attempt.started =>
                    {
                        Some(template)
                    }
                    _ => None,
                };
                match template {
                    // The template is stuck (a preload that never returns, say): only its end ends the attempt.
                    Some(template) => self.template_died(template),
                    None => self.signal(slot, Signal::KILL),
                }
            } else if attempt.deadline.is_some_and(|at| at <= now) && attempt.why.is_none() {
                self.kill(slot, Why::Timeout);
            } else if let (Some(pid), Some(watch)) = (attempt.pid, &mut attempt.memory)
                && watch.is_over(pid)
            {
                let held = watch.peak;
                self.kill(slot, Why::Memory(held));
            }
        }
    }

    /// Adds to what will be told.
    pub(crate) fn news(&mut self, event: ExecEvent) {
        if matches!(event, ExecEvent::Started { .. }) {
            self.news_since.get_or_insert_with(Instant::now);
        } else {
            // An end is not kept waiting.
            let now = Instant::now();
            self.news_since = Some(now.checked_sub(NEWS_WAIT).unwrap_or(now));
        }
        self.news.push(event);
    }

    fn flush(&mut self) {
        for event in self.news.drain(..) {
            self.shared.say(event);
        }
        self.news_since = None;
    }

    /// Tells the news that has waited long enough; gives how long to wait at most.
    fn tell(&mut self, pause: Option<Duration>) -> Option<Duration> {
        let Some(since) = self.news_since else {
            return pause;
        };
        let waited = since.elapsed();
        if waited >= NEWS_WAIT {
            self.flush();
            return pause;
        }
        let rest = NEWS_WAIT - waited;
        Some(pause.map_or(rest, |pause| pause.min(rest)))
    }

    fn poll(&mut self, pause: Option<Duration>) {
        let due = self
            .slots
            .iter()
            .flatten()
            .filter_map(Attempt::due)
            .chain(
                self.templates
                    .values()
                    .filter_map(|template| template.reap_at),
            )
            .chain(self.closing)
            .min();
        let due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let pause = pause.into_iter().chain(due).min();
        for (token, flags) in self.ready(pause) {
            match token {
                Token::Bell => self.shared.bells[self.seat].hush(),
                Token::Out(slot) => self.with(slot, |attempt, buffer| attempt.read(true, buffer)),
                Token::Err(slot) => self.with(slot, |attempt, buffer| attempt.read(false, buffer)),
                Token::Result(slot) => self.with(slot, Attempt::read_result),
                Token::Exit(slot) => self.exited(slot),
                Token::Template(template) => {
                    if flags.contains(PollFlags::OUT) {
                        self.template_writable(template);
                    }
                    if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                        self.template_readable(template);
                    }
                }
                Token::Channel(template, worker) => self.channel_ready(template, worker, flags),
                Token::WorkerLog(template, worker) => self.worker_printed(template, worker),
            }
        }
    }

    fn with(&mut self, slot: usize, read: impl FnOnce(&mut Attempt, &mut [u8]) -> bool) {
        if let Some(attempt) = &mut self.slots[slot] {
            read(attempt, &mut self.buffer);
        }
    }

    /// Waits, at most `pause`, and gives what became ready. Ends come last, so that output is read before it is judged.
    fn ready(&self, pause: Option<Duration>) -> Vec<(Token, PollFlags)> {
        let mut fds = vec![PollFd::from_borrowed_fd(
            self.shared.bells[self.seat].fd(),
            PollFlags::IN,
        )];
        let mut tokens = vec![Token::Bell];
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(attempt) = slot else { continue };
            if let Some(out) = &attempt.out {
                fds.push(PollFd::new(out, PollFlags::IN));
                tokens.push(Token::Out(at));
            }
            if let Some(err) = &attempt.err {
                fds.push(PollFd::new(err, PollFlags::IN));
                tokens.push(Token::Err(at));
            }
            match &attempt.body {
                Body::Process { exit, .. } => {
                    fds.push(PollFd::from_borrowed_fd(exit.fd(), PollFlags::IN));
                    tokens.push(Token::Exit(at));
                }
                Body::Forked {
                    result: Some(result),
                    ..
                } => {
                    fds.push(PollFd::new(result, PollFlags::IN));
                    tokens.push(Token::Result(at));
                }
                Body::Forked { .. } | Body::Served { .. } => {}
            }
        }
        for (id, template) in &self.templates {
            for (worker_id, worker) in &template.workers {
                if let Some(log) = &worker.log {
                    fds.push(PollFd::new(log, PollFlags::IN));
                    tokens.push(Token::WorkerLog(*id, *worker_id));
                }
                if let Some((channel, flags)) = worker.interest() {
                    fds.push(PollFd::from_borrowed_fd(channel, flags));
                    tokens.push(Token::Channel(*id, *worker_id));
                }
            }
            let write = if template.has_unsent() {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            fds.push(PollFd::from_borrowed_fd(
                template.socket.as_fd(),
                PollFlags::IN | write,
            ));
            tokens.push(Token::Template(*id));
        }
        let timeout = pause.map(|pause| Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(pause.subsec_nanos()),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(1..) => {}
            // Interrupted, or out of memory for a moment: the loop comes back.
            Ok(0) | Err(_) => return Vec::new(),
        }
        fds.iter()
            .zip(&tokens)
            .filter(|(fd, _)| !fd.revents().is_empty())
            .map(|(fd, token)| (*token, fd.revents()))
            .collect()
    }
}

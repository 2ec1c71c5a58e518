//! A reactor's Python side: attempts on templates, each in a child of its own or in one that serves many.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ork_core::definition::{Executor, Isolation};
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::Verdict;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::ExecEvent;
use super::attempt::{Attempt, Body, Capture, object};
use super::environment::Scratch;
use super::exit::ExitWatch;
use super::finish::{from_frame, judge_forked};
use super::log::Log;
use super::output::{Text, failed};
use super::pipe::{Read, pipe, read};
use super::python::frames::{Event, ResultFrame};
use super::python::request::{self, WorkerKey};
use super::python::template::{PROTOCOL, Template, Worker, channel};
use super::python::{PythonEnv, frames};
use super::reactor::{LOOK_AGAIN, Reactor};
use super::shared::{Job, Waiting};
use super::verdict::End;

/// Waiting jobs that make another interpreter worth its start.
const BACKLOG: usize = 8;
/// How long the templates get to end by themselves.
const END_WAIT: Duration = Duration::from_millis(500);

impl Reactor {
    /// Whether to take a Python job now. The first reactor always does; the others start an interpreter of their own once
    /// jobs pile up or wait, and take jobs once it is ready: for a few short tasks one interpreter is faster than two.
    pub(crate) fn wants(&mut self, waiting: &Waiting<'_>) -> bool {
        let preload = waiting.preload.then_some(waiting.dir);
        match self.find_template(&waiting.env.python, preload) {
            Some(id) => self.seat == 0 || self.templates[&id].ready,
            None if self.seat == 0 => true,
            None => {
                if waiting.jobs >= BACKLOG || waiting.waited >= LOOK_AGAIN {
                    self.wanted = Some((Arc::clone(waiting.env), preload.map(Path::to_path_buf)));
                }
                false
            }
        }
    }

    /// Starts the template that [`Reactor::wants`] found missing. Not being able to is not an error yet: the first reactor takes the jobs.
    pub(crate) fn start_wanted(&mut self) {
        let Some((env, preload)) = self.wanted.take() else {
            return;
        };
        if let Err(Verdict::Failed { message, .. }) = self.start_template(&env, preload.as_deref())
        {
            self.news(ExecEvent::Setup { text: message });
        }
    }

    fn find_template(&self, python: &Path, preload: Option<&Path>) -> Option<u64> {
        self.templates
            .iter()
            .find(|(_, template)| {
                template.python == python && template.preload.as_deref() == preload
            })
            .map(|(id, _)| *id)
    }

    fn start_template(&mut self, env: &PythonEnv, preload: Option<&Path>) -> Result<u64, Verdict> {
        let root = self
            .shared
            .scratch()
            .map_err(|message| failed(Category::Recoverable, message))?;
        let id = self.shared.number();
        let complaints = root.join(format!("{id}.python"));
        let template =
            Template::start(env, preload, &self.shared.config, complaints).map_err(|error| {
                let category = if error.kind() == std::io::ErrorKind::NotFound {
                    Category::Permanent
                } else {
                    Category::Transient
                };
                failed(
                    category,
                    format!(
                        "the interpreter {} cannot be started: {error}",
                        env.python.display()
                    ),
                )
            })?;
        self.templates.insert(id, template);
        Ok(id)
    }

    /// Hands an attempt to a template, starting one where there is none yet.
    pub(crate) fn start_python(
        &mut self,
        slot: usize,
        job: Box<Job>,
        env: &PythonEnv,
    ) -> Result<Attempt, Verdict> {
        let shared = Arc::clone(&self.shared);
        let preload = matches!(job.spec.executor, Executor::Python { preload: true, .. });
        let preload = preload.then_some(job.dir.workflow_dir.as_path());
        let template = match self.find_template(&env.python, preload) {
            Some(id) => id,
            None => self.start_template(env, preload)?,
        };
        let reused = matches!(
            job.spec.executor,
            Executor::Python {
                isolation: Isolation::Reuse,
                preload: false,
                ..
            }
        );
        let root = shared
            .scratch()
            .map_err(|message| failed(Category::Recoverable, message))?;
        let mut scratch = Scratch::new(root, shared.number());
        let id = shared.number();
        let frame = request::task(
            id,
            &job.spec,
            &job.dir,
            &shared.config,
            &mut scratch,
            reused,
        )
        .map_err(|message| failed(Category::Permanent, message))?;
        let trouble = |error: std::io::Error| {
            failed(
                Category::Transient,
                format!("the task cannot be started: {error}"),
            )
        };
        let log = Log::new(object(&shared, &job.spec, AttemptFile::Log));
        let mut attempt = Attempt {
            begun: Instant::now(),
            started: false,
            pid: None,
            deadline: None,
            why: None,
            kill_at: None,
            forced: false,
            memory: None,
            log,
            out: None,
            err: None,
            capture: Capture::Nothing,
            _scratch: scratch,
            body: Body::Reused {
                template,
                worker: 0,
            },
            job,
        };
        if reused {
            let worker = self.worker(template, &attempt).map_err(trouble)?;
            attempt.body = Body::Reused { template, worker };
            let worker = self
                .templates
                .get_mut(&template)
                .and_then(|template| template.workers.get_mut(&worker))
                .expect("just found or made");
            worker.give(slot, &frame);
            if let Some(pid) = worker.pid {
                self.mark_started(&mut attempt, pid);
            }
            return Ok(attempt);
        }
        let (out, out_write) = pipe().map_err(trouble)?;
        let (result, result_write) = pipe().map_err(trouble)?;
        let mut fds = vec![out_write];
        if matches!(attempt.job.spec.executor, Executor::Script { .. }) {
            let (err, err_write) = pipe().map_err(trouble)?;
            fds.push(err_write);
            attempt.err = Some(err);
            attempt.capture = Capture::Text(Text::default());
        }
        fds.push(result_write);
        attempt.out = Some(out);
        attempt.body = Body::Forked {
            template,
            id,
            result: Some(result),
            frame: ResultFrame::default(),
        };
        let template = self
            .templates
            .get_mut(&template)
            .expect("just found or made");
        template.attempts.insert(id, slot);
        template.send(frame, fds);
        Ok(attempt)
    }

    /// A child that may serve the attempt: an idle one of its kind, or a new one.
    fn worker(&mut self, template: u64, attempt: &Attempt) -> std::io::Result<u64> {
        let key = WorkerKey::of(&attempt.job.spec, &attempt.job.dir);
        let places = self.slots.len();
        let id = self.shared.number();
        let template = self
            .templates
            .get_mut(&template)
            .expect("just found or made");
        let idle = template.workers.iter().find(|(_, worker)| {
            worker.current.is_none() && worker.channel.is_some() && worker.key == key
        });
        if let Some((id, _)) = idle {
            return Ok(*id);
        }
        if template.workers.len() >= places {
            // Makes room: closing its channel ends an idle child.
            if let Some(other) = template
                .workers
                .values_mut()
                .find(|worker| worker.current.is_none() && worker.channel.is_some())
            {
                other.channel = None;
            }
        }
        let (log, log_write) = pipe()?;
        let (ours, theirs) = channel()?;
        let frame = request::serve(id, &key);
        template.workers.insert(id, Worker::new(key, log, ours));
        template.send(frame, vec![log_write, theirs]);
        Ok(id)
    }

    /// The attempt's own code runs from now on.
    fn mark_started(&mut self, attempt: &mut Attempt, pid: Pid) {
        attempt.started = true;
        attempt.begun = Instant::now();
        attempt.pid = Some(pid);
        attempt.deadline = Some(attempt.begun + attempt.job.spec.timeout.to_duration());
        attempt.memory = self.memory_watch(&attempt.job.spec);
    }

    fn tell_started(&mut self, attempt: &Attempt) {
        let pid = attempt
            .pid
            .map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        self.news(ExecEvent::Started {
            id: attempt.job.spec.id.clone(),
            pid,
        });
    }

    pub(crate) fn template_kill(&mut self, template: u64, id: u64, signal: Signal) {
        if let Some(template) = self.templates.get_mut(&template) {
            template.send(request::kill(id, signal.as_raw()), Vec::new());
        }
    }

    pub(crate) fn template_writable(&mut self, id: u64) {
        if let Some(template) = self.templates.get_mut(&id) {
            template.flush();
        }
    }

    pub(crate) fn template_readable(&mut self, id: u64) {
        let Some(template) = self.templates.get_mut(&id) else {
            return;
        };
        let ended = loop {
            match read(&template.socket, &mut self.buffer) {
                Read::Some(n) => {
                    template.incoming.push(&self.buffer[..n]);
                    if n < self.buffer.len() {
                        break false;
                    }
                }
                Read::Empty => break false,
                Read::End => break true,
            }
        };
        let mut events = Vec::new();
        while let Some(frame) = template.incoming.take() {
            events.push(serde_json::from_slice::<Event>(frame));
        }
        for event in events {
            match event {
                Ok(event) => self.template_said(id, event),
                Err(_) => return self.template_died(id),
            }
        }
        if ended {
            self.template_died(id);
        }
    }

    fn template_said(&mut self, template_id: u64, event: Event) {
        let Some(template) = self.templates.get_mut(&template_id) else {
            return;
        };
        match event {
            Event::Ready { protocol } if protocol != PROTOCOL => self.template_died(template_id),
            Event::Ready { .. } => template.ready = true,
            Event::Started { id, pid } => {
                let Some(pid) = Pid::from_raw(pid) else {
                    return;
                };
                let mut slot = template.attempts.get(&id).copied();
                if let Some(worker) = template.workers.get_mut(&id) {
                    worker.pid = Some(pid);
                    slot = worker.current;
                }
                let Some(mut attempt) = slot.and_then(|slot| self.slots[slot].take()) else {
                    return;
                };
                self.mark_started(&mut attempt, pid);
                self.tell_started(&attempt);
                let reused = matches!(&attempt.body, Body::Reused { .. });
                let slot = slot.expect("there is an attempt");
                self.slots[slot] = Some(attempt);
                if reused
                    && self
                        .templates
                        .get(&template_id)
                        .and_then(|template| template.workers.get(&id))
                        .is_some_and(|worker| worker.answer.is_whole())
                {
                    self.answered(template_id, id);
                }
            }
            Event::Refused { id, message } => {
                let slot = template
                    .attempts
                    .remove(&id)
                    .or_else(|| template.workers.remove(&id)?.current);
                if let Some(attempt) = slot.and_then(|slot| self.vacate(slot)) {
                    self.end(attempt, None, |_| {
                        failed(
                            Category::Transient,
                            format!("the task cannot be started: {message}"),
                        )
                    });
                }
            }
            Event::Exited {
                id,
                code,
                signal,
                maxrss,
            } => {
                let end = signal.map_or_else(|| End::Code(code.unwrap_or(0)), End::Signal);
                if let Some(slot) = template.attempts.remove(&id) {
                    let Some(mut attempt) = self.vacate(slot) else {
                        return;
                    };
                    attempt.drain(&mut self.buffer);
                    let shared = Arc::clone(&self.shared);
                    self.end(attempt, maxrss, |attempt| {
                        judge_forked(attempt, end, &shared)
                    });
                } else if let Some(worker) = template.workers.remove(&id) {
                    self.worker_exited(worker, end, maxrss);
                }
            }
        }
    }

    /// A child that served many is gone, perhaps in the middle of an attempt.
    fn worker_exited(&mut self, mut worker: Worker, end: End, maxrss: Option<u64>) {
        let Some(mut attempt) = worker.current.take().and_then(|slot| self.vacate(slot)) else {
            return;
        };
        attempt.out = worker.log.take();
        attempt.drain(&mut self.buffer);
        // Its answer may still be on the way.
        if let Some(channel) = &worker.channel {
            while let Read::Some(n) = read(channel, &mut self.buffer) {
                worker.answer.push(&self.buffer[..n]);
            }
        }
        let shared = Arc::clone(&self.shared);
        self.end(attempt, maxrss, |attempt| {
            let path = object(&shared, &attempt.job.spec, AttemptFile::Output);
            from_frame(&worker.answer, None, &path)
                .unwrap_or_else(|| judge_forked(attempt, end, &shared))
        });
    }

    pub(crate) fn worker_printed(&mut self, template: u64, worker: u64) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker))
        else {
            return;
        };
        let Some(log) = &worker.log else { return };
        match read(log, &mut self.buffer) {
            Read::Some(n) => {
                // What it prints between two attempts belongs to none.
                if let Some(attempt) = worker.current.and_then(|slot| self.slots[slot].as_mut()) {
                    attempt.log.push(&self.buffer[..n]);
                }
            }
            Read::Empty => {}
            Read::End => worker.log = None,
        }
    }

    pub(crate) fn channel_ready(&mut self, template: u64, worker_id: u64, flags: PollFlags) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker_id))
        else {
            return;
        };
        if flags.contains(PollFlags::OUT) {
            worker.flush();
        }
        let Some(channel) = &worker.channel else {
            return;
        };
        match read(channel, &mut self.buffer) {
            Read::Some(n) => worker.answer.push(&self.buffer[..n]),
            Read::Empty => return,
            Read::End => {
                // The end of the child itself follows.
                worker.channel = None;
                return;
            }
        }
        // Its first answer may overtake the news of its start, which comes by another way.
        if worker.answer.is_whole() && worker.pid.is_some() {
            self.answered(template, worker_id);
        }
    }

    /// Settles the attempt whose answer has arrived.
    fn answered(&mut self, template: u64, worker: u64) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker))
        else {
            return;
        };
        let retires = worker
            .answer
            .json()
            .and_then(|json| serde_json::from_slice::<frames::Outcome<'_>>(json).ok())
            .is_some_and(|outcome| outcome.retire);
        let answer = std::mem::take(&mut worker.answer);
        let slot = worker.current.take();
        let log = if retires {
            worker.channel = None;
            worker.log.take()
        } else {
            None
        };
        // Everything the task printed is in the pipe before its answer is sent.
        if let (Some(attempt), Some(log)) = (
            slot.and_then(|slot| self.slots[slot].as_mut()),
            log.as_ref().or(worker.log.as_ref()),
        ) {
            while let Read::Some(n) = read(log, &mut self.buffer) {
                attempt.log.push(&self.buffer[..n]);
            }
        }
        let Some(attempt) = slot.and_then(|slot| self.vacate(slot)) else {
            return;
        };
        let path = object(&self.shared, &attempt.job.spec, AttemptFile::Output);
        self.end(attempt, None, |_| {
            from_frame(&answer, None, &path)
                .unwrap_or_else(|| failed(Category::Unknown, "the interpreter's answer is broken"))
        });
    }

    /// A template is gone, or is to go: its attempts are lost, and what they left running is killed.
    pub(crate) fn template_died(&mut self, id: u64) {
        let Some(mut template) = self.templates.remove(&id) else {
            return;
        };
        let _ = template.child.kill();
        let how = template
            .child
            .wait()
            .map_or_else(|_| "gone".to_owned(), |status| status.to_string());
        let complaint = template.complaint();
        let verdict = if template.ready {
            failed(
                Category::Lost,
                format!("the warm interpreter died ({how}): {complaint}"),
            )
        } else {
            failed(
                Category::Permanent,
                format!(
                    "the interpreter {} does not start ({how}): {complaint}",
                    template.python.display()
                ),
            )
        };
        let workers = std::mem::take(&mut template.workers)
            .into_values()
            .map(|worker| (worker.pid, worker.current));
        let attempts = std::mem::take(&mut template.attempts)
            .into_values()
            .map(|slot| {
                (
                    self.slots[slot].as_ref().and_then(|attempt| attempt.pid),
                    Some(slot),
                )
            });
        let left: Vec<(Option<Pid>, Option<usize>)> = attempts.chain(workers).collect();
        for (pid, slot) in left {
            if let Some(pid) = pid {
                // Their parent is gone a moment ago: the number is still theirs.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            if let Some(mut attempt) = slot.and_then(|slot| self.vacate(slot)) {
                attempt.drain(&mut self.buffer);
                self.end(attempt, None, |_| verdict.clone());
            }
        }
    }

    /// Ends all templates: they end at the end of their sockets, and their idle children with them.
    pub(crate) fn end_templates(&mut self) {
        let ending: Vec<(std::process::Child, Option<ExitWatch>)> =
            std::mem::take(&mut self.templates)
                .into_values()
                .map(Template::let_go)
                .collect();
        let deadline = Instant::now() + END_WAIT;
        for (mut child, watch) in ending {
            let left = deadline.saturating_duration_since(Instant::now());
            let pause = Timespec {
                tv_sec: 0,
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let ended = watch.is_some_and(|watch| {
                matches!(
                    poll(
                        &mut [PollFd::from_borrowed_fd(watch.fd(), PollFlags::IN)],
                        Some(&pause)
                    ),
                    Ok(1..)
                )
            });
            if !ended {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
    }
}

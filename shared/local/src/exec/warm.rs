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
use super::finish::judge_forked;
use super::log::Log;
use super::output::{Text, failed};
use super::pipe::{Read, pipe, read};
use super::python::PythonEnv;
use super::python::frames::{Event, ResultFrame};
use super::python::request::{self, To};
use super::python::template::{PROTOCOL, Template};
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
        let to = match &job.spec.executor {
            Executor::Python { preload: true, .. } | Executor::Script { .. } => To::Template,
            Executor::Python {
                isolation: Isolation::Reuse,
                ..
            } => To::Reused,
            _ => To::Spare,
        };
        let root = shared
            .scratch()
            .map_err(|message| failed(Category::Recoverable, message))?;
        let mut scratch = Scratch::new(root, shared.number());
        let id = shared.number();
        let trouble = |error: std::io::Error| {
            failed(
                Category::Transient,
                format!("the task cannot be started: {error}"),
            )
        };
        let worker = match to {
            To::Template => None,
            To::Spare => Some(self.spare(template, &job).map_err(trouble)?),
            To::Reused => Some(self.worker(template, &job).map_err(trouble)?),
        };
        let foreseen = worker.and_then(|worker| self.foreseen(template, worker));
        let frame = request::task(
            id,
            &job.spec,
            &job.dir,
            &shared.config,
            &mut scratch,
            to,
            foreseen.as_deref(),
        )
        .map_err(|message| failed(Category::Permanent, message))?;
        let log = Log::new(object(&shared, &job.spec, AttemptFile::Log));
        let mut attempt = Attempt {
            begun: Instant::now(),
            started: false,
            pid: None,
            deadline: None,
            watch_at: None,
            why: None,
            kill_at: None,
            forced: false,
            memory: None,
            log,
            out: None,
            err: None,
            capture: Capture::Nothing,
            _scratch: scratch,
            body: Body::Served {
                template,
                worker: 0,
            },
            job,
        };
        if let Some(worker) = worker {
            attempt.body = Body::Served { template, worker };
            self.give(&mut attempt, slot, &frame);
            if to == To::Spare {
                self.fork_ahead(template, &attempt.job);
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
        } else {
            let both = fds[0].try_clone().map_err(trouble)?;
            fds.push(both);
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

    /// The attempt's own code runs from now on.
    pub(crate) fn mark_started(&mut self, attempt: &mut Attempt, pid: Pid) {
        attempt.started = true;
        attempt.begun = Instant::now();
        attempt.pid = Some(pid);
        attempt.deadline = Some(attempt.begun + attempt.job.spec.timeout.to_duration());
        attempt.watch_at = self.watch_at(attempt);
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
                let served = matches!(&attempt.body, Body::Served { .. });
                let slot = slot.expect("there is an attempt");
                self.slots[slot] = Some(attempt);
                if served
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
            // One that is spent has killed its group itself.
            .filter(|worker| !worker.is_spent())
            .map(|worker| (worker.pid, worker.current, worker.log));
        let attempts = std::mem::take(&mut template.attempts)
            .into_values()
            .map(|slot| {
                let pid = self.slots[slot].as_ref().and_then(|attempt| attempt.pid);
                (pid, Some(slot), None)
            });
        let left: Vec<_> = attempts.chain(workers).collect();
        for (pid, slot, log) in left {
            if let Some(pid) = pid {
                // Their parent is gone a moment ago: the number is still theirs.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            if let Some(mut attempt) = slot.and_then(|slot| self.vacate(slot)) {
                attempt.out = attempt.out.or(log);
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

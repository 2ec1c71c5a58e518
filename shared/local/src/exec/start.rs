//! Starts attempts: processes here, Python on a template.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use ork_core::definition::Executor;
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::{TaskSpec, Verdict};
use rustix::process::Pid;

use super::attempt::{Attempt, Body, Capture, object};
use super::command::{Program, argv, program};
use super::environment::{self, Scratch};
use super::exit::ExitWatch;
use super::log::Log;
use super::memory::Watch;
use super::output::{OutputLine, failed};
use super::pipe::pipe;
use super::python::PythonEnv;
use super::reactor::Reactor;
use super::shared::{Job, unstarted};
use super::watchdog::uptime;
use super::{ExecEvent, RunDir};

/// Input that surely fits into a fresh pipe, even where pipes are rationed.
const PIPE_BYTES: usize = 4096;

impl Reactor {
    /// Starts a job in a free place; a job that cannot start ends.
    pub(crate) fn start(&mut self, mut job: Box<Job>, env: Option<Arc<PythonEnv>>) {
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .expect("a job is only taken for a free place");
        let id = job.spec.id.clone();
        let submitted = job.submitted;
        let started = match (
            environment::add_secrets(&mut job.spec, &self.shared.config),
            env,
        ) {
            (Err(message), _) => Err(failed(Category::Permanent, message)),
            (Ok(()), Some(env)) => self.start_python(slot, job, &env),
            (Ok(()), None) => self.start_process(slot, job),
        };
        match started {
            Ok(attempt) => {
                if attempt.started {
                    self.news(ExecEvent::Started {
                        id,
                        pid: attempt
                            .pid
                            .map(|pid| pid.as_raw_nonzero().get().unsigned_abs()),
                    });
                }
                self.slots[slot] = Some(attempt);
                self.free -= 1;
            }
            Err(verdict) => {
                self.shared.done(&id);
                self.news(unstarted(id, verdict, submitted));
            }
        }
    }

    fn start_process(&mut self, slot: usize, job: Box<Job>) -> Result<Attempt, Verdict> {
        let permanent = |message: String| failed(Category::Permanent, message);
        let shared = Arc::clone(&self.shared);
        let spec = &job.spec;
        let root = shared
            .scratch()
            .map_err(|message| failed(Category::Recoverable, message))?;
        let mut scratch = Scratch::new(root, shared.number());
        let output = scratch.unregistered("out");
        let own = environment::own(spec, &shared.config, &mut scratch).map_err(permanent)?;
        let search = own
            .iter()
            .rev()
            .find(|(name, _)| name == "PATH")
            .map(|(_, value)| value)
            .or_else(|| shared.config.env("PATH"));
        let program = what(
            spec,
            &job.dir,
            &shared.config,
            search.map(|path| path.as_os_str()),
        )
        .map_err(permanent)?;
        let told = environment::attempt(spec, &mut scratch, &output)
            .map_err(|message| failed(Category::Recoverable, message))?;
        let input = match &spec.executor {
            Executor::Library { .. } => Some(library_input(spec)),
            _ if spec.input.get() == "{}" => None,
            _ => Some(spec.input.get().to_owned()),
        };

        let trouble = |error: std::io::Error| {
            failed(
                Category::Transient,
                format!("`{}` cannot be started: {error}", program.shown),
            )
        };
        let (out, out_write) = pipe().map_err(trouble)?;
        let (err, err_write) = pipe().map_err(trouble)?;
        let mut command = Command::new(&program.path);
        command.args(&program.args).env_clear();
        command.envs(
            shared
                .config
                .env_passthrough
                .iter()
                .map(|(name, value)| (name, value)),
        );
        command.envs(own.iter().chain(&told).map(|(name, value)| (name, value)));
        command.current_dir(&job.dir.workflow_dir).process_group(0);
        command.stdin(match &input {
            None => Stdio::null(),
            Some(text) => Stdio::from(stdin(text, &mut scratch).map_err(trouble)?),
        });
        command
            .stdout(Stdio::from(out_write))
            .stderr(Stdio::from(err_write));
        let (before, begun) = (uptime(), Instant::now());
        let mut child =
            spawn(&mut command, &program).map_err(|error| refused(&error, &program, &job.dir))?;
        // Our copies of the write ends: with them no pipe would ever end.
        drop(command);
        let pid = Pid::from_child(&child);
        let exit = match ExitWatch::new(pid) {
            Ok(exit) => exit,
            Err(error) => {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
                let _ = child.wait();
                return Err(trouble(error));
            }
        };
        shared
            .watchdog
            .enter(watch_slot(self.seat, slot), pid, before, root, |text| {
                shared.say(ExecEvent::Setup { text })
            });
        let log = Log::new(object(&shared, spec, AttemptFile::Log));
        Ok(Attempt {
            begun,
            started: true,
            pid: Some(pid),
            deadline: Some(begun + spec.timeout.to_duration()),
            watch_at: None,
            why: None,
            kill_at: None,
            forced: false,
            memory: self.memory_watch(spec),
            log,
            out: Some(out),
            err: Some(err),
            capture: Capture::Line(OutputLine::default()),
            _scratch: scratch,
            body: Body::Process {
                child,
                exit,
                output,
                shown: program.shown,
            },
            job,
        })
    }

    /// Watches the memory of a limited attempt, where that is possible.
    pub(crate) fn memory_watch(&mut self, spec: &TaskSpec) -> Option<Watch> {
        let limit = spec.memory_bytes?;
        if cfg!(target_os = "linux") {
            return Some(Watch::new(limit));
        }
        if self.shared.is_first_memory_limit() {
            self.news(ExecEvent::Setup {
                text: "memory limits are kept on Linux only: tasks run without them here"
                    .to_owned(),
            });
        }
        None
    }
}

/// The slot of the watchdog's table for a place of a reactor.
pub(crate) fn watch_slot(seat: usize, slot: usize) -> usize {
    // Places are numbered per reactor; reactors are few and places at most some thousands.
    slot * 256 + seat % 256
}

fn what(
    spec: &TaskSpec,
    dir: &RunDir,
    config: &super::ExecConfig,
    search: Option<&std::ffi::OsStr>,
) -> Result<Program, String> {
    let folder = &dir.workflow_dir;
    match &spec.executor {
        Executor::Process { command } => program(command, folder, search),
        Executor::Custom { name, .. } => {
            super::check(&spec.executor, config)?;
            let words: Vec<&str> = config
                .custom
                .get(name)
                .map(|words| words.iter().map(String::as_str).collect())
                .unwrap_or_default();
            argv(&words, folder, search).map_err(|message| format!("executor `{name}`: {message}"))
        }
        Executor::Library { file, function } => {
            let path = folder.join(file);
            if !path.is_file() {
                return Err(format!(
                    "the library {} does not exist: build it first (`crate-type = [\"cdylib\"]`)",
                    path.display()
                ));
            }
            let Some(exe) = &config.exe else {
                return Err(super::check::NO_EXE.to_owned());
            };
            Ok(Program {
                path: exe.clone(),
                args: vec!["__library".into(), path.into(), function.into()],
                shown: format!("library {file}"),
            })
        }
        other => {
            super::check(other, config)?;
            Err(format!(
                "executor `{}` starts nothing here: the engine completes such tasks itself",
                other.word()
            ))
        }
    }
}

/// What a library's host reads: input and context.
fn library_input(spec: &TaskSpec) -> String {
    let context = super::python::request::Context::of(spec);
    let context = serde_json::to_string(&context).expect("a context is texts and numbers");
    format!("{{\"input\":{},\"context\":{context}}}", spec.input.get())
}

/// A standard input that holds `text` and then ends.
fn stdin(text: &str, scratch: &mut Scratch) -> std::io::Result<OwnedFd> {
    if text.len() <= PIPE_BYTES {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(super::pipe::explain)?;
        File::from(write).write_all(text.as_bytes())?;
        return Ok(read);
    }
    let mut file = large_stdin(scratch)?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(target_os = "linux")]
fn large_stdin(_scratch: &mut Scratch) -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(
        "ork-input",
        rustix::fs::MemfdFlags::CLOEXEC,
    )?))
}

#[cfg(not(target_os = "linux"))]
fn large_stdin(scratch: &mut Scratch) -> std::io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(scratch.path("in"))
}

/// Starts it; a script without a first line that names its interpreter is a shell script, as shells have it.
fn spawn(command: &mut Command, program: &Program) -> std::io::Result<Child> {
    match command.spawn() {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            Err(std::io::Error::other(format!(
                "{} is no program and names no interpreter: begin it with a line such as #!/bin/sh",
                program.path.display()
            )))
        }
        other => other,
    }
}

fn refused(error: &std::io::Error, program: &Program, dir: &RunDir) -> Verdict {
    use std::io::ErrorKind::{
        ArgumentListTooLong, InvalidInput, NotFound, Other, PermissionDenied,
    };
    let shown = &program.shown;
    match error.kind() {
        NotFound if !dir.workflow_dir.is_dir() => failed(
            Category::Permanent,
            format!(
                "`{shown}` cannot be started: the workflow's folder {} does not exist",
                dir.workflow_dir.display()
            ),
        ),
        NotFound => failed(
            Category::Permanent,
            format!(
                "`{shown}` cannot be started: {} or the interpreter it names does not exist",
                program.path.display()
            ),
        ),
        PermissionDenied => failed(
            Category::Permanent,
            format!(
                "`{shown}` cannot be started: no permission to execute {}",
                program.path.display()
            ),
        ),
        ArgumentListTooLong => failed(
            Category::Permanent,
            format!(
                "`{shown}` cannot be started: its arguments and environment are too large for the system; pass large data as input or through files"
            ),
        ),
        InvalidInput | Other => failed(
            Category::Permanent,
            format!("`{shown}` cannot be started: {error}"),
        ),
        _ => failed(
            Category::Transient,
            format!("`{shown}` cannot be started: {error}"),
        ),
    }
}

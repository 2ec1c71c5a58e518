//! This machine: the command itself, the tools that tasks need, the folder one is in.

mod python;
mod state;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use ork_core::parse::parse_project;
use ork_local::exec::find_program;
use tokio::process::Command;

use super::{Checks, Finding};
use crate::config::{self, Config};
use crate::dev_address;
use crate::engine;
use crate::failure::Failure;
use crate::workflow_file::{self, count, reason, shown};

/// The port of `ork dev` when nobody says another.
const DEV_PORT: u16 = 4000;
/// A clock may be this much behind the instant at which a file was written on another machine.
const SLACK: Duration = Duration::from_secs(86_400);
/// How long a tool may take to tell its version.
const TOOL: Duration = Duration::from_secs(4);
/// The oldest Java that Google's emulators run on.
const OLDEST_JAVA: u32 = 11;

/// What somebody's tools are looked for by.
#[derive(Clone)]
struct Shell {
    folder: PathBuf,
    path: Option<std::ffi::OsString>,
}

impl Shell {
    fn find(&self, name: &str) -> Option<PathBuf> {
        find_program(name, &self.folder, self.path.as_deref())
    }

    /// What a tool prints on either side, in the time that it has.
    async fn says(&self, program: &Path, args: &[&str]) -> Result<String, String> {
        let child = Command::new(program)
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot be started: {}", reason(&error)))?;
        let ended = tokio::time::timeout(TOOL, child.wait_with_output()).await;
        let ended = ended
            .map_err(|_| format!("does not answer within {} s", TOOL.as_secs()))?
            .map_err(|error| format!("cannot be waited for: {}", reason(&error)))?;
        let out = String::from_utf8_lossy(&ended.stdout);
        let err = String::from_utf8_lossy(&ended.stderr);
        if !ended.status.success() {
            let last = err.trim().lines().last().unwrap_or("it says nothing");
            return Err(format!("ends with {}: {last}", ended.status));
        }
        Ok(format!("{out}{err}"))
    }
}

/// Adds the checks of this machine.
pub(super) fn add(checks: &mut Checks, state: &Path, config: &Config) -> Result<(), Failure> {
    let folder = workflow_file::absolute(Path::new("."))?;
    let shell = Shell {
        path: config::search_path(),
        folder: folder.clone(),
    };
    checks.add("machine.system", async { system() });
    checks.blocking("machine.clock", clock);
    python::add(checks, &shell, config.python.clone());
    let of = shell.clone();
    checks.add("tools.compiler", async move { compiler(&of) });
    let of = shell.clone();
    checks.add("tools.cargo", async move { cargo(&of).await });
    checks.add("tools.emulators", async move { emulators(&shell).await });
    state::add(checks, state);
    let of = folder.clone();
    checks.blocking("folder.settings", move || settings(&of));
    let (of, at) = (folder, state.to_owned());
    checks.blocking("folder.workflows", move || workflows(&of, &at));
    let at = state.to_owned();
    checks.blocking("dev.port", move || port(&at));
    Ok(())
}

/// This ork, and what it was built without.
pub(super) fn version() -> Finding {
    let missing: Vec<&str> = [
        (cfg!(feature = "cloud"), "--project (cloud)"),
        (cfg!(feature = "server"), "--server (server)"),
        (cfg!(feature = "serve"), "pages and API of ork dev (serve)"),
    ]
    .into_iter()
    .filter_map(|(there, what)| (!there).then_some(what))
    .collect();
    let version = env!("CARGO_PKG_VERSION");
    match missing.as_slice() {
        [] => Finding::ok(version),
        missing => Finding::ok(format!("{version}, built without {}", missing.join(", "))),
    }
}

fn system() -> Finding {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let found = format!("{os} on {arch}, {}", count(cores, "processor"));
    match os {
        "linux" => Finding::ok(found),
        _ => Finding::warning(
            found,
            "Ork has been tried on Linux only; what does not work here is worth an issue",
        ),
    }
}

/// The wall clock must be later than this program, or times of runs and tokens mean nothing.
fn clock() -> Finding {
    let now = SystemTime::now();
    let told = crate::progress::now().rfc3339();
    let written = std::env::current_exe()
        .and_then(|own| own.metadata()?.modified())
        .ok();
    match written {
        Some(written) if written > now + SLACK => Finding::failed(
            format!("{told}, and this ork was written later than that"),
            "set the clock, or have it set: `timedatectl set-ntp true`",
        ),
        _ => Finding::ok(told),
    }
}

fn compiler(shell: &Shell) -> Finding {
    match ["cc", "gcc", "clang"]
        .iter()
        .find_map(|name| shell.find(name))
    {
        Some(found) => Finding::ok(found.display().to_string()),
        None => Finding::optional(
            "no C compiler; only building Ork and tasks in C or Rust needs one",
            "apt-get install gcc",
        ),
    }
}

async fn cargo(shell: &Shell) -> Finding {
    let missing = "no cargo; only building tasks in Rust needs it";
    let Some(found) = shell.find("cargo") else {
        return Finding::optional(missing, "https://rustup.rs installs Rust");
    };
    match shell.says(&found, &["--version"]).await {
        Ok(said) => Finding::ok(said.lines().next().unwrap_or_default().to_owned()),
        Err(why) => Finding::warning(
            format!("`{}` {why}", found.display()),
            "https://rustup.rs installs Rust; `rustup default stable` chooses one",
        ),
    }
}

/// What Google's emulators need, which only people who try a project on this machine want.
async fn emulators(shell: &Shell) -> Finding {
    let remedy = "install Java 11 or newer and the gcloud SDK with `gcloud components install cloud-firestore-emulator pubsub-emulator`";
    let (java, gcloud) = (shell.find("java"), shell.find("gcloud"));
    let (Some(java), Some(_)) = (&java, &gcloud) else {
        let missing = match (java, gcloud) {
            (None, None) => "neither java nor gcloud",
            (None, _) => "no java",
            (_, _) => "no gcloud",
        };
        return Finding::optional(
            format!("{missing}; only `make emulators` needs them"),
            remedy,
        );
    };
    let said = match shell.says(java, &["-version"]).await {
        Ok(said) => said,
        Err(why) => return Finding::warning(format!("`{}` {why}", java.display()), remedy),
    };
    match java_version(&said) {
        Some(major) if major >= OLDEST_JAVA => Finding::ok(format!("gcloud, Java {major}")),
        Some(major) => Finding::warning(
            format!("Java {major}; Google's emulators need {OLDEST_JAVA} or newer"),
            remedy,
        ),
        None => Finding::warning("gcloud, and a Java that does not tell its version", remedy),
    }
}

/// The major version in what `java -version` prints; 8 calls itself 1.8.
fn java_version(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let mut parts = quoted.split(['.', '-', '+']).map(str::parse);
    match (parts.next()?, parts.next()) {
        (Ok(1), Some(Ok(minor))) => Some(minor),
        (Ok(major), _) => Some(major),
        (Err(_), _) => None,
    }
}

/// The `ork.yaml` of the folder, or the nearest above.
fn settings(folder: &Path) -> Finding {
    let file = match workflow_file::project_file(&folder.join("any.yaml")) {
        Ok(Some(file)) => file,
        Ok(None) => return Finding::skipped("no ork.yaml here or above"),
        Err(failure) => return Finding::unknown(failure.message, "check the folder"),
    };
    let name = shown(&file);
    let bytes = match workflow_file::read(&file) {
        Ok(bytes) => bytes,
        Err(failure) => return Finding::failed(failure.message, "make it readable"),
    };
    match parse_project(&name, &bytes) {
        Ok(_) => Finding::ok(name),
        Err(found) => Finding::failed(
            format!(
                "`{name}` has {}: {}",
                count(found.len(), "error"),
                first(&found)
            ),
            format!("ork validate {name}"),
        ),
    }
}

fn first(found: &[ork_core::diagnostic::Diagnostic]) -> String {
    found.first().map_or_else(String::new, |one| {
        format!("line {}, {}", one.at.line, one.message)
    })
}

/// The workflow files right in the folder: whether they are right, and can run here.
fn workflows(folder: &Path, state: &Path) -> Finding {
    let files = match workflow_file::files_in(folder) {
        Ok(files) => files,
        Err(failure) => return Finding::unknown(failure.message, "check the folder"),
    };
    if files.is_empty() {
        return Finding::optional(
            "no workflow files in this folder",
            "`ork init` writes one to start from",
        );
    }
    let project = match workflow_file::project_file(&folder.join("any.yaml")) {
        Ok(Some(file)) => workflow_file::read(&file)
            .ok()
            .and_then(|bytes| parse_project(&shown(&file), &bytes).ok()),
        _ => Some(Default::default()),
    };
    let Some(project) = project else {
        return Finding::unknown(
            "the ork.yaml that they belong to is wrong",
            "mend that first: folder.settings says what is wrong",
        );
    };
    let (mut wrong, mut cannot) = (Vec::new(), Vec::new());
    for file in &files {
        let name = shown(file);
        match workflow_file::read(file) {
            Ok(bytes) => {
                let checked = workflow_file::check(&name, &bytes, &project, Some(folder));
                if checked.is_wrong() {
                    wrong.push((name, first(&checked.found)));
                } else if let Some(workflow) = checked.workflow {
                    let why = workflow
                        .tasks
                        .iter()
                        .find_map(|task| engine::cannot_run(&task.executor, &project, state));
                    cannot.extend(why.map(|why| (name, why)));
                }
            }
            Err(failure) => wrong.push((name, failure.message)),
        }
    }
    let all = count(files.len(), "file");
    match (wrong.first(), cannot.first()) {
        (Some((name, why)), _) => Finding::failed(
            format!("{} of {all} cannot be used; {name}: {why}", wrong.len()),
            format!("ork validate {name}"),
        ),
        (None, Some((name, why))) => Finding::warning(
            format!(
                "{} of {all} cannot run on this machine; {name}: {why}",
                cannot.len()
            ),
            "such workflows run in a project: docs/deploy.md",
        ),
        (None, None) => Finding::ok(format!("{all}, right")),
    }
}

/// Whether `ork dev` finds its port free, or is there already.
fn port(state: &Path) -> Finding {
    if cfg!(not(feature = "serve")) {
        return Finding::skipped("this ork was built without the pages (feature `serve`)");
    }
    let usual = format!("127.0.0.1:{DEV_PORT}");
    if let Ok(Some(address)) = dev_address::find(state) {
        return Finding::ok(format!("an `ork dev` of this state folder is at {address}"));
    }
    match std::net::TcpListener::bind(&usual) {
        Ok(_) => Finding::ok(format!("{usual} is free")),
        Err(error) => Finding::warning(
            format!("`ork dev` cannot listen at {usual}: {}", reason(&error)),
            "`ork dev --port 0` takes a free one; another `ork dev` may be at work",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_two_ways() {
        for (said, major) in [
            ("openjdk version \"17.0.9\" 2023-10-17", Some(17)),
            ("java version \"1.8.0_392\"", Some(8)),
            ("openjdk version \"21\" 2023-09-19", Some(21)),
            ("openjdk version \"24-ea\"", Some(24)),
            ("no such thing", None),
            ("version \"x\"", None),
        ] {
            assert_eq!(java_version(said), major, "{said}");
        }
    }
}

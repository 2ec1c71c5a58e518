//! The frames that tell a template or a child what to run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use ork_core::definition::{Executor, PythonSource};
use ork_core::limits::ENV_BYTES;
use ork_core::task::TaskSpec;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::environment::{Scratch, json_var, own, task_id};
use super::super::{ExecConfig, RunDir};
use super::frames::pack;

const UPSTREAM: &str = "ORK_UPSTREAM_JSON";

/// What a task may know about its attempt.
#[derive(Serialize)]
pub(crate) struct Context<'a> {
    task_id: String,
    run_id: &'a str,
    task_name: &'a str,
    workflow_name: &'a str,
    attempt: u32,
    parallel_index: u32,
    parallel_count: u32,
}

impl<'a> Context<'a> {
    pub(crate) fn of(spec: &'a TaskSpec) -> Self {
        Self {
            task_id: task_id(spec),
            run_id: spec.id.run.as_str(),
            task_name: spec.task_name.as_str(),
            workflow_name: spec.workflow_name.as_str(),
            attempt: spec.id.attempt,
            parallel_index: spec.parallel_index,
            parallel_count: spec.parallel_count,
        }
    }
}

#[derive(Serialize)]
struct Task<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'static str>,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preload: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Variables that stay as the template foresaw them.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<[&'static str; 1]>,
    context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_file: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_limit: Option<u64>,
}

/// Who gets the frame of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// A template, which forks a child for it.
    Template,
    /// A child that waits for its one task.
    Spare,
    /// A child that serves many.
    Reused,
}

/// The frame for one attempt. Writes the scratch files it names. A child that has the upstream outputs in its environment
/// (`foreseen`) is not sent the same again: in a wide fan-out they are most of each frame.
pub(crate) fn task(
    id: u64,
    spec: &TaskSpec,
    dir: &RunDir,
    config: &ExecConfig,
    scratch: &mut Scratch,
    to: To,
    foreseen: Option<&str>,
) -> Result<Vec<u8>, String> {
    let reused = to == To::Reused;
    let folder = &dir.workflow_dir;
    let mut env: BTreeMap<Cow<'_, str>, Cow<'_, str>> = BTreeMap::new();
    let mut put = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        env.insert(
            Cow::Owned(name.to_string_lossy().into_owned()),
            Cow::Owned(value.to_string_lossy().into_owned()),
        );
    };
    let ours = own(spec, config, scratch)?;
    let taken = ours.iter().any(|(name, _)| name == UPSTREAM);
    ours.into_iter().for_each(&mut put);
    let mut keep = None;
    if foreseen == Some(spec.upstream.get()) && !taken {
        keep = Some([UPSTREAM]);
    } else if spec.upstream.get() != "{}" {
        put(json_var("UPSTREAM", spec.upstream.get(), scratch)?);
    }
    let (mut input, mut input_file) = (Some(&*spec.input), None);
    if spec.input.get().len() > ENV_BYTES {
        let path = scratch.file("input.json", spec.input.get().as_bytes())?;
        (input, input_file) = (None, Some(Cow::Owned(path.to_string_lossy().into_owned())));
    }
    let mut task = Task {
        op: (to == To::Template).then_some("run"),
        id,
        file: None,
        module: None,
        script: None,
        script_name: None,
        line: None,
        function: None,
        preload: false,
        cwd: (!reused).then(|| folder.to_string_lossy()),
        path: Vec::new(),
        env,
        keep,
        context: Context::of(spec),
        input,
        input_file,
        memory_limit: spec.memory_bytes.filter(|_| !reused),
    };
    match &spec.executor {
        Executor::Python {
            source,
            function,
            preload,
            ..
        } => {
            match source {
                PythonSource::File(file) => task.file = Some(Cow::Owned(tidy(&folder.join(file)))),
                PythonSource::Module(module) => {
                    task.module = Some(module);
                    task.path = if reused {
                        Vec::new()
                    } else {
                        vec![folder.to_string_lossy()]
                    };
                }
            }
            task.function = Some(function);
            task.preload = *preload && !reused;
        }
        Executor::Script { body, line } => {
            let cwd = scratch.folder()?;
            for (name, text) in &spec.files {
                if name.is_empty() || name.contains('/') || name == ".." {
                    return Err(format!("`{name}` cannot be the name of an input file"));
                }
                let path = cwd.join(name);
                std::fs::write(&path, text.as_bytes()).map_err(|error| {
                    format!(
                        "the input file {} cannot be written: {error}",
                        path.display()
                    )
                })?;
            }
            task.script = Some(body);
            task.script_name = Some(
                dir.workflow_file
                    .as_deref()
                    .map_or(Cow::Borrowed("<fun>"), Path::to_string_lossy),
            );
            task.line = Some(*line);
            task.cwd = Some(Cow::Owned(cwd.to_string_lossy().into_owned()));
            task.path = vec![folder.to_string_lossy()];
        }
        other => return Err(format!("executor `{}` is not Python", other.word())),
    }
    Ok(pack(
        &serde_json::to_vec(&task).expect("texts, numbers and JSON"),
    ))
}

/// What children that serve many attempts are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerKey {
    cwd: String,
    /// Folder of the task's file; none for modules.
    folder: Option<String>,
    memory_limit: Option<u64>,
}

impl WorkerKey {
    pub(crate) fn of(spec: &TaskSpec, dir: &RunDir) -> Self {
        let folder = file(spec, dir)
            .and_then(|path| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
        Self {
            cwd: dir.workflow_dir.to_string_lossy().into_owned(),
            folder,
            memory_limit: spec.memory_bytes,
        }
    }
}

/// The frame that forks a child to serve many attempts.
pub(crate) fn serve(id: u64, key: &WorkerKey) -> Vec<u8> {
    #[derive(Serialize)]
    struct Serve<'a> {
        op: &'static str,
        id: u64,
        cwd: &'a str,
        path: [&'a str; 1],
        memory_limit: Option<u64>,
    }
    let serve = Serve {
        op: "serve",
        id,
        cwd: &key.cwd,
        path: [&key.cwd],
        memory_limit: key.memory_limit,
    };
    pack(&serde_json::to_vec(&serve).expect("texts and numbers"))
}

/// The frame that forks children for one task each. They will be told of tasks like `spec`: what the template can do for all
/// of them at once, such as compiling the file, it does before it forks.
pub(crate) fn spares(ids: &[u64], spec: &TaskSpec, dir: &RunDir) -> Vec<u8> {
    #[derive(Serialize)]
    struct Spares<'a> {
        op: &'static str,
        ids: &'a [u64],
        like: Like<'a>,
    }
    #[derive(Serialize)]
    struct Like<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        module: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        function: Option<&'a str>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<&'static str, &'a str>,
        context: Context<'a>,
    }
    let (module, function) = match &spec.executor {
        Executor::Python {
            source, function, ..
        } => match source {
            PythonSource::Module(module) => (Some(module.as_str()), Some(function.as_str())),
            PythonSource::File(_) => (None, Some(function.as_str())),
        },
        _ => (None, None),
    };
    let frame = Spares {
        op: "spare",
        ids,
        like: Like {
            file: file(spec, dir),
            module,
            function,
            env: upstream(spec)
                .map(|text| (UPSTREAM, text))
                .into_iter()
                .collect(),
            context: Context::of(spec),
        },
    };
    pack(&serde_json::to_vec(&frame).expect("texts and numbers"))
}

/// The upstream outputs that the children of a batch find in their environment.
pub(crate) fn upstream(spec: &TaskSpec) -> Option<&str> {
    let text = spec.upstream.get();
    (text != "{}" && text.len() <= ENV_BYTES).then_some(text)
}

/// The file of a Python task, in one spelling; none for modules and scripts.
pub(crate) fn file(spec: &TaskSpec, dir: &RunDir) -> Option<String> {
    match &spec.executor {
        Executor::Python {
            source: PythonSource::File(file),
            ..
        } => Some(tidy(&dir.workflow_dir.join(file))),
        _ => None,
    }
}

/// The frame that asks for the end of a child to be told as soon as it ends.
pub(crate) fn watch(id: u64) -> Vec<u8> {
    pack(format!("{{\"op\":\"watch\",\"id\":{id}}}").as_bytes())
}

/// The frame that has ended children reaped, which otherwise happens when the next ones are forked.
pub(crate) fn reap() -> Vec<u8> {
    pack(b"{\"op\":\"reap\"}")
}

/// The frame that signals a child.
pub(crate) fn kill(id: u64, signal: i32) -> Vec<u8> {
    pack(format!("{{\"op\":\"kill\",\"id\":{id},\"signal\":{signal}}}").as_bytes())
}

/// `/a/./b` as `/a/b`, so that one folder has one spelling.
fn tidy(path: &Path) -> String {
    path.components()
        .collect::<std::path::PathBuf>()
        .to_string_lossy()
        .into_owned()
}

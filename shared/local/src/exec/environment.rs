//! What a task finds in its environment, and the scratch files that belong to it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ork_core::definition::{Executor, PythonSource};
use ork_core::limits::ENV_BYTES;
use ork_core::task::TaskSpec;

use super::ExecConfig;

/// Scratch files of one attempt, removed when it is dropped.
pub(crate) struct Scratch {
    /// What the names of its files start with: no folder is made for a task that needs none.
    base: PathBuf,
    files: Vec<PathBuf>,
    folder: Option<PathBuf>,
}

impl Scratch {
    /// `root` must exist; `number` must be unique in it.
    pub(crate) fn new(root: &Path, number: u64) -> Self {
        Self {
            base: root.join(number.to_string()),
            files: Vec::new(),
            folder: None,
        }
    }
    /// A path nobody else uses; the caller sees to its removal.
    pub(crate) fn unregistered(&self, ending: &str) -> PathBuf {
        let mut name = self.base.clone().into_os_string();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    }
    /// A path nobody else uses; whatever lies there is removed at the end.
    pub(crate) fn path(&mut self, ending: &str) -> PathBuf {
        let path = self.unregistered(ending);
        self.files.push(path.clone());
        path
    }
    /// A file that only this user may read.
    pub(crate) fn file(&mut self, ending: &str, contents: &[u8]) -> Result<PathBuf, String> {
        let path = self.path(ending);
        private(&path)
            .and_then(|mut file| file.write_all(contents))
            .map_err(|error| {
                format!(
                    "the scratch file {} cannot be written: {error}",
                    path.display()
                )
            })?;
        Ok(path)
    }
    /// A folder of its own.
    pub(crate) fn folder(&mut self) -> Result<PathBuf, String> {
        std::fs::create_dir(&self.base).map_err(|error| {
            format!(
                "the scratch folder {} cannot be made: {error}",
                self.base.display()
            )
        })?;
        self.folder = Some(self.base.clone());
        Ok(self.base.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file that was never made, or that the task removed itself, is fine.
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// A variable and its value.
pub(crate) type Var = (OsString, OsString);

fn secret(name: &str, wanted: &str, config: &ExecConfig) -> Result<String, String> {
    (config.secret_lookup)(name).ok_or_else(|| {
        // Of `projects/P/secrets/S/versions/V` it is S that a laptop knows.
        let variable = name.split('/').nth(3).unwrap_or(name);
        format!("the secret `{name}` (wanted as {wanted}) is not known here: set the environment variable {variable}")
    })
}

/// Puts the secrets among the arguments where they belong. This is the only copy of the input that holds them.
pub(crate) fn add_secrets(spec: &mut TaskSpec, config: &ExecConfig) -> Result<(), String> {
    if spec.input_secrets.is_empty() {
        return Ok(());
    }
    let mut input: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(spec.input.get())
            .map_err(|error| format!("the input is no JSON object: {error}"))?;
    for (name, reference) in &spec.input_secrets {
        input.insert(name.clone(), secret(&reference.name, name, config)?.into());
    }
    spec.input = serde_json::value::to_raw_value(&input)
        .map_err(|error| format!("the input is no JSON object: {error}"))?
        .into();
    Ok(())
}

/// The task's own variables and its secrets: what lies over the base environment of whatever executor.
pub(crate) fn own(
    spec: &TaskSpec,
    config: &ExecConfig,
    scratch: &mut Scratch,
) -> Result<Vec<Var>, String> {
    // What the attempt is a part of comes first: the task's own `env` may say otherwise.
    let trace = spec.trace.iter();
    let mut vars: Vec<Var> = trace
        .map(|trace| ("TRACEPARENT".into(), trace.into()))
        .collect();
    let env = spec.env.iter();
    vars.extend(env.map(|(name, value)| (name.into(), value.into())));
    for (at, mount) in spec.secrets.iter().enumerate() {
        let value = secret(&mount.secret.name, &mount.name, config)?;
        let value = match &mount.path {
            None => value.into(),
            // Where the path says is not ours to write on a laptop: the variable tells where the file is.
            Some(path) => {
                let name = Path::new(path)
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or("secret");
                scratch
                    .file(&format!("{at}.{name}"), value.as_bytes())?
                    .into_os_string()
            }
        };
        vars.push((mount.name.clone().into(), value));
    }
    Ok(vars)
}

/// `ORK_<NAME>_JSON`, or `ORK_<NAME>_JSON_FILE` when it is large.
pub(crate) fn json_var(name: &str, text: &str, scratch: &mut Scratch) -> Result<Var, String> {
    if text.len() <= ENV_BYTES {
        return Ok((format!("ORK_{name}_JSON").into(), text.into()));
    }
    let path = scratch.file(
        &format!("{}.json", name.to_ascii_lowercase()),
        text.as_bytes(),
    )?;
    Ok((
        format!("ORK_{name}_JSON_FILE").into(),
        path.into_os_string(),
    ))
}

/// What a person would call the instance: run, task and, where it fans out, index.
pub(crate) fn task_id(spec: &TaskSpec) -> String {
    if spec.fans_out {
        format!("{}/{}.{}", spec.id.run, spec.task_name, spec.id.index)
    } else {
        format!("{}/{}", spec.id.run, spec.task_name)
    }
}

/// Everything a process is told about its attempt, besides [`own`].
pub(crate) fn attempt(
    spec: &TaskSpec,
    scratch: &mut Scratch,
    output: &Path,
) -> Result<Vec<Var>, String> {
    let mut vars: Vec<Var> = vec![
        json_var("INPUT", spec.input.get(), scratch)?,
        json_var("UPSTREAM", spec.upstream.get(), scratch)?,
        ("ORK_TASK_ID".into(), task_id(spec).into()),
        ("ORK_RUN_ID".into(), spec.id.run.as_str().into()),
        ("ORK_TASK_NAME".into(), spec.task_name.as_str().into()),
        (
            "ORK_WORKFLOW_NAME".into(),
            spec.workflow_name.as_str().into(),
        ),
        ("ORK_ATTEMPT".into(), spec.id.attempt.to_string().into()),
        (
            "ORK_PARALLEL_INDEX".into(),
            spec.parallel_index.to_string().into(),
        ),
        (
            "ORK_PARALLEL_COUNT".into(),
            spec.parallel_count.to_string().into(),
        ),
        ("ORK_OUTPUT_FILE".into(), output.into()),
    ];
    match &spec.executor {
        Executor::Python {
            source: PythonSource::File(file),
            function,
            ..
        }
        | Executor::Library { file, function } => {
            vars.push(("ORK_TASK_FILE".into(), file.into()));
            vars.push(("ORK_TASK_FUNCTION".into(), function.into()));
        }
        Executor::Python {
            source: PythonSource::Module(module),
            function,
            ..
        } => {
            vars.push(("ORK_TASK_MODULE".into(), module.into()));
            vars.push(("ORK_TASK_FUNCTION".into(), function.into()));
        }
        Executor::Custom { options, .. } => {
            let text = serde_json::to_string(options).expect("options hold only JSON values");
            vars.push(json_var("OPTIONS", &text, scratch)?);
        }
        _ => {}
    }
    Ok(vars)
}

//! Object names: built here, parsed here, nowhere else. `parse(name.to_string()) == name`.

use std::fmt;

use crate::ids::{RunId, TaskName, VersionHash, WorkflowName};

/// Every object Ork writes or reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectName {
    /// `workflows/<name>/workflow.yaml`
    Upload(WorkflowName),
    /// `workflows/<name>/workflow.status.json`
    UploadStatus(WorkflowName),
    /// `workflows/<name>/ork.yaml`: the settings of the project that the uploaded workflow belongs to
    UploadProject(WorkflowName),
    /// `workflows/<name>/<path>.sql`: a query of the uploaded workflow that stands in a file of its own
    UploadQuery(WorkflowName, QueryPath),
    /// `workflows/<name>/versions/<sha256>.json`: a definition too large for a document
    Definition(WorkflowName, VersionHash),
    /// `workflows/<name>/bundles/<sha256>.tar.zst`
    Bundle(WorkflowName, VersionHash),
    /// `runs/<run>/batches/<sha256>.json`: what to run, for attempts that are started together
    Batch(RunId, VersionHash),
    /// `runs/<run>/<task>[.<index>]/<attempt>/<file>`
    Attempt {
        /// The run.
        run: RunId,
        /// The task.
        task: TaskName,
        /// Present when the task fans out.
        index: Option<u32>,
        /// From 1.
        attempt: u32,
        /// Which of the attempt's objects.
        file: AttemptFile,
    },
    /// `runs/<run>/<task>/output.json`
    TaskOutput(RunId, TaskName),
    /// `runs/<run>/<task>/output.txt`
    TaskText(RunId, TaskName),
}

/// The path of a file of SQL, relative to the folder of its workflow file and below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryPath(String);

impl QueryPath {
    const LONGEST: usize = 200;

    /// Checks a path; a `./` before it means nothing. An error goes on behind the path: what it is or lacks.
    pub fn new(path: &str) -> Result<Self, &'static str> {
        let path = path.strip_prefix("./").unwrap_or(path);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let mut parts = path.split('/');
        if path.starts_with('/') {
            Err("is a path from the root")
        } else if path.contains("..") {
            Err("leads out of the workflow's folder")
        } else if !path.ends_with(".sql") {
            Err("does not end in .sql")
        } else if path.len() > Self::LONGEST {
            Err("is longer than 200 characters")
        } else if !parts.all(|part| !part.starts_with(['.', '-']) && part.bytes().all(legal)) {
            Err(
                "has characters other than letters, digits, `_`, `-`, `.` and `/`, or a part that begins with `.` or `-`",
            )
        } else if path.split('/').any(str::is_empty) {
            Err("has an empty part")
        } else {
            Ok(Self(path.to_owned()))
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The objects of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptFile {
    /// What to run.
    Spec,
    /// Fencing.
    Claim,
    /// Heartbeats.
    Status,
    /// The verdict.
    Result,
    /// A large output.
    Output,
    /// Standard output and error.
    Log,
    /// The jobs that the worker started, where the verdict that names them came too late.
    Late,
    /// Renewed signed URLs, for a worker without credentials whose first ones do not last as long as it may.
    Urls,
}

impl AttemptFile {
    const ALL: [Self; 8] = [
        Self::Spec,
        Self::Claim,
        Self::Status,
        Self::Result,
        Self::Output,
        Self::Log,
        Self::Late,
        Self::Urls,
    ];
    /// Its last path segment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec.json",
            Self::Claim => "claim",
            Self::Status => "status.json",
            Self::Result => "result.json",
            Self::Output => "output.json",
            Self::Log => "log.txt",
            Self::Late => "late.json",
            Self::Urls => "urls.json",
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload(name) => write!(f, "workflows/{name}/workflow.yaml"),
            Self::UploadStatus(name) => write!(f, "workflows/{name}/workflow.status.json"),
            Self::UploadProject(name) => write!(f, "workflows/{name}/ork.yaml"),
            Self::UploadQuery(name, path) => write!(f, "workflows/{name}/{path}"),
            Self::Definition(name, hash) => write!(f, "workflows/{name}/versions/{hash}.json"),
            Self::Bundle(name, hash) => write!(f, "workflows/{name}/bundles/{hash}.tar.zst"),
            Self::Batch(run, hash) => write!(f, "runs/{run}/batches/{hash}.json"),
            Self::Attempt {
                run,
                task,
                index,
                attempt,
                file,
            } => {
                write!(f, "runs/{run}/{task}")?;
                if let Some(index) = index {
                    write!(f, ".{index}")?;
                }
                write!(f, "/{attempt}/{}", file.as_str())
            }
            Self::TaskOutput(run, task) => write!(f, "runs/{run}/{task}/output.json"),
            Self::TaskText(run, task) => write!(f, "runs/{run}/{task}/output.txt"),
        }
    }
}

/// A canonical number: no sign, no leading zero.
fn number(text: &str) -> Option<u32> {
    let canonical = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

impl ObjectName {
    /// The run it belongs to.
    pub const fn run(&self) -> Option<&RunId> {
        match self {
            Self::Batch(run, _)
            | Self::TaskOutput(run, _)
            | Self::TaskText(run, _)
            | Self::Attempt { run, .. } => Some(run),
            Self::Upload(_)
            | Self::UploadStatus(_)
            | Self::UploadProject(_)
            | Self::UploadQuery(..)
            | Self::Definition(..)
            | Self::Bundle(..) => None,
        }
    }
    /// The strict inverse of `Display`; `None` for anything Ork would not have written.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        match *parts.as_slice() {
            // Whatever the folder is called that it lies in.
            ["workflows", name, .., file] if file.ends_with(".sql") => {
                let path = text.splitn(3, '/').nth(2)?;
                let path = QueryPath::new(path).ok().filter(|known| known.0 == path)?;
                Some(Self::UploadQuery(WorkflowName::new(name).ok()?, path))
            }
            ["workflows", name, "workflow.yaml"] => {
                Some(Self::Upload(WorkflowName::new(name).ok()?))
            }
            ["workflows", name, "workflow.status.json"] => {
                Some(Self::UploadStatus(WorkflowName::new(name).ok()?))
            }
            ["workflows", name, "ork.yaml"] => {
                Some(Self::UploadProject(WorkflowName::new(name).ok()?))
            }
            ["workflows", name, "versions", file] => {
                let hash = VersionHash::parse(file.strip_suffix(".json")?)?;
                Some(Self::Definition(WorkflowName::new(name).ok()?, hash))
            }
            ["workflows", name, "bundles", file] => {
                let hash = VersionHash::parse(file.strip_suffix(".tar.zst")?)?;
                Some(Self::Bundle(WorkflowName::new(name).ok()?, hash))
            }
            // A task called `batches` has folders below its name, never such a file.
            ["runs", run, "batches", file]
                if let Some(hash) = file.strip_suffix(".json").and_then(VersionHash::parse) =>
            {
                Some(Self::Batch(RunId::new(run).ok()?, hash))
            }
            ["runs", run, task, "output.json"] => Some(Self::TaskOutput(
                RunId::new(run).ok()?,
                TaskName::new(task).ok()?,
            )),
            ["runs", run, task, "output.txt"] => Some(Self::TaskText(
                RunId::new(run).ok()?,
                TaskName::new(task).ok()?,
            )),
            ["runs", run, task, attempt, file] => {
                let (task, index) = match task.split_once('.') {
                    Some((task, index)) => (task, Some(number(index)?)),
                    None => (task, None),
                };
                Some(Self::Attempt {
                    run: RunId::new(run).ok()?,
                    task: TaskName::new(task).ok()?,
                    index,
                    attempt: number(attempt)?,
                    file: AttemptFile::ALL
                        .into_iter()
                        .find(|known| known.as_str() == file)?,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_is_the_inverse_of_display() {
        let run = RunId::new("etl--20260601T023000Z").expect("valid");
        let task = TaskName::new("clean").expect("valid");
        let hash = VersionHash::of(b"x");
        let workflow = WorkflowName::new("etl").expect("valid");
        let mut names = vec![
            ObjectName::Upload(workflow.clone()),
            ObjectName::UploadStatus(workflow.clone()),
            ObjectName::UploadProject(workflow.clone()),
            ObjectName::UploadQuery(
                workflow.clone(),
                QueryPath::new("./sql/daily_report.sql").expect("valid"),
            ),
            ObjectName::Definition(workflow.clone(), hash.clone()),
            ObjectName::Bundle(workflow, hash.clone()),
            ObjectName::Batch(run.clone(), hash),
            ObjectName::TaskOutput(run.clone(), task.clone()),
            ObjectName::TaskText(run.clone(), task.clone()),
        ];
        for file in AttemptFile::ALL {
            for index in [None, Some(0), Some(99_999)] {
                names.push(ObjectName::Attempt {
                    run: run.clone(),
                    task: task.clone(),
                    index,
                    attempt: 3,
                    file,
                });
            }
        }
        for name in names {
            assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn a_query_lies_below_its_workflows_folder() {
        for good in ["q.sql", "./q.sql", "sql/2026/daily-report_1.sql", "a.b.sql"] {
            assert!(QueryPath::new(good).is_ok(), "{good}");
        }
        let long = format!("{}.sql", "q".repeat(197));
        for bad in [
            "",
            ".sql",
            "q.txt",
            "/q.sql",
            "../q.sql",
            "a/../q.sql",
            "a//q.sql",
            "a/./q.sql",
            "././q.sql",
            ".git/q.sql",
            "a\\q.sql",
            "q?.sql",
            "ö.sql",
            "q .sql",
            "C:q.sql",
            "-q.sql",
            "q..sql",
            &long,
        ] {
            assert!(QueryPath::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_ork_would_not_write_is_refused() {
        for text in [
            "",
            "/",
            "runs/../x/1/claim",
            "runs/r/t.01/1/claim",
            "runs/r/t/01/claim",
            "runs/r/t/+1/claim",
            "runs/r//1/claim",
            "runs/r/t/1/claim/",
            "workflows/w/./q.sql",
            "workflows/w//q.sql",
            "workflows/w/../q.sql",
            "workflows/w/.q.sql",
            "workflows/w/q.SQL",
        ] {
            assert_eq!(ObjectName::parse(text), None, "{text}");
        }
    }
}

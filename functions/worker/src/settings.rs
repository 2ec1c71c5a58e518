//! What a worker is told by its environment: which batch, which position, where the objects and the code are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ork_core::names::ObjectName;

/// Cloud Run's images have the user's code here unless they say otherwise.
const CODE_DIR: &str = "/app";
/// How long a verdict is offered to objects that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one worker process is told.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The object that holds the specs of all attempts started together.
    pub batch: ObjectName,
    /// Which of them is this process's.
    pub index: u32,
    /// How many tasks the execution has.
    pub count: u32,
    /// The execution's name.
    pub execution: String,
    /// The Google Cloud project.
    pub project: String,
    /// The bucket of the objects.
    pub bucket: String,
    /// The folder of the code of workflows that have no bundle.
    pub code_dir: PathBuf,
    /// Where bundles and Python environments are kept, and files of the attempt while it runs.
    pub cache_dir: PathBuf,
    /// The interpreter for Python tasks; what `PATH` finds when absent.
    pub python: Option<PathBuf>,
    /// Where the Cloud Storage emulator answers; Google's own when absent.
    pub storage: Option<String>,
    /// How much is logged.
    pub level: tracing::Level,
    /// The environment that tasks start from: this process's own.
    pub env: Vec<(OsString, OsString)>,
    /// The program that [`crate::hidden`] is part of: it is run again for library tasks, and to end what a killed worker leaves behind.
    pub exe: Option<PathBuf>,
    /// How long objects that cannot be reached are asked again.
    pub patience: Duration,
}

impl WorkerSettings {
    /// Reads the variables of a process. The error has a line for each of them that is wrong.
    pub fn from_map(env: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = Reader {
            env,
            problems: Vec::new(),
        };
        let batch = reader.required(
            "ORK_BATCH",
            "the object name of a batch, `runs/<run>/batches/<sha256>.json`",
        );
        let batch = batch.and_then(|text| match ObjectName::parse(text) {
            Some(name @ ObjectName::Batch(..)) => Some(name),
            _ => reader.problem(format!(
                "ORK_BATCH is `{text}`, which is not the name of a batch object: `runs/<run>/batches/<sha256>.json`"
            )),
        });
        let index = reader.number("CLOUD_RUN_TASK_INDEX");
        let count = reader.number("CLOUD_RUN_TASK_COUNT");
        if let (Some(index), Some(count)) = (index, count)
            && index >= count
        {
            reader.problems.push(format!(
                "CLOUD_RUN_TASK_INDEX is {index}, but CLOUD_RUN_TASK_COUNT is {count}: the index counts from 0"
            ));
        }
        let execution = reader.required("CLOUD_RUN_EXECUTION", "the name of the execution");
        let execution = execution.and_then(|name| {
            // It is a part of the name that the worker claims with.
            if name.contains('/') {
                reader.problem(format!(
                    "CLOUD_RUN_EXECUTION is `{name}`, which is no name: it has a `/`"
                ))
            } else {
                Some(name.to_owned())
            }
        });
        let project = reader.required("ORK_PROJECT", "the Google Cloud project");
        let bucket = reader.required("ORK_BUCKET", "the bucket of Ork's objects");
        let storage = reader.optional("STORAGE_EMULATOR_HOST").and_then(|host| {
            if host.starts_with("http://") || host.starts_with("https://") {
                Some(host.to_owned())
            } else {
                reader.problem(format!(
                    "STORAGE_EMULATOR_HOST is `{host}`: write http://host:port"
                ))
            }
        });
        let level = match reader.optional("ORK_LOG") {
            None => Some(tracing::Level::INFO),
            Some(text) => text.parse().ok().or_else(|| {
                reader.problem(format!(
                    "ORK_LOG is `{text}`: write error, warn, info, debug or trace"
                ))
            }),
        };
        let code_dir = PathBuf::from(reader.optional("ORK_CODE_DIR").unwrap_or(CODE_DIR));
        let cache_dir = match reader.optional("ORK_CACHE_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(reader.optional("TMPDIR").unwrap_or("/tmp")).join("ork-worker"),
        };
        let python = reader.optional("ORK_PYTHON").map(PathBuf::from);
        for (name, folder) in [("ORK_CODE_DIR", &code_dir), ("ORK_CACHE_DIR", &cache_dir)] {
            if !folder.is_absolute() {
                let shown = folder.display();
                reader
                    .problems
                    .push(format!("{name} is `{shown}`: write an absolute path"));
            }
        }
        let problems = reader.problems;
        match (batch, index, count, execution, project, bucket, level) {
            (
                Some(batch),
                Some(index),
                Some(count),
                Some(execution),
                Some(project),
                Some(bucket),
                Some(level),
            ) if problems.is_empty() => Ok(Self {
                batch,
                index,
                count,
                execution,
                project: project.to_owned(),
                bucket: bucket.to_owned(),
                code_dir,
                cache_dir,
                python,
                storage,
                level,
                env: env
                    .iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                exe: None,
                patience: PATIENCE,
            }),
            _ => Err(problems),
        }
    }
}

struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn problem<T>(&mut self, text: String) -> Option<T> {
        self.problems.push(text);
        None
    }

    /// An empty variable is none.
    fn optional(&self, name: &str) -> Option<&'a str> {
        self.env
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str, what: &str) -> Option<&'a str> {
        self.optional(name)
            .or_else(|| self.problem(format!("{name} is not set: {what}")))
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        let text = self.required(name, "Cloud Run sets it for each task of a job")?;
        text.parse()
            .ok()
            .or_else(|| self.problem(format!("{name} is `{text}`, which is not a whole number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> BTreeMap<String, String> {
        let batch = format!("runs/r/batches/{}.json", "a".repeat(64));
        [
            ("ORK_BATCH", batch.as_str()),
            ("CLOUD_RUN_TASK_INDEX", "2"),
            ("CLOUD_RUN_TASK_COUNT", "3"),
            ("CLOUD_RUN_EXECUTION", "job-x7"),
            ("ORK_PROJECT", "p"),
            ("ORK_BUCKET", "b"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let settings = WorkerSettings::from_map(&good()).expect("nothing is wrong");
        assert_eq!((settings.index, settings.count), (2, 3));
        assert_eq!(settings.code_dir, PathBuf::from("/app"));
        assert_eq!(settings.cache_dir, PathBuf::from("/tmp/ork-worker"));
        assert_eq!(settings.level, tracing::Level::INFO);
        assert_eq!((settings.python, settings.storage), (None, None));
        let mut env = good();
        env.insert("TMPDIR".into(), "/scratch".into());
        let settings = WorkerSettings::from_map(&env).expect("nothing is wrong");
        assert_eq!(settings.cache_dir, PathBuf::from("/scratch/ork-worker"));
        assert!(settings.env.contains(&("TMPDIR".into(), "/scratch".into())));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let problems = WorkerSettings::from_map(&BTreeMap::new()).expect_err("nothing is set");
        assert_eq!(problems.len(), 6, "{problems:#?}");
        let mut env = good();
        for (name, value) in [
            ("ORK_BATCH", "runs/r/t/1/claim"),
            ("CLOUD_RUN_TASK_INDEX", "-1"),
            ("CLOUD_RUN_TASK_COUNT", "many"),
            ("CLOUD_RUN_EXECUTION", "a/b"),
            ("ORK_BUCKET", " "),
            ("STORAGE_EMULATOR_HOST", "localhost:9199"),
            ("ORK_LOG", "loud"),
            ("ORK_CODE_DIR", "code"),
            ("ORK_CACHE_DIR", "cache"),
        ] {
            env.insert(name.into(), value.into());
        }
        let problems = WorkerSettings::from_map(&env).expect_err("much is wrong");
        assert_eq!(problems.len(), 9, "{problems:#?}");
        for (name, problem) in [
            "ORK_BATCH",
            "CLOUD_RUN_TASK_INDEX",
            "CLOUD_RUN_TASK_COUNT",
            "CLOUD_RUN_EXECUTION",
            "ORK_BUCKET",
            "STORAGE_EMULATOR_HOST",
            "ORK_LOG",
            "ORK_CODE_DIR",
            "ORK_CACHE_DIR",
        ]
        .iter()
        .zip(&problems)
        {
            assert!(problem.starts_with(name), "{problem}");
        }
    }

    #[test]
    fn an_index_beyond_the_count_is_refused() {
        let mut env = good();
        env.insert("CLOUD_RUN_TASK_INDEX".into(), "3".into());
        let problems = WorkerSettings::from_map(&env).expect_err("it counts from 0");
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].contains("CLOUD_RUN_TASK_COUNT is 3"),
            "{problems:?}"
        );
    }
}

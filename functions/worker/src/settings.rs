//! What a worker is told by its environment: which batch, which position, where the objects are.

use std::collections::BTreeMap;

use ork_core::names::ObjectName;
use ork_gcp::signed::SignedUrl;
use ork_host::Role;
use ork_host::settings::identity;
use ork_telemetry::{Telemetry, TelemetrySettings};

use crate::machine::{BATCH_URL, Machine, Reader};
use crate::patience::random;

/// How a worker comes to its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It uses the bucket with its own credentials.
    Bucket {
        /// The object that holds the specs of all attempts started together.
        batch: ObjectName,
        /// The bucket of the objects.
        bucket: String,
        /// Where the Cloud Storage emulator answers; Google's own when absent.
        storage: Option<String>,
    },
    /// It has no credentials: this URL reads that object, in which there are the URLs of everything else.
    Url(SignedUrl),
}

/// What one worker process is told.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How it comes to its objects.
    pub given: Given,
    /// Which of the batch's specs is this process's.
    pub index: u32,
    /// How many tasks the execution has.
    pub count: u32,
    /// The execution's name.
    pub execution: String,
    /// The Google Cloud project, for the names of traces in logs; a worker without credentials may not know it.
    pub project: String,
    /// How much is logged.
    pub level: tracing::Level,
    /// Where the metrics go that tasks report; `None`: nowhere.
    pub otlp: Option<TelemetrySettings>,
    /// What it has to run tasks with.
    pub machine: Machine,
}

impl WorkerSettings {
    /// Reads the variables of a process. The error has a line for each of them that is wrong.
    pub fn from_map(env: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(env);
        let url = reader.optional(BATCH_URL);
        let batch = match url {
            Some(_) => None,
            None => batch(&mut reader),
        };
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
        let given = match url {
            Some(url) => by_url(&mut reader, url),
            None => in_bucket(&mut reader, batch),
        };
        let project = reader.optional("ORK_PROJECT").unwrap_or_default();
        let level = match reader.optional("ORK_LOG") {
            None => Some(tracing::Level::INFO),
            Some(text) => text.parse().ok().or_else(|| {
                reader.problem(format!(
                    "ORK_LOG is `{text}`: write error, warn, info, debug or trace"
                ))
            }),
        };
        let otlp = reader.otlp();
        let machine = Machine::read(&mut reader);
        let problems = reader.problems;
        match (given, index, count, execution, level) {
            (Some(given), Some(index), Some(count), Some(execution), Some(level))
                if problems.is_empty() =>
            {
                Ok(Self {
                    given,
                    index,
                    count,
                    execution,
                    project: project.to_owned(),
                    level,
                    otlp,
                    machine,
                })
            }
            _ => Err(problems),
        }
    }

    /// Makes what sends the metrics of tasks, if the settings say where to.
    pub fn measured(&mut self) -> Result<(), String> {
        let identity = identity(Role::Worker, &self.project, None);
        self.machine.telemetry = Telemetry::new(self.otlp.as_ref(), identity)?;
        Ok(())
    }

    /// What this process claims with: a name nobody else has, not even another process for the same position.
    pub(crate) fn name(&self) -> String {
        let Self {
            execution,
            index,
            count,
            ..
        } = self;
        format!("{execution}/{index}/{count}/{:016x}", random())
    }
}

fn batch(reader: &mut Reader<'_>) -> Option<ObjectName> {
    let text = reader.required(
        "ORK_BATCH",
        "the object name of a batch, `runs/<run>/batches/<sha256>.json`",
    )?;
    match ObjectName::parse(text) {
        Some(name @ ObjectName::Batch(..)) => Some(name),
        _ => reader.problem(format!(
            "ORK_BATCH is `{text}`, which is not the name of a batch object: `runs/<run>/batches/<sha256>.json`"
        )),
    }
}

fn in_bucket(reader: &mut Reader<'_>, batch: Option<ObjectName>) -> Option<Given> {
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
    project?;
    Some(Given::Bucket {
        batch: batch?,
        bucket: bucket?.to_owned(),
        storage,
    })
}

fn by_url(reader: &mut Reader<'_>, url: &str) -> Option<Given> {
    if reader.optional("ORK_BATCH").is_some() {
        return reader.problem(format!(
            "ORK_BATCH is set, and {BATCH_URL} too: a worker uses the bucket or its signed URLs"
        ));
    }
    // It is a secret, also when it is none: it is not repeated.
    let leads = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match leads {
        Some(rest) if rest.contains('/') && rest.contains('?') => {
            Some(Given::Url(SignedUrl::of(url)))
        }
        _ => reader.problem(format!(
            "{BATCH_URL} is no signed URL: https://storage.googleapis.com/<bucket>/runs/<run>/batches/<sha256>.json?…"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
        assert_eq!(settings.machine.code_dir, PathBuf::from("/app"));
        assert_eq!(settings.machine.cache_dir, PathBuf::from("/tmp/ork-worker"));
        assert_eq!(settings.level, tracing::Level::INFO);
        assert_eq!(settings.machine.python, None);
        let Given::Bucket {
            bucket, storage, ..
        } = settings.given
        else {
            panic!("it uses the bucket");
        };
        assert_eq!((bucket.as_str(), storage), ("b", None));
        let mut env = good();
        env.insert("TMPDIR".into(), "/scratch".into());
        let settings = WorkerSettings::from_map(&env).expect("nothing is wrong");
        assert_eq!(
            settings.machine.cache_dir,
            PathBuf::from("/scratch/ork-worker")
        );
        assert!(
            settings
                .machine
                .env
                .contains(&("TMPDIR".into(), "/scratch".into()))
        );
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
    fn a_worker_with_a_url_needs_no_other_setting_and_its_tasks_do_not_see_it() {
        let url = "https://storage.googleapis.com/b/runs/r/batches/x.json?X-Goog-Signature=5ec7e7";
        let mut env = good();
        for name in ["ORK_BATCH", "ORK_PROJECT", "ORK_BUCKET"] {
            env.remove(name);
        }
        env.insert(BATCH_URL.into(), url.into());
        let settings = WorkerSettings::from_map(&env).expect("nothing is missing");
        assert_eq!(settings.given, Given::Url(SignedUrl::of(url)));
        assert!(!format!("{settings:?}").contains("5ec7e7"));
        let seen: Vec<_> = settings.machine.env.iter().map(|(name, _)| name).collect();
        assert_eq!(seen.len(), env.len() - 1, "{seen:?}");
        assert!(!seen.contains(&&BATCH_URL.into()), "{seen:?}");

        for (name, value, what) in [
            ("ORK_BATCH", "runs/r/t/1/claim", "ORK_BATCH is set, and"),
            (BATCH_URL, "5ec7e7", "is no signed URL"),
            (BATCH_URL, "https://h/5ec7e7", "is no signed URL"),
            (BATCH_URL, "ftp://h/b?5ec7e7", "is no signed URL"),
        ] {
            let mut env = env.clone();
            env.insert(name.into(), value.into());
            let problems = WorkerSettings::from_map(&env).expect_err(value);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(what), "{problems:?}");
            assert!(!problems[0].contains("5ec7e7"), "{problems:?}");
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

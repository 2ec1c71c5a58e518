//! The executors by every word a file may use, and the keys of a task that only some of them have.

use Word::{
    BigQuery, CloudRun, Dataproc, Dbt, Docker, Http, Kubernetes, Library, Marker, Process, Python,
    Sensor, Service, Workflow,
};

/// An executor of Ork's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Python,
    Process,
    Library,
    CloudRun,
    Service,
    Docker,
    Kubernetes,
    Http,
    BigQuery,
    Dataproc,
    Sensor,
    Dbt,
    Workflow,
    Marker,
}

/// Every word that names one. Of two for the same executor, the first is the one that people are told.
pub(crate) const EXECUTORS: &[(&str, Word)] = &[
    ("python", Python),
    ("process", Process),
    ("shell", Process),
    ("library", Library),
    ("cloudrun", CloudRun),
    ("cloud_run", CloudRun),
    ("service", Service),
    ("docker", Docker),
    ("kubernetes", Kubernetes),
    ("http", Http),
    ("bigquery", BigQuery),
    ("dataproc", Dataproc),
    ("sensor", Sensor),
    ("dbt", Dbt),
    ("workflow", Workflow),
    ("marker", Marker),
];

/// The keys that belong to some executors only, and to which.
pub(crate) const OWN_KEYS: &[(&str, &[Word])] = &[
    ("file", &[Python, Process, Library, Service, BigQuery]),
    ("module", &[Python, Service]),
    ("function", &[Python, Library, Service]),
    ("isolation", &[Python]),
    ("preload", &[Python]),
    ("command", &[Process, CloudRun, Docker, Kubernetes]),
    ("job", &[CloudRun, Dataproc]),
    ("url", &[Http]),
    ("method", &[Http]),
    ("headers", &[Http]),
    ("body", &[Http]),
    ("project", &[CloudRun, BigQuery, Dataproc, Dbt]),
    ("models", &[Dbt]),
    ("run_as", &[Workflow]),
    ("query", &[BigQuery]),
    ("location", &[BigQuery]),
    ("destination", &[BigQuery]),
    ("write", &[BigQuery]),
    ("params", &[BigQuery]),
    ("dry_run", &[BigQuery]),
    ("maximum_bytes_billed", &[BigQuery]),
    ("labels", &[BigQuery]),
    ("region", &[CloudRun, Dataproc]),
    ("args", &[CloudRun]),
    ("service_account", &[CloudRun]),
    ("container", &[CloudRun]),
    ("task_count", &[CloudRun]),
    ("cluster", &[Dataproc]),
    ("poll_interval", &[CloudRun, BigQuery, Dataproc]),
    ("success_status_codes", &[Http]),
    ("success_field", &[Http]),
    ("success_value", &[Http]),
    ("sensor", &[Sensor]),
];

/// What `method` may be.
pub(crate) const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// What `write` may be.
pub(crate) const WRITES: [&str; 3] = ["append", "truncate", "empty"];

/// The executor of that name.
pub(crate) fn word(name: &str) -> Option<Word> {
    let found = EXECUTORS.iter().find(|(known, _)| *known == name);
    found.map(|(_, word)| *word)
}

/// What people are told an executor is called.
pub(crate) fn shown(word: Word) -> &'static str {
    let found = EXECUTORS.iter().find(|(_, one)| *one == word);
    found.map_or("", |(name, _)| *name)
}

//! What runs a task's attempts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Binding, Expression, Input, SecretRef};
use crate::Value;
use crate::ids::WorkflowName;

/// What runs a task's attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Executor {
    /// Nothing: the task is done as soon as it is ready.
    Marker,
    /// A Python function.
    Python {
        /// File or module.
        source: PythonSource,
        /// Function in it.
        function: String,
        /// Fresh process per attempt, or one that serves many.
        isolation: Isolation,
        /// Import the module once, before forking.
        preload: bool,
    },
    /// A command.
    Process {
        /// What to run.
        command: CommandLine,
    },
    /// A stand-alone Python script: the body of a `fun` block. Its standard output is its output.
    Script {
        /// The dedented body.
        body: String,
        /// First line of the body in the file, from 1, for tracebacks.
        line: u32,
    },
    /// A shared object with Ork's C entry point.
    Library {
        /// Path of the object.
        file: String,
        /// Which task in it.
        function: String,
    },
    /// Another workflow, run and awaited. Its params are the task's inputs.
    Workflow {
        /// The other workflow.
        name: WorkflowName,
    },
    /// A Cloud Run job.
    CloudRun {
        /// An existing job, or none when `image` is given.
        job: Option<String>,
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A worker service that is asked over HTTP.
    Service {
        /// File or module the service knows.
        source: Option<PythonSource>,
        /// Function in it.
        function: Option<String>,
    },
    /// A container here.
    Docker {
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A Kubernetes Job.
    Kubernetes {
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A plain HTTP request.
    Http {
        /// GET, POST, …
        method: String,
        /// Template.
        url: Expression,
        /// Templates.
        headers: Vec<(String, Expression)>,
        /// Sent as JSON.
        body: Option<Binding>,
        /// What the answer must be like, by key.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Input>,
        /// Headers whose values are secrets. Whoever makes the request looks them up.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secret_headers: Vec<(String, SecretRef)>,
    },
    /// A job of another service that Ork itself starts and watches, or something that it waits for. No worker has a part in it.
    Remote {
        /// Whose, or for what.
        operator: Operator,
        /// What is asked for, by key; values are rendered when an attempt begins.
        request: Vec<Input>,
    },
    /// dbt models.
    Dbt {
        /// Project folder.
        project: String,
        /// Selectors.
        models: Vec<String>,
    },
    /// An executor declared in `ork.yaml`; its command is found there.
    Custom {
        /// Its name.
        name: String,
        /// Keys of the task that the custom executor may read.
        options: BTreeMap<String, Value>,
    },
}

impl Executor {
    /// The word a file uses for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Marker => "marker",
            Self::Python { .. } => "python",
            Self::Process { .. } => "process",
            Self::Script { .. } => "fun",
            Self::Library { .. } => "library",
            Self::Workflow { .. } => "workflow",
            Self::CloudRun { .. } => "cloudrun",
            Self::Service { .. } => "service",
            Self::Docker { .. } => "docker",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Http { .. } => "http",
            Self::Remote { operator, .. } => operator.word(),
            Self::Dbt { .. } => "dbt",
            Self::Custom { name, .. } => name,
        }
    }

    /// Whether what Ork does for it leaves nothing behind that could be stopped: a request, or a look.
    pub const fn leaves_nothing(&self) -> bool {
        match self {
            Self::Http { .. } => true,
            Self::Remote { operator, .. } => !operator.starts_a_job(),
            _ => false,
        }
    }

    /// Whether what was made for an attempt stays after its end, however that came, until it is removed.
    pub const fn leaves_a_job(&self) -> bool {
        matches!(
            self,
            Self::Remote {
                operator: Operator::CloudRunImage,
                ..
            }
        )
    }

    /// Whether it is a single request, which is made again by everybody who asks about it.
    pub const fn is_a_request(&self) -> bool {
        matches!(self, Self::Http { .. })
    }

    /// Whether Ork itself starts it and waits for it, without a worker.
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Http { .. } | Self::Remote { .. })
    }

    /// Whether its attempts are carried out by a worker.
    pub const fn has_worker(&self) -> bool {
        !self.is_remote() && !matches!(self, Self::Marker | Self::Workflow { .. })
    }
}

/// What a task without a worker has done elsewhere, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// A query of BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery,
    /// An execution of a Cloud Run job, whatever its container is.
    #[serde(rename = "cloudrun")]
    CloudRun,
    /// A Cloud Run job that is made of an image for one attempt, run once, and removed.
    #[serde(rename = "cloudrun_image")]
    CloudRunImage,
    /// A job of a Dataproc cluster, or a batch without one.
    Dataproc,
    /// Waits for an object of Cloud Storage.
    ObjectSensor,
    /// Waits for a query whose first row begins with something true.
    #[serde(rename = "bigquery_sensor")]
    BigQuerySensor,
    /// Waits for an answer over HTTP.
    HttpSensor,
    /// Waits for a run of another workflow.
    WorkflowSensor,
}

impl Operator {
    /// Whether a job comes of it, which can be stopped: every look of a sensor of BigQuery is one, too.
    pub const fn starts_a_job(self) -> bool {
        matches!(
            self,
            Self::BigQuery
                | Self::CloudRun
                | Self::CloudRunImage
                | Self::Dataproc
                | Self::BigQuerySensor
        )
    }
    /// The word a file uses for it: every sensor is `sensor`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BigQuery => "bigquery",
            Self::CloudRun | Self::CloudRunImage => "cloudrun",
            Self::Dataproc => "dataproc",
            Self::ObjectSensor | Self::BigQuerySensor | Self::HttpSensor | Self::WorkflowSensor => {
                "sensor"
            }
        }
    }
}

/// Where a Python function lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PythonSource {
    /// A file, relative to the workflow file.
    File(String),
    /// An importable module.
    Module(String),
}

/// Whether attempts of a Python task share a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Each attempt has a process of its own.
    #[default]
    Process,
    /// A process serves many attempts of the workflow's tasks, one at a time.
    Reuse,
}

/// How a command was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// One string, as a shell reads it; may hold templates.
    Shell(Expression),
    /// Program and arguments; each may hold templates.
    Argv(Vec<Expression>),
    /// A script beside the workflow file.
    File(String),
}

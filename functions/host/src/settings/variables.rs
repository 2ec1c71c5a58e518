//! The table of environment variables: what each means, what it is when absent, which roles read it.

use super::Role;

/// What holds when a variable is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// These roles do not start without it.
    Refused(&'static [Role]),
    /// This value is taken.
    Default(&'static str),
    /// The sentence says what that means.
    Means(&'static str),
}

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who reads it; it may be set for others.
    pub roles: &'static [Role],
    /// What holds without it.
    pub absent: Absent,
    /// A value that could stand there.
    pub example: &'static str,
    /// What it means.
    pub doc: &'static str,
}

use Absent::{Default, Means, Refused};
use Role::{Api, Dispatch, Monitor, Poll, Tick, Worker, WorkerService};

pub(super) const ALL: &[Role] = &[Tick, Dispatch, Monitor, Poll, Worker, WorkerService, Api];
pub(super) const SERVICES: &[Role] = &[Tick, Dispatch, Monitor, Poll];
/// Whoever answers requests.
pub(super) const SERVING: &[Role] = &[Tick, Dispatch, Monitor, Poll, WorkerService, Api];
/// Whoever answers one caller that it knows beforehand.
pub(super) const CALLED: &[Role] = &[Tick, Dispatch, Monitor, Poll, WorkerService];
/// Whoever works with the state itself.
pub(super) const STATE: &[Role] = &[Tick, Dispatch, Monitor, Poll, Api];
const API: &[Role] = &[Api];
const STARTERS: &[Role] = &[Tick, Dispatch, Poll];
const PUSHED: &[Role] = &[Dispatch, Monitor, Poll, WorkerService];
const WORKER: &[Role] = &[Worker];
/// Whoever runs tasks.
const WORKERS: &[Role] = &[Worker, WorkerService];
pub(super) const NONE: &[Role] = &[];

const fn of(
    name: &'static str,
    roles: &'static [Role],
    absent: Absent,
    example: &'static str,
    doc: &'static str,
) -> Variable {
    Variable {
        name,
        roles,
        absent,
        example,
        doc,
    }
}

/// Every variable that is read, in the order it is shown.
pub const VARIABLES: &[Variable] = &[
    of(
        "ORK_PROJECT",
        ALL,
        Refused(ALL),
        "my-project",
        "Google Cloud project",
    ),
    of(
        "ORK_DATABASE",
        STATE,
        Default("(default)"),
        "(default)",
        "Firestore database",
    ),
    of(
        "ORK_BUCKET",
        ALL,
        Refused(ALL),
        "my-project-ork",
        "Bucket of workflows and runs",
    ),
    of(
        "ORK_REGION",
        SERVICES,
        Refused(SERVICES),
        "europe-west1",
        "Region of the worker jobs and queues",
    ),
    of(
        "ORK_TOPIC_DISPATCH",
        STATE,
        Refused(STATE),
        "projects/my-project/topics/ork-dispatch",
        "Topic of the hints to dispatch",
    ),
    of(
        "ORK_TOPIC_POLL",
        STATE,
        Refused(STATE),
        "projects/my-project/topics/ork-poll",
        "Topic of the hints to poll",
    ),
    of(
        "ORK_WORKER_JOBS",
        SERVICES,
        Refused(SERVICES),
        r#"{"default": "projects/my-project/locations/europe-west1/jobs/ork-worker"}"#,
        "Cloud Run jobs that run tasks, by worker profile; `default` is for all others (`{}` if `ORK_WORKER_SERVICES` has it)",
    ),
    of(
        "ORK_WORKER_SERVICES",
        SERVICES,
        Means("all tasks run in jobs"),
        r#"{"python": "projects/my-project/topics/ork-worker-python"}"#,
        "Topics of worker services that run tasks whose timeout is 3600 s at most, by worker profile; a profile has a job or a service",
    ),
    of(
        "ORK_WORKER_URLS",
        SERVICES,
        Means("all workers have credentials of their own"),
        "default,python",
        "Worker profiles of `ORK_WORKER_JOBS` whose workers have no credentials and do everything by signed URLs; for tasks without secrets",
    ),
    of(
        "ORK_SIGN_ACCOUNT",
        SERVICES,
        Means("needed if `ORK_WORKER_URLS` is set"),
        "ork-sign@my-project.iam.gserviceaccount.com",
        "Service account in whose name the URLs are signed",
    ),
    of(
        "ORK_WAKE_QUEUE",
        SERVICES,
        Refused(SERVICES),
        "projects/my-project/locations/europe-west1/queues/ork-wake",
        "Cloud Tasks queue for instants before the next tick, or `off`: everything happens at the tick then",
    ),
    of(
        "ORK_WAKE_URL",
        SERVICES,
        Means("needed unless `ORK_WAKE_QUEUE` is `off`"),
        "https://ork-poll-abc.a.run.app/wake",
        "Where the queue's tasks go: `/wake` of poll",
    ),
    of(
        "ORK_WAKE_IDENTITY",
        SERVICES,
        Means("needed unless `ORK_WAKE_QUEUE` or `ORK_AUTH` is `off`"),
        "ork-wake@my-project.iam.gserviceaccount.com",
        "Service account whose identity token the queue's tasks carry",
    ),
    of(
        "ORK_CHAIN_URL",
        &[WorkerService],
        Means("a task's end is known from the bucket's notice only"),
        "https://ork-dispatch-abc.a.run.app/finished",
        "Where a worker service tells dispatch of a task's end, and may be handed the next task of the run; what stands before `/finished` is the audience of its token",
    ),
    of(
        "ORK_CHAIN_IDENTITY",
        &[Dispatch],
        Means("the caller that `ORK_AUTH_EMAIL` names"),
        "ork-worker@my-project.iam.gserviceaccount.com",
        "Service account of the worker services that may call `/finished`",
    ),
    of(
        "ORK_AUTH",
        SERVING,
        Refused(SERVING),
        "iam",
        "Who checks callers. `iam`: Cloud Run did, compare what the token says; `verify`: check its signature too; `off`: nobody, only with emulators (Firestore's; Cloud Storage's for `worker-service`). Of `api` a list: `iam` or `verify` (Google's identity tokens), `iap` (Identity-Aware Proxy), `keys` (API keys), such as `iap,keys`",
    ),
    of(
        "ORK_AUTH_AUDIENCE",
        SERVING,
        Means("needed unless `ORK_AUTH` is `off`; by `api` only with `iam` or `verify`"),
        "https://ork-tick-abc.a.run.app",
        "Audience that callers' tokens must have, exactly; of `api` any of a list with commas",
    ),
    of(
        "ORK_AUTH_EMAIL",
        CALLED,
        Means("needed unless `ORK_AUTH` is `off`"),
        "ork-push@my-project.iam.gserviceaccount.com",
        "Service account that callers must be, exactly",
    ),
    of(
        "ORK_IAP_AUDIENCE",
        API,
        Means("needed if `ORK_AUTH` has `iap`"),
        "/projects/123456/locations/europe-west1/services/ork-api",
        "Audience that assertions of Identity-Aware Proxy must have, exactly",
    ),
    of(
        "ORK_ROLES",
        API,
        Means("needed if `ORK_AUTH` has `iam`, `verify` or `iap`"),
        r#"{"admin": ["ada@example.com"], "viewer": ["@example.com"]}"#,
        "What people may do (viewer, operator, author, admin), by address and by the domain of an organisation; nobody else is let in. API keys have their own roles",
    ),
    of(
        "ORK_RATE",
        API,
        Default("20/100"),
        "20/100",
        "Requests a second and at once that one process takes of one caller; more are answered 429. `off`: any number",
    ),
    of(
        "ORK_SUBSCRIPTION",
        PUSHED,
        Refused(PUSHED),
        "projects/my-project/subscriptions/ork-dispatch",
        "The only subscription whose messages are taken",
    ),
    of(
        "ORK_DEADLINE_SECONDS",
        SERVING,
        Means("`50`; `600` for worker-service"),
        "50",
        "Longest work on one request; the rest is left to the next tick. Of a worker-service the acknowledgement deadline of its subscription, 600 at most; an attempt that takes longer goes on without its message",
    ),
    of(
        "ORK_PLACES",
        STARTERS,
        Default("1000"),
        "1000",
        "Attempts that are started with one commit at most, 1 to 1000",
    ),
    of(
        "ORK_TICK_LIMIT",
        &[Tick],
        Default("25"),
        "25",
        "Schedules and runs that one round of a tick looks at; rounds follow each other while there is more",
    ),
    of(
        "ORK_RETENTION",
        &[Tick],
        Means("runs are kept until somebody removes them"),
        r#"{"runs": "30d", "failed_runs": "90d"}"#,
        "How long runs are kept after their end, an hour at least, as `retention` in `ork.yaml`; the tick removes older ones with their objects between 3 and 4 o'clock UTC",
    ),
    of(
        "ORK_CONCURRENCY",
        SERVING,
        Means("`80`; `4` for worker-service"),
        "80",
        "Requests that are worked on at the same time (80; more of them wait); of a worker-service its tasks (4; more are answered 429)",
    ),
    of(
        "PORT",
        SERVING,
        Default("8080"),
        "8080",
        "Where to listen; 0 takes any free port",
    ),
    of(
        "ORK_LOG",
        ALL,
        Default("info"),
        "info",
        "Least severe lines that are logged: error, warn, info, debug or trace",
    ),
    of(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        ALL,
        Means("no traces and no metrics are sent"),
        "http://127.0.0.1:4318",
        "Collector that takes traces and metrics by OTLP over HTTP; see docs/telemetry.md",
    ),
    of(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        ALL,
        Means("`/v1/traces` below the endpoint"),
        "http://127.0.0.1:4318/v1/traces",
        "Where traces go, if not there",
    ),
    of(
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        ALL,
        Means("`/v1/metrics` below the endpoint"),
        "http://127.0.0.1:4318/v1/metrics",
        "Where metrics go, if not there",
    ),
    of(
        "OTEL_EXPORTER_OTLP_HEADERS",
        ALL,
        Means("no headers"),
        "api-key=…",
        "Headers of what is sent, `name=value,name=value`, values percent-encoded; a secret, which tasks do not see: have Cloud Run fill it from Secret Manager",
    ),
    of(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        ALL,
        Means("`500`"),
        "500",
        "Milliseconds that sending may take at most, 1 to 10000: so much later may a request be answered",
    ),
    of(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        ALL,
        Means("`http/protobuf`"),
        "http/protobuf",
        "How it is sent; there is no other way",
    ),
    of(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        ALL,
        Means("`none`"),
        "none",
        "How it is compressed; it is not",
    ),
    of(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        ALL,
        Means("`delta`"),
        "delta",
        "What numbers are counted from; there is no other way",
    ),
    of(
        "OTEL_TRACES_EXPORTER",
        ALL,
        Means("`otlp`"),
        "none",
        "`none`: no traces are sent",
    ),
    of(
        "OTEL_METRICS_EXPORTER",
        ALL,
        Means("`otlp`"),
        "none",
        "`none`: no metrics are sent",
    ),
    of(
        "OTEL_SDK_DISABLED",
        ALL,
        Means("`false`"),
        "true",
        "`true`: nothing is sent, whatever else is set",
    ),
    of(
        "OTEL_SERVICE_NAME",
        ALL,
        Means("`ork-` and the role"),
        "ork-dispatch",
        "What the sender is called",
    ),
    of(
        "OTEL_RESOURCE_ATTRIBUTES",
        ALL,
        Means("what is known of it"),
        "deployment.environment.name=production",
        "Further attributes of the sender, `name=value,name=value`",
    ),
    of(
        "OTEL_TRACES_SAMPLER",
        ALL,
        Means("`always_on`"),
        "traceidratio",
        "Which traces are recorded: always_on, always_off, traceidratio, or one of them with `parentbased_` before it, which heeds what a request says",
    ),
    of(
        "OTEL_TRACES_SAMPLER_ARG",
        ALL,
        Means("`1`"),
        "0.1",
        "The part that traceidratio records, 0 to 1",
    ),
    of(
        "ORK_BATCH",
        WORKER,
        Means("needed unless `ORK_BATCH_URL` is given"),
        "runs/nightly--20260601T023000Z/batches/<sha256>.json",
        "Object that says what to run; given with every execution",
    ),
    of(
        "ORK_BATCH_URL",
        WORKER,
        Means("the worker uses the bucket itself"),
        "https://storage.googleapis.com/…?X-Goog-Signature=…",
        "Signed URL of that object, for a worker without credentials, which needs neither `ORK_PROJECT` nor `ORK_BUCKET`; a secret",
    ),
    of(
        "CLOUD_RUN_TASK_INDEX",
        WORKER,
        Refused(WORKER),
        "0",
        "Which of the batch's specs; set by Cloud Run",
    ),
    of(
        "CLOUD_RUN_TASK_COUNT",
        WORKER,
        Refused(WORKER),
        "1",
        "Tasks of the execution; set by Cloud Run",
    ),
    of(
        "CLOUD_RUN_EXECUTION",
        WORKER,
        Refused(WORKER),
        "ork-worker-x7k2p",
        "Name of the execution; set by Cloud Run",
    ),
    of(
        "ORK_CODE_DIR",
        WORKERS,
        Default("/app"),
        "/app",
        "Folder where tasks run whose workflow has no bundle",
    ),
    of(
        "ORK_CACHE_DIR",
        WORKERS,
        Means("`ork-worker` in the system's folder for temporary files (`TMPDIR`)"),
        "/tmp/ork-worker",
        "Folder of unpacked bundles and Python environments",
    ),
    of(
        "ORK_PYTHON",
        WORKERS,
        Means("what `PATH` finds"),
        "/usr/bin/python3",
        "Interpreter for Python tasks that have no environment of their own",
    ),
    of(
        "K_SERVICE",
        SERVING,
        Means("this is not Cloud Run: `ORK_AUTH=iam` is refused"),
        "ork-tick",
        "Set by Cloud Run",
    ),
    of(
        "FIRESTORE_EMULATOR_HOST",
        STATE,
        Means("Google's own"),
        "127.0.0.1:8710",
        "Firestore emulator. With it, all emulators must be named, and services listen on 127.0.0.1 only",
    ),
    of(
        "PUBSUB_EMULATOR_HOST",
        STATE,
        Means("Google's own"),
        "127.0.0.1:8720",
        "Pub/Sub emulator",
    ),
    of(
        "STORAGE_EMULATOR_HOST",
        ALL,
        Means("Google's own"),
        "http://127.0.0.1:8730",
        "Cloud Storage emulator; the only one a worker asks, or a worker-service, which listens on 127.0.0.1 only with it",
    ),
    of(
        "ORK_RUN_ENDPOINT",
        SERVICES,
        Means("Google's own"),
        "http://127.0.0.1:8740",
        "Cloud Run emulator",
    ),
    of(
        "ORK_TASKS_ENDPOINT",
        SERVICES,
        Means("Google's own"),
        "http://127.0.0.1:8750",
        "Cloud Tasks emulator",
    ),
    of(
        "ORK_BIGQUERY_ENDPOINT",
        SERVICES,
        Means("Google's own"),
        "http://127.0.0.1:8760",
        "BigQuery emulator",
    ),
    of(
        "ORK_DATAPROC_ENDPOINT",
        SERVICES,
        Means("Google's own"),
        "http://127.0.0.1:8760",
        "Dataproc emulator",
    ),
    of(
        "ORK_IAM_ENDPOINT",
        SERVICES,
        Means("Google's own"),
        "http://127.0.0.1:8760",
        "IAM emulator; needed with the other emulators if `ORK_WORKER_URLS` is set",
    ),
    of(
        "ORK_OUTGOING_ALLOW",
        SERVICES,
        Means("https to public addresses only"),
        "jobs.internal, 10.20.0.0/16",
        "Hosts, host:port and ranges that deferred jobs of type `custom_http` and registered services may be at although they are internal",
    ),
    of(
        "ORK_TRACKERS",
        SERVICES,
        Means("there are none"),
        r#"{"vertex": "https://jobs.example/vertex"}"#,
        "Further types of deferred jobs, and the URL that is asked about each",
    ),
    of(
        "ORK_HTTP_SECRETS",
        SERVICES,
        Means("headers may name none"),
        "PARTNER_TOKEN, HOOK_KEY",
        "Variables that hold secrets which a header of a request may name (`{secret: NAME}`), of `executor: http`, a sensor over HTTP, jobs of type `custom_http` and `notifications`; every author of a workflow can have them sent anywhere",
    ),
    of(
        "ORK_SMTP_URL",
        SERVICES,
        Means("notifications by e-mail are given up"),
        "smtps://ork:password@smtp.example.com",
        "Server that takes letters of `notifications`; needs ORK_SMTP_FROM. It holds a password: have Cloud Run fill it from Secret Manager",
    ),
    of(
        "ORK_SMTP_FROM",
        SERVICES,
        Means("notifications by e-mail are given up"),
        "Ork <ork@example.com>",
        "Address that those letters are from",
    ),
    of(
        "ORK_ONE_REQUEST",
        SERVING,
        Means("serves until it is told to stop"),
        "1",
        "For tests: 1 serves a single request (`/healthz` apart) and ends",
    ),
];

/// Variables of Ork's other programs, which may lie about in the environment of a person's terminal.
pub const OF_OTHERS: &[&str] = &["ORK_REQUIRE_ALL", "ORK_STATE"];

/// The variable called `name`.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|one| one.name == name)
}

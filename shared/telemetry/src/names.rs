//! Every metric that Ork sends, in one table: docs/telemetry.md and the dashboard of `terraform/` are held against it by tests.

/// How a metric's numbers belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// They are added up.
    Counter,
    /// They are put into buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name, which never changes.
    pub name: &'static str,
    /// The unit, as UCUM has it.
    pub unit: &'static str,
    /// How its numbers belong together.
    pub kind: Kind,
    /// The attributes that its points have.
    pub attributes: &'static [&'static str],
    /// What it means.
    pub about: &'static str,
}

/// The workflow's name.
pub const WORKFLOW: &str = "ork.workflow";
/// The task's name.
pub const TASK: &str = "ork.task";
/// How an attempt ended.
pub const OUTCOME: &str = "ork.outcome";
/// How a run ended.
pub const STATUS: &str = "ork.status";
/// What went wrong: of an attempt the kind of its failure, of a commit what the store said, of an export the status or `timeout`.
pub const ERROR: &str = "error.type";
/// `traces` or `metrics`.
pub const SIGNAL: &str = "ork.signal";

/// Upper bounds for what may take milliseconds or days, in seconds.
const SPANS: &[f64] = &[
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 10_800.0, 43_200.0,
    86_400.0,
];
/// Upper bounds for what people wait for, in seconds.
const WAITS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
    3_600.0,
];
/// Upper bounds for the time of a request, in seconds: those of the semantic conventions, and two more for what works longer.
const REQUESTS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
];
/// Upper bounds for what a run costs, in US dollars.
const DOLLARS: &[f64] = &[
    0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];

/// From ready to handed over.
pub const QUEUE_DELAY: Metric = Metric {
    name: "ork.task.queue_delay",
    unit: "s",
    kind: Kind::Histogram(WAITS),
    attributes: &[WORKFLOW, TASK],
    about: "How long an instance of a task had been ready when it was handed over: pools, `concurrency`, places, lost messages",
};
/// An attempt.
pub const TASK_DURATION: Metric = Metric {
    name: "ork.task.duration",
    unit: "s",
    kind: Kind::Histogram(SPANS),
    attributes: &[WORKFLOW, TASK, OUTCOME, ERROR],
    about: "How long an attempt took, from the start of its worker (from its being handed over, where that is not known) to its end, deferred jobs included",
};
/// A retry.
pub const RETRIES: Metric = Metric {
    name: "ork.task.retries",
    unit: "{retry}",
    kind: Kind::Counter,
    attributes: &[WORKFLOW, TASK, ERROR],
    about: "Failures after which a task is tried again",
};
/// A run.
pub const RUN_DURATION: Metric = Metric {
    name: "ork.run.duration",
    unit: "s",
    kind: Kind::Histogram(SPANS),
    attributes: &[WORKFLOW, STATUS],
    about: "How long a run took, from being made to its end; once for each end of a run that is retried or recovered",
};
/// What a run cost.
pub const RUN_COST: Metric = Metric {
    name: "ork.run.cost",
    unit: "{USD}",
    kind: Kind::Histogram(DOLLARS),
    attributes: &[WORKFLOW, STATUS],
    about: "What a run had used of Google's services by its end, at the prices of `ork run cost`; once for each end, each time all of it. On a laptop there is none",
};
/// A wake that came late.
pub const WAKE_LATE: Metric = Metric {
    name: "ork.wake.late",
    unit: "s",
    kind: Kind::Histogram(WAITS),
    attributes: &[],
    about: "How long a run had been due when a tick found it",
};
/// Commits.
pub const COMMITS: Metric = Metric {
    name: "ork.store.commits",
    unit: "{commit}",
    kind: Kind::Counter,
    attributes: &[],
    about: "Commits that the store took",
};
/// Commits that lost.
pub const CONFLICTS: Metric = Metric {
    name: "ork.store.conflicts",
    unit: "{commit}",
    kind: Kind::Counter,
    attributes: &[],
    about: "Commits that the store refused because somebody else was faster; each is made again",
};
/// Commits that failed.
pub const FAILURES: Metric = Metric {
    name: "ork.store.failures",
    unit: "{commit}",
    kind: Kind::Counter,
    attributes: &[ERROR],
    about: "Commits that failed otherwise: the store was not there, or its answer was lost",
};
/// Requests.
pub const REQUEST_DURATION: Metric = Metric {
    name: "http.server.request.duration",
    unit: "s",
    kind: Kind::Histogram(REQUESTS),
    attributes: &[
        "http.request.method",
        "http.route",
        "http.response.status_code",
    ],
    about: "How long a service worked on a request, without sending what it measured",
};
/// What was not sent.
pub const DROPPED: Metric = Metric {
    name: "ork.telemetry.dropped",
    unit: "{item}",
    kind: Kind::Counter,
    attributes: &[SIGNAL],
    about: "Spans and points of metrics that were given up: the collector was not there, too slow or refused them, or there were too many",
};
/// Lines of tasks that made no metric.
pub const CUSTOM_REFUSED: Metric = Metric {
    name: "ork.task.metrics_refused",
    unit: "{line}",
    kind: Kind::Counter,
    attributes: &[WORKFLOW, TASK],
    about: "Metrics of tasks that were not sent on: a name, a label or a number that is none, or too many of them",
};

/// Every metric, in the order it is shown.
pub const METRICS: &[Metric] = &[
    QUEUE_DELAY,
    TASK_DURATION,
    RETRIES,
    RUN_DURATION,
    RUN_COST,
    WAKE_LATE,
    COMMITS,
    CONFLICTS,
    FAILURES,
    REQUEST_DURATION,
    DROPPED,
    CUSTOM_REFUSED,
];

/// What the names of metrics begin with that tasks report (`ctx.metrics`).
pub const CUSTOM: &str = "ork.custom.";
/// Upper bounds for what tasks time, in seconds.
pub(crate) const CUSTOM_TIMES: &[f64] = SPANS;

/// The table of docs/telemetry.md.
pub fn markdown() -> String {
    let mut text =
        String::from("| metric | unit | kind | attributes | meaning |\n|---|---|---|---|---|\n");
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Histogram(_) => "histogram",
        };
        let attributes: Vec<String> = metric
            .attributes
            .iter()
            .map(|one| format!("`{one}`"))
            .collect();
        text.push_str(&format!(
            "| `{}` | {} | {kind} | {} | {} |\n",
            metric.name,
            metric.unit,
            attributes.join(", "),
            metric.about
        ));
    }
    text
}

//! Tasks and workflows with every default filled in: the one place that knows the defaults.

use std::collections::BTreeMap;

use crate::definition::{
    Backoff, DEFINITION_FORMAT, Executor, Resources, RetryPolicy, Style, Task, Tolerate,
    TriggerRule, Workflow,
};
use crate::ids::{TaskName, WorkflowName};
use crate::limits;
use crate::time::Millis;

/// A workflow with nothing but its name.
pub(super) fn workflow(name: WorkflowName, style: Style) -> Workflow {
    Workflow {
        format: DEFINITION_FORMAT,
        name,
        description: None,
        style,
        schedules: Vec::new(),
        triggers: Vec::new(),
        params: Vec::new(),
        types: BTreeMap::new(),
        imports: Vec::new(),
        tasks: Vec::new(),
        deadline: None,
        max_active_runs: None,
        max_recovery_attempts: limits::MAX_RECOVERY_ATTEMPTS,
        notifications: Vec::new(),
        bundle: None,
    }
}

/// How long an attempt may take when neither task nor defaults say so.
pub(super) fn timeout(style: Style) -> Millis {
    match style {
        Style::Strict => limits::TIMEOUT_STRICT,
        Style::Planned | Style::Fun => limits::TIMEOUT,
    }
}

/// No retries; the back-off that a bare number of retries gets.
pub(super) fn retries() -> RetryPolicy {
    RetryPolicy {
        max: 0,
        delay: limits::RETRY_DELAY,
        backoff: Backoff::Exponential,
        max_delay: limits::RETRY_MAX_DELAY,
        jitter: false,
        on: Vec::new(),
    }
}

/// A task with nothing but its name and executor.
pub(super) fn task(name: TaskName, executor: Executor, style: Style) -> Task {
    Task {
        name,
        description: None,
        executor,
        depends_on: Vec::new(),
        trigger: TriggerRule::AllSuccess,
        when: None,
        parallel: None,
        foreach: None,
        batch: None,
        tolerate: Tolerate::None,
        fail_fast: false,
        concurrency: None,
        retries: retries(),
        timeout: timeout(style),
        start_timeout: limits::START_TIMEOUT,
        heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
        pool: None,
        priority: 0,
        topic: None,
        inputs: Vec::new(),
        input_type: None,
        output_type: None,
        env: Vec::new(),
        secrets: Vec::new(),
        resources: Resources::default(),
        image: None,
        worker: None,
        config_file: None,
        estimated_duration: None,
    }
}

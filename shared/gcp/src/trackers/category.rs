//! What kind of failure a service's own words for a job's end amount to. What they do not tell stays unknown: only what is sure to fail
//! again is permanent.

use google_cloud_run_v2::model::Condition;
use google_cloud_run_v2::model::condition::{CommonReason, ExecutionReason, Reasons};
use ork_core::run::Category;

/// The category of an `errorResult` of BigQuery by its reason, after what Google's table of error messages advises for each.
pub(super) fn of_bigquery(reason: &str) -> Category {
    match reason {
        // To be tried again, as it is: the service failed, or had too much to do.
        "backendError"
        | "internalError"
        | "jobBackendError"
        | "jobInternalError"
        | "jobRateLimitExceeded"
        | "quotaExceeded"
        | "rateLimitExceeded"
        | "tableUnavailable" => Category::Transient,
        // The query, what it names, or who runs it has to be another one.
        "accessDenied"
        | "attributeError"
        | "badRequest"
        | "billingNotEnabled"
        | "billingTierLimitExceeded"
        | "bytesBilledLimitExceeded"
        | "duplicate"
        | "fieldLevelAccessDenied"
        | "invalid"
        | "invalidQuery"
        | "invalidUser"
        | "notFound"
        | "notImplemented"
        | "required"
        | "responseTooLarge" => Category::Permanent,
        // Somebody has to make room, or to have Google let it pass again.
        "blocked" | "resourceInUse" => Category::Recoverable,
        // It needs more than it may have.
        "resourcesExceeded" => Category::Oom,
        "timeout" => Category::Timeout,
        // `stopped`: somebody wanted it so. What is new to us is nothing we know of.
        _ => Category::Unknown,
    }
}

/// The category of an execution of Cloud Run by the condition that it ended with.
pub(super) fn of_cloud_run(end: Option<&Condition>) -> Category {
    let Some(end) = end else {
        return Category::Unknown;
    };
    match &end.reasons {
        Some(Reasons::ExecutionReason(reason)) => match reason {
            ExecutionReason::JobStatusServicePollingError => Category::Transient,
            // Somebody wanted it so.
            ExecutionReason::Cancelled | ExecutionReason::Cancelling | ExecutionReason::Deleted => {
                Category::Unknown
            }
            _ => of_container(&end.message),
        },
        Some(Reasons::Reason(reason)) => match reason {
            CommonReason::ContainerMissing
            | CommonReason::ContainerPermissionDenied
            | CommonReason::ContainerImageUnauthorized
            | CommonReason::ContainerImageAuthorizationCheckFailed
            | CommonReason::EncryptionKeyPermissionDenied
            | CommonReason::EncryptionKeyCheckFailed
            | CommonReason::SecretsAccessCheckFailed
            | CommonReason::VpcNetworkNotFound => Category::Permanent,
            CommonReason::ProgressDeadlineExceeded => Category::Timeout,
            CommonReason::ImmediateRetry
            | CommonReason::PostponedRetry
            | CommonReason::WaitingForOperation
            | CommonReason::Internal => Category::Transient,
            _ => of_container(&end.message),
        },
        _ => of_container(&end.message),
    }
}

/// The category of a container's end by the message about it: as of a worker's own task.
fn of_container(message: &str) -> Category {
    let text = message.to_ascii_lowercase();
    if is_memory(&text) {
        return Category::Oom;
    }
    if text.contains("timeout was reached") || text.contains("maximum timeout") {
        return Category::Timeout;
    }
    of_exit(&text).unwrap_or(Category::Unknown)
}

/// The category of a job or batch of Dataproc by the details of its state.
pub(super) fn of_dataproc(details: &str) -> Category {
    let text = details.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if let Some(category) = of_exit(&text) {
        return category;
    }
    if is_memory(&text) {
        return Category::Oom;
    }
    if says(&[
        "exceeded its ttl",
        "exceeded ttl",
        "ttl expired",
        "time to live",
    ]) {
        return Category::Timeout;
    }
    // Nobody took it, there was no room for it, or the machine under it was taken away.
    if says(&[
        "not acquired",
        "resource_exhausted",
        "resource_pool_exhausted",
        "quota",
        "stockout",
        "preempted",
        "service unavailable",
        "internal error",
    ]) {
        return Category::Transient;
    }
    // The services' own codes, and Cloud Storage's word for no leave. What else is in here is said by the job.
    let refused = ["PERMISSION_DENIED", "INVALID_ARGUMENT"]
        .iter()
        .any(|code| details.contains(code));
    if refused || says(&["does not have storage.", "does not have bigquery."]) {
        return Category::Permanent;
    }
    Category::Unknown
}

/// Whether a text in small letters says that there was not enough memory.
fn is_memory(text: &str) -> bool {
    [
        "memory limit",
        "memory pressure",
        "out of memory",
        "outofmemory",
        "java heap space",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// What the exit code that a text in small letters tells of means to Ork, where it means anything.
fn of_exit(text: &str) -> Option<Category> {
    let code = ["exit code", "exit status", "exited with", "exit("]
        .iter()
        .find_map(|words| {
            let (_, rest) = text.split_once(words)?;
            let digit = |c: char| c.is_ascii_digit();
            // Between them there may be a word such as `status` or `code`.
            let start = rest.get(..24).unwrap_or(rest).find(digit)?;
            let rest = &rest[start..];
            let end = rest.find(|c| !digit(c)).unwrap_or(rest.len());
            rest[..end].parse::<u32>().ok()
        })?;
    match code {
        64 => Some(Category::Permanent),
        75 => Some(Category::Transient),
        _ => None,
    }
}

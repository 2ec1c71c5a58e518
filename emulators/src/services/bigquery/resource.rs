//! Jobs as the API's JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rows::Table;
use crate::http::ApiError;
use crate::services::job::{Job, Key};
use crate::services::script::Failure;
use crate::services::timeline::{End, Standing};

/// `project:LOCATION.id`
pub(super) fn full_id(key: &Key) -> String {
    format!("{}:{}.{}", key.project, key.location, key.id)
}

pub(super) fn reference(key: &Key) -> Value {
    json!({"projectId": key.project, "jobId": key.id, "location": key.location})
}

/// An int64 as JSON writes it: a string, or a number.
pub(super) fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// PENDING, RUNNING or DONE.
pub(super) fn state(standing: &Standing) -> &'static str {
    match (&standing.ended, standing.started) {
        (Some(_), _) => "DONE",
        (None, Some(_)) => "RUNNING",
        (None, None) => "PENDING",
    }
}

/// The `errorResult` of a job that did not end well.
pub(super) fn error_result(standing: &Standing) -> Option<Value> {
    let failure = failure(standing)?;
    Some(json!({"reason": failure.reason, "message": failure.message}))
}

/// Why a job did not end well.
pub(super) fn failure(standing: &Standing) -> Option<Failure> {
    match &standing.ended {
        Some((_, End::Failed(failure))) => Some(failure.clone()),
        Some((_, End::Cancelled)) => Some(Failure {
            reason: "stopped".to_owned(),
            message: "Job execution was cancelled: User requested cancellation".to_owned(),
        }),
        _ => None,
    }
}

/// The answer of a call that has to tell that a job failed.
pub(super) fn failed(failure: &Failure) -> ApiError {
    let status = match failure.reason.as_str() {
        "accessDenied" | "billingNotEnabled" | "blocked" | "quotaExceeded"
        | "rateLimitExceeded" | "responseTooLarge" => 403,
        "notFound" => 404,
        "duplicate" => 409,
        "stopped" => 499,
        "internalError" => 500,
        "notImplemented" => 501,
        "backendError" => 503,
        _ => 400,
    };
    ApiError::of_status(status, &failure.message)
        .expect("every status of the list is an error")
        .because(&failure.reason)
}

/// The resource of a job.
pub(super) fn job(job: &Job, now: Timestamp) -> Value {
    let standing = job.timeline.at(now);
    let mut status = json!({"state": state(&standing)});
    if let Some(error) = error_result(&standing) {
        status["errors"] = json!([error]);
        status["errorResult"] = error;
    }
    json!({
        "kind": "bigquery#job",
        "etag": format!("{}.{}", job.uid, state(&standing)),
        "id": full_id(&job.key),
        "selfLink": format!(
            "https://bigquery.googleapis.com/bigquery/v2/projects/{}/jobs/{}?location={}",
            job.key.project, job.key.id, job.key.location
        ),
        "user_email": "local@stand-in.invalid",
        "configuration": job.request,
        "jobReference": reference(&job.key),
        "statistics": statistics(job, &standing),
        "status": status,
        "jobCreationReason": {"code": "REQUESTED"},
    })
}

/// The answer to a dry run: a job that is not there.
pub(super) fn dry(dry: &Job, now: Timestamp) -> Value {
    let mut value = job(dry, now);
    for field in ["id", "selfLink", "jobCreationReason"] {
        value.as_object_mut().map(|value| value.remove(field));
    }
    value["jobReference"] = json!({"projectId": dry.key.project, "location": dry.key.location});
    let bytes = dry.timeline.script.bytes.unwrap_or(0).to_string();
    let mut statistics = json!({"totalBytesProcessed": bytes});
    if let Some(text) = dry.request["query"]["query"].as_str() {
        statistics["query"] = json!({
            "totalBytesProcessed": bytes,
            "totalBytesBilled": "0",
            "totalBytesProcessedAccuracy": "PRECISE",
            "cacheHit": false,
            "statementType": statement_type(text),
            "schema": Table::of(&dry.timeline.script).schema(),
        });
    }
    value["statistics"] = statistics;
    value
}

fn milliseconds(at: Timestamp) -> Value {
    json!(at.as_millisecond().to_string())
}

pub(super) fn statistics(job: &Job, standing: &Standing) -> Value {
    let script = &job.timeline.script;
    let mut statistics = json!({"creationTime": milliseconds(job.timeline.created)});
    if let Some(started) = standing.started {
        statistics["startTime"] = milliseconds(started);
    }
    let Some((ended, end)) = &standing.ended else {
        return statistics;
    };
    statistics["endTime"] = milliseconds(*ended);
    // What failed or was cancelled on the way has no cost that is known here.
    let bytes = match end {
        End::Succeeded => script.bytes.unwrap_or(0),
        End::Failed(_) | End::Cancelled => 0,
    };
    let text = bytes.to_string();
    let ran = standing
        .started
        .map_or(0, |started| ended.duration_since(started).as_millis());
    statistics["totalSlotMs"] = json!(ran.to_string());
    statistics["finalExecutionDurationMs"] = json!(ran.to_string());
    let rows = script.rows.as_ref().map_or(0, Vec::len).to_string();
    match job.request["jobType"].as_str() {
        Some("QUERY") => {
            let query = job.request["query"]["query"].as_str().unwrap_or_default();
            statistics["totalBytesProcessed"] = json!(text);
            statistics["query"] = json!({
                "totalBytesProcessed": text,
                "totalBytesBilled": text,
                "totalSlotMs": ran.to_string(),
                "billingTier": 1,
                "cacheHit": false,
                "statementType": statement_type(query),
            });
        }
        Some("LOAD") => {
            let files = job.request["load"]["sourceUris"]
                .as_array()
                .map_or(0, Vec::len);
            statistics["load"] = json!({
                "inputFiles": files.to_string(),
                "inputFileBytes": text,
                "outputBytes": text,
                "outputRows": rows,
                "badRecords": "0",
            });
        }
        Some("EXTRACT") => {
            let files = job.request["extract"]["destinationUris"]
                .as_array()
                .map_or(1, Vec::len);
            statistics["totalBytesProcessed"] = json!(text);
            statistics["extract"] =
                json!({"destinationUriFileCounts": vec!["1"; files], "inputBytes": text});
        }
        _ => statistics["copy"] = json!({"copiedRows": rows, "copiedLogicalBytes": text}),
    }
    statistics
}

/// What kind of a statement it is, by its first word that is no comment.
fn statement_type(query: &str) -> String {
    let code: String = query
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let mut words = code
        .split(|character: char| !character.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_uppercase);
    match (words.next().as_deref(), words.next().as_deref()) {
        (None | Some("WITH"), _) => "SELECT".to_owned(),
        (Some("CREATE"), Some("TABLE" | "OR")) => "CREATE_TABLE_AS_SELECT".to_owned(),
        (Some("DECLARE" | "BEGIN"), _) => "SCRIPT".to_owned(),
        (Some(word), _) => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_by_their_first_word() {
        for (query, kind) in [
            ("SELECT 1", "SELECT"),
            ("-- ork: {}\n  select 1", "SELECT"),
            ("WITH x AS (SELECT 1) SELECT * FROM x", "SELECT"),
            ("insert into t values (1)", "INSERT"),
            ("CREATE TABLE t AS SELECT 1", "CREATE_TABLE_AS_SELECT"),
            ("DECLARE x INT64; SELECT x", "SCRIPT"),
        ] {
            assert_eq!(statement_type(query), kind, "{query}");
        }
    }
}

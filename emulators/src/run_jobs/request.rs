//! The bodies of requests, as far as the stand-in reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::job::{Job, Work};
use super::simulated::Simulated;
use crate::http::{ApiError, Code};

/// The most tasks an execution may have.
const TASK_COUNT_MAX: u32 = 10_000;
/// The longest a task may take: a week.
const TIMEOUT_MAX: Duration = Duration::from_secs(168 * 3600);

/// The body of `jobs.run`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RunRequest {
    pub(super) validate_only: bool,
    pub(super) overrides: Overrides,
}

/// What a run changes about its job.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Overrides {
    container_overrides: Vec<ContainerOverride>,
    task_count: Option<i64>,
    timeout: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerOverride {
    args: Vec<String>,
    env: Vec<EnvVar>,
    clear_args: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvVar {
    name: String,
    value: String,
    value_source: Option<serde_json::Value>,
}

/// The same, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) args: Option<Vec<String>>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) task_count: Option<u32>,
    pub(super) timeout: Option<Duration>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidArgument, message)
}

impl Overrides {
    pub(super) fn check(self) -> Result<Changes, ApiError> {
        let mut containers = self.container_overrides.into_iter();
        let container = containers.next().unwrap_or_default();
        if containers.next().is_some() {
            return Err(invalid(
                "overrides.container_overrides: the stand-in's jobs have one container",
            ));
        }
        let args = match (container.clear_args, container.args.is_empty()) {
            (true, false) => {
                return Err(invalid(
                    "overrides.container_overrides: args and clear_args contradict each other",
                ));
            }
            (true, true) => Some(Vec::new()),
            (false, true) => None,
            (false, false) => Some(container.args),
        };
        Ok(Changes {
            args,
            env: env(container.env, "overrides.container_overrides")?,
            task_count: self
                .task_count
                .filter(|count| *count != 0)
                .map(|count| task_count(count, "overrides.task_count"))
                .transpose()?,
            timeout: self
                .timeout
                .map(|text| timeout(&text, "overrides.timeout"))
                .transpose()?,
        })
    }
}

fn env(variables: Vec<EnvVar>, place: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut env = BTreeMap::new();
    for EnvVar {
        name,
        value,
        value_source,
    } in variables
    {
        if value_source.is_some() {
            let message = format!("{place}.env: the stand-in has no secrets to take {name} from");
            return Err(ApiError::new(Code::Unimplemented, message));
        }
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(invalid(format!(
                "{place}.env: `{name}` is no name of an environment variable"
            )));
        }
        if name.starts_with("CLOUD_RUN_") {
            return Err(invalid(format!("{place}.env: {name} is reserved")));
        }
        env.insert(name, value);
    }
    Ok(env)
}

fn task_count(count: i64, place: &str) -> Result<u32, ApiError> {
    u32::try_from(count)
        .ok()
        .filter(|count| (1..=TASK_COUNT_MAX).contains(count))
        .ok_or_else(|| {
            invalid(format!(
                "{place}: {count} is not between 1 and {TASK_COUNT_MAX}"
            ))
        })
}

/// `600s` or `1.5s`.
fn timeout(text: &str, place: &str) -> Result<Duration, ApiError> {
    text.strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero() && *timeout <= TIMEOUT_MAX)
        .ok_or_else(|| {
            invalid(format!(
                "{place}: `{text}` is no duration between 0 and {} s, such as 600s",
                TIMEOUT_MAX.as_secs()
            ))
        })
}

/// The body of `jobs.create`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobRequest {
    template: ExecutionTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExecutionTemplate {
    task_count: Option<i64>,
    parallelism: Option<i64>,
    template: TaskTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TaskTemplate {
    containers: Vec<Container>,
    timeout: Option<String>,
    max_retries: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    env: Vec<EnvVar>,
    working_dir: String,
}

impl JobRequest {
    /// The job that was asked for. What the stand-in cannot do is refused rather than left out.
    pub(super) fn check(self) -> Result<Work, ApiError> {
        let template = self.template.template;
        let mut containers = template.containers.into_iter();
        let (Some(container), None) = (containers.next(), containers.next()) else {
            return Err(invalid(
                "job.template.template.containers: the stand-in runs exactly one container",
            ));
        };
        let count = self.template.task_count.filter(|count| *count != 0);
        let count = count.map(|count| task_count(count, "job.template.task_count"));
        let count = count.transpose()?.unwrap_or(1);
        let limit = template
            .timeout
            .as_deref()
            .map(|text| timeout(text, "job.template.template.timeout"))
            .transpose()?;
        let env = env(container.env, "job.template.template.containers[0]")?;
        if !container.image.is_empty() {
            let mut job = Simulated::new(container.image);
            job.command = container.command;
            job.args = container.args;
            job.env = env;
            job.task_count = count;
            job.timeout = limit.unwrap_or(job.timeout);
            return Ok(Work::Simulated(job));
        }
        if container.command.is_empty() {
            return Err(invalid(
                "job.template.template.containers[0]: give an image, which is simulated, or without one the command line that stands for the container",
            ));
        }
        if template.max_retries != Some(0) {
            return Err(invalid(
                "job.template.template.max_retries: the stand-in runs each task once: set it to 0 (Cloud Run takes 3 when nothing is said)",
            ));
        }
        let mut job = Job::new(container.command);
        job.args = container.args;
        job.env = env;
        job.task_count = count;
        job.timeout = limit.unwrap_or(job.timeout);
        job.dir = Some(container.working_dir)
            .filter(|dir| !dir.is_empty())
            .map(Into::into);
        if let Some(parallelism) = self
            .template
            .parallelism
            .filter(|parallelism| *parallelism != 0)
        {
            let parallelism = usize::try_from(parallelism)
                .map_err(|_| invalid("job.template.parallelism: it is negative"))?;
            job.parallelism = Some(parallelism);
        }
        Ok(Work::Process(job))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    fn overrides(json: &str) -> Result<Changes, ApiError> {
        serde_json::from_str::<RunRequest>(json)
            .unwrap()
            .overrides
            .check()
    }

    #[test]
    fn an_empty_request_changes_nothing() {
        let nothing = Changes {
            args: None,
            env: BTreeMap::new(),
            task_count: None,
            timeout: None,
        };
        assert_eq!(overrides("{}"), Ok(nothing));
    }

    #[test]
    fn what_a_run_changes_is_read() {
        let changes = overrides(
            r#"{"overrides":{"containerOverrides":[{"args":["--a","b"],"env":[{"name":"RUN","value":"r1"}]}],"taskCount":7,"timeout":"1.5s"}}"#,
        )
        .unwrap();
        assert_eq!(changes.args, Some(vec!["--a".to_owned(), "b".to_owned()]));
        assert_eq!(changes.env["RUN"], "r1");
        assert_eq!(changes.task_count, Some(7));
        assert_eq!(changes.timeout, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_cloud_run_would_refuse_is_refused() {
        for body in [
            r#"{"overrides":{"taskCount":10001}}"#,
            r#"{"overrides":{"taskCount":-1}}"#,
            r#"{"overrides":{"timeout":"soon"}}"#,
            r#"{"overrides":{"timeout":"0s"}}"#,
            r#"{"overrides":{"timeout":"604801s"}}"#,
            r#"{"overrides":{"containerOverrides":[{},{}]}}"#,
            r#"{"overrides":{"containerOverrides":[{"args":["a"],"clearArgs":true}]}}"#,
            r#"{"overrides":{"containerOverrides":[{"env":[{"name":"","value":"x"}]}]}}"#,
            r#"{"overrides":{"containerOverrides":[{"env":[{"name":"CLOUD_RUN_TASK_INDEX","value":"9"}]}]}}"#,
        ] {
            assert!(overrides(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_job_that_the_stand_in_cannot_run_is_refused() {
        for body in [
            r#"{}"#,
            r#"{"template":{"template":{"containers":[{"args":["a"]}],"maxRetries":0}}}"#,
            r#"{"template":{"template":{"containers":[{"image":"i"}],"timeout":"soon"}}}"#,
            r#"{"template":{"template":{"containers":[{"command":["true"]}]}}}"#,
            r#"{"template":{"template":{"containers":[{"command":["true"]}],"maxRetries":3}}}"#,
        ] {
            assert!(
                serde_json::from_str::<JobRequest>(body)
                    .unwrap()
                    .check()
                    .is_err(),
                "{body}"
            );
        }
    }
}

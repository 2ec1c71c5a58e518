//! What the worker service is asked for: `POST /execute`, `POST /compile`, `GET /healthz`.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::{Place, Shared};
use crate::context::{Source, Upstream};
use crate::run::choose;
use crate::task::{Call, Kind, Task};
use crate::{Category, Context, Error, Log, environment};

/// Answers a request.
pub(crate) fn answer(request: &Request, shared: &Shared) -> Answer {
    let allowed = match request.path.as_str() {
        "/execute" | "/compile" => "POST",
        "/healthz" => "GET",
        path => return Answer::failed(404, format_args!("there is nothing at {path}")),
    };
    if request.method != allowed {
        return Answer {
            allow: Some(allowed),
            ..Answer::failed(405, format_args!("{} takes {allowed}", request.path))
        };
    }
    // Also what keeps a page in somebody's browser from asking: it cannot send this without leave.
    if allowed == "POST" && !request.is_json {
        return Answer::failed(415, "a Content-Type of application/json is needed");
    }
    match request.path.as_str() {
        "/execute" => execute(&request.body, shared),
        "/compile" => compile(shared.tasks),
        _ => Answer::ok(json!({"status": "ok", "tasks": shared.tasks.len()}).to_string()),
    }
}

/// A task to run. What is absent is as in a context without it.
#[derive(Deserialize)]
struct Execute<'a> {
    task_id: String,
    task_name: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    upstream: Option<&'a RawValue>,
    #[serde(default)]
    function: Option<String>,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    workflow_name: String,
    #[serde(default = "one")]
    attempt: u32,
    #[serde(default)]
    parallel_index: u32,
    #[serde(default = "one")]
    parallel_count: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Verdict<'a> {
    Success {
        output: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        deferred: Option<&'a RawValue>,
    },
    Failed {
        error: String,
        category: Category,
    },
}

fn execute(body: &[u8], shared: &Shared) -> Answer {
    let asked: Execute<'_> = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(error) => {
            return Answer::failed(400, format_args!("the request is not understood: {error}"));
        }
    };
    let Some(_place) = Place::take(&shared.running, shared.at_once) else {
        return Answer::failed(
            503,
            format_args!(
                "{} tasks are running, as many as may at once",
                shared.at_once
            ),
        );
    };
    let output = match run(&asked, shared.tasks) {
        Ok(output) => output,
        Err(error) => {
            return say(&Verdict::Failed {
                error: error.to_string(),
                category: error.category(),
            });
        }
    };
    let output = RawValue::from_string(output).expect("a task's output was just made as JSON");
    let deferred = deferred(output.get());
    say(&Verdict::Success {
        // Jobs are no output: what comes of them is not known yet.
        output: deferred.map_or(&output, |_| RawValue::NULL),
        deferred,
    })
}

fn say(verdict: &Verdict<'_>) -> Answer {
    Answer::ok(serde_json::to_string(verdict).expect("a verdict is texts and JSON"))
}

fn run(asked: &Execute<'_>, tasks: &[Task]) -> Result<String, Error> {
    let named = asked.function.as_deref().filter(|name| !name.is_empty());
    let task = choose(tasks, named, &asked.task_name)?;
    let run_id = match &asked.run_id {
        Some(run_id) => run_id.clone(),
        // As Ork writes ids: the run, then the task.
        None => asked
            .task_id
            .split_once('/')
            .map_or_else(String::new, |(run, _)| run.to_owned()),
    };
    let context = Context {
        task_id: asked.task_id.clone(),
        run_id,
        task_name: asked.task_name.clone(),
        workflow_name: asked.workflow_name.clone(),
        attempt: asked.attempt,
        parallel_index: asked.parallel_index,
        parallel_count: asked.parallel_count,
        log: Log {
            of: Some(asked.task_id.clone()),
        },
        metrics: environment::metrics(&environment::ours),
        upstream: Upstream::of(
            asked
                .upstream
                .map_or(Source::None, |json| Source::Text(json.get().to_owned())),
        ),
    };
    task.call(&Call {
        function: task.name(),
        input: asked.params.map_or("{}", RawValue::get),
        options: asked.options.map_or("{}", RawValue::get),
        context: &context,
    })
}

/// The jobs of `{"deferred": [job, …], …}`.
pub(crate) fn deferred(output: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Deferral<'a> {
        #[serde(borrow)]
        deferred: &'a RawValue,
    }
    if !output.starts_with('{') {
        return None;
    }
    let found: Deferral<'_> = serde_json::from_str(output).ok()?;
    let jobs: Vec<IgnoredAny> = serde_json::from_str(found.deferred.get()).ok()?;
    (!jobs.is_empty()).then_some(found.deferred)
}

fn compile(tasks: &[Task]) -> Answer {
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            let executor = match task.kind() {
                Kind::Task => "service",
                Kind::Executor => task.name(),
            };
            json!({"name": task.name(), "executor": executor, "depends_on": []})
        })
        .collect();
    Answer::ok(json!({"workflow": null, "tasks": tasks}).to_string())
}

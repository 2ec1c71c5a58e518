//! The embedded engine runs whole workflows, end to end, with real processes.

use std::collections::BTreeMap;
use std::path::Path;

use ork_core::parse::parse_workflow;
use ork_core::run::{InstanceStatus, RunStatus};
use ork_local::{Control, Embedded, EmbeddedConfig, RunView, Silent, StartRun, Until};

struct Ended {
    view: RunView,
    outputs: BTreeMap<String, serde_json::Value>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn config(folder: &Path) -> EmbeddedConfig {
    EmbeddedConfig {
        env: std::env::vars_os().collect(),
        ..EmbeddedConfig::new(folder.join(".ork"))
    }
}

/// Writes the files, runs the workflow to its end and gives what it came to.
fn run(files: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let (name, text) = files[0];
    let parsed =
        parse_workflow(name, text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    runtime().block_on(async {
        let mut embedded = Embedded::open(config(folder.path())).expect("opens");
        embedded
            .deploy(
                &parsed.workflow,
                &folder.path().join(name),
                &BTreeMap::new(),
            )
            .await
            .expect("deploys");
        let started = embedded
            .start(StartRun::of(parsed.workflow.name.clone()))
            .await
            .expect("starts");
        embedded
            .drive(
                Until::RunsEnd(vec![started.id.clone()]),
                &mut Silent,
                Control::new(),
            )
            .await
            .expect("drives");
        let view = embedded.run(&started.id).await.expect("is there");
        let mut outputs = BTreeMap::new();
        for (at, task) in (0u32..).zip(&view.graph.workflow.tasks) {
            let text = embedded.output_of(&view, at).await.expect("has an output");
            outputs.insert(
                task.name.to_string(),
                serde_json::from_str(&text).expect("is JSON"),
            );
        }
        Ended { view, outputs }
    })
}

fn statuses(ended: &Ended) -> Vec<(String, InstanceStatus)> {
    ended
        .view
        .graph
        .workflow
        .tasks
        .iter()
        .zip(ended.view.state.tasks())
        .map(|(task, state)| (task.name.to_string(), state.status()))
        .collect()
}

#[test]
fn processes_pass_values_on() {
    let ended = run(&[(
        "w.yaml",
        r#"
name: w
tasks:
  a:
    executor: process
    command: "echo 'ORK_OUTPUT:[1,2,3]'"
  b:
    executor: process
    command: ["sh", "-c", "echo ORK_OUTPUT:{{ item * 2 }}"]
    depends_on: [a]
    foreach: a
  c:
    executor: process
    command: "echo ORK_OUTPUT:$ORK_UPSTREAM_JSON"
    depends_on: [b]
  m:
    depends_on: [c]
"#,
    )]);
    assert_eq!(
        ended.view.header.status,
        RunStatus::Success,
        "{:?} {:#?}",
        statuses(&ended),
        ended
            .view
            .state
            .progress(&ended.view.graph, ended.view.header.created_at)
    );
    assert_eq!(ended.outputs["b"], serde_json::json!([2, 4, 6]));
    assert_eq!(ended.outputs["c"], serde_json::json!({"b": [2, 4, 6]}));
}

#[test]
fn python_functions_get_their_inputs_and_failures_skip_what_follows() {
    let ended = run(&[
        (
            "w.yaml",
            r#"
name: w
tasks:
  a:
    executor: python
    file: tasks.py
    function: numbers
  b:
    executor: python
    file: tasks.py
    function: double
    depends_on: [a]
    foreach: a
    input: {n: "{{ item }}"}
  c:
    executor: python
    file: tasks.py
    function: total
    depends_on: [b]
    input: {values: "{{ b }}"}
  bad:
    executor: python
    file: tasks.py
    function: bad
    depends_on: [a]
  after:
    executor: python
    file: tasks.py
    function: total
    depends_on: [bad]
    input: {values: []}
"#,
        ),
        (
            "tasks.py",
            "def numbers():\n    return [1, 2, 3]\n\ndef double(n):\n    return n * 2\n\ndef total(values):\n    return sum(values)\n\ndef bad():\n    raise ValueError('no good')\n",
        ),
    ]);
    assert_eq!(
        ended.outputs["c"],
        serde_json::json!(12),
        "{:?} {:#?}",
        statuses(&ended),
        ended
            .view
            .state
            .progress(&ended.view.graph, ended.view.header.created_at)
    );
    assert_eq!(ended.view.header.status, RunStatus::Failed);
    let after = ended
        .view
        .graph
        .workflow
        .task_index("after")
        .expect("is there");
    assert_eq!(
        ended.view.state.task(after).status(),
        InstanceStatus::Skipped
    );
}

mod questions {
    //! While other services are asked everything else goes on.

    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use ork_core::Value;
    use ork_core::deferred::{Work, WorkOf};
    use ork_core::ids::RunId;
    use ork_core::run::{Attempt, Category, Event, Graph, NotStopped, Note, RunState, Unstopped};
    use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};
    use ork_local::Observer;
    use serde_json::json;
    use tokio::sync::{Notify, Semaphore};

    use super::*;

    /// Nothing that works takes longer, however busy the machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    const REFUSAL: &str = "you may not stop it";

    /// A service that answers when the test lets it.
    #[derive(Debug)]
    struct Slow {
        /// A question is open.
        asked: Notify,
        /// One for each question that may be answered.
        answers: Semaphore,
        /// Written just before an answer.
        answered: PathBuf,
        /// A job was not stopped.
        refused: Notify,
    }

    impl Slow {
        async fn answer(&self) {
            self.asked.notify_one();
            self.answers
                .acquire()
                .await
                .expect("it stays open")
                .forget();
            std::fs::write(&self.answered, "").expect("written");
        }
    }

    impl Tracker for Slow {
        async fn poll(&self, _: &Value) -> Result<JobStatus, TrackerError> {
            self.answer().await;
            Ok(JobStatus::Gave(json!("polled")))
        }
        async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
            if matches!(work.operator, WorkOf::Operator(_)) {
                return Ok(Begun::Job(
                    json!({"service_type": "big_query", "id": work.id}),
                ));
            }
            self.answer().await;
            Ok(Begun::Status(JobStatus::Gave(json!("called"))))
        }
        async fn cancel(&self, _: &Value) -> Result<Stopping, TrackerError> {
            self.refused.notify_one();
            Err(TrackerError::Denied(REFUSAL.to_owned()))
        }
    }

    /// Where the tasks of a run stand, and what was said; lets `then` do something whenever that changes.
    struct Seen<F> {
        stand: BTreeMap<String, InstanceStatus>,
        warnings: Vec<String>,
        then: F,
    }

    impl<F: FnMut(&BTreeMap<String, InstanceStatus>)> Observer for Seen<F> {
        fn committed(&mut self, _: &RunId, graph: &Arc<Graph>, state: &RunState, _: &[Note]) {
            for (task, now) in graph.workflow.tasks.iter().zip(state.tasks()) {
                self.stand.insert(task.name.to_string(), now.status());
            }
            (self.then)(&self.stand);
        }
        fn setup(&mut self, _: &str) {}
        fn warn(&mut self, text: &str) {
            self.warnings.push(text.to_owned());
        }
    }

    /// Drives one run of `text` to its end, calling `then` with where its tasks stand, and `asked` whenever a question is open.
    fn drive(
        text: &str,
        mut then: impl FnMut(&BTreeMap<String, InstanceStatus>, &Slow),
        asked: impl Fn(&Control),
    ) -> (RunView, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("w.yaml");
        std::fs::write(&file, text).expect("written");
        let parsed =
            parse_workflow("w.yaml", text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"));
        let slow = Arc::new(Slow {
            asked: Notify::new(),
            answers: Semaphore::new(0),
            answered: folder.path().join("answered"),
            refused: Notify::new(),
        });
        runtime().block_on(async {
            let mut config = config(folder.path());
            config.jobs = Some(slow.clone());
            let mut embedded = Embedded::open(config).expect("opens");
            let pools = BTreeMap::new();
            let deployed = embedded.deploy(&parsed.workflow, &file, &pools);
            deployed.await.expect("deploys");
            let started = embedded.start(StartRun::of(parsed.workflow.name.clone()));
            let run = started.await.expect("starts").id;
            let control = Control::new();
            let mut seen = Seen {
                stand: BTreeMap::new(),
                warnings: Vec::new(),
                then: |stand: &BTreeMap<String, InstanceStatus>| then(stand, &slow),
            };
            let engine = embedded.engine();
            // Refused once more, and again, which would take its time.
            let refused = Event::JobsStopped {
                attempt: Attempt {
                    task: 0,
                    index: 0,
                    attempt: 1,
                    fence: 1,
                },
                over: 0,
                denied: Some(NotStopped {
                    why: REFUSAL.to_owned(),
                    because: Unstopped::Refused,
                }),
            };
            let listening = async {
                loop {
                    tokio::select! {
                        () = slow.asked.notified() => asked(&control),
                        () = slow.refused.notified() => {
                            let events = vec![refused.clone(), refused.clone()];
                            engine.step(&run, events, None).await.expect("taken down");
                        }
                    }
                }
            };
            let driving = embedded.drive(
                Until::RunsEnd(vec![run.clone()]),
                &mut seen,
                control.clone(),
            );
            tokio::select! {
                ended = tokio::time::timeout(PATIENCE, driving) => {
                    ended.expect("it ends").expect("drives");
                }
                () = listening => {}
            }
            let warnings = std::mem::take(&mut seen.warnings);
            (embedded.run(&run).await.expect("is there"), warnings)
        })
    }

    fn status(view: &RunView, task: &str) -> InstanceStatus {
        let task = view.graph.workflow.task_index(task).expect("is there");
        view.state.task(task).status()
    }

    #[test]
    fn other_tasks_go_on_while_a_request_is_open() {
        let mut open = None;
        let (view, _) = drive(
            r#"
name: w
tasks:
  call: {executor: http, url: "https://example.com"}
  b: {executor: process, command: "true"}
  c: {executor: process, command: "true", depends_on: [b]}
  after: {executor: process, command: "true", depends_on: [call, c]}
"#,
            |stand, slow| {
                if stand["c"] == InstanceStatus::Success && open.is_none() {
                    open = Some(stand["call"]);
                    slow.answers.add_permits(1);
                }
            },
            |_| {},
        );
        assert_eq!(open, Some(InstanceStatus::Deferred));
        assert_eq!(view.header.status, RunStatus::Success);
    }

    #[test]
    fn a_cancelled_run_ends_at_once_while_a_request_is_open() {
        let (view, warnings) = drive(
            r#"
name: w
tasks:
  call: {executor: http, url: "https://example.com"}
  b: {executor: process, command: ["sleep", "1000"]}
"#,
            |_, _| {},
            |control| control.cancel_all("enough"),
        );
        assert_eq!(view.header.status, RunStatus::Cancelled);
        assert_eq!(status(&view, "call"), InstanceStatus::Cancelled);
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn a_request_that_is_open_when_its_time_is_over_is_late_whatever_is_answered_then() {
        let (view, _) = drive(
            r#"
name: w
tasks:
  call: {executor: http, url: "https://example.com", timeout: 1s, retries: 0}
  b: {executor: process, command: "until [ -e answered ]; do sleep 0.05; done"}
"#,
            |stand, slow| {
                if stand["call"] == InstanceStatus::Failed {
                    slow.answers.add_permits(1);
                }
            },
            |_| {},
        );
        let call = view.graph.workflow.task_index("call").expect("is there");
        let failure = view.state.instances(call)[0].failure.as_ref();
        assert_eq!(
            failure.map(|failure| failure.category),
            Some(Category::Timeout)
        );
        assert_eq!(status(&view, "b"), InstanceStatus::Success);
    }

    #[test]
    fn the_time_of_another_task_is_over_while_a_job_is_asked_about() {
        let mut open = None;
        let (view, _) = drive(
            r#"
name: w
tasks:
  query: {executor: bigquery, query: SELECT 1, project: my-data, poll_interval: 1s, retries: 0}
  b: {executor: process, command: ["sleep", "1000"], timeout: 2s, retries: 0}
"#,
            |stand, slow| {
                if stand["b"] == InstanceStatus::Failed && open.is_none() {
                    open = Some(stand["query"]);
                    // The one that is open, and any that comes after it.
                    slow.answers.add_permits(100);
                }
            },
            |_| {},
        );
        assert_eq!(open, Some(InstanceStatus::Deferred));
        assert_eq!(status(&view, "query"), InstanceStatus::Success);
    }
    #[test]
    fn whoever_leaves_a_job_that_cannot_be_stopped_is_told_so() {
        let (view, warnings) = drive(
            r#"
name: w
tasks:
  query: {executor: bigquery, query: SELECT 1, project: my-data, poll_interval: 1s}
"#,
            |_, _| {},
            |control| control.cancel_all("enough"),
        );
        assert_eq!(view.header.status, RunStatus::Cancelled);
        let run = &view.header.id;
        let expected = format!(
            "jobs of attempt 1 of task query of run {run} could not be stopped and may still be at work: {REFUSAL}"
        );
        assert_eq!(warnings, [expected]);
        let left: Vec<_> = view.state.cancellations().collect();
        assert!(left.iter().all(|(.., one)| one.is_refused()), "{left:?}");
        assert_eq!(left.len(), 1);
    }
}

mod handing_over {
    //! A task that is told to end may say which jobs it has started.

    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use ork_core::Value;
    use ork_core::deferred::Work;
    use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};

    use super::*;

    /// Keeps the last job that it was asked to stop, in a file.
    #[derive(Debug)]
    struct Stops(PathBuf);

    impl Tracker for Stops {
        async fn poll(&self, _: &Value) -> Result<JobStatus, TrackerError> {
            Ok(JobStatus::Running)
        }
        async fn start(&self, _: &Work) -> Result<Begun, TrackerError> {
            Err(TrackerError::Permanent(
                "nothing is started here".to_owned(),
            ))
        }
        async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
            std::fs::write(&self.0, job.to_string()).expect("written");
            Ok(Stopping::Over)
        }
    }

    #[test]
    fn jobs_of_an_attempt_that_was_ended_for_its_siblings_are_stopped() {
        let text = r#"
name: w
tasks:
  each:
    executor: process
    parallel: 2
    fail_fast: true
    retries: 0
    command: |
      if [ {{ parallel_index }} = 0 ]; then until [ -e began ]; do sleep 0.02; done; exit 1; fi
      trap 'echo "ORK_OUTPUT:{\"deferred\":[{\"service_type\":\"custom_http\",\"url\":\"https://example.com/x\"}]}"; exit 0' TERM
      touch began
      while :; do sleep 0.02; done
  after: {executor: process, depends_on: [each], trigger: all_done, command: "until [ -e stopped ]; do sleep 0.02; done"}
"#;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("w.yaml");
        std::fs::write(&file, text).expect("written");
        let parsed =
            parse_workflow("w.yaml", text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"));
        let stopped = folder.path().join("stopped");
        let view = runtime().block_on(async {
            let mut config = config(folder.path());
            config.jobs = Some(Arc::new(Stops(stopped.clone())));
            let mut embedded = Embedded::open(config).expect("opens");
            let pools = BTreeMap::new();
            let deployed = embedded.deploy(&parsed.workflow, &file, &pools);
            deployed.await.expect("deploys");
            let started = embedded.start(StartRun::of(parsed.workflow.name.clone()));
            let run = started.await.expect("starts").id;
            let until = Until::RunsEnd(vec![run.clone()]);
            let mut silent = Silent;
            let driving = embedded.drive(until, &mut silent, Control::new());
            // Nothing that works takes longer, however busy the machine.
            let driven = tokio::time::timeout(Duration::from_secs(60), driving).await;
            driven.expect("its job is stopped").expect("drives");
            embedded.run(&run).await.expect("is there")
        });
        let status = |task: &str| {
            let task = view.graph.workflow.task_index(task).expect("is there");
            view.state.task(task).status()
        };
        assert_eq!(status("each"), InstanceStatus::Failed);
        assert_eq!(status("after"), InstanceStatus::Success);
        let job = std::fs::read_to_string(stopped).expect("a job");
        assert!(job.contains("https://example.com/x"), "{job}");
    }
}

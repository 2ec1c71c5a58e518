//! Cloud Run jobs that are made of an image: made, run once, removed.

use ork_core::deferred::{CloudRunJob, Job, Work};
use ork_core::run::Category;
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};
use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::work::{trackers, work};

const JOBS: &str = "/v2/projects/p/locations/r/jobs";

fn asked_for() -> Value {
    json!({
        "image": "x:1", "region": "r", "args": ["--day", "1"], "env": {"A": "b"}, "service_account": "a@b.example", "task_count": 2,
        "timeout_seconds": 600, "cpu_millis": 2000, "memory_bytes": 4_u64 << 30
    })
}

fn unmade() -> Work {
    work("cloudrun_image", asked_for())
}

fn made() -> Work {
    let place = json!({"project": "p", "region": "r", "uid": "u1"});
    Work {
        made: true,
        ..work("cloudrun_image", place)
    }
}

fn ready() -> Answer {
    let end = json!({"type": "Ready", "state": "CONDITION_SUCCEEDED"});
    Answer::ok(json!({"terminalCondition": end, "reconciling": false, "uid": "u1"}))
}

fn gone() -> Answer {
    Answer::error(404, "NOT_FOUND", "no such job")
}

fn operation() -> Answer {
    Answer::ok(json!({"name": "operations/o", "done": true}))
}

fn execution(name: &str, over: bool) -> Value {
    let env = json!([{"name": "ORK_ATTEMPT_KEY", "value": "ork_1"}]);
    let mut one = json!({
        "name": format!("projects/p/locations/r/jobs/{name}/executions/e"), "createTime": "2026-01-01T00:00:00Z",
        "template": {"containers": [{"image": "x:1", "env": env}]}
    });
    if over {
        one["completionTime"] = json!("2026-01-01T00:00:01Z");
    }
    one
}

fn page(executions: &[Value]) -> Answer {
    Answer::ok(json!({"executions": executions}))
}

#[tokio::test]
async fn it_is_made_with_what_the_task_says_and_not_run() {
    let exists = || Answer::error(409, "ALREADY_EXISTS", "it is there");
    let preparing = || Answer::ok(json!({"reconciling": true}));
    for answers in [
        vec![operation(), ready()],
        vec![exists(), ready()],
        vec![operation(), gone(), preparing(), ready()],
    ] {
        let server = Server::with(answers).await;
        let said = trackers(&server, "p").start(&unmade()).await;
        let Ok(Begun::Job(half)) = said else {
            panic!("{said:?}")
        };
        let half = Work::read(&half).expect("work").expect("well-formed");
        assert_eq!(
            half,
            Work {
                poll_interval: half.poll_interval.clone(),
                ..made()
            }
        );
        let asked = server.asked();
        assert_eq!(asked[0].line, format!("POST {JOBS}"));
        let template = &asked[0].body["template"];
        let task = &template["template"];
        assert_eq!(template["taskCount"], 2);
        assert_eq!(task["timeout"], "600s");
        assert_eq!(task["maxRetries"], 0);
        assert_eq!(task["serviceAccount"], "a@b.example");
        let container = &task["containers"][0];
        assert_eq!(container["image"], "x:1");
        assert_eq!(container["args"], json!(["--day", "1"]));
        assert_eq!(
            container["env"],
            json!([{"name": "A", "value": "b"}, {"name": "ORK_ATTEMPT_KEY", "value": "ork_1"}])
        );
        assert_eq!(
            container["resources"]["limits"],
            json!({"cpu": "2", "memory": "4096Mi"})
        );
        assert!(asked.iter().all(|one| !one.line.ends_with(":run")));
        let id = asked[0].query.split('&');
        let id = id.filter_map(|one| one.strip_prefix("jobId=")).next();
        assert!(
            id.is_some_and(|id| id.starts_with("ork-") && id.len() == 44),
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let bad = Answer::ok(json!({
        "reconciling": false,
        "terminalCondition": {"state": "CONDITION_FAILED", "message": "Image 'x:1' not found"}
    }));
    for (answers, word) in [
        (
            vec![Answer::error(
                400,
                "INVALID_ARGUMENT",
                "Invalid value for memory",
            )],
            "Invalid value for memory",
        ),
        (vec![operation(), bad], "Image 'x:1' not found"),
    ] {
        let server = Server::with(answers).await;
        let said = trackers(&server, "p").start(&unmade()).await;
        let Err(TrackerError::Permanent(why)) = said else {
            panic!("{said:?}")
        };
        assert!(why.contains(word), "{why}");
    }
    let server = Server::with([Answer::error(403, "PERMISSION_DENIED", "no")]).await;
    let said = trackers(&server, "p").start(&unmade()).await;
    let Err(TrackerError::Denied(why)) = said else {
        panic!("{said:?}")
    };
    assert!(
        why.contains("roles/run.developer") && why.contains("roles/iam.serviceAccountUser"),
        "{why}"
    );
}

#[tokio::test]
async fn what_is_made_is_run_once_and_described_with_what_it_was_made_for() {
    let started = |name: &str| {
        Answer::ok(json!({"name": "operations/o", "metadata": {
            "@type": "type.googleapis.com/google.cloud.run.v2.Execution", "name": format!("projects/p/locations/r/jobs/{name}/executions/e")
        }}))
    };
    for answers in [
        vec![
            ready(),
            page(&[]),
            started("x"),
            page(&[execution("x", false)]),
        ],
        vec![ready(), page(&[execution("x", true)])],
    ] {
        let runs = answers.len() > 2;
        let server = Server::with(answers).await;
        let said = trackers(&server, "p").start(&made()).await;
        let Ok(Begun::Job(job)) = said else {
            panic!("{said:?}")
        };
        let Ok(Job::CloudRun(job)) = Job::read(&job) else {
            panic!("{job}")
        };
        assert_eq!(
            (job.execution_id.as_str(), job.made_for.as_deref()),
            ("e", Some("ork_1"))
        );
        let asked = server.asked();
        let run = asked.iter().filter(|one| one.line.ends_with(":run"));
        assert_eq!(run.count(), usize::from(runs));
        assert!(
            asked.iter().all(|one| one.line != format!("POST {JOBS}")),
            "it is not made again"
        );
    }
    // Somebody has removed it, or it was over and somebody who was held up made it anew.
    for answer in [gone(), Answer::ok(json!({"uid": "u2"}))] {
        let server = Server::with([answer]).await;
        let said = trackers(&server, "p").start(&made()).await;
        let Ok(Begun::Status(JobStatus::Broke { category, .. })) = said else {
            panic!("{said:?}")
        };
        assert_eq!(category, Category::Transient);
    }
}

#[tokio::test]
async fn it_is_removed_when_nothing_of_it_runs() {
    let described = |work: &Work| serde_json::to_value(work).expect("plain data");
    let cases: [(&Work, Vec<Answer>, Result<Stopping, ()>); 6] = [
        // Nothing was run, or it is over.
        (
            &made(),
            vec![page(&[]), operation(), gone()],
            Ok(Stopping::Over),
        ),
        (
            &unmade(),
            vec![page(&[execution("x", true)]), operation(), gone()],
            Ok(Stopping::Over),
        ),
        // It takes its time.
        (
            &made(),
            vec![page(&[]), operation(), ready()],
            Ok(Stopping::Asked),
        ),
        // What runs is stopped first.
        (
            &made(),
            vec![
                page(&[execution("x", false)]),
                operation(),
                Answer::ok(execution("x", false)),
            ],
            Ok(Stopping::Asked),
        ),
        // It is gone: of one that was made that is the end, another may be made yet.
        (&made(), vec![gone()], Ok(Stopping::Over)),
        (&unmade(), vec![gone()], Err(())),
    ];
    for (work, answers, wanted) in cases {
        let server = Server::with(answers).await;
        let said = trackers(&server, "p").cancel(&described(work)).await;
        let lines = server.lines();
        match wanted {
            Ok(wanted) => assert_eq!(said, Ok(wanted), "{lines:?}"),
            Err(()) => assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}"),
        }
        let deletes = lines.iter().any(|one| one.starts_with("DELETE"));
        let stops = lines.iter().any(|one| one.ends_with(":cancel"));
        assert_eq!(deletes, lines.len() == 3 && !stops, "{lines:?}");
    }
}

#[tokio::test]
async fn no_job_is_removed_but_those_that_were_made() {
    let job = CloudRunJob {
        project: "p".into(),
        region: "r".into(),
        job_name: "nightly".into(),
        execution_id: "e".into(),
        made_for: Some("ork_1".into()),
    };
    let server = Server::with([]).await;
    let job = serde_json::to_value(Job::CloudRun(job)).expect("plain data");
    let said = trackers(&server, "p").cancel(&job).await;
    let Err(TrackerError::Permanent(why)) = said else {
        panic!("{said:?}")
    };
    assert!(why.contains("nightly was not made by Ork"), "{why}");
    assert!(server.asked().is_empty());
}

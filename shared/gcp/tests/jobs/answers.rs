//! What a start's answer, or its absence, means for the attempts.

use std::net::TcpListener;
use std::time::Duration;

use ork_core::run::Category;
use ork_emulators::run_jobs::{Effect, Fault};
use ork_emulators::storage;
use ork_engine::ports::{Executor, StartError};
use ork_gcp::RunJobs;

use super::world::{JOB, World, spec, workers};

/// Starts two attempts while `effect` happens; both have the same answer.
async fn started(world: &World, effect: Effect) -> Result<(), StartError> {
    world.cloud.clear_faults();
    let fault = Fault {
        times: None,
        ..Fault::once(effect)
    };
    world.cloud.fault(fault).expect("it makes sense");
    let mut answers = world.executor.start(vec![spec("a", 0), spec("a", 1)]).await;
    let [Ok(()), Ok(())] = &answers[..] else {
        assert_eq!(format!("{:?}", answers[0]), format!("{:?}", answers[1]));
        return answers.remove(0);
    };
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_is_ambiguous_and_never_asked_for_again() {
    let world = World::new().await;
    for (n, status) in [500, 502, 503, 504].into_iter().enumerate() {
        let said = started(&world, Effect::AnswerAfterwards { status }).await;
        assert!(
            matches!(said, Err(StartError::Ambiguous(_))),
            "{status}: {said:?}"
        );
        assert_eq!(world.cloud.executions(JOB).len(), n + 1, "started once");
    }
}

#[tokio::test]
async fn a_quota_is_busy_and_nothing_was_started() {
    let world = World::new().await;
    let said = started(&world, Effect::Answer { status: 429 }).await;
    assert!(matches!(said, Err(StartError::Busy(_))), "{said:?}");
    assert_eq!(world.cloud.executions(JOB).len(), 0);
}

#[tokio::test]
async fn a_refusal_is_for_ever_and_says_what_to_do() {
    let world = World::new().await;
    for (status, word) in [
        (403, "roles/run.jobsExecutorWithOverrides"),
        (404, "ORK_WORKER_JOBS"),
        (400, "overrides"),
    ] {
        match started(&world, Effect::Answer { status }).await {
            Err(StartError::Refused {
                category: Category::Permanent,
                message,
            }) => assert!(message.contains(word) && message.contains(JOB), "{message}"),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_ambiguous_and_one_that_is_not_there_is_busy() {
    let world = World::new().await;
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        (listener, address)
    };
    let start = async |endpoint: &str| {
        let executor = RunJobs::connect("r", workers(), world.objects.clone(), Some(endpoint))
            .await
            .expect("nothing is asked yet")
            .accepted_within(Duration::from_millis(300));
        executor.start(vec![spec("a", 0)]).await.remove(0)
    };
    let (_listener, mute) = listen();
    let said = start(&mute).await;
    assert!(matches!(said, Err(StartError::Ambiguous(_))), "{said:?}");
    let said = start("127.0.0.1:1").await;
    assert!(matches!(said, Err(StartError::Busy(_))), "{said:?}");
    // Hangs up once it has read something.
    let (listener, hangs_up) = listen();
    let hang_up = std::thread::spawn(move || {
        use std::io::Read;
        listener
            .incoming()
            .filter_map(|stream| stream.ok()?.read(&mut [0; 64]).ok())
            .find(|read| *read > 0)
    });
    let said = start(&hangs_up).await;
    assert!(matches!(said, Err(StartError::Ambiguous(_))), "{said:?}");
    assert!(hang_up.join().expect("no panic").is_some());
}

#[tokio::test]
async fn without_the_object_that_says_what_to_run_nothing_is_started() {
    let world = World::new().await;
    let meets = |status| {
        world.storage.clear_faults();
        world.storage.fault(storage::Fault {
            path: "/upload/".into(),
            times: 100,
            status: Some(status),
            ..storage::Fault::default()
        });
    };
    meets(503);
    let said = world.executor.start(vec![spec("a", 0)]).await.remove(0);
    assert!(matches!(said, Err(StartError::Busy(_))), "{said:?}");
    meets(403);
    let said = world.executor.start(vec![spec("a", 0)]).await.remove(0);
    assert!(matches!(said, Err(StartError::Refused { .. })), "{said:?}");
    assert_eq!(world.cloud.executions(JOB).len(), 0);
}

#[tokio::test]
async fn a_batch_that_is_started_twice_has_one_object() {
    let world = World::new().await;
    for _ in 0..2 {
        let said = world.executor.start(vec![spec("a", 0)]).await.remove(0);
        assert!(said.is_ok(), "{said:?}");
    }
    let batches: Vec<_> = world
        .cloud
        .executions(JOB)
        .into_iter()
        .map(|execution| execution.env.get("ORK_BATCH").cloned())
        .collect();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0], batches[1]);
}

//! Wakes.

use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_emulators::tasks::{Retry, Tasks, TasksOptions};
use ork_engine::ports::{Clock, Metering, Queue};
use ork_gcp::{CloudTasks, GoogleQueue, Meter, PubsubHints, SystemClock, Topics, Wake};

use super::mute;

const QUEUE: &str = "projects/p/locations/r/queues/wakes";

/// Takes one request and answers it; gives what it was.
async fn taken(listener: &tokio::net::TcpListener) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"}") {
        let read = stream.read(&mut part).await.expect("read");
        assert_ne!(read, 0, "it ends with its JSON");
        request.extend_from_slice(&part[..read]);
    }
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
        .await
        .expect("answered");
    String::from_utf8(request).expect("text")
}

async fn stand_in() -> Tasks {
    let tasks = Tasks::start(TasksOptions::default())
        .await
        .expect("a stand-in");
    tasks
        .create_queue(QUEUE, Retry::default())
        .expect("a queue");
    tasks
}

async fn connect(endpoint: &str, queue: &str, url: &str) -> CloudTasks {
    let wake = Wake {
        queue: queue.into(),
        url: url.into(),
        identity: Some("wake@p.iam.gserviceaccount.com".into()),
    };
    CloudTasks::connect(wake, Some(endpoint))
        .await
        .expect("nothing is asked yet")
}

fn run() -> RunId {
    RunId::new("etl--20260601T023000Z").expect("a run id")
}

#[tokio::test]
async fn a_wake_calls_the_poll_function_with_the_run_and_a_token() {
    let tasks = stand_in().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let url = format!("http://{address}/wake");
    let meter = Meter::default();
    let wakes = connect(&tasks.endpoint(), QUEUE, &url)
        .await
        .metered(meter.clone());
    let now = SystemClock.now();
    // Overdue: it comes at once.
    wakes
        .wake_at(&run(), Time(now.0 - 60_000), now)
        .await
        .expect("asked");
    let limit = Duration::from_secs(10);
    let request = tokio::time::timeout(limit, taken(&listener)).await;
    let request = request.expect("it comes").to_lowercase();
    assert!(request.starts_with("post /wake "), "{request}");
    assert!(
        request.contains("content-type: application/json"),
        "{request}"
    );
    assert!(
        request.ends_with(&format!(r#"{{"run":"{}"}}"#, run()).to_lowercase()),
        "{request}"
    );
    let began = Instant::now();
    while tasks.deliveries().is_empty() && began.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let token = tasks.deliveries()[0].oidc_token.clone().expect("a token");
    assert_eq!(
        token["serviceAccountEmail"],
        "wake@p.iam.gserviceaccount.com"
    );
    assert_eq!(token["audience"], format!("http://{address}"));
    assert_eq!(meter.take(&run()).tasks, 1);
}

#[tokio::test]
async fn wakes_for_one_run_and_instant_are_one() {
    let tasks = stand_in().await;
    let wakes = connect(&tasks.endpoint(), QUEUE, "http://127.0.0.1:1/wake").await;
    let now = SystemClock.now();
    let at = now + Millis::from_secs(600);
    for _ in 0..3 {
        wakes.wake_at(&run(), at, now).await.expect("asked");
    }
    assert_eq!(tasks.waiting(QUEUE).len(), 1);
    wakes
        .wake_at(&run(), at + Millis(1), now)
        .await
        .expect("asked");
    assert_eq!(tasks.waiting(QUEUE).len(), 2);
}

#[tokio::test]
async fn what_is_further_away_than_a_task_can_wait_is_left_to_the_tick() {
    let tasks = stand_in().await;
    let wakes = connect(&tasks.endpoint(), QUEUE, "http://127.0.0.1:1/wake").await;
    let (now, day) = (SystemClock.now(), Millis::from_secs(24 * 3600));
    for days in [31_u64, 400] {
        let at = now + Millis(day.0 * days);
        wakes.wake_at(&run(), at, now).await.expect("left to it");
    }
    wakes
        .wake_at(&run(), Time(i64::MAX), now)
        .await
        .expect("left to it");
    assert_eq!(tasks.waiting(QUEUE), Vec::<String>::new());
    let at = now + Millis(day.0 * 29);
    wakes.wake_at(&run(), at, now).await.expect("asked");
    assert_eq!(tasks.waiting(QUEUE).len(), 1);
}

#[tokio::test]
async fn a_passing_refusal_is_overcome_and_a_lasting_one_says_what_to_do() {
    let tasks = stand_in().await;
    let wakes = connect(&tasks.endpoint(), QUEUE, "http://127.0.0.1:1/wake").await;
    let now = SystemClock.now();
    let at = now + Millis::from_secs(600);
    tasks.refuse(503, 2).expect("an error status");
    wakes.wake_at(&run(), at, now).await.expect("asked again");
    tasks.refuse(403, 1).expect("an error status");
    let denied = wakes.wake_at(&run(), at + Millis(1), now).await;
    let why = denied.expect_err("no leave").to_string();
    assert!(
        why.contains("roles/cloudtasks.enqueuer") && why.contains(QUEUE),
        "{why}"
    );
    let nowhere = connect(
        &tasks.endpoint(),
        "projects/p/locations/r/queues/none",
        "http://127.0.0.1:1/wake",
    )
    .await;
    let missing = nowhere.wake_at(&run(), at, now).await;
    let why = missing.expect_err("no such queue").to_string();
    assert!(
        why.contains("no queue projects/p/locations/r/queues/none"),
        "{why}"
    );
}

#[tokio::test]
async fn a_mute_server_holds_a_wake_for_five_seconds_only() {
    let (_listener, mute) = mute();
    let wakes = connect(&mute, QUEUE, "http://127.0.0.1:1/wake").await;
    let now = SystemClock.now();
    let began = Instant::now();
    let answer = wakes.wake_at(&run(), now, now).await;
    assert!(answer.is_err(), "nobody took it");
    assert!(
        began.elapsed() < Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn without_cloud_tasks_a_wake_asks_nobody() {
    let topics = Topics {
        dispatch: "projects/p/topics/dispatch".into(),
        poll: "projects/p/topics/poll".into(),
    };
    let hints = PubsubHints::connect(&topics, Some("127.0.0.1:1"))
        .await
        .expect("nothing is asked yet");
    let queue = GoogleQueue::new(hints, None);
    queue
        .wake_at(&run(), SystemClock.now())
        .await
        .expect("the tick finds it");
}

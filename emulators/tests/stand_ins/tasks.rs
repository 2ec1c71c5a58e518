//! Cloud Tasks: deliveries at their time, retries, names.

use std::time::Duration;

use google_cloud_gax::error::rpc::Code;
use google_cloud_tasks_v2::client::CloudTasks;
use google_cloud_tasks_v2::model::{HttpMethod, HttpRequest, OidcToken, Task};
use google_cloud_wkt::Timestamp;
use ork_emulators::tasks::{Retry, Tasks, TasksOptions};

use crate::support::{Receiver, anonymous, until};

pub(crate) const PLACE: &str = "projects/p/locations/r";
pub(crate) const QUEUE: &str = "projects/p/locations/r/queues/ork-wake";

pub(crate) struct World {
    pub(crate) stand_in: Tasks,
    pub(crate) client: CloudTasks,
}

impl World {
    pub(crate) async fn with(options: TasksOptions) -> Self {
        let stand_in = Tasks::start(options).await.unwrap();
        stand_in.create_queue(QUEUE, quick()).unwrap();
        let client = CloudTasks::builder()
            .with_endpoint(stand_in.endpoint())
            .with_credentials(anonymous())
            .build()
            .await
            .unwrap();
        Self { stand_in, client }
    }

    pub(crate) async fn new() -> Self {
        Self::with(TasksOptions::default()).await
    }

    pub(crate) async fn create(&self, task: Task) -> Result<Task, google_cloud_tasks_v2::Error> {
        self.client
            .create_task()
            .set_parent(QUEUE)
            .set_task(task)
            .send()
            .await
    }
}

/// Retries that a test can wait for.
fn quick() -> Retry {
    Retry {
        min_backoff: Duration::from_millis(50),
        ..Retry::default()
    }
}

pub(crate) fn name(id: &str) -> String {
    format!("{QUEUE}/tasks/{id}")
}

pub(crate) fn to(url: String) -> Task {
    Task::new().set_http_request(HttpRequest::new().set_url(url))
}

/// So far from now.
pub(crate) fn after(wait: Duration) -> Timestamp {
    (std::time::SystemTime::now() + wait).try_into().unwrap()
}

#[tokio::test]
async fn a_task_arrives_at_its_time_with_what_was_asked_for() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[200]).await);
    let request = HttpRequest::new()
        .set_url(receiver.url("/wake?x=1"))
        .set_http_method(HttpMethod::Post)
        .set_headers([
            ("content-type", "application/json"),
            ("X-Own", "yes"),
            ("X-CloudTasks-TaskName", "forged"),
        ])
        .set_body(&b"{\"run\":\"r1\"}"[..])
        .set_oidc_token(
            OidcToken::new()
                .set_service_account_email("poll@p")
                .set_audience("aud"),
        );
    let begun = std::time::Instant::now();
    let task = Task::new()
        .set_name(name("run-1"))
        .set_schedule_time(after(Duration::from_millis(400)))
        .set_http_request(request);
    let created = world.create(task).await.unwrap();
    assert_eq!(created.name, name("run-1"));
    let waiting = world
        .client
        .get_task()
        .set_name(name("run-1"))
        .send()
        .await
        .unwrap();
    assert_eq!(waiting.dispatch_count, 0);
    let received = receiver.until_received(1).await.remove(0);
    assert!(
        received.at.duration_since(begun) >= Duration::from_millis(395),
        "{:?}",
        received.at.duration_since(begun)
    );
    assert_eq!(
        (
            received.method.as_str(),
            received.path.as_str(),
            received.body.as_slice()
        ),
        ("POST", "/wake?x=1", &b"{\"run\":\"r1\"}"[..])
    );
    let header = |name: &str| received.headers.get(name).map_or("", String::as_str);
    assert_eq!(
        (header("content-type"), header("x-own")),
        ("application/json", "yes")
    );
    assert_eq!(
        (
            header("x-cloudtasks-queuename"),
            header("x-cloudtasks-taskname")
        ),
        ("ork-wake", "run-1")
    );
    assert_eq!(
        (
            header("x-cloudtasks-taskretrycount"),
            header("x-cloudtasks-taskexecutioncount")
        ),
        ("0", "0")
    );
    assert!(header("x-cloudtasks-tasketa").parse::<f64>().unwrap() > 1_700_000_000.0);
    assert_eq!(header("authorization"), "");
    until("the task is gone", || async {
        world.stand_in.waiting(QUEUE).is_empty().then_some(())
    })
    .await;
    let gone = world
        .client
        .get_task()
        .set_name(name("run-1"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.status().unwrap().code, Code::NotFound);
    let delivery = world.stand_in.deliveries().remove(0);
    assert_eq!(
        (
            delivery.status,
            delivery.oidc_token.unwrap()["serviceAccountEmail"]
                .as_str()
                .unwrap()
                .to_owned()
        ),
        (Some(200), "poll@p".to_owned())
    );
}

#[tokio::test]
async fn a_name_is_not_used_twice_also_after_the_task_ran() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[200]).await);
    let named = || to(receiver.url("/")).set_name(name("once"));
    world
        .create(named().set_schedule_time(after(Duration::from_millis(200))))
        .await
        .unwrap();
    assert_eq!(
        world
            .create(named())
            .await
            .unwrap_err()
            .status()
            .unwrap()
            .code,
        Code::AlreadyExists
    );
    receiver.until_received(1).await;
    until("the task is gone", || async {
        world.stand_in.waiting(QUEUE).is_empty().then_some(())
    })
    .await;
    let error = world.create(named()).await.unwrap_err();
    assert_eq!(
        (error.http_status_code(), error.status().unwrap().code),
        (Some(409), Code::AlreadyExists)
    );
    // Without a name there is nothing to collide.
    world.create(to(receiver.url("/"))).await.unwrap();
    assert_eq!(receiver.until_received(2).await.len(), 2);
}

#[tokio::test]
async fn a_name_is_free_again_after_its_time() {
    let options = TasksOptions {
        name_kept: Duration::from_millis(100),
        ..TasksOptions::default()
    };
    let (world, receiver) = (
        World::with(options).await,
        Receiver::answering(&[200]).await,
    );
    world
        .create(to(receiver.url("/")).set_name(name("again")))
        .await
        .unwrap();
    receiver.until_received(1).await;
    until("the name is free", || async {
        world
            .create(to(receiver.url("/")).set_name(name("again")))
            .await
            .ok()
    })
    .await;
    receiver.until_received(2).await;
}

#[tokio::test]
async fn a_delivery_is_tried_again_until_it_is_taken() {
    let (world, receiver) = (
        World::new().await,
        Receiver::answering(&[500, 429, 204]).await,
    );
    world
        .create(to(receiver.url("/")).set_name(name("thrice")))
        .await
        .unwrap();
    let received = receiver.until_received(3).await;
    until("the task is gone", || async {
        world.stand_in.waiting(QUEUE).is_empty().then_some(())
    })
    .await;
    let counts: Vec<&str> = received
        .iter()
        .map(|request| request.headers["x-cloudtasks-taskretrycount"].as_str())
        .collect();
    assert_eq!(counts, ["0", "1", "2"]);
    assert_eq!(
        received[2].headers["x-cloudtasks-taskpreviousresponse"],
        "429"
    );
    let waits: Vec<Duration> = received
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at))
        .collect();
    assert!(
        waits[0] >= Duration::from_millis(50) && waits[1] >= Duration::from_millis(100),
        "{waits:?}"
    );
    let statuses: Vec<Option<u16>> = world
        .stand_in
        .deliveries()
        .iter()
        .map(|delivery| delivery.status)
        .collect();
    assert_eq!(statuses, [Some(500), Some(429), Some(204)]);
}

#[tokio::test]
async fn after_five_attempts_a_task_is_given_up() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[503]).await);
    world
        .create(to(receiver.url("/")).set_name(name("vain")))
        .await
        .unwrap();
    until("the task is given up", || async {
        world.stand_in.waiting(QUEUE).is_empty().then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 5);
    assert_eq!(
        world
            .create(to(receiver.url("/")).set_name(name("vain")))
            .await
            .unwrap_err()
            .status()
            .unwrap()
            .code,
        Code::AlreadyExists
    );
}

#[tokio::test]
async fn nobody_there_is_a_failure_like_another() {
    let world = World::new().await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    world.create(to(format!("http://{nobody}/"))).await.unwrap();
    until("the task is given up", || async {
        world.stand_in.waiting(QUEUE).is_empty().then_some(())
    })
    .await;
    let deliveries = world.stand_in.deliveries();
    assert!(
        deliveries.len() == 5 && deliveries.iter().all(|delivery| delivery.status.is_none()),
        "{deliveries:?}"
    );
}

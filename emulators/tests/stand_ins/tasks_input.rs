//! Cloud Tasks: requests that are refused, and refusals on demand.

use std::time::Duration;

use google_cloud_gax::error::rpc::Code;
use google_cloud_tasks_v2::model::{AppEngineHttpRequest, HttpMethod, HttpRequest, Task};
use google_cloud_wkt::Duration as GoogleDuration;
use ork_emulators::tasks::Retry;

use crate::support::Receiver;
use crate::tasks::{PLACE, QUEUE, World, after, name, to};

#[tokio::test]
async fn what_cloud_tasks_would_refuse_is_refused_with_its_codes() {
    let world = World::new().await;
    let url = || "http://127.0.0.1:9/".to_owned();
    let request = |request: HttpRequest| Task::new().set_http_request(request);
    let bad = [
        Task::new(),
        to(String::new()),
        to("ftp://x/".to_owned()),
        to("nonsense".to_owned()),
        to(url()).set_name(format!("{PLACE}/queues/other/tasks/x")),
        to(url()).set_name(name("")),
        to(url()).set_name(name("sp ace")),
        to(url()).set_name(name(&"x".repeat(501))),
        to(url()).set_schedule_time(after(Duration::from_secs(31 * 24 * 3600))),
        to(url()).set_dispatch_deadline(GoogleDuration::try_from("14s").unwrap()),
        to(url()).set_dispatch_deadline(GoogleDuration::try_from("1801s").unwrap()),
        request(
            HttpRequest::new()
                .set_url(url())
                .set_http_method(HttpMethod::Get)
                .set_body(&b"x"[..]),
        ),
        request(
            HttpRequest::new()
                .set_url(url())
                .set_http_method(HttpMethod::Post)
                .set_body(vec![0; 1024 * 1024 + 1]),
        ),
        request(
            HttpRequest::new()
                .set_url(url())
                .set_headers([("two words", "x")]),
        ),
    ];
    for task in bad {
        let shown = format!("{task:?}").chars().take(300).collect::<String>();
        let error = world.create(task).await.unwrap_err();
        assert_eq!(
            error.status().unwrap().code,
            Code::InvalidArgument,
            "{shown}"
        );
    }
    let app_engine = Task::new().set_app_engine_http_request(AppEngineHttpRequest::new());
    assert_eq!(
        world
            .create(app_engine)
            .await
            .unwrap_err()
            .status()
            .unwrap()
            .code,
        Code::Unimplemented
    );
    let elsewhere = world
        .client
        .create_task()
        .set_parent(format!("{PLACE}/queues/other"))
        .set_task(to(url()))
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (
            elsewhere.http_status_code(),
            elsewhere.status().unwrap().code
        ),
        (Some(404), Code::NotFound)
    );
    let missing = world
        .client
        .get_queue()
        .set_name(format!("{PLACE}/queues/other"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing.status().unwrap().code, Code::NotFound);
    assert!(
        world
            .stand_in
            .create_queue("ork-wake", Retry::default())
            .is_err()
    );
    assert!(
        world
            .stand_in
            .create_queue(&format!("{PLACE}/queues/under_score"), Retry::default())
            .is_err()
    );
    assert!(world.stand_in.waiting(QUEUE).is_empty());
}

#[tokio::test]
async fn a_largest_body_still_goes_through() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[413]).await);
    let request = HttpRequest::new()
        .set_url(receiver.url("/"))
        .set_body(vec![7; 1024 * 1024]);
    world
        .create(Task::new().set_http_request(request))
        .await
        .unwrap();
    // The receiver's own limit is larger than this, so what it notes is the whole body.
    assert_eq!(receiver.until_received(1).await[0].body.len(), 1024 * 1024);
}

#[tokio::test]
async fn creations_fail_on_demand_and_make_no_task() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[200]).await);
    world.stand_in.refuse(429, 1).unwrap();
    let control = format!("{}/control/refuse", world.stand_in.endpoint());
    let asked = reqwest::Client::new()
        .post(&control)
        .body(r#"{"status":403,"times":1}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 204);
    let refused = [Code::ResourceExhausted, Code::PermissionDenied];
    for code in refused {
        let error = world
            .create(to(receiver.url("/")).set_name(name("x")))
            .await
            .unwrap_err();
        assert_eq!(error.status().unwrap().code, code);
    }
    world
        .create(to(receiver.url("/")).set_name(name("x")))
        .await
        .unwrap();
    receiver.until_received(1).await;
    assert!(world.stand_in.refuse(200, 1).is_err());
    let nonsense = reqwest::Client::new()
        .post(&control)
        .body(r#"{"status":200,"times":1}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(nonsense.status(), 400);
}

#[tokio::test]
async fn a_project_is_wiped_alone() {
    let world = World::new().await;
    let other = "projects/q/locations/r/queues/ork-wake";
    world
        .stand_in
        .create_queue(other, Retry::default())
        .unwrap();
    let far =
        || to("http://127.0.0.1:9/".to_owned()).set_schedule_time(after(Duration::from_secs(3600)));
    world.create(far().set_name(name("mine"))).await.unwrap();
    world
        .client
        .create_task()
        .set_parent(other)
        .set_task(far())
        .send()
        .await
        .unwrap();
    world.stand_in.wipe("p");
    assert!(world.stand_in.waiting(QUEUE).is_empty());
    assert_eq!(world.stand_in.waiting(other).len(), 1);
    // Also the name is free again.
    world.create(far().set_name(name("mine"))).await.unwrap();
}

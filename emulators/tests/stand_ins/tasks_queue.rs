//! Cloud Tasks: queues, lists, deleting and holding back.

use std::time::Duration;

use google_cloud_gax::error::rpc::Code;
use google_cloud_tasks_v2::model::task::View;
use google_cloud_tasks_v2::model::{HttpMethod, HttpRequest, Queue, RetryConfig, Task, queue};
use google_cloud_wkt::Duration as GoogleDuration;

use crate::support::{Receiver, until};
use crate::tasks::{PLACE, QUEUE, World, after, name, to};

#[tokio::test]
async fn a_deleted_or_purged_task_never_arrives() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[200]).await);
    let soon = || after(Duration::from_millis(150));
    for id in ["deleted", "purged"] {
        world
            .create(
                to(receiver.url(&format!("/{id}")))
                    .set_name(name(id))
                    .set_schedule_time(soon()),
            )
            .await
            .unwrap();
    }
    world
        .client
        .delete_task()
        .set_name(name("deleted"))
        .send()
        .await
        .unwrap();
    assert_eq!(world.stand_in.waiting(QUEUE), [name("purged")]);
    world
        .client
        .purge_queue()
        .set_name(QUEUE)
        .send()
        .await
        .unwrap();
    assert!(world.stand_in.waiting(QUEUE).is_empty());
    let twice = world
        .client
        .delete_task()
        .set_name(name("deleted"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(twice.status().unwrap().code, Code::NotFound);
    // When one that was due later has arrived, those would have as well.
    world
        .create(to(receiver.url("/later")).set_schedule_time(after(Duration::from_millis(300))))
        .await
        .unwrap();
    let received = receiver.until_received(1).await;
    assert_eq!(received[0].path, "/later");
}

#[tokio::test]
async fn a_paused_queue_holds_its_tasks_unless_one_is_run_by_hand() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[200]).await);
    let paused = world
        .client
        .pause_queue()
        .set_name(QUEUE)
        .send()
        .await
        .unwrap();
    assert_eq!(paused.state, queue::State::Paused);
    world
        .create(to(receiver.url("/held")).set_name(name("held")))
        .await
        .unwrap();
    world
        .create(to(receiver.url("/by-hand")).set_name(name("by-hand")))
        .await
        .unwrap();
    world
        .client
        .run_task()
        .set_name(name("by-hand"))
        .send()
        .await
        .unwrap();
    assert_eq!(receiver.until_received(1).await[0].path, "/by-hand");
    assert_eq!(world.stand_in.waiting(QUEUE), [name("held")]);
    world
        .client
        .resume_queue()
        .set_name(QUEUE)
        .send()
        .await
        .unwrap();
    assert_eq!(receiver.until_received(2).await[1].path, "/held");
}

#[tokio::test]
async fn tasks_are_listed_in_pages_and_the_body_only_on_request() {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        let request = HttpRequest::new()
            .set_url("http://127.0.0.1:9/")
            .set_http_method(HttpMethod::Put)
            .set_body(&b"body"[..]);
        let task = Task::new()
            .set_name(name(id))
            .set_schedule_time(after(Duration::from_secs(3600)))
            .set_http_request(request);
        world.create(task).await.unwrap();
    }
    let first = world
        .client
        .list_tasks()
        .set_parent(QUEUE)
        .set_page_size(2)
        .send()
        .await
        .unwrap();
    assert_eq!(
        first
            .tasks
            .iter()
            .map(|task| task.name.clone())
            .collect::<Vec<_>>(),
        [name("a"), name("b")]
    );
    let second = world
        .client
        .list_tasks()
        .set_parent(QUEUE)
        .set_page_size(2)
        .set_page_token(first.next_page_token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            second.tasks[0].name.clone(),
            second.next_page_token.as_str()
        ),
        (name("c"), "")
    );
    let basic = world
        .client
        .get_task()
        .set_name(name("a"))
        .send()
        .await
        .unwrap();
    assert!(basic.http_request().unwrap().body.is_empty());
    let full = world
        .client
        .get_task()
        .set_name(name("a"))
        .set_response_view(View::Full)
        .send()
        .await
        .unwrap();
    let request = full.http_request().unwrap();
    assert_eq!(
        (request.body.as_ref(), request.http_method.clone()),
        (&b"body"[..], HttpMethod::Put)
    );
}

#[tokio::test]
async fn a_queue_is_created_with_its_retries() {
    let (world, receiver) = (World::new().await, Receiver::answering(&[500]).await);
    let own = format!("{PLACE}/queues/own");
    let retry = RetryConfig::new()
        .set_max_attempts(2)
        .set_min_backoff(GoogleDuration::try_from("0.02s").unwrap());
    let create = || {
        world
            .client
            .create_queue()
            .set_parent(PLACE)
            .set_queue(Queue::new().set_name(&own).set_retry_config(retry.clone()))
    };
    create().send().await.unwrap();
    assert_eq!(
        create().send().await.unwrap_err().status().unwrap().code,
        Code::AlreadyExists
    );
    let read = world
        .client
        .get_queue()
        .set_name(&own)
        .send()
        .await
        .unwrap();
    assert_eq!(read.retry_config.unwrap().max_attempts, 2);
    world
        .client
        .create_task()
        .set_parent(&own)
        .set_task(to(receiver.url("/")))
        .send()
        .await
        .unwrap();
    until("the task is given up", || async {
        world.stand_in.waiting(&own).is_empty().then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 2);
    let queues = world
        .client
        .list_queues()
        .set_parent(PLACE)
        .send()
        .await
        .unwrap()
        .queues;
    assert_eq!(queues.len(), 2);
}

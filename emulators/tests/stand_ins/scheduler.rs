//! Cloud Scheduler: ticks at their times, with its headers and retries.

use std::time::Duration;

use ork_emulators::scheduler::{Cadence, Scheduler, SchedulerOptions, TickRetry};

use crate::support::{Receiver, until};

fn often(receiver: &Receiver) -> SchedulerOptions {
    SchedulerOptions::new(
        receiver.url("/tick"),
        Cadence::Every(Duration::from_millis(100)),
    )
}

/// The slot a request was for, in milliseconds.
fn slot(request: &crate::support::Received) -> i64 {
    let text = &request.headers["x-cloudscheduler-scheduletime"];
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[tokio::test]
async fn ticks_come_at_aligned_slots_each_once() {
    let receiver = Receiver::answering(&[200]).await;
    let scheduler = Scheduler::start(often(&receiver)).unwrap();
    let received = receiver.until_received(4).await;
    let slots: Vec<i64> = received.iter().map(slot).collect();
    assert!(slots.iter().all(|slot| slot % 100 == 0), "{slots:?}");
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
    assert_eq!(
        (received[0].method.as_str(), received[0].path.as_str()),
        ("POST", "/tick")
    );
    assert_eq!(received[0].headers["x-cloudscheduler"], "true");
    assert_eq!(received[0].headers["x-cloudscheduler-jobname"], "ork-tick");
    assert_eq!(received[0].headers["user-agent"], "Google-Cloud-Scheduler");
    until("an answer was noted", || async {
        scheduler.last().filter(|tick| tick.outcome == Ok(200))
    })
    .await;
    scheduler.stop().await;
}

#[tokio::test]
async fn a_failed_tick_is_left_alone_unless_retries_are_asked_for() {
    let receiver = Receiver::answering(&[500, 200]).await;
    let scheduler = Scheduler::start(often(&receiver)).unwrap();
    let received = receiver.until_received(2).await;
    assert!(slot(&received[0]) < slot(&received[1]));
    scheduler.stop().await;

    let receiver = Receiver::answering(&[500, 503, 200]).await;
    let mut options = SchedulerOptions::new(receiver.url("/tick"), Cadence::Minute);
    options.retry = TickRetry {
        count: 3,
        min_backoff: Duration::from_millis(20),
        ..TickRetry::default()
    };
    let scheduler = Scheduler::start(options).unwrap();
    scheduler.run_now();
    let received = receiver.until_received(3).await;
    assert_eq!(slot(&received[0]), slot(&received[1]));
    assert_eq!(slot(&received[0]), slot(&received[2]));
    let last = until("the last attempt was noted", || async {
        scheduler.last().filter(|tick| tick.outcome == Ok(200))
    })
    .await;
    assert_eq!((last.retries, scheduler.posts()), (2, 3));
}

#[tokio::test]
async fn nobody_there_is_noted_and_the_next_tick_comes_all_the_same() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let options = SchedulerOptions::new(
        format!("http://{nobody}/tick"),
        Cadence::Every(Duration::from_millis(50)),
    );
    let scheduler = Scheduler::start(options).unwrap();
    until("two posts failed", || async {
        (scheduler.posts() >= 2).then_some(())
    })
    .await;
    assert!(scheduler.last().unwrap().outcome.is_err());
}

#[tokio::test]
async fn nonsense_is_refused() {
    let minute = |url: &str| Scheduler::start(SchedulerOptions::new(url, Cadence::Minute));
    for url in ["", "tick", "ftp://127.0.0.1/tick", "http://"] {
        assert!(minute(url).is_err(), "{url}");
    }
    let mut options =
        SchedulerOptions::new("http://127.0.0.1:9/tick", Cadence::Every(Duration::ZERO));
    assert!(Scheduler::start(options.clone()).is_err());
    options.cadence = Cadence::Minute;
    options.retry.count = 6;
    assert!(Scheduler::start(options).is_err());
}

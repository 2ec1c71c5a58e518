//! Hints.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_emulators::google::testing::sdk_or_skip;
use ork_emulators::google::{Pubsub, PubsubAdmin, Subscription};
use ork_engine::ports::{Function, Hint, Metering};
use ork_gcp::{Meter, PubsubHints, Topics};

use super::mute;

fn topics() -> Topics {
    Topics {
        dispatch: "projects/p/topics/dispatch".into(),
        poll: "projects/p/topics/poll".into(),
    }
}

fn hint(to: Function, run: &str) -> Hint {
    Hint {
        to,
        run: RunId::new(run).expect("a run id"),
        trace: None,
    }
}

/// Pulls until `wanted` messages came, at most 10 seconds.
async fn pulled(
    admin: &PubsubAdmin,
    subscription: &str,
    wanted: usize,
) -> Vec<BTreeMap<String, String>> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut messages = Vec::new();
    while messages.len() < wanted && Instant::now() < deadline {
        for message in admin.pull(subscription, 1000).await.expect("pulled") {
            assert_eq!(message.data, b"", "a hint has no data");
            messages.push(message.attributes);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    messages
}

#[tokio::test]
async fn a_hint_is_an_empty_message_that_says_who_is_to_look_at_which_run() {
    let Some(sdk) = sdk_or_skip("the hints over Pub/Sub") else {
        return;
    };
    let here = ([127, 0, 0, 1], 0).into();
    let pubsub = Pubsub::start(&sdk, here).await.expect("an emulator");
    let admin = pubsub.admin();
    let subscription = |name: &str| format!("projects/p/subscriptions/{name}");
    for (name, topic) in [("dispatch", topics().dispatch), ("poll", topics().poll)] {
        admin.create_topic(&topic).await.expect("a topic");
        let pull = Subscription::pull(subscription(name), topic);
        admin.create_subscription(&pull).await.expect("one");
    }
    let endpoint = pubsub.address().to_string();
    let meter = Meter::default();
    let hints = PubsubHints::connect(&topics(), Some(&endpoint))
        .await
        .expect("a connection")
        .metered(meter.clone());
    hints
        .hint(&hint(Function::Poll, "slow"))
        .await
        .expect("sent");
    let many: Vec<Hint> = (0..200)
        .map(|n| hint(Function::Dispatch, &format!("r{n}")))
        .collect();
    let began = Instant::now();
    for sent in futures_util::future::join_all(many.iter().map(|hint| hints.hint(hint))).await {
        sent.expect("sent");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "sent together");
    let attributes = |to: &str, run: &str| {
        BTreeMap::from([
            ("to".to_owned(), to.to_owned()),
            ("run".to_owned(), run.to_owned()),
        ])
    };
    assert_eq!(
        pulled(admin, &subscription("poll"), 1).await,
        [attributes("poll", "slow")]
    );
    let mut got = pulled(admin, &subscription("dispatch"), 200).await;
    let mut expected: Vec<_> = many
        .iter()
        .map(|hint| attributes("dispatch", hint.run.as_str()))
        .collect();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
    let counted = meter.take(&RunId::new("slow").expect("a run id"));
    assert_eq!((counted.messages, counted.message_bytes), (1, 1_000));
    admin.delete_topic(&topics().poll).await.expect("deleted");
    let lost = hints.hint(&hint(Function::Poll, "slow")).await;
    let why = lost.expect_err("there is no such topic").to_string();
    assert!(why.contains("poll is to look at run slow"), "{why}");
    pubsub.stop().await;
}

#[tokio::test]
async fn a_dead_or_mute_server_holds_a_hint_for_two_seconds_only() {
    let (_listener, mute) = mute();
    for endpoint in [mute.as_str(), "127.0.0.1:1"] {
        let hints = PubsubHints::connect(&topics(), Some(endpoint))
            .await
            .expect("nothing is asked yet");
        let began = Instant::now();
        let answer = hints.hint(&hint(Function::Dispatch, "r")).await;
        let why = answer.expect_err("nobody took it").to_string();
        assert!(why.contains("run r"), "{why}");
        assert!(
            began.elapsed() < Duration::from_millis(3500),
            "{endpoint} held it for {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_hint_that_nobody_listens_for_is_an_error() {
    let hints = PubsubHints::connect(&topics(), Some("127.0.0.1:1"))
        .await
        .expect("nothing is asked yet");
    let answer = hints.hint(&hint(Function::Monitor, "r")).await;
    let why = answer.expect_err("monitor listens to no hints").to_string();
    assert!(why.contains("monitor"), "{why}");
}

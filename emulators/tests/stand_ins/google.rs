//! Google's own emulators: started, used, wiped, killed.

use std::net::SocketAddr;
use std::time::Duration;

use google_cloud_pubsub::client::Publisher;
use google_cloud_pubsub::model::Message;
use ork_emulators::google::testing::sdk_or_skip;
use ork_emulators::google::{DeadLetter, Firestore, Pubsub, RetryPolicy, Sdk, Subscription};
use serde_json::{Value, json};

use crate::support::{Receiver, anonymous, any_port, until};

/// Creates a document; whether it was new.
async fn create_document(host: SocketAddr, project: &str, id: &str) -> bool {
    let url = format!(
        "http://{host}/v1/projects/{project}/databases/(default)/documents/things?documentId={id}"
    );
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth("owner")
        .json(&json!({"fields": {}}));
    request.send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn firestore_starts_keeps_projects_apart_and_frees_its_port() {
    let Some(sdk) = sdk_or_skip("firestore_starts_keeps_projects_apart_and_frees_its_port") else {
        return;
    };
    let firestore = Firestore::start(&sdk, any_port()).await.unwrap();
    let host = firestore.address();
    for project in ["one", "two"] {
        assert!(create_document(host, project, "x").await);
        assert!(
            !create_document(host, project, "x").await,
            "it is there already"
        );
    }
    firestore.wipe("one", "(default)").await.unwrap();
    assert!(create_document(host, "one", "x").await, "it was wiped");
    assert!(!create_document(host, "two", "x").await, "it was not");
    let taken = Firestore::start(&sdk, host).await.unwrap_err().to_string();
    assert!(
        taken.contains(&format!("port {} on 127.0.0.1 is taken", host.port())),
        "{taken}"
    );
    firestore.stop().await;
    std::net::TcpListener::bind(host).expect("the port is free again");
}

#[tokio::test]
async fn an_emulator_that_does_not_start_shows_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let jar = folder
        .path()
        .join("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar");
    std::fs::create_dir_all(jar.parent().unwrap()).unwrap();
    std::fs::write(&jar, "no jar").unwrap();
    let Some(_) = sdk_or_skip("an_emulator_that_does_not_start_shows_what_it_said") else {
        return;
    };
    let sdk = Sdk::find_any(Some(folder.path())).unwrap();
    let error = Firestore::start(&sdk, any_port())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the Firestore emulator ended at once") && error.contains("CloudFirestore"),
        "{error}"
    );
    let error = Pubsub::start(&sdk, any_port())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gcloud components install pubsub-emulator"),
        "{error}"
    );
}

#[tokio::test]
async fn pubsub_pushes_pulls_and_gives_up_as_it_was_told() {
    let Some(sdk) = sdk_or_skip("pubsub_pushes_pulls_and_gives_up_as_it_was_told") else {
        return;
    };
    let pubsub = Pubsub::start(&sdk, any_port()).await.unwrap();
    let admin = pubsub.admin();
    let (topic, dead) = ("projects/p/topics/work", "projects/p/topics/dead");
    let receiver = Receiver::answering(&[200, 500]).await;
    for topic in [topic, dead] {
        admin.create_topic(topic).await.unwrap();
        admin
            .create_topic(topic)
            .await
            .expect("a topic that exists is fine");
    }
    let second = Duration::from_secs(1);
    let push = Subscription {
        retry: Some(RetryPolicy {
            min_backoff: second / 10,
            max_backoff: second,
        }),
        dead_letter: Some(DeadLetter {
            topic: dead.to_owned(),
            max_delivery_attempts: 5,
        }),
        ..Subscription::push(
            "projects/p/subscriptions/push",
            topic,
            receiver.url("/push"),
        )
    };
    admin.create_subscription(&push).await.unwrap();
    let buried = Subscription::pull("projects/p/subscriptions/buried", dead);
    admin.create_subscription(&buried).await.unwrap();

    // The first is taken, the second is refused five times and then buried.
    let endpoint = format!("http://{}", pubsub.address());
    let publisher = Publisher::builder(topic)
        .with_endpoint(endpoint)
        .with_credentials(anonymous())
        .build()
        .await
        .unwrap();
    publisher
        .publish(
            Message::new()
                .set_data("good")
                .set_attributes([("to", "dispatch"), ("run", "r1")]),
        )
        .await
        .unwrap();
    let first: Value = serde_json::from_slice(&receiver.until_received(1).await[0].body).unwrap();
    assert_eq!(first["subscription"], "projects/p/subscriptions/push");
    assert_eq!(
        first["message"]["attributes"],
        json!({"to": "dispatch", "run": "r1"})
    );
    admin
        .publish(topic, b"bad", &[("to", "nobody")])
        .await
        .unwrap();
    let message = until("the message is buried", || async {
        admin.pull(&buried.name, 10).await.unwrap().pop()
    })
    .await;
    assert_eq!(
        (message.data.as_slice(), message.attributes["to"].as_str()),
        (&b"bad"[..], "nobody")
    );
    assert_eq!(receiver.received().len(), 6);
    assert!(
        admin.pull(&buried.name, 10).await.unwrap().is_empty(),
        "it was acknowledged"
    );

    // Dropping messages keeps what they go through.
    admin.publish(dead, b"left over", &[]).await.unwrap();
    admin.drop_messages("p").await.unwrap();
    assert_eq!(admin.subscriptions("p").await.unwrap().len(), 2);
    admin.publish(dead, b"afterwards", &[]).await.unwrap();
    let message = until("a message comes", || async {
        admin.pull(&buried.name, 10).await.unwrap().pop()
    })
    .await;
    assert_eq!(message.data, b"afterwards");
    // Replacing a subscription, deleting, wiping.
    admin
        .create_subscription(&buried)
        .await
        .expect("one that exists is replaced");
    admin.delete_subscription(&buried.name).await.unwrap();
    assert!(
        admin
            .delete_subscription(&buried.name)
            .await
            .unwrap_err()
            .to_string()
            .contains("404")
    );
    admin.wipe("p").await.unwrap();
    assert!(
        admin.topics("p").await.unwrap().is_empty()
            && admin.subscriptions("p").await.unwrap().is_empty()
    );
    assert!(
        admin.create_topic("projects/p/topics/t").await.is_err(),
        "an id has three characters at least"
    );
    assert!(
        admin.create_subscription(&push).await.is_err(),
        "its topic is gone"
    );
    pubsub.stop().await;
}

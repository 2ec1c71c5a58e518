//! Notices to webhooks and Slack: with their number, with secrets, and with nothing said of a URL but its host.

use ork_core::definition::{Occasion, Place, Receiver, SecretRef};
use ork_core::ids::RunId;
use ork_core::time::Millis;
use ork_engine::ports::{Letter, NotSent};
use ork_outgoing::{Client, NOTICE, Secrets, Web};
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::{Names, client, local};

const CANARY: &str = "canary-7c1f";

pub(crate) fn letter(to: Receiver) -> Letter {
    let facts = json!({"id": "r.failure.0.1", "on": "failure", "error": "a: it broke"});
    Letter {
        id: "r.failure.0.1".into(),
        on: Occasion::Failure,
        run: RunId::new("r").unwrap(),
        to,
        title: "w failed: run r".into(),
        body: "Error: 1 < 2 & <b> ünlucky".into(),
        facts: facts.as_object().cloned().unwrap(),
    }
}

fn webhook(url: String) -> Letter {
    letter(Receiver::Webhook {
        url: Place::Url(url),
        headers: vec![("X-Team".into(), "data".into())],
        secret_headers: Vec::new(),
    })
}

fn secret(name: &str) -> SecretRef {
    SecretRef { name: name.into() }
}

fn with(values: &[(&str, String)]) -> Client {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    local().with_secrets(Secrets::listed(values.collect()))
}

#[tokio::test]
async fn a_webhook_gets_the_notice_as_json_with_its_number_and_the_headers_that_are_asked_for() {
    let server = Server::start(|_| Reply::text(204, "")).await;
    let letter = letter(Receiver::Webhook {
        url: Place::Url(server.url("/hook?key=1")),
        headers: vec![("X-Team".into(), "data".into())],
        secret_headers: vec![("Authorization".into(), secret("TOKEN"))],
    });
    let web = Web::new(with(&[("TOKEN", format!("Bearer {CANARY}"))]));
    web.send(&letter).await.unwrap();
    let [seen] = server.seen().try_into().expect("one request");
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/hook?key=1"));
    assert_eq!(seen.headers[&NOTICE.to_ascii_lowercase()], "r.failure.0.1");
    assert_eq!(seen.headers["x-team"], "data");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["authorization"], format!("Bearer {CANARY}"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(
        body,
        json!({
            "id": "r.failure.0.1", "on": "failure", "error": "a: it broke",
            "title": "w failed: run r", "body": "Error: 1 < 2 & <b> ünlucky",
        })
    );
}

#[tokio::test]
async fn slack_gets_a_text_at_a_url_that_only_a_secret_knows() {
    let server = Server::start(|_| Reply::text(200, "ok")).await;
    let url = server.url(&format!("/services/{CANARY}"));
    let web = Web::new(with(&[("SLACK_URL", url)]));
    let to = |name: &str| {
        letter(Receiver::Slack {
            url: Place::Secret(secret(name)),
        })
    };
    web.send(&to("SLACK_URL")).await.unwrap();
    let [seen] = server.seen().try_into().expect("one request");
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(
        body,
        json!({"text": "*w failed: run r*\nError: 1 &lt; 2 &amp; &lt;b&gt; ünlucky"})
    );
    let refused = web.send(&to("OTHER")).await;
    assert!(
        matches!(&refused, Err(NotSent::Never(why)) if why.contains("`OTHER`, wanted for the URL of a notification,") && why.contains("ORK_HTTP_SECRETS")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_not_an_answer_of_200_to_299_is_not_now_and_nothing_is_said_of_the_url_but_its_host()
 {
    for (status, wait) in [
        (503, Some(7_000)),
        (429, Some(7_000)),
        (404, None),
        (401, None),
    ] {
        let server = Server::start(move |seen| {
            let echo = format!("no {} here", seen.path);
            Reply::text(status, echo).header("Retry-After", "7")
        })
        .await;
        let web = Web::new(local());
        let said = web
            .send(&webhook(
                server.url(&format!("/services/{CANARY}?key={CANARY}")),
            ))
            .await;
        let Err(NotSent::NotNow { why, retry_after }) = said else {
            panic!("{status}: {said:?}");
        };
        assert_eq!(retry_after, wait.map(Millis), "{status}");
        let host = format!("http://{}: the answer is {status}", server.address);
        assert!(why.starts_with(&host) && !why.contains(CANARY), "{why}");
    }
    // Nobody is there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let said = Web::new(local())
        .send(&webhook(format!("http://{address}/services/{CANARY}")))
        .await;
    assert!(
        matches!(&said, Err(NotSent::NotNow { why, .. }) if !why.contains(CANARY)),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_is_inside_is_not_told_and_that_is_final() {
    let (strict, _) = client("", Names::default());
    let said = Web::new(strict)
        .send(&webhook(format!("https://127.0.0.1/{CANARY}")))
        .await;
    assert!(
        matches!(&said, Err(NotSent::Never(why)) if why.contains("ORK_OUTGOING_ALLOW") && !why.contains(CANARY)),
        "{said:?}"
    );
}

//! Topics and subscriptions of a Pub/Sub emulator, over its HTTP API.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{client, text_of};

/// A subscription to create. Names are full names: `projects/P/topics/T`, `projects/P/subscriptions/S`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its full name.
    pub name: String,
    /// The full name of the topic.
    pub topic: String,
    /// The URL that messages are posted to; without one, messages wait to be pulled.
    pub push_to: Option<String>,
    /// How long a push may take, or a pulled message may stay unacknowledged, before it is delivered again: 10 to 600 s.
    pub ack_deadline: Duration,
    /// How long to wait before a message is delivered again; without it the emulator waits about a second.
    pub retry: Option<RetryPolicy>,
    /// Where messages go that were delivered in vain too often.
    pub dead_letter: Option<DeadLetter>,
}

/// How long to wait before a message is delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait.
    pub min_backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
}

/// Where messages go that were delivered in vain too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The full name of the topic they go to; it must exist.
    pub topic: String,
    /// How often a message is delivered before that: 5 to 100.
    pub max_delivery_attempts: u32,
}

impl Subscription {
    /// A subscription that is pulled, with an ack deadline of 10 s.
    #[must_use]
    pub fn pull(name: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            topic: topic.into(),
            push_to: None,
            ack_deadline: Duration::from_secs(10),
            retry: None,
            dead_letter: None,
        }
    }

    /// A subscription that posts to `url`, with an ack deadline of 10 s.
    #[must_use]
    pub fn push(name: impl Into<String>, topic: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            push_to: Some(url.into()),
            ..Self::pull(name, topic)
        }
    }

    fn body(&self) -> Value {
        let mut body =
            json!({"topic": self.topic, "ackDeadlineSeconds": self.ack_deadline.as_secs()});
        if let Some(url) = &self.push_to {
            body["pushConfig"] = json!({"pushEndpoint": url});
        }
        if let Some(retry) = &self.retry {
            body["retryPolicy"] = json!({
                "minimumBackoff": format!("{}s", retry.min_backoff.as_secs_f64()),
                "maximumBackoff": format!("{}s", retry.max_backoff.as_secs_f64()),
            });
        }
        if let Some(dead) = &self.dead_letter {
            body["deadLetterPolicy"] = json!({"deadLetterTopic": dead.topic, "maxDeliveryAttempts": dead.max_delivery_attempts});
        }
        body
    }
}

/// A message taken from a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledMessage {
    /// The number Pub/Sub gave it.
    pub id: String,
    /// Its content.
    pub data: Vec<u8>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// Creates and deletes topics and subscriptions of one emulator.
#[derive(Clone, Debug)]
pub struct PubsubAdmin {
    base: String,
    client: reqwest::Client,
}

impl PubsubAdmin {
    /// For the emulator that listens at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            base: format!("http://{address}/v1"),
            client: client(),
        }
    }

    /// Creates a topic; one that exists already is left as it is.
    ///
    /// # Errors
    /// The emulator refuses the name (an id has at least three characters) or does not answer.
    pub async fn create_topic(&self, topic: &str) -> anyhow::Result<()> {
        self.create(topic, &json!({})).await.map(drop)
    }

    /// Creates a subscription. One of that name that exists already is replaced, and its messages are dropped.
    ///
    /// # Errors
    /// The topic does not exist, the emulator refuses a value, or it does not answer.
    pub async fn create_subscription(&self, subscription: &Subscription) -> anyhow::Result<()> {
        let body = subscription.body();
        if !self.create(&subscription.name, &body).await? {
            self.delete(&subscription.name).await?;
            if !self.create(&subscription.name, &body).await? {
                bail!(
                    "{} was created by somebody else at the same time",
                    subscription.name
                );
            }
        }
        Ok(())
    }

    /// Deletes a topic; its subscriptions stay and get no more messages. One that does not exist is an error.
    ///
    /// # Errors
    /// There is no such topic, or the emulator does not answer.
    pub async fn delete_topic(&self, topic: &str) -> anyhow::Result<()> {
        self.delete(topic).await
    }

    /// Deletes a subscription with its messages. One that does not exist is an error.
    ///
    /// # Errors
    /// There is no such subscription, or the emulator does not answer.
    pub async fn delete_subscription(&self, subscription: &str) -> anyhow::Result<()> {
        self.delete(subscription).await
    }

    /// Publishes one message and returns its number.
    ///
    /// # Errors
    /// There is no such topic, or the emulator does not answer.
    pub async fn publish(
        &self,
        topic: &str,
        data: &[u8],
        attributes: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let attributes: BTreeMap<&str, &str> = attributes.iter().copied().collect();
        let body = json!({"messages": [{"data": STANDARD.encode(data), "attributes": attributes}]});
        let answer = self
            .call(Method::POST, &format!("{topic}:publish"), Some(&body))
            .await?;
        answer["messageIds"][0]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| {
                anyhow!("publishing to {topic}: the answer {answer} holds no message id")
            })
    }

    /// Takes up to `limit` messages that wait in a subscription and acknowledges them. Does not wait for any.
    ///
    /// # Errors
    /// There is no such subscription, or the emulator does not answer.
    pub async fn pull(
        &self,
        subscription: &str,
        limit: usize,
    ) -> anyhow::Result<Vec<PulledMessage>> {
        let body = json!({"maxMessages": limit, "returnImmediately": true});
        let answer = self
            .call(Method::POST, &format!("{subscription}:pull"), Some(&body))
            .await?;
        let received = answer["receivedMessages"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if received.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&Value> = received.iter().map(|message| &message["ackId"]).collect();
        self.call(
            Method::POST,
            &format!("{subscription}:acknowledge"),
            Some(&json!({"ackIds": ids})),
        )
        .await?;
        received
            .iter()
            .map(|message| parse(&message["message"]))
            .collect()
    }

    /// The full names of a project's topics.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn topics(&self, project: &str) -> anyhow::Result<Vec<String>> {
        Ok(names(&self.list(project, "topics").await?))
    }

    /// The full names of a project's subscriptions.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn subscriptions(&self, project: &str) -> anyhow::Result<Vec<String>> {
        Ok(names(&self.list(project, "subscriptions").await?))
    }

    /// Drops every message of a project: its subscriptions are deleted and created again as they were.
    ///
    /// # Errors
    /// The emulator does not answer, or somebody changes the subscriptions meanwhile.
    pub async fn drop_messages(&self, project: &str) -> anyhow::Result<()> {
        for subscription in self.list(project, "subscriptions").await? {
            let name = subscription["name"]
                .as_str()
                .context("a subscription without a name")?
                .to_owned();
            self.delete(&name).await?;
            if !self.create(&name, &subscription).await? {
                bail!("{name} was created by somebody else while its messages were dropped");
            }
        }
        Ok(())
    }

    /// Deletes every subscription and topic of a project.
    ///
    /// # Errors
    /// The emulator does not answer, or somebody else deletes them meanwhile.
    pub async fn wipe(&self, project: &str) -> anyhow::Result<()> {
        for name in self.subscriptions(project).await? {
            self.delete(&name).await?;
        }
        for name in self.topics(project).await? {
            self.delete(&name).await?;
        }
        Ok(())
    }

    /// Whether it was created; `false` when it exists.
    async fn create(&self, name: &str, body: &Value) -> anyhow::Result<bool> {
        let request = self.client.put(format!("{}/{name}", self.base)).json(body);
        let response = request
            .send()
            .await
            .with_context(|| format!("creating {name}: no answer"))?;
        match response.status().as_u16() {
            200 => Ok(true),
            409 => Ok(false),
            status => bail!(
                "creating {name}: {status}: {}",
                response.text().await.unwrap_or_default().trim()
            ),
        }
    }

    async fn delete(&self, name: &str) -> anyhow::Result<()> {
        self.call(Method::DELETE, name, None).await.map(drop)
    }

    async fn list(&self, project: &str, kind: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let path = format!("projects/{project}/{kind}?pageSize=100&pageToken={token}");
            let mut answer = self.call(Method::GET, &path, None).await?;
            if let Value::Array(page) = answer[kind].take() {
                all.extend(page);
            }
            match answer["nextPageToken"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return Ok(all),
            }
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let text = text_of(&what, request).await?;
        serde_json::from_str(&text).with_context(|| format!("{what}: the answer is not JSON"))
    }
}

fn names(resources: &[Value]) -> Vec<String> {
    resources
        .iter()
        .filter_map(|resource| resource["name"].as_str().map(str::to_owned))
        .collect()
}

fn parse(message: &Value) -> anyhow::Result<PulledMessage> {
    let data = STANDARD
        .decode(message["data"].as_str().unwrap_or_default())
        .context("the data of a message is not base64")?;
    let attributes = message["attributes"].as_object().into_iter().flatten();
    Ok(PulledMessage {
        id: message["messageId"].as_str().unwrap_or_default().to_owned(),
        data,
        attributes: attributes
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    })
}

//! Notices of runs: over HTTP and by mail as on any machine, and to topics of Pub/Sub.

use std::sync::Arc;

use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::client::BasePublisher;
use ork_core::definition::Receiver;
use ork_core::limits;
use ork_engine::ports::{Letter, NotSent, Notifier};
use ork_outgoing::{Client, Guard, Limits, Mail, SMTP_URL, Web};
use tokio::sync::OnceCell;

use crate::endpoints::{ConnectError, Endpoints};
use crate::meter::{Meter, Usage};
use crate::prices;
use crate::pubsub::publishers;
use crate::retry::{Again, policy};
use crate::trackers::Outgoing;

/// Sends notices. Clones share everything.
#[derive(Debug, Clone)]
pub enum Notices {
    /// To webhooks, Slack, people and topics.
    Services(Arc<Services>),
    /// A client, who leaves that to the functions.
    Nobody,
}

/// One of each.
#[derive(Debug)]
pub struct Services {
    web: Web,
    mail: Option<Mail>,
    /// The Pub/Sub emulator, if it is that.
    endpoint: Option<String>,
    /// Of topics that name no project. Empty: none.
    project: String,
    /// Made for the first notice to a topic: most deployments have none.
    publishers: OnceCell<BasePublisher>,
    meter: Meter,
}

impl Notices {
    /// Makes clients for all receivers; none of them is asked before there is a notice.
    pub fn connect(
        endpoints: &Endpoints,
        outgoing: &Outgoing,
        meter: Meter,
    ) -> Result<Self, ConnectError> {
        let guard = Guard::parse(&outgoing.allow)
            .map_err(|error| ConnectError(format!("{}: {error}", ork_outgoing::ALLOW)))?;
        let client = Client::new(guard, Limits::default())
            .map_err(|error| ConnectError(format!("the client for notices: {error}")))?
            .with_secrets(outgoing.secrets.clone());
        let mail =
            Mail::connect(&outgoing.smtp).map_err(|error| ConnectError(error.to_string()))?;
        Ok(Self::Services(Arc::new(Services {
            web: Web::new(client),
            mail,
            endpoint: endpoints.pubsub.clone(),
            project: outgoing.project.clone(),
            publishers: OnceCell::new(),
            meter,
        })))
    }
}

impl Notifier for Notices {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let Self::Services(services) = self else {
            // What is to be sent is kept in the run, and sent by the functions.
            return Err(NotSent::Elsewhere(
                "a client sends no notices: the functions do",
            ));
        };
        match &letter.to {
            Receiver::Webhook { .. } | Receiver::Slack { .. } => {
                Box::pin(services.web.send(letter)).await
            }
            Receiver::Email(to) => match &services.mail {
                Some(mail) => Box::pin(mail.send(letter, to)).await,
                None => Err(NotSent::Never(format!(
                    "nobody here sends letters: set {SMTP_URL} and {}",
                    ork_outgoing::SMTP_FROM
                ))),
            },
            Receiver::Pubsub(topic) => Box::pin(services.publish(letter, topic)).await,
        }
    }
}

impl Services {
    /// Publishes the notice as JSON, with attributes by which subscriptions may filter and find doubles.
    async fn publish(&self, letter: &Letter, topic: &str) -> Result<(), NotSent> {
        let topic = match topic {
            full if full.contains('/') => full.to_owned(),
            name if self.project.is_empty() => {
                return Err(NotSent::Never(format!(
                    "the topic `{name}` needs a project: write projects/PROJECT/topics/{name}, or set ORK_PROJECT"
                )));
            }
            name => format!("projects/{}/topics/{name}", self.project),
        };
        let sending = async {
            let publishers = self.publishers.get_or_try_init(|| {
                let again =
                    policy(Again::Harmless).with_time_limit(limits::NOTICE_TIMEOUT.to_duration());
                publishers(self.endpoint.as_deref(), again)
            });
            let publishers = publishers.await.map_err(|error| error.to_string())?;
            let workflow = letter.facts.get("workflow");
            let workflow = workflow.and_then(ork_core::Value::as_str);
            let attributes = [
                ("ork-notice", letter.id.as_str()),
                ("on", letter.on.as_str()),
                ("workflow", workflow.unwrap_or_default()),
                ("run", letter.run.as_str()),
            ];
            let data = letter.document().to_string();
            let words = attributes
                .iter()
                .map(|(key, value)| key.len() + value.len());
            let bytes = data.len() + words.sum::<usize>();
            let used = Usage {
                messages: 1,
                message_bytes: prices::billed(bytes as u64),
                ..Usage::default()
            };
            self.meter.count(Some(&letter.run), &used);
            let message = google_cloud_pubsub::model::Message::new()
                .set_attributes(attributes)
                .set_data(data);
            let publisher = publishers.publisher(&topic).build();
            let sent = publisher.publish(message).await;
            sent.map(drop).map_err(|error| error.to_string())
        };
        match tokio::time::timeout(limits::NOTICE_TIMEOUT.to_duration(), sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(NotSent::not_now(format!("{topic}: {why}"))),
            Err(_) => Err(NotSent::not_now(format!(
                "{topic}: Pub/Sub did not take it within {}",
                limits::NOTICE_TIMEOUT
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ork_core::Map;
    use ork_core::definition::Occasion;
    use ork_core::ids::RunId;

    fn letter(to: Receiver) -> Letter {
        Letter {
            id: "r.failure.0.1".into(),
            on: Occasion::Failure,
            run: RunId::new("r").expect("a run id"),
            to,
            title: "w failed".into(),
            body: "Run: r".into(),
            facts: Map::new(),
        }
    }

    #[tokio::test]
    async fn what_is_not_set_up_is_said_and_not_tried_again() {
        let ours = Notices::connect(
            &Endpoints::default(),
            &Outgoing::default(),
            Meter::default(),
        );
        let ours = ours.expect("connected");
        for (to, word) in [
            (Receiver::Pubsub("alerts".into()), "ORK_PROJECT"),
            (
                Receiver::Email(vec!["a@example.com".into()]),
                "ORK_SMTP_URL",
            ),
        ] {
            let said = ours.send(&letter(to)).await;
            assert!(
                matches!(&said, Err(NotSent::Never(why)) if why.contains(word)),
                "{said:?}"
            );
        }
        let said = Notices::Nobody
            .send(&letter(Receiver::Pubsub("alerts".into())))
            .await;
        assert!(matches!(said, Err(NotSent::Elsewhere(_))), "{said:?}");
    }
}

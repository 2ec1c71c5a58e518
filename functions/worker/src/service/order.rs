//! What a message asks for: the position of a spec in a batch object.

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_gcp::worker_services::{BATCH, INDEX, TOPIC};
use ork_host::push::{Broken, Envelope};

/// Which attempt to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) run: RunId,
    pub(super) batch: ObjectName,
    pub(super) index: usize,
    /// The topic that the message came by, if it says so.
    pub(super) topic: Option<String>,
}

impl Order {
    /// The order in an envelope.
    pub(super) fn of(envelope: &Envelope) -> Result<Self, Broken> {
        let attribute = |name: &str| {
            let found = envelope.attributes.get(name).map(String::as_str);
            found.ok_or_else(|| Broken(format!("the message has no attribute `{name}`")))
        };
        let shown = |text: &str| text.chars().take(200).collect::<String>();
        let (batch, index) = (attribute(BATCH)?, attribute(INDEX)?);
        let name = ObjectName::parse(batch);
        let Some(batch @ ObjectName::Batch(run, _)) = &name else {
            return Err(Broken(format!(
                "`{}` is not the name of a batch object",
                shown(batch)
            )));
        };
        match index.parse::<usize>() {
            Ok(at) if at < limits::BATCH_ATTEMPTS => Ok(Self {
                run: run.clone(),
                batch: batch.clone(),
                index: at,
                topic: envelope.attributes.get(TOPIC).cloned(),
            }),
            _ => Err(Broken(format!(
                "`{}` is no position in a batch",
                shown(index)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(attributes: &[(&str, &str)]) -> Result<Order, Broken> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Order::of(&Envelope {
            subscription: "projects/p/subscriptions/s".into(),
            message: "1".into(),
            attributes: attributes.collect(),
            attempt: None,
        })
    }

    #[test]
    fn a_message_names_a_batch_and_a_position() {
        let batch = format!("runs/r/batches/{}.json", "a".repeat(64));
        let found = order(&[("batch", &batch), ("index", "7")]).expect("an order");
        assert_eq!((found.run.as_str(), found.index), ("r", 7));
        assert_eq!(found.batch.to_string(), batch);
        assert_eq!(found.topic, None, "an older dispatch does not say");
        for (attributes, word) in [
            (vec![("index", "7")], "no attribute `batch`"),
            (vec![("batch", batch.as_str())], "no attribute `index`"),
            (
                vec![("batch", "runs/r/t/1/claim"), ("index", "7")],
                "not the name",
            ),
            (
                vec![("batch", "../etc/passwd"), ("index", "7")],
                "not the name",
            ),
            (
                vec![("batch", batch.as_str()), ("index", "-1")],
                "no position",
            ),
            (
                vec![("batch", batch.as_str()), ("index", "1000")],
                "no position",
            ),
        ] {
            let broken = order(&attributes).expect_err(word);
            assert!(broken.0.contains(word), "{broken}");
        }
    }
}

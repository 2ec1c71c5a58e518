//! What became of messages: published, certainly not, or nobody knows.

use std::time::Duration;

use futures_util::future::join_all;
use google_cloud_gax::error::Error;
use google_cloud_pubsub::error::PublishError;
use ork_engine::ports::StartError;

use crate::failure::{self, Failure};
use crate::run_jobs::start::permanent;

/// Waits for all of `sending`, together no longer than `limit`. What has no answer by then may be published.
pub(super) async fn all_of<F>(
    sending: Vec<F>,
    limit: Duration,
    failed: impl Fn(&PublishError) -> StartError,
) -> Vec<Result<(), StartError>>
where
    F: Future<Output = Result<String, PublishError>>,
{
    let until = tokio::time::Instant::now() + limit;
    let each = sending.into_iter().map(|one| async {
        match tokio::time::timeout_at(until, one).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(StartError::Ambiguous(format!(
                "Pub/Sub did not answer within {} s",
                limit.as_secs_f64()
            ))),
        }
    });
    join_all(each).await
}

/// What a failed message means.
pub(super) fn not_published(topic: &str, error: &PublishError) -> StartError {
    match error {
        PublishError::Rpc(error) => not_sent(topic, error),
        // It ended with messages in hand, which it may have sent.
        PublishError::Shutdown => {
            StartError::Ambiguous(format!("publishing to {topic} broke off: {error}"))
        }
        _ => StartError::Busy(format!("nothing was published to {topic}: {error}")),
    }
}

fn not_sent(topic: &str, error: &Error) -> StartError {
    match failure::of(error) {
        Failure::NotSent | Failure::Busy => {
            StartError::Busy(format!("Pub/Sub takes nothing for {topic} now: {error}"))
        }
        Failure::Lost => StartError::Ambiguous(format!("publishing to {topic}: {error}")),
        Failure::Missing => permanent(format!(
            "there is no topic {topic}: create it with a push subscription to the worker service, or name another in ORK_WORKER_SERVICES ({error})"
        )),
        Failure::Denied => permanent(format!(
            "no leave to publish to {topic}: give this service's account roles/pubsub.publisher on the topic ({error})"
        )),
        Failure::Refused | Failure::Precondition | Failure::Exists => permanent(format!(
            "Pub/Sub will not take messages for {topic}: {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use google_cloud_gax::error::rpc::{Code, Status};
    use ork_core::run::Category;

    use super::*;

    fn rpc(error: Error) -> StartError {
        not_published("projects/p/topics/t", &PublishError::Rpc(Arc::new(error)))
    }
    fn status(code: Code) -> Error {
        Error::service(Status::default().set_code(code))
    }

    #[test]
    fn what_may_have_been_published_is_never_called_busy() {
        for error in [Error::connect("refused"), status(Code::ResourceExhausted)] {
            let said = rpc(error);
            assert!(matches!(said, StartError::Busy(_)), "{said:?}");
        }
        for error in [
            status(Code::Unavailable),
            status(Code::DeadlineExceeded),
            Error::io("reset"),
            Error::timeout("late"),
        ] {
            let said = rpc(error);
            assert!(matches!(said, StartError::Ambiguous(_)), "{said:?}");
        }
        let said = not_published("t", &PublishError::Shutdown);
        assert!(matches!(said, StartError::Ambiguous(_)), "{said:?}");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (code, words) in [
            (
                Code::NotFound,
                ["no topic projects/p/topics/t", "ORK_WORKER_SERVICES"],
            ),
            (
                Code::PermissionDenied,
                ["projects/p/topics/t", "roles/pubsub.publisher"],
            ),
        ] {
            match rpc(status(code)) {
                StartError::Refused {
                    category: Category::Permanent,
                    message,
                } => {
                    for word in words {
                        assert!(message.contains(word), "{message}");
                    }
                }
                other => panic!("{code:?}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn each_message_has_its_own_answer_and_silence_is_ambiguous() {
        type Answer = std::pin::Pin<Box<dyn Future<Output = Result<String, PublishError>>>>;
        let sending: Vec<Answer> = vec![
            Box::pin(async { Ok("1".to_owned()) }),
            Box::pin(std::future::pending()),
            Box::pin(async { Err(PublishError::Shutdown) }),
        ];
        let answers = all_of(sending, Duration::from_millis(20), |error| {
            not_published("t", error)
        })
        .await;
        assert!(
            matches!(
                &answers[..],
                [Ok(()), Err(StartError::Ambiguous(late)), Err(StartError::Ambiguous(_))] if late.contains("0.02 s")
            ),
            "{answers:?}"
        );
    }
}

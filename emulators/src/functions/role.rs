//! The functions that are started: what they are called and what is sent to them.

use crate::google::{DeadLetter, RetryPolicy, Subscription};
use crate::names::Names;
use std::time::Duration;

/// As a deployment has it: longer than a function works on one request.
const ACK_DEADLINE: Duration = Duration::from_secs(60);
/// A hint that nobody takes is not worth more: the tick finds what is due.
const DELIVERIES: u32 = 20;
/// The longest that Pub/Sub knows: a push to a worker service lasts as long as its task.
const TASK_ACK_DEADLINE: Duration = Duration::from_secs(600);
/// A worker service that is full says no, and is asked again: as often as Pub/Sub knows.
const TASK_DELIVERIES: u32 = 100;
/// Soon, as most tasks of a service are short.
const TASK_BACKOFF: Duration = Duration::from_millis(100);

/// A function that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Tick,
    Dispatch,
    Monitor,
    Poll,
    WorkerService,
    Api,
}

impl Role {
    pub(super) const ALL: [Self; 6] = [
        Self::Tick,
        Self::Dispatch,
        Self::Monitor,
        Self::Poll,
        Self::WorkerService,
        Self::Api,
    ];

    /// The argument of the program.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Dispatch => "dispatch",
            Self::Monitor => "monitor",
            Self::Poll => "poll",
            Self::WorkerService => "worker-service",
            Self::Api => "api",
        }
    }

    /// The full name of the subscription whose messages it takes. That of the tick and of the API has none behind it.
    pub(super) fn subscription(self, project: &str) -> String {
        format!("projects/{project}/subscriptions/ork-{}", self.name())
    }

    fn topic(self, names: &Names) -> Option<&str> {
        match self {
            Self::Tick | Self::Api => None,
            Self::Dispatch => Some(&names.topic_dispatch),
            Self::Monitor => Some(&names.topic_objects),
            Self::Poll => Some(&names.topic_poll),
            Self::WorkerService => Some(&names.topic_worker_service),
        }
    }

    /// What pushes messages to it at `push_to`, if anything does.
    pub(super) fn pushes(
        self,
        project: &str,
        names: &Names,
        push_to: String,
    ) -> Option<Subscription> {
        let topic = self.topic(names)?;
        let (ack_deadline, min_backoff, max_delivery_attempts) = match self {
            Self::WorkerService => (TASK_ACK_DEADLINE, TASK_BACKOFF, TASK_DELIVERIES),
            _ => (ACK_DEADLINE, Duration::from_secs(1), DELIVERIES),
        };
        Some(Subscription {
            ack_deadline,
            retry: Some(RetryPolicy {
                min_backoff,
                max_backoff: Duration::from_secs(60),
            }),
            dead_letter: Some(DeadLetter {
                topic: names.topic_dead_letters.clone(),
                max_delivery_attempts,
            }),
            ..Subscription::push(self.subscription(project), topic, push_to)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_its_topic_and_those_that_are_called_have_none() {
        let names = Names::of("prj", "local");
        let topic = |role: Role| {
            let pushes = role.pushes("prj", &names, "http://127.0.0.1:1/push".to_owned())?;
            assert_eq!(pushes.name, role.subscription("prj"));
            assert!(pushes.dead_letter.is_some(), "{pushes:?}");
            let long = pushes.ack_deadline == Duration::from_secs(600);
            assert_eq!(long, role == Role::WorkerService, "{pushes:?}");
            Some(pushes.topic)
        };
        assert_eq!((topic(Role::Tick), topic(Role::Api)), (None, None));
        assert_eq!(topic(Role::Dispatch), Some(names.topic_dispatch.clone()));
        assert_eq!(topic(Role::Monitor), Some(names.topic_objects.clone()));
        assert_eq!(topic(Role::Poll), Some(names.topic_poll.clone()));
        let service = Some(names.topic_worker_service.clone());
        assert_eq!(topic(Role::WorkerService), service);
        assert_eq!(
            Role::Poll.subscription("prj"),
            "projects/prj/subscriptions/ork-poll"
        );
    }
}

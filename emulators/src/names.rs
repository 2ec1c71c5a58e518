//! What things are called in a project that runs here: the names that a deployment's configuration would give them.

/// The full names of one project's things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The topic of hints to dispatch.
    pub topic_dispatch: String,
    /// The topic of hints to poll.
    pub topic_poll: String,
    /// The topic of the bucket's notifications.
    pub topic_objects: String,
    /// The topic of messages that were delivered in vain.
    pub topic_dead_letters: String,
    /// The topic of what the worker service runs.
    pub topic_worker_service: String,
    /// The Cloud Run job of the workers.
    pub worker_job: String,
    /// The Cloud Tasks queue of wakes.
    pub wake_queue: String,
}

impl Names {
    /// Those of this project and region.
    #[must_use]
    pub fn of(project: &str, region: &str) -> Self {
        let topic = |id: &str| format!("projects/{project}/topics/{id}");
        Self {
            topic_dispatch: topic("ork-dispatch"),
            topic_poll: topic("ork-poll"),
            topic_objects: topic("ork-objects"),
            topic_dead_letters: topic("ork-dead-letters"),
            topic_worker_service: topic("ork-worker-service"),
            worker_job: format!("projects/{project}/locations/{region}/jobs/ork-worker"),
            wake_queue: format!("projects/{project}/locations/{region}/queues/ork-wake"),
        }
    }

    pub(crate) fn topics(&self) -> [&String; 5] {
        [
            &self.topic_dispatch,
            &self.topic_poll,
            &self.topic_objects,
            &self.topic_dead_letters,
            &self.topic_worker_service,
        ]
    }
}

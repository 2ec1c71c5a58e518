//! What became of an execution, and its cancelling.

use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_run_v2::model::condition::{ExecutionReason, Reasons, State};
use google_cloud_run_v2::model::{Condition, Execution as Known};

use super::RunJobs;
use crate::failure::{self, Failure};
use crate::retry::{Again, policy};

/// An execution as the service sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// `projects/P/locations/R/jobs/J/executions/E`.
    pub name: String,
    /// Where it stands.
    pub state: ExecutionState,
    /// How many tasks it has.
    pub tasks: u32,
    /// How many run now.
    pub running: u32,
    /// How many ended well.
    pub succeeded: u32,
    /// How many did not.
    pub failed: u32,
    /// How many were cancelled.
    pub cancelled: u32,
}

/// Where an execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionState {
    /// Not over.
    Running,
    /// All its tasks ended well.
    Succeeded,
    /// Not all did; what the service says of it.
    Failed(String),
    /// Somebody cancelled it.
    Cancelled,
}

/// An execution that could not be asked about or cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionError {
    /// Ask again.
    #[error("cannot reach Cloud Run about {0}")]
    Unavailable(String),
    /// Asking again will not help.
    #[error("{0}")]
    Refused(String),
}

impl RunJobs {
    /// How the execution `projects/P/locations/R/jobs/J/executions/E` stands; `None` when there is none (the service forgets old ones).
    pub async fn describe(&self, execution: &str) -> Result<Option<Execution>, ExecutionError> {
        let call = self
            .executions
            .get_execution()
            .set_name(execution)
            .with_attempt_timeout(self.accept)
            .with_retry_policy(policy(Again::Harmless))
            .send();
        match call.await {
            Ok(known) => Ok(Some(described(&known))),
            Err(error) if failure::of(&error) == Failure::Missing => Ok(None),
            Err(error) => Err(failed(execution, &error)),
        }
    }

    /// Asks for the execution to be stopped; fine when it is over or unknown.
    pub async fn cancel(&self, execution: &str) -> Result<(), ExecutionError> {
        let call = self
            .executions
            .cancel_execution()
            .set_name(execution)
            .with_idempotency(true)
            .with_attempt_timeout(self.accept)
            .with_retry_policy(policy(Again::Harmless))
            .send();
        let Err(error) = call.await else {
            return Ok(());
        };
        match failure::of(&error) {
            Failure::Missing => Ok(()),
            // Perhaps because it is over.
            Failure::Refused | Failure::Precondition | Failure::Exists
                if self
                    .describe(execution)
                    .await?
                    .is_none_or(|known| known.state != ExecutionState::Running) =>
            {
                Ok(())
            }
            _ => Err(failed(execution, &error)),
        }
    }
}

fn failed(execution: &str, error: &google_cloud_gax::error::Error) -> ExecutionError {
    match failure::of(error) {
        Failure::NotSent | Failure::Busy | Failure::Lost => {
            ExecutionError::Unavailable(format!("{execution}: {error}"))
        }
        Failure::Denied => ExecutionError::Refused(format!(
            "no leave to see or cancel {execution}: give this service's account roles/run.viewer and \
             roles/run.jobsExecutorWithOverrides on the job ({error})"
        )),
        _ => ExecutionError::Refused(format!("{execution}: {error}")),
    }
}

fn described(known: &Known) -> Execution {
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    Execution {
        name: known.name.clone(),
        state: state(known),
        tasks: count(known.task_count),
        running: count(known.running_count),
        succeeded: count(known.succeeded_count),
        failed: count(known.failed_count),
        cancelled: count(known.cancelled_count),
    }
}

fn state(known: &Known) -> ExecutionState {
    let Some(end) = known
        .conditions
        .iter()
        .find(|condition| condition.r#type == "Completed")
    else {
        return ExecutionState::Running;
    };
    match end.state {
        State::ConditionSucceeded => ExecutionState::Succeeded,
        State::ConditionFailed if is_cancelled(end) => ExecutionState::Cancelled,
        State::ConditionFailed => ExecutionState::Failed(end.message.clone()),
        _ => ExecutionState::Running,
    }
}

fn is_cancelled(end: &Condition) -> bool {
    matches!(
        end.reasons,
        Some(Reasons::ExecutionReason(
            ExecutionReason::Cancelled | ExecutionReason::Deleted
        ))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(state: State, reason: Option<ExecutionReason>) -> ExecutionState {
        let mut end = Condition::new()
            .set_type("Completed")
            .set_state(state)
            .set_message("said so");
        if let Some(reason) = reason {
            end = end.set_execution_reason(reason);
        }
        let other = Condition::new()
            .set_type("ContainerReady")
            .set_state(State::ConditionSucceeded);
        described(&Known::new().set_conditions([other, end])).state
    }

    #[test]
    fn an_execution_is_over_when_its_condition_completed_says_so() {
        assert_eq!(described(&Known::new()).state, ExecutionState::Running);
        for (state, reason, expected) in [
            (State::ConditionPending, None, ExecutionState::Running),
            (State::ConditionReconciling, None, ExecutionState::Running),
            (State::ConditionSucceeded, None, ExecutionState::Succeeded),
            (
                State::ConditionFailed,
                Some(ExecutionReason::NonZeroExitCode),
                ExecutionState::Failed("said so".into()),
            ),
            (
                State::ConditionFailed,
                Some(ExecutionReason::Cancelled),
                ExecutionState::Cancelled,
            ),
            (
                State::ConditionReconciling,
                Some(ExecutionReason::Cancelling),
                ExecutionState::Running,
            ),
        ] {
            assert_eq!(ended(state.clone(), reason), expected, "{state:?}");
        }
    }
}

//! The calls of the API.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Inner;
use super::deliver::deliver;
use super::retry::Retry;
use super::state::Queue;
use super::task::Task;
use crate::http::{ApiError, Code};

/// How many resources a page has when nothing is said, and at most.
const PAGE_MAX: usize = 1_000;

type Answer = Result<Value, ApiError>;

fn no_queue(queue: &str) -> ApiError {
    ApiError::new(Code::NotFound, format!("Queue {queue} does not exist."))
}

fn no_task(task: &str) -> ApiError {
    ApiError::new(Code::NotFound, format!("Task {task} does not exist."))
}

impl Inner {
    pub(super) fn make_queue(&self, name: &str, retry: Retry) -> Result<(), ApiError> {
        let parts: Vec<&str> = name.split('/').collect();
        let id = match parts[..] {
            ["projects", project, "locations", location, "queues", id]
                if !project.is_empty() && !location.is_empty() =>
            {
                id
            }
            _ => {
                let message =
                    format!("`{name}` must be projects/PROJECT/locations/REGION/queues/QUEUE");
                return Err(ApiError::new(Code::InvalidArgument, message));
            }
        };
        let fine = (1..=100).contains(&id.len())
            && id
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '-');
        if !fine {
            let message = format!("queue.name: `{id}` must be 1 to 100 letters, digits and dashes");
            return Err(ApiError::new(Code::InvalidArgument, message));
        }
        let mut state = self.state();
        match state.queues.get_mut(name) {
            Some(queue) => queue.retry = retry,
            None => drop(
                state
                    .queues
                    .insert(name.to_owned(), Queue::new(name, retry)),
            ),
        }
        Ok(())
    }

    pub(super) fn create_queue(&self, location: &str, body: &Value) -> Answer {
        let name = body["name"].as_str().unwrap_or_default();
        if !name.starts_with(&format!("{location}/queues/")) {
            let message = format!("queue.name: `{name}` is no queue of {location}");
            return Err(ApiError::new(Code::InvalidArgument, message));
        }
        if self.state().queues.contains_key(name) {
            return Err(ApiError::new(
                Code::AlreadyExists,
                format!("Queue {name} already exists."),
            ));
        }
        self.make_queue(name, self.retry.with(&body["retryConfig"])?)?;
        self.get_queue(name)
    }

    pub(super) fn get_queue(&self, name: &str) -> Answer {
        self.state()
            .queues
            .get(name)
            .map(Queue::resource)
            .ok_or_else(|| no_queue(name))
    }

    pub(super) fn list_queues(&self, location: &str) -> Answer {
        let prefix = format!("{location}/queues/");
        let state = self.state();
        let queues = state
            .queues
            .values()
            .filter(|queue| queue.name.starts_with(&prefix));
        Ok(json!({"queues": queues.map(Queue::resource).collect::<Vec<_>>()}))
    }

    pub(super) fn delete_queue(&self, name: &str) -> Answer {
        self.purge(name)?;
        self.state().queues.remove(name);
        Ok(json!({}))
    }

    pub(super) fn purge(&self, name: &str) -> Answer {
        let now = Timestamp::now();
        let mut state = self.state();
        state
            .queues
            .get_mut(name)
            .ok_or_else(|| no_queue(name))?
            .purged = Some(now);
        for task in state.names_of(name) {
            state.remove(&task, now, self.name_kept);
        }
        Ok(state.queues[name].resource())
    }

    pub(super) fn set_paused(&self, name: &str, paused: bool) -> Answer {
        let state = self.state();
        let queue = state.queues.get(name).ok_or_else(|| no_queue(name))?;
        queue.paused.send_replace(paused);
        Ok(queue.resource())
    }

    pub(super) fn create_task(self: &Arc<Self>, queue: &str, body: &Value) -> Answer {
        let now = Timestamp::now();
        let mut state = self.state();
        if let Some(status) = state.refusals.pop_front()
            && let Some(error) = ApiError::of_status(status, "The call failed (on demand).")
        {
            return Err(error);
        }
        if !state.queues.contains_key(queue) {
            return Err(no_queue(queue));
        }
        let mut task = Task::read(queue, &body["task"], now, || {
            RandomState::new().hash_one(0).to_string()
        })?;
        if state.is_used(&task.name, now, self.name_kept) {
            let message = format!("Task {} exists or existed recently.", task.name);
            return Err(ApiError::new(Code::AlreadyExists, message));
        }
        let driver = tokio::spawn(deliver(
            self.clone(),
            queue.to_owned(),
            task.name.clone(),
            task.run_now.clone(),
        ));
        task.driver = Some(driver.abort_handle());
        let resource = task.resource(is_full(&body["responseView"]));
        state.tasks.insert(task.name.clone(), task);
        Ok(resource)
    }

    pub(super) fn get_task(&self, name: &str, view: &str) -> Answer {
        let state = self.state();
        let task = state.tasks.get(name).ok_or_else(|| no_task(name))?;
        Ok(task.resource(is_full(&json!(view))))
    }

    pub(super) fn list_tasks(&self, queue: &str, view: &str, size: &str, token: &str) -> Answer {
        let state = self.state();
        if !state.queues.contains_key(queue) {
            return Err(no_queue(queue));
        }
        let size = match size {
            "" | "0" => PAGE_MAX,
            size => size
                .parse::<usize>()
                .map_err(|_| {
                    ApiError::new(
                        Code::InvalidArgument,
                        format!("page_size: `{size}` is no number"),
                    )
                })?
                .min(PAGE_MAX),
        };
        let full = is_full(&json!(view));
        // The token is the last name of the page before: tasks that come and go meanwhile do not shift the pages.
        let mut names = state
            .names_of(queue)
            .into_iter()
            .filter(|name| name.as_str() > token);
        let page: Vec<String> = names.by_ref().take(size).collect();
        let next = match (names.next(), page.last()) {
            (Some(_), Some(last)) => last.clone(),
            _ => String::new(),
        };
        let tasks: Vec<Value> = page
            .iter()
            .map(|name| state.tasks[name].resource(full))
            .collect();
        Ok(json!({"tasks": tasks, "nextPageToken": next}))
    }

    pub(super) fn delete_task(&self, name: &str) -> Answer {
        self.state()
            .remove(name, Timestamp::now(), self.name_kept)
            .map(|_| json!({}))
            .ok_or_else(|| no_task(name))
    }

    pub(super) fn run_task(&self, name: &str, body: &Value) -> Answer {
        let state = self.state();
        let task = state.tasks.get(name).ok_or_else(|| no_task(name))?;
        task.run_now.notify_one();
        Ok(task.resource(is_full(&body["responseView"])))
    }
}

/// Whether the body is asked for as well: by name or by number.
fn is_full(view: &Value) -> bool {
    matches!(view.as_str(), Some("FULL" | "2")) || view.as_u64() == Some(2)
}

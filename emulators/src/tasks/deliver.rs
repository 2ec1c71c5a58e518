//! Brings one task to where it is to go.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::task::{Attempt, Request};
use super::{Delivery, Inner};

/// What the next attempt needs to know.
struct Next {
    request: Request,
    deadline: Duration,
    scheduled: Timestamp,
    earlier: u32,
    answers: u32,
    previous: Option<u16>,
}

/// Waits for the task's time, delivers it, and tries again until it is taken or out of attempts.
pub(super) async fn deliver(inner: Arc<Inner>, queue: String, task: String, run_now: Arc<Notify>) {
    loop {
        let Some(scheduled) = inner.state().tasks.get(&task).map(|task| task.schedule) else {
            return;
        };
        let wait =
            Duration::try_from(scheduled.duration_since(Timestamp::now())).unwrap_or_default();
        let at_its_time = async {
            tokio::time::sleep(wait).await;
            inner.until_it_runs(&queue).await;
        };
        tokio::select! {
            () = at_its_time => {}
            () = run_now.notified() => {}
        }
        let Ok(_permit) = inner.permits.acquire().await else {
            return;
        };
        let Some(next) = inner.begin(&task) else {
            return;
        };
        let status = send(&inner, &queue, &task, &next).await;
        if !inner.end(&queue, &task, &next, status) {
            return;
        }
    }
}

/// The status of the answer; `None` when there was none in time.
async fn send(inner: &Inner, queue: &str, task: &str, next: &Next) -> Option<u16> {
    let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let request = &next.request;
    let mut builder = inner
        .client
        .request(request.method.clone(), &request.url)
        .timeout(next.deadline);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let named = |name: &str| {
        request
            .headers
            .keys()
            .any(|header| header.eq_ignore_ascii_case(name))
    };
    if !request.body.is_empty() && !named("content-type") {
        builder = builder.header("content-type", "application/octet-stream");
    }
    if !named("user-agent") {
        builder = builder.header("user-agent", "Google-Cloud-Tasks");
    }
    let eta = next.scheduled.as_microsecond();
    builder = builder
        .header("x-cloudtasks-queuename", short(queue))
        .header("x-cloudtasks-taskname", short(task))
        .header("x-cloudtasks-taskretrycount", next.earlier)
        .header("x-cloudtasks-taskexecutioncount", next.answers)
        .header(
            "x-cloudtasks-tasketa",
            format!("{}.{:06}", eta / 1_000_000, eta % 1_000_000),
        );
    if let Some(previous) = next.previous {
        builder = builder.header("x-cloudtasks-taskpreviousresponse", previous);
    }
    let response = builder.body(request.body.clone()).send().await.ok()?;
    Some(response.status().as_u16())
}

impl Inner {
    /// Resolves when the queue is not paused. A queue that is gone never lets a task through; deleting it ended this task.
    async fn until_it_runs(&self, queue: &str) {
        let paused = self
            .state()
            .queues
            .get(queue)
            .map(|queue| queue.paused.subscribe());
        let runs = match paused {
            Some(mut paused) => paused.wait_for(|paused| !paused).await.is_ok(),
            None => false,
        };
        if !runs {
            std::future::pending::<()>().await;
        }
    }

    fn begin(&self, task: &str) -> Option<Next> {
        let mut state = self.state();
        let task = state.tasks.get_mut(task)?;
        let next = Next {
            request: task.request.clone(),
            deadline: task.deadline,
            scheduled: task.schedule,
            earlier: task.dispatches,
            answers: task.responses,
            previous: task
                .last
                .and_then(|last| last.answered)
                .map(|(_, status)| status),
        };
        let attempt = Attempt {
            scheduled: task.schedule,
            dispatched: Timestamp::now(),
            answered: None,
        };
        task.dispatches += 1;
        task.in_flight = true;
        task.first.get_or_insert(attempt);
        task.last = Some(attempt);
        Some(next)
    }

    /// Notes how an attempt ended. `true` when there will be another.
    fn end(&self, queue: &str, name: &str, next: &Next, status: Option<u16>) -> bool {
        let now = Timestamp::now();
        let mut state = self.state();
        state.note(Delivery {
            task: name.to_owned(),
            url: next.request.url.clone(),
            scheduled: next.scheduled,
            at: now,
            retry_count: next.earlier,
            status,
            oidc_token: next.request.oidc_token.clone(),
        });
        let retry = state.queues.get(queue).map(|queue| queue.retry);
        let Some(task) = state.tasks.get_mut(name) else {
            return false;
        };
        task.in_flight = false;
        if let (Some(status), Some(last)) = (status, &mut task.last) {
            task.responses += 1;
            last.answered = Some((now, status));
        }
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        let wait = retry
            .filter(|_| !taken)
            .and_then(|retry| retry.wait_after(task.dispatches));
        match wait.and_then(|wait| SignedDuration::try_from(wait).ok()) {
            Some(wait) => {
                task.schedule = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                true
            }
            None => {
                // This is the driver itself: it ends by returning, not by being aborted.
                task.driver = None;
                state.remove(name, now, self.name_kept);
                false
            }
        }
    }
}

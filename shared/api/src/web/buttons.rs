//! What can be done to a run as it stands, as buttons.

use ork_core::definition::TaskIndex;
use ork_core::run::{InstanceStatus, RunStatus, TaskOutcome, TaskPhase};
use ork_engine::RunView;

/// A button.
pub(crate) struct Button {
    pub(crate) text: &'static str,
    pub(crate) to: String,
    /// What to ask first, where something is lost by it.
    pub(crate) confirm: Option<String>,
    /// It only leads to a page where more is asked.
    pub(crate) is_link: bool,
    pub(crate) tone: &'static str,
}

impl Button {
    fn plain(text: &'static str, to: String) -> Self {
        Self {
            text,
            to,
            confirm: None,
            is_link: false,
            tone: "",
        }
    }
    fn confirm(mut self, question: String) -> Self {
        self.confirm = Some(question);
        self
    }
    const fn tone(mut self, tone: &'static str) -> Self {
        self.tone = tone;
        self
    }
}

/// What can be done to a run.
pub(crate) fn of_run(view: &RunView) -> Vec<Button> {
    let header = &view.header;
    let to = |what: &str| format!("/runs/{}/{what}", header.id);
    let mut all = Vec::new();
    match header.status {
        RunStatus::Running | RunStatus::Recovering => {
            all.push(Button::plain("Pause", to("pause")));
        }
        RunStatus::Paused => all.push(Button::plain("Resume", to("resume")).tone("strong")),
        RunStatus::Pending | RunStatus::Success | RunStatus::Failed | RunStatus::Cancelled => {}
    }
    if !header.status.is_terminal() {
        let question = format!("Cancel run {}? What is at work is stopped.", header.id);
        all.push(
            Button::plain("Cancel", to("cancel"))
                .confirm(question)
                .tone("danger"),
        );
        return all;
    }
    let unsuccessful = view.state.tasks().iter().any(|task| {
        matches!(
            task.phase,
            TaskPhase::Ended(TaskOutcome::Failed | TaskOutcome::Cancelled)
        )
    });
    if unsuccessful {
        all.push(Button::plain("Retry what failed", to("retry")).tone("strong"));
    }
    if header.recovery_attempts < view.graph.workflow.max_recovery_attempts {
        all.push(Button {
            is_link: true,
            ..Button::plain("Recover…", to("recover"))
        });
    }
    all.push(Button {
        is_link: true,
        ..Button::plain(
            "Run again…",
            format!("/workflows/{}/start?like={}", header.workflow, header.id),
        )
    });
    all
}

/// What can be done to a task of a run.
pub(crate) fn of_task(view: &RunView, at: TaskIndex) -> Vec<Button> {
    let (header, state) = (&view.header, view.state.task(at));
    let name = &view.graph.task(at).name;
    let to = |what: &str| format!("/runs/{}/tasks/{name}/{what}", header.id);
    let mut all = Vec::new();
    let has_ended = matches!(state.phase, TaskPhase::Ended(_));
    if !header.status.is_terminal() && !has_ended {
        all.push(if state.paused {
            Button::plain("Resume task", to("resume")).tone("strong")
        } else {
            Button::plain("Pause task", to("pause"))
        });
    }
    if has_ended && header.status != RunStatus::Pending && header.asks_for(at) {
        let question = format!(
            "Clear {name} and everything after it? Their results are made anew; what is at work there is stopped."
        );
        let clear = Button::plain("Clear and run again", to("retry"));
        all.push(clear.confirm(question));
    }
    let counts = state.counts();
    let at_work = counts.of(InstanceStatus::Dispatched) + counts.of(InstanceStatus::Running) > 0;
    let succeeded = counts.of(InstanceStatus::Success) == counts.total()
        && state.phase == TaskPhase::Ended(TaskOutcome::Success);
    if !at_work && !succeeded && header.status != RunStatus::Pending && header.asks_for(at) {
        all.push(Button {
            is_link: true,
            ..Button::plain("Mark as succeeded…", to("mark-success"))
        });
    }
    let may_recover = header.recovery_attempts < view.graph.workflow.max_recovery_attempts;
    if header.status.is_terminal() && may_recover && header.asks_for(at) {
        let question = format!("Recover the run from {name} on? Earlier results are kept.");
        all.push(Button::plain("Recover from here", to("recover")).confirm(question));
    }
    all
}

/// What a form did, for the page that it leads to.
pub(crate) fn news(done: &str) -> Option<String> {
    let text = match done {
        "cancel" => "The run was cancelled; what was at work is being stopped.",
        "pause" => "The run is paused: nothing new starts until it is resumed.",
        "resume" => "The run goes on.",
        "retry" => "What failed or was cancelled runs again, and everything after it.",
        "recover" => "The run is being recovered.",
        "resend" => "It is tried again to tell whom it could not be told.",
        "start" => "The run was started.",
        "task_pause" => "The task is paused.",
        "task_resume" => "The task goes on.",
        "task_retry" => "The task and everything after it run again.",
        "mark" => "It counts as succeeded; what follows it goes on.",
        "revoke" => "The key lets nobody in any more.",
        "enable" => "Its schedules fire again.",
        "deploy" => "It is stored as the current version; runs that are under way keep theirs.",
        "disable" => "Its schedules are paused.",
        _ => return None,
    };
    Some(text.to_owned())
}

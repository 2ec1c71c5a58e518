//! The tasks of a run as a table.

use askama::Template;
use askama::filters::HtmlSafe;
use ork_core::definition::TaskIndex;
use ork_core::run::{InstanceStatus, TaskProgress};
use ork_core::time::Time;
use ork_engine::RunView;
use ork_engine::report::{self, JobReport};
use ork_engine::why::Explanation;
use serde::Deserialize;

use super::words::{self, Badge, Why, address};

/// Tasks of a page.
const SHOWN: usize = 100;

/// Which tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    #[default]
    All,
    Waiting,
    Working,
    Failed,
    Done,
}

/// A choice of tasks, with how many there are.
pub(crate) struct Choice {
    pub(crate) word: &'static str,
    pub(crate) to: String,
    pub(crate) count: usize,
    pub(crate) is_chosen: bool,
}

impl Sort {
    const ALL: [Self; 5] = [
        Self::All,
        Self::Waiting,
        Self::Working,
        Self::Failed,
        Self::Done,
    ];
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "waiting",
            Self::Working => "working",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
    const fn has(self, status: InstanceStatus) -> bool {
        use InstanceStatus as S;
        match self {
            Self::All => true,
            Self::Waiting => matches!(status, S::Pending | S::Queued | S::Retrying | S::Paused),
            Self::Working => matches!(status, S::Dispatched | S::Running | S::Deferred),
            Self::Failed => matches!(status, S::Failed | S::Cancelled),
            Self::Done => matches!(status, S::Success | S::Skipped),
        }
    }
    /// The choices that have tasks, and the one that was made.
    pub(crate) fn choices(view: &RunView, chosen: Self) -> Vec<Choice> {
        let all = view.state.tasks();
        let choices = Self::ALL.into_iter().map(|sort| Choice {
            word: sort.word(),
            to: address(
                &format!("/runs/{}", view.header.id),
                &[("show", if sort == Self::All { "" } else { sort.word() })],
            ),
            count: all.iter().filter(|task| sort.has(task.status())).count(),
            is_chosen: sort == chosen,
        });
        choices
            .filter(|choice| choice.count > 0 || choice.is_chosen)
            .collect()
    }
}

/// A task of a run.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) badge: Badge,
    pub(crate) executor: String,
    /// For a fan-out: how many of how many have ended, and how many by their state.
    pub(crate) spread: Option<Spread>,
    pub(crate) attempts: u64,
    pub(crate) category: Option<&'static str>,
    pub(crate) error: Option<String>,
    pub(crate) reasons: Vec<Why>,
    pub(crate) took: String,
    pub(crate) estimate: Option<String>,
    pub(crate) is_late: bool,
    pub(crate) jobs: Vec<JobReport>,
}

/// The instances of a fan-out.
pub(crate) struct Spread {
    pub(crate) ended: u32,
    pub(crate) total: u32,
    pub(crate) counts: Vec<(Badge, u32)>,
}

/// A page of the table.
#[derive(Template)]
#[template(path = "parts/tasks.html")]
pub(crate) struct Tasks {
    run: String,
    lines: Vec<Line>,
    first: usize,
    total: usize,
    before: Option<String>,
    after: Option<String>,
}

impl HtmlSafe for Tasks {}

impl Tasks {
    pub(crate) fn of(
        view: &RunView,
        seen: &[TaskProgress],
        why: &Explanation,
        sort: Sort,
        from: u32,
        now: Time,
    ) -> Self {
        let order = view.graph.order().iter().copied();
        let wanted: Vec<TaskIndex> = order
            .filter(|&at| sort.has(view.state.task(at).status()))
            .collect();
        let from = (from as usize).min(wanted.len());
        let to = (from + SHOWN).min(wanted.len());
        let page = |from: usize| {
            let show = if sort == Sort::All { "" } else { sort.word() };
            let from = if from == 0 {
                String::new()
            } else {
                from.to_string()
            };
            let path = format!("/runs/{}", view.header.id);
            address(&path, &[("show", show), ("from", &from)])
        };
        Self {
            run: view.header.id.to_string(),
            lines: wanted[from..to]
                .iter()
                .map(|&at| Line::of(view, at, &seen[at as usize], why, now))
                .collect(),
            first: from + 1,
            total: wanted.len(),
            before: (from > 0).then(|| page(from.saturating_sub(SHOWN))),
            after: (to < wanted.len()).then(|| page(to)),
        }
    }
    fn last(&self) -> usize {
        self.first + self.lines.len() - 1
    }
}

impl Line {
    pub(crate) fn of(
        view: &RunView,
        at: TaskIndex,
        seen: &TaskProgress,
        why: &Explanation,
        now: Time,
    ) -> Self {
        let definition = view.graph.task(at);
        let state = view.state.task(at);
        let reasons = why.tasks.get(&definition.name);
        let failed = || {
            let all = view.state.instances(at).iter();
            all.filter(|one| one.status() != InstanceStatus::Success)
                .find_map(|one| one.failure.as_deref())
        };
        let estimate = seen.estimated_duration;
        // Why it was skipped is no failure.
        let (error, skipped) = match seen.status {
            InstanceStatus::Skipped => (None, seen.error.as_deref()),
            _ => (seen.error.as_deref(), None),
        };
        Self {
            name: definition.name.to_string(),
            badge: Badge::instance(seen.status),
            executor: definition.executor.word().to_owned(),
            spread: definition.fans_out().then(|| Spread {
                ended: state.counts().ended(),
                total: state.counts().total(),
                counts: counts(&seen.counts),
            }),
            attempts: seen.attempts,
            category: error
                .and_then(|_| failed())
                .and_then(|failure| words::category(failure.category)),
            error: error.map(|error| words::cut(error, 300)),
            reasons: reasons
                .into_iter()
                .flatten()
                .map(|one| Why::of(one, now))
                .chain(skipped.map(Why::from))
                .chain(marked(view, at).as_deref().map(Why::from))
                .collect(),
            took: words::span(seen.actual_duration),
            estimate: estimate.map(|estimate| estimate.to_string()),
            is_late: seen
                .actual_duration
                .zip(estimate)
                .is_some_and(|(took, estimate)| took.0 > estimate.0 + estimate.0 / 2),
            jobs: report::jobs(&view.state, at),
        }
    }
}

/// Of what nobody saw succeed it is said.
fn marked(view: &RunView, at: TaskIndex) -> Option<String> {
    let all = view.state.instances(at);
    let marked = all.iter().filter(|one| one.is_marked()).count();
    match (marked, all.len()) {
        (0, _) => None,
        (1, 1) => Some("marked as succeeded".to_owned()),
        (marked, all) => Some(format!("{marked} of {all} instances marked as succeeded")),
    }
}

/// States with how many are in each.
pub(crate) fn counts(all: &[(InstanceStatus, u32)]) -> Vec<(Badge, u32)> {
    let all = all.iter();
    all.map(|&(status, n)| (Badge::instance(status), n))
        .collect()
}

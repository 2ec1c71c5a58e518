//! Who is told of a run, on its page.

use ork_core::run::NoticeState;
use ork_core::time::Time;
use ork_engine::RunView;

use super::words::Moment;

/// A notice on the page of its run.
pub(crate) struct Row {
    pub(crate) to: String,
    pub(crate) notice: String,
    pub(crate) on: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) tries: u32,
    pub(crate) since: Moment,
    pub(crate) next: Option<Moment>,
    pub(crate) why: Option<String>,
    /// Where the form goes that has it sent again, for whoever may.
    pub(crate) resend: Option<String>,
}

/// The notices of a run, the latest first.
pub(crate) fn rows(view: &RunView, now: Time, operates: bool) -> Vec<Row> {
    let header = &view.state.header;
    let known = &view.graph.workflow.notifications;
    let all = header.notices.iter().rev();
    all.map(|one| {
        let to = known.get(one.key.target as usize);
        let (state, tone, since, next) = match one.state {
            NoticeState::Pending { next_at } => ("pending", "works", one.at, Some(next_at)),
            NoticeState::Sent { sent_at } => ("sent", "good", sent_at, None),
            NoticeState::GaveUp { gave_up_at } => ("given up", "bad", gave_up_at, None),
        };
        let may = operates && one.is_given_up() && !header.removing;
        Row {
            to: to.map_or_else(|| "nobody".to_owned(), |one| one.to.shown()),
            notice: one.key.to_string(),
            on: one.key.on.as_str().replace('_', " "),
            state,
            tone,
            tries: one.attempts,
            since: Moment::of(since, now),
            next: next.map(|at| Moment::of(at, now)),
            why: one.trouble.clone(),
            resend: may.then(|| format!("/runs/{}/resend", header.id)),
        }
    })
    .collect()
}

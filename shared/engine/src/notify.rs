//! Notices: what somebody is told of a run, in words, and having it sent.

use futures_util::{StreamExt, stream};
use ork_core::definition::{Expression, Notification, Occasion};
use ork_core::expr::{self, RunFields, Scope};
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::protect::Protection;
use ork_core::run::{Event, Graph, Header, Notice, NoticeKey, RunStatus, Told};
use ork_core::time::Time;
use ork_core::{Map, Value};
use serde_json::json;

use crate::Engine;
use crate::error::EngineError;
use crate::perform::Answers;
use crate::ports::{Clock, Letter, ListQuery, NotSent, Notifier, Ports, Store};

/// Notices of one run that are sent at the same time.
const AT_ONCE: usize = 8;
/// Runs that are looked at in one go for the one before.
const RUNS_A_PAGE: usize = 50;
/// How often one looks further back at most: for runs that were cancelled or are at work.
const PAGES_LOOKED_THROUGH: usize = 10;

impl<P: Ports> Engine<P> {
    /// Sends notices that a commit handed to this process, as long as nobody else may send them.
    pub(crate) async fn notify(
        &self,
        run: &RunId,
        graph: &Graph,
        notices: &[(NoticeKey, u32)],
        answers: &mut Answers,
    ) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        let now = self.ports.clock().now();
        let leased = self.holds(Protection::NoticeLease);
        let in_time = |until: Time| !leased || now + limits::NOTICE_TIMEOUT <= until;
        let mut letters = Vec::new();
        for &(key, attempt) in notices {
            // Somebody may have sent it since, or have it in hand by now; and it has to be done before the lease is over.
            let ours = loaded.state.notice(key).filter(|notice| {
                notice.attempts == attempt && notice.next_at().is_some_and(in_time)
            });
            if let Some(notice) = ours {
                let letter = letter(graph, &loaded.state.header, notice);
                letters.push((key, attempt, letter));
            }
        }
        self.memory.put_back(run, loaded);
        let sending = letters
            .into_iter()
            .map(|(key, attempt, letter)| async move {
                let sent = match letter {
                    Some(letter) => self.ports.notifier().send(&letter).await,
                    None => Err(NotSent::Never(
                        "the workflow has no such notification".to_owned(),
                    )),
                };
                (key, attempt, sent)
            });
        let mut sending = stream::iter(sending).buffered(AT_ONCE);
        while let Some((notice, attempt, sent)) = sending.next().await {
            let told = match sent {
                Ok(()) => Told::Received,
                Err(NotSent::NotNow { why, retry_after }) => Told::NotNow { why, retry_after },
                Err(NotSent::Never(why)) => Told::Never(why),
                Err(NotSent::Elsewhere(_)) => continue,
            };
            answers.push(Event::Notified {
                notice,
                attempt,
                told,
            });
        }
        Ok(())
    }

    /// Whether the run of this workflow before this one failed: the last one made before it that ended well or failed.
    pub(crate) async fn failed_before(&self, header: &Header) -> Result<bool, EngineError> {
        let query = ListQuery::Runs {
            status: None,
            workflow: Some(header.workflow.clone()),
            made_by: Some(header.created_at),
        };
        let mut cursor = None;
        for _ in 0..PAGES_LOOKED_THROUGH {
            let store = self.ports.store();
            let page = store.list(&query, cursor.as_deref(), RUNS_A_PAGE).await?;
            for (key, document) in &page.items {
                let crate::ports::Key::Run(id) = key else {
                    continue;
                };
                let made = document.index.created_at;
                let before = (made, id) < (Some(header.created_at), &header.id);
                match document.index.status {
                    Some(RunStatus::Failed) if before => return Ok(true),
                    Some(RunStatus::Success) if before => return Ok(false),
                    _ => {}
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(false)
    }
}

/// A notice in words; `None` when the workflow does not have its notification.
fn letter(graph: &Graph, header: &Header, notice: &Notice) -> Option<Letter> {
    let notification = graph
        .workflow
        .notifications
        .get(notice.key.target as usize)?;
    let facts = facts(graph, header, notice);
    let (title, body) = words(notification, graph, header, notice, &facts);
    Some(Letter {
        id: notice.key.in_run(&header.id),
        on: notice.key.on,
        run: header.id.clone(),
        to: notification.to.clone(),
        title,
        body,
        facts,
    })
}

/// What a notice says to programs, and what templates see of it.
fn facts(graph: &Graph, header: &Header, notice: &Notice) -> Map {
    let failed = notice.failed.iter();
    let failed: Vec<&str> = failed.map(|&at| graph.task(at).name.as_str()).collect();
    let seconds = |from: Option<Time>| from.map(|from| notice.at.since(from).0 as f64 / 1000.0);
    let late = seconds(Some(header.slot)).filter(|_| notice.key.on == Occasion::LateStart);
    let facts = json!({
        "id": notice.key.in_run(&header.id),
        "on": notice.key.on,
        "at": notice.at.rfc3339(),
        "workflow": header.workflow,
        "version": header.version,
        "run": header.id,
        "slot": header.slot.rfc3339(),
        "status": notice.status.as_str(),
        "error": notice.error,
        "failed_tasks": failed,
        "started_at": header.started_at.map(Time::rfc3339),
        "seconds": seconds(header.started_at),
        "late_seconds": late,
        "recovery_attempts": header.recovery_attempts,
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}

/// Title and text: the workflow's own, or Ork's. A template that cannot be rendered is said in the text, and Ork's words are there instead.
fn words(
    notification: &Notification,
    graph: &Graph,
    header: &Header,
    notice: &Notice,
    facts: &Map,
) -> (String, String) {
    let run = RunFields {
        id: header.id.to_string(),
        slot: Some(header.slot),
        workflow: header.workflow.to_string(),
        version: header.version.to_string(),
        attempt: 1,
        recovery_attempts: header.recovery_attempts,
    };
    let params = Value::Object(header.params.clone());
    let scope = Scope::builder(run, params.into())
        .notice(facts.clone())
        .build();
    let mut wrong = Vec::new();
    let mut own = |what: &str, template: &Option<Expression>| {
        let rendered = expr::render(template.as_ref()?, &scope);
        match rendered {
            Ok(text) => Some(text),
            Err(error) => {
                wrong.push(format!(
                    "(The {what} of this notification could not be rendered: {error})"
                ));
                None
            }
        }
    };
    let title = own("title", &notification.title);
    let body = own("body", &notification.body);
    // A title is one line wherever it is shown, and a header of letters.
    let title = title.unwrap_or_else(|| default_title(header, notice));
    let title: Vec<&str> = title.split_whitespace().collect();
    let mut body = body.unwrap_or_else(|| default_body(graph, header, notice));
    for line in wrong {
        body.push_str("\n\n");
        body.push_str(&line);
    }
    (
        cut(title.join(" "), limits::NOTICE_TITLE_BYTES),
        cut(body, limits::NOTICE_BODY_BYTES),
    )
}

fn default_title(header: &Header, notice: &Notice) -> String {
    let (workflow, run) = (&header.workflow, &header.id);
    match notice.key.on {
        Occasion::Failure => format!("{workflow} failed: run {run}"),
        Occasion::Success => format!("{workflow} succeeded: run {run}"),
        Occasion::Recovery => format!("{workflow} works again: run {run}"),
        Occasion::Deadline => format!("{workflow} missed its deadline: run {run}"),
        Occasion::LateStart => format!("{workflow} started late: run {run}"),
    }
}

fn default_body(graph: &Graph, header: &Header, notice: &Notice) -> String {
    let mut lines = vec![
        format!("Workflow: {}", header.workflow),
        format!("Run: {}", header.id),
        format!("Slot: {}", header.slot.rfc3339()),
    ];
    match (notice.key.on, header.started_at) {
        (Occasion::LateStart, _) => {
            let late = notice.at.since(header.slot);
            lines.push(format!(
                "Started: {}, {late} after its slot",
                notice.at.rfc3339()
            ));
        }
        (_, Some(started)) => {
            let took = notice.at.since(started);
            lines.push(format!("Ended: {}, after {took}", notice.at.rfc3339()));
        }
        (_, None) => lines.push(format!("Ended: {}", notice.at.rfc3339())),
    }
    if !notice.failed.is_empty() {
        let names = notice.failed.iter();
        let names: Vec<&str> = names.map(|&at| graph.task(at).name.as_str()).collect();
        let more = match names.len() {
            limits::NOTICE_TASKS => ", …",
            _ => "",
        };
        lines.push(format!("Failed: {}{more}", names.join(", ")));
    }
    if let Some(error) = &notice.error {
        lines.push(format!("Error: {error}"));
    }
    lines.join("\n")
}

/// At most `limit` bytes, ending where a character ends.
fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - "…".len()));
        text.push('…');
    }
    text
}

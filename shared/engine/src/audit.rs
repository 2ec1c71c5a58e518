//! Who changed what: records that are only ever added.
//!
//! A record is a write of the very commit that makes the change, so there is neither a change without its record nor a record of what did
//! not happen. What is no commit of the store (an upload into the bucket) is recorded before it is tried, as begun, and again when it
//! is known what came of it.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::definition::TaskIndex;
use ork_core::ids::{RecordId, RunId, WorkflowName};
use ork_core::run::{Command, Graph, Header, RecoverFrom};
use ork_core::task::Output;
use ork_core::time::Time;
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::access::{Act, Actor};
use crate::documents::{decode, encode};
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{
    Clock, Index, Key, ListQuery, Ports, Precondition, Store, StoreErrorKind, Write,
};

/// The format of a record.
const FORMAT: u32 = 1;
/// Records read for one page of a listing with a filter; a page may then have fewer items than were asked for, and a cursor.
const LOOKED_AT: usize = 2_000;
/// Bytes of a value that is told whole.
const SHORT: usize = 64;
/// Values that are told of one thing.
const VALUES: usize = 32;

/// What else there is to say about a change: short values by name.
pub type AuditDetail = BTreeMap<String, Value>;

/// What was changed, as far as it has a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditTarget {
    /// The workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub workflow: Option<WorkflowName>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub run: Option<RunId>,
    /// The task of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub key: Option<RecordId>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was about to be tried; another record tells how it went. Without one nobody knows.
    Begun,
    /// It was tried and failed.
    Failed,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditRecord {
    /// Encoding version.
    pub format: u32,
    /// Its id; later ones sort first.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: RecordId,
    /// When.
    #[serde(with = "instant")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Time,
    /// Who.
    pub actor: Actor,
    /// What was done, such as `run.cancel`.
    pub action: String,
    /// To what.
    pub target: AuditTarget,
    /// What came of it.
    pub result: AuditResult,
    /// What else there is to say, in short values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub detail: AuditDetail,
    /// The request by which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: BTreeMap<String, Value>,
}

/// Instants as people read them.
mod instant {
    use ork_core::time::Time;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&at.rfc3339())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        Time::parse(&text).map_err(D::Error::custom)
    }
}

/// Which records are wanted: those for which everything that is said holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor: `kind:id`, or the id alone.
    pub actor: Option<String>,
    /// This action, or all that begin so: `run` or `run.cancel`.
    pub action: Option<String>,
    /// About this workflow.
    pub workflow: Option<WorkflowName>,
    /// About this run.
    pub run: Option<RunId>,
    /// Not before.
    pub since: Option<Time>,
    /// Before.
    pub until: Option<Time>,
    /// Only about these workflows; all when empty.
    pub within: Vec<WorkflowName>,
}

impl AuditFilter {
    fn wants(&self, one: &AuditRecord) -> bool {
        let by = |wanted: &String| {
            one.actor.id == *wanted || format!("{}:{}", one.actor.kind, one.actor.id) == *wanted
        };
        let does = |wanted: &String| {
            one.action == *wanted
                || one
                    .action
                    .strip_prefix(wanted.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        let workflow = one.target.workflow.as_ref();
        self.actor.as_ref().is_none_or(by)
            && self.action.as_ref().is_none_or(does)
            && (self.workflow.is_none() || self.workflow.as_ref() == workflow)
            && (self.run.is_none() || self.run == one.target.run)
            && self.since.is_none_or(|at| one.at >= at)
            && self.until.is_none_or(|at| one.at < at)
            && (self.within.is_empty() || workflow.is_some_and(|name| self.within.contains(name)))
    }
}

/// A change that is about to be committed: what its record says.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) act: Act,
    pub(crate) action: &'static str,
    pub(crate) target: AuditTarget,
    pub(crate) task: Option<TaskIndex>,
    pub(crate) detail: AuditDetail,
}

impl Deed {
    pub(crate) fn new(act: &Act, action: &'static str) -> Self {
        Self {
            act: act.clone(),
            action,
            target: AuditTarget::default(),
            task: None,
            detail: AuditDetail::new(),
        }
    }
    pub(crate) fn of_workflow(mut self, name: &WorkflowName) -> Self {
        self.target.workflow = Some(name.clone());
        self
    }
    pub(crate) fn of_run(mut self, run: &RunId) -> Self {
        self.target.run = Some(run.clone());
        self
    }
    pub(crate) fn of_key(mut self, key: &RecordId) -> Self {
        self.target.key = Some(key.clone());
        self
    }
    pub(crate) fn saying(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), short(value.into()));
        self
    }

    /// What `command` does to `run`.
    pub(crate) fn of_command(act: &Act, run: &RunId, command: &Command) -> Self {
        let plain = |action| Self::new(act, action).of_run(run);
        let of_task = |action, task: TaskIndex| Self {
            task: Some(task),
            ..Self::new(act, action).of_run(run)
        };
        match command {
            Command::Cancel { reason } => plain("run.cancel").saying("reason", reason.as_str()),
            Command::Pause => plain("run.pause"),
            Command::Resume => plain("run.resume"),
            Command::Retry => plain("run.retry"),
            Command::PauseTask { task } => of_task("task.pause", *task),
            Command::ResumeTask { task } => of_task("task.resume", *task),
            Command::RetryTask { task } => of_task("task.retry", *task),
            Command::MarkSuccess {
                task,
                index,
                output,
            } => {
                let mut deed = of_task("task.mark_success", *task);
                if let Some(index) = index {
                    deed = deed.saying("index", *index);
                }
                match output {
                    Output::Inline(text) if !output.is_null() => {
                        deed.saying("output", serde_json::from_str(text).unwrap_or(Value::Null))
                    }
                    _ => deed,
                }
            }
            Command::Resend { notice } => {
                let deed = plain("run.resend");
                match notice {
                    Some(notice) => deed.saying("notice", notice.to_string()),
                    None => deed.saying("notice", "all that were given up"),
                }
            }
            Command::Remove { .. } => plain("run.remove"),
            Command::Recover { from } => {
                let deed = plain("run.recover");
                match from {
                    RecoverFrom::Failed => deed.saying("from", "failed"),
                    RecoverFrom::Step(step) => deed.saying("from_step", *step),
                    RecoverFrom::Task(task) => Self {
                        task: Some(*task),
                        ..deed
                    },
                }
            }
        }
    }

    /// The same about a run that is about to be committed as it is now.
    pub(crate) fn about(&self, header: &Header, graph: &Graph) -> Self {
        let mut deed = self.clone();
        deed.target.workflow = Some(header.workflow.clone());
        deed.target.task = deed.task.map(|task| graph.task(task).name.to_string());
        deed.saying("status", header.status.as_str())
    }
}

/// A value as a record holds it: whole when it is short, else its kind and size.
pub(crate) fn short(value: Value) -> Value {
    let bytes = serde_json::to_string(&value).map_or(usize::MAX, |text| text.len());
    if bytes <= SHORT {
        return value;
    }
    match value {
        Value::String(text) => {
            let start: String = text.chars().take(SHORT / 2).collect();
            format!("{start}… ({} bytes)", text.len()).into()
        }
        Value::Array(list) => format!("a list of {}", list.len()).into(),
        Value::Object(map) => format!("an object of {}", map.len()).into(),
        other => other,
    }
}

/// The params of a run as a record holds them: their names, and the values of those that are short.
pub(crate) fn params(given: &serde_json::Map<String, Value>) -> Value {
    let shown = given.iter().take(VALUES).map(|(name, value)| {
        let text = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
        let value = if text <= SHORT {
            value.clone()
        } else {
            format!("({text} bytes)").into()
        };
        (name.clone(), value)
    });
    Value::Object(shown.collect())
}

impl<P: Ports> Engine<P> {
    /// Later instants sort first, and nobody else draws the same.
    fn audit_id(&self, at: Time) -> RecordId {
        let id = format!("{}-{:016x}", before(at), self.ports.random());
        RecordId::new(&id).expect("hexadecimal digits and a hyphen make a record id")
    }

    /// The write that records a deed, for the commit that does it.
    pub(crate) fn record(&self, deed: &Deed, result: AuditResult) -> Write {
        let at = self.ports.clock().now();
        let record = AuditRecord {
            format: FORMAT,
            id: self.audit_id(at),
            at,
            actor: deed.act.actor.clone(),
            action: deed.action.to_owned(),
            target: deed.target.clone(),
            result,
            detail: deed.detail.clone(),
            request: deed.act.request.clone(),
            extra: BTreeMap::new(),
        };
        Write::Put {
            key: Key::Audit(record.id.clone()),
            precondition: Precondition::Absent,
            body: encode(&record),
            index: Index::default(),
        }
    }

    /// Commits a record alone.
    pub(crate) async fn record_alone(
        &self,
        deed: &Deed,
        result: AuditResult,
    ) -> Result<(), EngineError> {
        for _ in 0..4 {
            // One whose answer was lost may stand already; then it stands twice, and says the same.
            match self
                .ports
                .store()
                .commit(&[self.record(deed, result)])
                .await
            {
                Ok(_) => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            "what was to be changed could not be recorded, so it was not changed",
        ))
    }

    /// Who changed what, newest first; and where to go on.
    ///
    /// With a filter a page may be short or empty and still have a successor: so many records were looked at in vain.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<AuditRecord>, Option<String>), EngineError> {
        let limit = limit.max(1);
        let mut cursor = match (cursor, filter.until) {
            (Some(cursor), _) => {
                let id = RecordId::new(cursor).map_err(|_| {
                    EngineError::new(
                        EngineErrorKind::Store,
                        "the cursor is not one of the audit; take the one that came with the page before",
                    )
                })?;
                Some(Key::Audit(id).to_string())
            }
            // Everything behind this is older than the instant, but for those of the very millisecond.
            (None, Some(until)) => {
                let id = before(until);
                let id = RecordId::new(&id).expect("hexadecimal digits make a record id");
                Some(Key::Audit(id).to_string())
            }
            (None, None) => None,
        };
        let (mut found, mut looked_at) = (Vec::new(), 0);
        loop {
            let wanted = limit.clamp(50, 500);
            let page = self
                .ports
                .store()
                .list(&ListQuery::Audit, cursor.as_deref(), wanted)
                .await?;
            let more = page.cursor.is_some();
            let mut last = None;
            let count = page.items.len();
            for (at, (key, document)) in page.items.into_iter().enumerate() {
                let record: AuditRecord = decode(&key.to_string(), &document.body)?;
                // They only get older from here on.
                if filter.since.is_some_and(|since| record.at < since) {
                    return Ok((found, None));
                }
                last = Some(record.id.clone());
                if filter.wants(&record) {
                    found.push(record);
                }
                if found.len() == limit && (more || at + 1 < count) {
                    return Ok((found, last.map(String::from)));
                }
            }
            looked_at += count;
            let Some(last) = last.filter(|_| more) else {
                return Ok((found, None));
            };
            if looked_at >= LOOKED_AT {
                return Ok((found, Some(last.into())));
            }
            cursor = Some(Key::Audit(last).to_string());
        }
    }
}

/// The beginning of the ids of an instant: it sorts behind those of later ones.
fn before(at: Time) -> String {
    format!("{:016x}", i64::MAX.abs_diff(at.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn later_ids_sort_first() {
        let ids = [
            i64::MAX,
            1_780_000_000_001,
            1_780_000_000_000,
            0,
            -5,
            i64::MIN,
        ]
        .map(|at| before(Time(at)));
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(
            ids.iter()
                .all(|id| RecordId::new(id).is_ok() && id.len() == 16)
        );
    }

    #[test]
    fn only_short_values_are_told() {
        let long = "x".repeat(100);
        assert_eq!(short(json!("monday")), json!("monday"));
        let told = short(json!(long));
        assert!(told.as_str().is_some_and(|text| text.len() < 60), "{told}");
        let given = json!({"day": "monday", "blob": long, "n": 7});
        let told = params(given.as_object().expect("an object"));
        assert_eq!(
            told,
            json!({"day": "monday", "blob": "(102 bytes)", "n": 7})
        );
    }

    #[test]
    fn a_record_keeps_what_a_newer_ork_wrote() {
        let text = json!({
            "format": 1, "id": "7fff-1", "at": "2026-06-01T02:30:00Z",
            "actor": {"kind": "key", "id": "7f3k", "name": "ci"}, "action": "run.cancel",
            "target": {"workflow": "etl", "run": "r1"}, "result": "done", "from": "newer",
        });
        let record: AuditRecord = serde_json::from_value(text.clone()).expect("it is read");
        assert_eq!(serde_json::to_value(&record).expect("written"), text);
        let filter = |actor: &str, action: &str| AuditFilter {
            actor: Some(actor.into()),
            action: Some(action.into()),
            ..AuditFilter::default()
        };
        for (actor, action, wanted) in [
            ("7f3k", "run.cancel", true),
            ("key:7f3k", "run", true),
            ("key:7f3k", "ru", false),
            ("iap:7f3k", "run", false),
            ("7f3k", "run.cancel.now", false),
        ] {
            assert_eq!(
                filter(actor, action).wants(&record),
                wanted,
                "{actor} {action}"
            );
        }
    }
}

//! What a run has cost, as programs read it.

use std::collections::BTreeMap;

use ork_core::usage::Usage;
use serde::{Deserialize, Serialize};

use crate::RunView;

/// What a run has cost, as far as Ork counts it: the compute of its workers is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostReport {
    /// The run.
    pub run_id: String,
    /// What it runs.
    pub workflow: String,
    /// Of when the list prices are, such as `2026-11`; null where runs cost nothing.
    pub prices_of: Option<String>,
    /// What each function used, by its name.
    pub functions: BTreeMap<String, UsageReport>,
    /// What all of them used.
    pub total: UsageReport,
    /// Task instances that were attempted.
    pub task_instances: u64,
    /// The total by these; null where there are none.
    pub dollars_per_task: Option<f64>,
    /// Not counted: always null.
    pub worker_compute: Option<f64>,
}

/// What was used, and what that costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageReport {
    /// At list prices.
    pub dollars: f64,
    /// How much of each kind.
    #[serde(flatten)]
    pub counts: BTreeMap<String, u64>,
}

/// Dollars in a billionth of one.
const NANO: f64 = 1e9;

impl CostReport {
    /// What `view` has used so far; `nanos` prices it in billionths of a dollar.
    pub fn of(view: &RunView, prices_of: &str, nanos: impl Fn(&Usage) -> u64) -> Self {
        let used = &view.header.usage;
        let total = used.total();
        let instances = attempted(view);
        // The parts of a bill come to its total.
        let cost = used.cost(&nanos);
        Self {
            prices_of: Some(prices_of.to_owned()),
            functions: used
                .iter()
                .map(|(function, used)| (function.to_owned(), UsageReport::of(&used, nanos(&used))))
                .collect(),
            total: UsageReport::of(&total, cost),
            dollars_per_task: (instances > 0).then(|| cost as f64 / instances as f64 / NANO),
            ..Self::nothing(view)
        }
    }

    /// Of a run where nothing is counted: the same with nothing used and no prices.
    pub fn nothing(view: &RunView) -> Self {
        Self {
            run_id: view.header.id.to_string(),
            workflow: view.header.workflow.to_string(),
            prices_of: None,
            functions: BTreeMap::new(),
            total: UsageReport::of(&Usage::default(), 0),
            task_instances: attempted(view),
            dollars_per_task: Some(0.0),
            worker_compute: None,
        }
    }
}

impl UsageReport {
    fn of(used: &Usage, nanos: u64) -> Self {
        let counts = used.counts().into_iter();
        Self {
            dollars: nanos as f64 / NANO,
            counts: counts
                .map(|(kind, count)| (kind.to_owned(), count))
                .collect(),
        }
    }

    /// How much of one kind.
    pub fn count(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    /// Whether nothing was counted.
    pub fn is_nothing(&self) -> bool {
        self.counts.values().all(|count| *count == 0)
    }
}

/// Task instances that were attempted.
fn attempted(view: &RunView) -> u64 {
    let tasks = (0..).zip(view.state.tasks());
    let attempted = tasks.map(|(at, _)| {
        let instances = view.state.instances(at).iter();
        instances.filter(|instance| instance.attempt > 0).count() as u64
    });
    attempted.sum()
}

//! What a run in a project has cost, as far as Ork counts it.

use ork_core::Value;
use ork_core::usage::Usage;
use ork_local::RunView;
use serde_json::{Map, json};

use crate::output::{Output, Paint};
use crate::site::Remote;
use crate::table::{Cell, Table};
use crate::workflow_file::count;

/// What is not in it.
const APART: &str =
    "The compute of workers is not in it, nor what is shared by all runs: ticks, storage, logs.";

/// The cost of a run.
pub(crate) struct Cost<'a> {
    remote: &'a Remote,
    view: &'a RunView,
    total: Usage,
    /// Task instances that were attempted.
    instances: u64,
}

/// Of a run in a state folder, for programs: the same as of one in a project, with nothing used and no prices.
pub(crate) fn nothing(view: &RunView) -> Value {
    json!({
        "run_id": view.header.id,
        "workflow": view.header.workflow,
        "prices_of": Value::Null,
        "functions": {},
        "total": entry(&Usage::default(), 0),
        "task_instances": attempted(view),
        "dollars_per_task": 0.0,
        "worker_compute": Value::Null,
    })
}

impl<'a> Cost<'a> {
    /// Of what the run has used so far.
    pub(crate) fn of(remote: &'a Remote, view: &'a RunView) -> Self {
        Self {
            remote,
            view,
            total: view.header.usage.total(),
            instances: attempted(view),
        }
    }

    /// `cost` in the line of a run's status; nothing when nothing was counted.
    pub(crate) fn line(&self) -> Option<String> {
        (!self.total.is_nothing()).then(|| {
            format!(
                "about {} at list prices, worker compute apart (`ork run cost {}`)",
                dollars(self.nanos(&self.total)),
                self.view.header.id
            )
        })
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let header = &self.view.header;
        let functions: Map<String, Value> = header
            .usage
            .iter()
            .map(|(function, used)| (function.to_owned(), self.entry(&used)))
            .collect();
        let total = self.nanos(&self.total);
        json!({
            "run_id": header.id,
            "workflow": header.workflow,
            "prices_of": self.remote.prices_of(),
            "functions": functions,
            "total": self.entry(&self.total),
            "task_instances": self.instances,
            "dollars_per_task": per(total, self.instances).map(|nanos| nanos / 1e9),
            "worker_compute": Value::Null,
        })
    }

    /// For people.
    pub(crate) fn text(&self, out: &Output) -> String {
        let header = &self.view.header;
        let mut text = format!(
            "{} {}\n\n",
            out.data.bold(header.workflow.as_str()),
            header.id
        );
        if self.total.is_nothing() {
            text.push_str("nothing was counted for this run yet\n");
            return text;
        }
        text.push_str(&self.table(out.data));
        let total = self.nanos(&self.total);
        text.push_str(&format!("\n{}", dollars(total)));
        if let Some(each) = per(total, self.instances) {
            let tasks = usize::try_from(self.instances).unwrap_or(usize::MAX);
            text.push_str(&format!(
                " for {}, ${:.7} each",
                count(tasks, "task instance"),
                each / 1e9
            ));
        }
        text.push_str(&format!(
            ", at Google's list prices of {} without any free tier.\n{APART}\n",
            self.remote.prices_of()
        ));
        text
    }

    fn table(&self, paint: Paint) -> String {
        let mut table = Table::new([
            "function",
            "reads",
            "writes",
            "deletes",
            "class A",
            "class B",
            "messages",
            "wakes",
            "job starts",
            "requests",
            "CPU s",
            "cost",
        ]);
        let mut row = |function: &str, used: &Usage| {
            // A column in which nothing was used is left out.
            let number = |n: u64| Cell::right(if n == 0 { String::new() } else { n.to_string() });
            let seconds = match used.cpu_micros {
                0 => String::new(),
                micros => format!("{:.3}", micros as f64 / 1e6),
            };
            table.row([
                Cell::new(function),
                number(used.store_reads),
                number(used.store_writes),
                number(used.store_deletes),
                number(used.class_a),
                number(used.class_b),
                number(used.messages),
                number(used.tasks),
                number(used.job_starts),
                number(used.requests),
                Cell::right(seconds),
                Cell::right(dollars(self.nanos(used))),
            ]);
        };
        for (function, used) in self.view.header.usage.iter() {
            row(function, &used);
        }
        row("all", &self.total);
        table.render(paint)
    }

    fn entry(&self, used: &Usage) -> Value {
        entry(used, self.nanos(used))
    }

    /// Billionths of a dollar.
    fn nanos(&self, used: &Usage) -> u64 {
        self.remote.price(used)
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

/// What was used, and what that costs.
fn entry(used: &Usage, nanos: u64) -> Value {
    let mut entry: Map<String, Value> = used
        .counts()
        .into_iter()
        .map(|(kind, count)| (kind.to_owned(), json!(count)))
        .collect();
    entry.insert("dollars".to_owned(), json!(nanos as f64 / 1e9));
    Value::Object(entry)
}

fn per(nanos: u64, tasks: u64) -> Option<f64> {
    (tasks > 0).then(|| nanos as f64 / tasks as f64)
}

fn dollars(nanos: u64) -> String {
    format!("${:.6}", nanos as f64 / 1e9)
}

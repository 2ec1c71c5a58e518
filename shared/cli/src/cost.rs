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
    /// In billionths of a dollar.
    price: Box<dyn Fn(&Usage) -> u64 + 'a>,
    /// Of when the prices are.
    prices_of: &'static str,
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
        Self::at(remote.prices_of(), |used| remote.price(used), view)
    }

    fn at(prices_of: &'static str, price: impl Fn(&Usage) -> u64 + 'a, view: &'a RunView) -> Self {
        Self {
            price: Box::new(price),
            prices_of,
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
                dollars(self.all()),
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
            .map(|(function, used)| (function.to_owned(), entry(&used, (self.price)(&used))))
            .collect();
        let total = self.all();
        json!({
            "run_id": header.id,
            "workflow": header.workflow,
            "prices_of": self.prices_of,
            "functions": functions,
            "total": entry(&self.total, total),
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
        let total = self.all();
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
            self.prices_of
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
        let mut row = |function: &str, used: &Usage, nanos: u64| {
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
                Cell::right(dollars(nanos)),
            ]);
        };
        for (function, used) in self.view.header.usage.iter() {
            row(function, &used, (self.price)(&used));
        }
        row("all", &self.total, self.all());
        table.render(paint)
    }

    /// What the functions' shares come to, in billionths of a dollar.
    fn all(&self) -> u64 {
        self.view.header.usage.cost(&self.price)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ork_core::run::{ClaimOffer, Event, Graph, Header, Out, RunState};
    use ork_core::time::Time;
    use ork_core::usage::UsageByFunction;

    use super::*;

    /// A run of two tasks, of which one was attempted, with what functions have used for it.
    fn view(usage: &str) -> RunView {
        let text = "name: w\ntasks:\n  a: {command: x}\n  b: {command: x, depends_on: [a]}\n";
        let parsed = ork_core::parse::parse_workflow("w.yaml", text.as_bytes()).expect("right");
        let name = parsed.workflow.name.clone();
        let graph = Graph::new(parsed.workflow);
        let id = "r".parse().expect("a run id");
        let version = ork_core::ids::VersionHash::of(b"w");
        let now = Time(1_780_000_000_000);
        let mut state = RunState::new(&graph, Header::new(id, name, version, now));
        let offer = ClaimOffer {
            places: 1,
            ..ClaimOffer::default()
        };
        for event in [Event::Start, Event::Claim(offer)] {
            let applied = state.apply(&graph, &event, now, &mut Out::default());
            applied.expect("it is no command");
        }
        let usage: UsageByFunction = serde_json::from_str(usage).expect("usage");
        state.header.usage = usage;
        RunView {
            header: state.header.clone(),
            graph: Arc::new(graph),
            state,
        }
    }

    const USED: &str = r#"{
        "dispatch": {"store_writes": 7, "job_starts": 2, "cpu_micros": 1999},
        "monitor": {"messages": 3, "message_bytes": 3000, "cpu_micros": 1999},
        "tick": {"store_reads": 11, "newer_kind": 5}
    }"#;

    /// Rounds down, as a price by the second does.
    fn price(used: &Usage) -> u64 {
        used.store_writes * 900 + used.store_reads * 300 + used.cpu_micros / 1000
    }

    #[test]
    fn the_functions_of_a_run_come_to_its_total() {
        let view = view(USED);
        let cost = Cost::at("2024-01", price, &view);
        let document = cost.json();
        let functions = document["functions"].as_object().expect("functions");
        assert_eq!(functions.len(), 3, "{document:#}");
        let nanos = |entry: &Value| (entry["dollars"].as_f64().expect("a price") * 1e9).round();
        assert_eq!(nanos(&functions["dispatch"]), 6301.0);
        assert_eq!(nanos(&functions["monitor"]), 1.0);
        assert_eq!(nanos(&functions["tick"]), 3300.0);
        let total = &document["total"];
        for (kind, sum) in total.as_object().expect("counts") {
            let parts = functions.values().map(|one| &one[kind]);
            match kind.as_str() {
                "dollars" => assert_eq!(functions.values().map(nanos).sum::<f64>(), nanos(total)),
                _ => assert_eq!(
                    parts.filter_map(Value::as_u64).sum::<u64>(),
                    sum.as_u64().expect("a count"),
                    "{kind}"
                ),
            }
        }
        assert_eq!((&total["cpu_micros"], nanos(total)), (&json!(3998), 9602.0));
        assert_eq!(document["task_instances"], 1, "the other waits");
        assert_eq!(document["dollars_per_task"], total["dollars"]);
        assert_eq!(document["prices_of"], "2024-01");
        // Every key that one of a run in a state folder has.
        let keys = |document: &Value| -> Vec<String> {
            document
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(keys(&document), keys(&nothing(&view)));
        assert_eq!(keys(total), keys(&nothing(&view)["total"]));
    }

    #[test]
    fn the_table_has_a_line_for_each_function_and_says_of_when_the_prices_are() {
        let view = view(USED);
        let cost = Cost::at("2024-01", price, &view);
        let table = cost.table(Paint::none());
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let of = |function: &str| {
            let found = lines.iter().find(|line| line.first() == Some(&function));
            *found.and_then(|line| line.last()).expect("a line of it")
        };
        assert_eq!(of("dispatch"), "$0.000006");
        assert_eq!(of("tick"), "$0.000003");
        assert_eq!(of("all"), "$0.000010");
        assert!(table.contains("0.004"), "seconds of both: {table}");
        let line = cost.line().expect("something was counted");
        assert!(line.starts_with("about $0.000010 at list prices"), "{line}");
    }

    #[test]
    fn nonsense_that_a_run_holds_is_added_up_without_harm() {
        let all = u64::MAX;
        let view = view(&format!(
            r#"{{"a": {{"store_reads": {all}}}, "b": {{"store_reads": {all}}}}}"#
        ));
        let cost = Cost::at("2024-01", |used| used.store_reads, &view);
        assert_eq!(cost.all(), all);
        assert_eq!(cost.json()["total"]["store_reads"], all);
        let idle = self::view("{}");
        assert_eq!(Cost::at("2024-01", price, &idle).line(), None);
    }
}

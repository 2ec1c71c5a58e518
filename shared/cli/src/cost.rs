//! What a run has cost, as far as Ork counts it.

use ork_core::Value;
use ork_engine::report::{CostReport, UsageReport};
use serde_json::json;

use crate::output::{Output, Paint};
use crate::table::{Cell, Table};
use crate::workflow_file::count;

/// What is not in it.
const APART: &str =
    "The compute of workers is not in it, nor what is shared by all runs: ticks, storage, logs.";

/// The cost of a run.
pub(crate) struct Cost(pub(crate) CostReport);

impl Cost {
    /// Whether there are prices where it is.
    pub(crate) const fn is_priced(&self) -> bool {
        self.0.prices_of.is_some()
    }

    /// `cost` in the line of a run's status; nothing when nothing was counted.
    pub(crate) fn line(&self) -> Option<String> {
        (!self.0.total.is_nothing()).then(|| {
            format!(
                "about {} at list prices, worker compute apart (`ork run cost {}`)",
                dollars(self.0.total.dollars),
                self.0.run_id
            )
        })
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!(self.0)
    }

    /// For people.
    pub(crate) fn text(&self, out: &Output) -> String {
        let cost = &self.0;
        let mut text = format!("{} {}\n\n", out.data.bold(&cost.workflow), cost.run_id);
        if cost.total.is_nothing() {
            text.push_str("nothing was counted for this run yet\n");
            return text;
        }
        text.push_str(&self.table(out.data));
        text.push_str(&format!("\n{}", dollars(cost.total.dollars)));
        if let Some(each) = cost.dollars_per_task {
            let tasks = usize::try_from(cost.task_instances).unwrap_or(usize::MAX);
            text.push_str(&format!(
                " for {}, ${each:.7} each",
                count(tasks, "task instance"),
            ));
        }
        text.push_str(&format!(
            ", at Google's list prices of {} without any free tier.\n{APART}\n",
            cost.prices_of.as_deref().unwrap_or_default()
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
        let mut row = |function: &str, used: &UsageReport| {
            // A column in which nothing was used is left out.
            let number = |kind: &str| {
                let n = used.count(kind);
                Cell::right(if n == 0 { String::new() } else { n.to_string() })
            };
            let seconds = match used.count("cpu_micros") {
                0 => String::new(),
                micros => format!("{:.3}", micros as f64 / 1e6),
            };
            table.row([
                Cell::new(function),
                number("store_reads"),
                number("store_writes"),
                number("store_deletes"),
                number("class_a"),
                number("class_b"),
                number("messages"),
                number("tasks"),
                number("job_starts"),
                number("requests"),
                Cell::right(seconds),
                Cell::right(dollars(used.dollars)),
            ]);
        };
        for (function, used) in &self.0.functions {
            row(function, used);
        }
        row("all", &self.0.total);
        table.render(paint)
    }
}

fn dollars(dollars: f64) -> String {
    format!("${dollars:.6}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ork_core::run::{ClaimOffer, Event, Graph, Header, Out, RunState};
    use ork_core::time::Time;
    use ork_core::usage::{Usage, UsageByFunction};
    use ork_local::RunView;

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

    fn at(view: &RunView) -> Cost {
        Cost(CostReport::of(view, "2024-01", price))
    }

    #[test]
    fn the_functions_of_a_run_come_to_its_total() {
        let view = view(USED);
        let cost = at(&view);
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
        assert_eq!(keys(&document), keys(&json!(CostReport::nothing(&view))));
        assert_eq!(
            keys(total),
            keys(&json!(CostReport::nothing(&view))["total"])
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_function_and_says_of_when_the_prices_are() {
        let view = view(USED);
        let cost = at(&view);
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
        let cost = Cost(CostReport::of(&view, "2024-01", |used| used.store_reads));
        assert_eq!(cost.0.total.dollars, all as f64 / 1e9);
        assert_eq!(cost.json()["total"]["store_reads"], all);
        let idle = self::view("{}");
        assert_eq!(at(&idle).line(), None);
    }
}

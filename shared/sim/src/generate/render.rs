//! From plans to the files a user would write. Values are JSON, which is YAML too.

use std::fmt::Write;

use ork_core::Value;
use ork_core::definition::{Catchup, Overlap};
use serde_json::{Map, json};

use super::plan::{Format, Scenario, SchedulePlan, WorkflowExtra, WorkflowPlan};
use super::task_plan::Kind;
use super::task_yaml;

/// The name of the one executor that `ork.yaml` declares.
pub(super) const CUSTOM_EXECUTOR: &str = "spark";

impl Scenario {
    /// All files, with what the simulated worker does as comments.
    pub fn yaml(&self) -> String {
        let mut out = format!(
            "# ork.yaml\n{}",
            lines(&[
                ("pools", json!(self.pools)),
                (
                    "executors",
                    json!({ CUSTOM_EXECUTOR: { "command": ["./spark"] } })
                ),
            ])
        );
        for plan in &self.workflows {
            let file = plan.file_name();
            write!(out, "\n# {file}\n{}", plan.source()).expect("a String takes everything");
            for task in plan.tasks.iter().filter(|task| task.kind != Kind::Marker) {
                writeln!(out, "# {} {}", task.name, task.behaviour)
                    .expect("a String takes everything");
            }
        }
        out
    }
}

impl WorkflowPlan {
    /// What its file is called.
    pub fn file_name(&self) -> String {
        match self.format {
            Format::Yaml => format!("{}.yaml", self.name),
            Format::Fun => format!("{}.workflow", self.name),
        }
    }

    /// What is in its file.
    pub fn source(&self) -> String {
        match self.format {
            Format::Yaml => self.as_yaml(),
            Format::Fun => self.as_fun(),
        }
    }

    fn as_yaml(&self) -> String {
        let mut top = vec![("name", json!(self.name))];
        top.extend(self.extras.iter().map(|extra| match extra {
            WorkflowExtra::Description => ("description", json!("Made by chance.")),
            WorkflowExtra::OnObject => (
                "on",
                json!({ "object": { "bucket": "incoming", "prefix": "in/" } }),
            ),
            WorkflowExtra::OnMessage => ("on", json!([{ "message": { "topic": "orders" } }])),
            WorkflowExtra::Import => ("import", json!([{ "dbt": "./models", "models": ["a.*"] }])),
        }));
        match (&self.schedule, &self.second_schedule) {
            (Some(first), Some(second)) => {
                top.push(("schedule", json!([schedule(first), schedule(second)])));
            }
            (Some(one), None) | (None, Some(one)) => top.push(("schedule", schedule(one))),
            (None, None) => {}
        }
        if let Some(runs) = self.max_active_runs {
            top.push(("max_active_runs", json!(runs)));
        }
        if let Some(minutes) = self.deadline_minutes {
            top.push(("deadline", json!(format!("{minutes}m"))));
        }
        if self.max_recovery_attempts != ork_core::limits::MAX_RECOVERY_ATTEMPTS {
            top.push(("max_recovery_attempts", json!(self.max_recovery_attempts)));
        }
        let notifications = self.notifications();
        if !notifications.is_empty() {
            top.push(("notifications", json!(notifications)));
        }
        if !self.params.is_empty() {
            top.push(("params", self.params_value()));
        }
        if self.aliases {
            top.push(("types", json!({ "Row": { "n": "int", "name": "str" } })));
        }
        let defaults = self.defaults_value();
        if !defaults.is_empty() {
            top.push(("defaults", Value::Object(defaults)));
        }
        let mut out = lines(&top);
        out.push_str("tasks:\n");
        for task in &self.tasks {
            writeln!(out, "  {}:", task.name).expect("a String takes everything");
            for (key, value) in task_yaml::keys(self, task) {
                writeln!(out, "    {key}: {value}").expect("a String takes everything");
            }
        }
        out
    }

    fn params_value(&self) -> Value {
        let entries = self.params.iter().map(|param| {
            let kind = self.param_type(param.kind);
            // An object alone would be read as the long form.
            let mut entry = Map::from_iter([("type".to_owned(), kind.clone())]);
            if !param.required {
                entry.insert("default".to_owned(), param.default_value());
            }
            if param.described {
                entry.insert("description".to_owned(), json!("An input of the run"));
            }
            let short = entry.len() == 1;
            (
                param.name.clone(),
                if short { kind } else { Value::Object(entry) },
            )
        });
        Value::Object(entries.collect())
    }

    fn defaults_value(&self) -> Map<String, Value> {
        let stated = &self.defaults;
        let mut entries = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            entries.extend(value.map(|value| (key.to_owned(), value)));
        };
        put("retries", stated.retries.map(Value::from));
        put("timeout", stated.timeout.map(Value::from));
        put("pool", stated.pool.as_deref().map(Value::from));
        put(
            "trigger",
            stated
                .trigger
                .map(|rule| json!(task_yaml::trigger_word(rule))),
        );
        put("concurrency", stated.concurrency.map(Value::from));
        put("env", stated.env.then(|| json!({ "LEVEL": "info" })));
        entries
    }

    /// The `fun` blocks. Their arguments are called after the tasks they name.
    fn as_fun(&self) -> String {
        let mut out = String::new();
        for task in &self.tasks {
            let arguments: Vec<String> = task
                .depends_on
                .iter()
                .map(|above| format!("from_{above}:{}", self.tasks[*above].name))
                .collect();
            let arguments = arguments.join(", ");
            writeln!(
                out,
                "fun {}({arguments}):\n    print(\"{}\")\n",
                task.name, task.name
            )
            .expect("a String takes everything");
        }
        out
    }
}

/// One line for each key of a block map.
fn lines(entries: &[(&str, Value)]) -> String {
    entries
        .iter()
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect()
}

fn schedule(plan: &SchedulePlan) -> Value {
    let mut entries = Map::from_iter([("cron".to_owned(), json!(plan.cron))]);
    let mut put = |key: &str, value: Option<Value>| {
        entries.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("timezone", plan.timezone.as_deref().map(Value::from));
    put("enabled", plan.enabled.map(Value::from));
    put(
        "catchup",
        plan.catchup.map(|catchup| {
            json!(match catchup {
                Catchup::None => "none",
                Catchup::Latest => "latest",
                Catchup::All => "all",
            })
        }),
    );
    put(
        "overlap",
        plan.overlap.map(|overlap| {
            json!(match overlap {
                Overlap::Allow => "allow",
                Overlap::Skip => "skip",
                Overlap::Queue => "queue",
                Overlap::Cancel => "cancel",
            })
        }),
    );
    if entries.len() == 1 {
        json!(plan.cron)
    } else {
        Value::Object(entries)
    }
}

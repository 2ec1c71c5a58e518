//! What the tick says in the log. A program of its own: whoever collects lines in one test keeps those of tests beside it from being noticed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ork_host::Role;
use ork_host::logs::{Style, subscriber};
use ork_host::settings::LogLevel;
use ork_host::testing::{Lines, World, post, settings};
use serde_json::{Value, json};

const ONE: &str = "name: w\ntasks:\n  a: {command: work}\n";

/// The lines that say how a tick went.
fn ticked(log: &Lines) -> Vec<Value> {
    let mut lines = log.all();
    lines.retain(|line| line["message"] == "ticked");
    lines
}

#[tokio::test]
async fn every_tick_says_in_the_log_how_late_it_was() {
    let (log, style) = (
        Lines::default(),
        Style::Json {
            project: "p".into(),
        },
    );
    let sink = Arc::new(Mutex::new(log.clone()));
    let _logs = tracing::subscriber::set_default(subscriber(style, LogLevel::Info, sink));
    let world = World::default();
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    post(&routes, "/tick", "").await;
    world.deploy(ONE).await;
    world.start("w", "r").await;
    world.pass(Duration::from_secs(700));
    post(&routes, "/tick", "").await;
    let lines = ticked(&log);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let of = |line: &Value| {
        ["oldest_wake_seconds", "fired", "runs", "errors", "more"].map(|name| line[name].clone())
    };
    assert_eq!(
        of(&lines[0]),
        [json!(0), json!(0), json!(0), json!(0), json!(false)]
    );
    let late = lines[1]["oldest_wake_seconds"].as_u64().expect("a number");
    assert!((640..=700).contains(&late), "{late}");
    assert_eq!(lines[1]["runs"], 1, "{}", lines[1]);
}

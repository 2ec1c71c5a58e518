//! What a worker tells a collector: the metrics of its task; and what the task is told: the span that it is a part of.

use std::sync::mpsc::channel;

use ork_core::names::AttemptFile;
use ork_telemetry::testing::Recorder;

use super::harness::{Bench, shell};

/// A recorder on a thread of its own, which ends with the process.
fn recorder() -> Recorder {
    let (sender, started) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let recorder = Recorder::start().await;
            sender.send(recorder).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    started.recv().expect("it starts")
}

const REPORTS: &str = r#"
echo 'ORK_METRIC:{"kind":"count","name":"rows","value":3,"tags":{"table":"orders"}}' >&2
echo 'ORK_METRIC:{"kind":"count","name":"rows","value":4,"tags":{"table":"orders"}}'
echo 'ORK_METRIC:{"kind":"gauge","name":"fill","value":0.5}' >&2
echo 'ORK_METRIC:{"kind":"timing","name":"load","value":1.5}' >&2
echo 'ORK_METRIC:{"kind":"count","name":"no name","value":1}' >&2
echo "told: ${TRACEPARENT:-nothing} headers: ${OTEL_EXPORTER_OTLP_HEADERS:-none}"
"#;

#[test]
fn what_a_task_reports_is_sent_on_and_the_task_knows_its_span() {
    let recorder = recorder();
    let bench = Bench::new();
    let mut spec = shell(REPORTS);
    let trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    spec.trace = Some(trace.to_owned());
    let batch = bench.batch(std::slice::from_ref(&spec));
    let mut env = bench.env(&batch, 0);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", recorder.endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=hunter2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    let (code, log) = bench.start_in(&env).end();
    assert_eq!(code, Some(0), "{log}");
    let task = [("ork.workflow", spec.workflow_name.as_str())];
    let sum = |metric: &str| recorder.sum(metric, &task);
    assert_eq!(sum("ork.custom.rows"), (1, 7.0), "{log}");
    assert_eq!(sum("ork.custom.fill"), (1, 0.5));
    assert_eq!(sum("ork.custom.load"), (1, 1.5));
    assert_eq!(sum("ork.task.metrics_refused"), (1, 1.0));
    assert_eq!(
        recorder.sum("ork.custom.rows", &[("table", "orders")]).1,
        7.0
    );
    assert_eq!(recorder.header("key").as_deref(), Some("hunter2"));
    assert_eq!(recorder.resource()["service.name"], "ork-worker");
    assert!(log.contains("not all that the task reported"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let said = bench.text(&spec, AttemptFile::Log).expect("a log");
    let told = format!("told: {trace} headers: none");
    assert!(said.contains(&told), "{said}");
}

#[test]
fn a_collector_that_is_not_there_is_a_warning() {
    let bench = Bench::new();
    let spec = shell(REPORTS);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let mut env = bench.env(&batch, 0);
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let endpoint = format!("http://{gone}");
    env.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint);
    let (code, log) = bench.start_in(&env).end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("the collector of traces").count(), 1, "{log}");
    let said = bench.text(&spec, AttemptFile::Log).expect("a log");
    assert!(said.contains("told: nothing"), "{said}");

    env.insert("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "grpc".to_owned());
    let (code, log) = bench.start_in(&env).end();
    assert_ne!(code, Some(0));
    assert!(
        log.contains("OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"),
        "{log}"
    );
}

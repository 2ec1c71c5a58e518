//! Traces and metrics of runs on this machine.

use std::sync::mpsc::channel;

use ork_telemetry::testing::{Recorder, attributes, hex};

use crate::support::Project;

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

const WORKFLOW: &str = "
name: w
tasks:
  flaky: {command: 'test $ORK_ATTEMPT = 2 && echo $TRACEPARENT > trace || exit 75', retries: {max: 1, delay: 0s}}
  many: {command: 'exit 0', depends_on: [flaky], parallel: 3}
";

#[test]
fn a_run_of_this_machine_is_a_trace() {
    let recorder = recorder();
    let project = Project::with("w.yaml", WORKFLOW);
    let mut command = project.command(&["execute", "w.yaml"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &recorder.endpoint)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "10000");
    let ran = project.finish(&mut command);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let spans = recorder.spans();
    let mut seen: Vec<String> = spans
        .iter()
        .map(|span| {
            let of = attributes(span);
            let word = |name: &str| of.get(name).cloned().unwrap_or_default();
            format!(
                "{} {}{}",
                span.name,
                word("ork.outcome"),
                word("ork.status")
            )
        })
        .collect();
    seen.sort();
    let wanted = [
        "flaky failed",
        "flaky success",
        "many success",
        "many success",
        "many success",
        "w success",
    ];
    assert_eq!(seen, wanted);
    let root = spans.iter().find(|span| span.name == "w").expect("a root");
    for span in &spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert!(span.name == "w" || span.parent_span_id == root.span_id);
    }
    // The task was told which span it is.
    let second = spans
        .iter()
        .find(|span| span.name == "flaky" && attributes(span)["ork.outcome"] == "success");
    let second = second.expect("it succeeded");
    let told = format!("00-{}-{}-01", hex(&second.trace_id), hex(&second.span_id));
    assert_eq!(project.read("trace").trim(), told);
    let (retries, _) = recorder.sum("ork.task.retries", &[("error.type", "transient")]);
    assert_eq!(retries, 1);
}

#[test]
fn a_collector_that_is_not_there_is_a_warning_and_a_wrong_variable_a_refusal() {
    let project = Project::with("w.yaml", "name: w\ntasks: {a: {command: 'exit 0'}}\n");
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let endpoint = format!("http://{gone}");
    let mut command = project.command(&["execute", "w.yaml"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    let ran = project.finish(&mut command);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("it cannot be reached"), "{}", ran.err);
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let ran = project.finish(&mut command);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(
        ran.err.contains("OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"),
        "{}",
        ran.err
    );
}

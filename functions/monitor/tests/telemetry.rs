//! What a run tells a collector: its tree of spans, once each, the links of requests, the numbers; and that a collector that is down, slow or
//! broken costs nobody his answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use ork_core::ids::RunId;
use ork_core::run::{Category, RunStatus};
use ork_core::task::{TaskSpec, Verdict};
use ork_engine::Engine;
use ork_host::Role;
use ork_host::testing::{World, envelope, hint, post, settings, written};
use ork_telemetry::testing::{Manner, Recorder, Span, attributes, hex};
use ork_telemetry::{Context, Identity, Observed, Telemetry, TelemetrySettings};

const RETRIED: &str = "
name: w
params: {secret: {type: str, default: hunter2}}
tasks:
  first: {command: x, retries: {max: 1, delay: 5s, jitter: false}}
  many: {command: x, depends_on: [first], parallel: 2}
  last: {command: x, depends_on: [many]}
";

/// A deployment: dispatch, monitor and tick over one world, telling one recorder.
struct Deployment {
    world: World,
    telemetry: Telemetry,
    dispatch: Router,
    monitor: Router,
    tick: Router,
}

/// What sends to `endpoint`.
fn telemetry(endpoint: &str, more: &[(&str, &str)]) -> Telemetry {
    let mut variables = BTreeMap::from([(
        "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
        endpoint.to_owned(),
    )]);
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    variables.extend(more);
    let settings = TelemetrySettings::read(&variables).expect("all is right");
    let identity = Identity {
        service: "ork-test".to_owned(),
        place: "p".to_owned(),
        price: None,
        attributes: Vec::new(),
    };
    Telemetry::new(settings.as_ref(), identity).expect("a client")
}

impl Deployment {
    async fn new(telemetry: Telemetry, yaml: &str) -> Self {
        let world = World::default();
        world.deploy(yaml).await;
        let engine = || Engine::new(Observed::new(world.clone(), telemetry.clone()), None);
        let with = |role| {
            let mut settings = settings(role);
            settings.serving.telemetry = telemetry.clone();
            settings
        };
        Self {
            dispatch: ork_dispatch::router(engine(), &with(Role::Dispatch)),
            monitor: ork_monitor::router(engine(), &with(Role::Monitor)),
            tick: ork_tick::router(engine(), &with(Role::Tick)),
            world,
            telemetry,
        }
    }

    async fn started(&self, run: &str) -> Vec<TaskSpec> {
        let answer = post(&self.dispatch, "/push", hint("dispatch", run)).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        self.world.started()
    }

    /// The worker of `spec` ends with this, and monitor is told.
    async fn ends(&self, spec: &TaskSpec, verdict: Option<&Verdict>) {
        let name = match verdict {
            None => self.world.work(spec, "1").await,
            Some(verdict) => self.world.end_with(spec, verdict).await,
        };
        for _ in 0..2 {
            // Twice: Pub/Sub delivers at least once.
            let answer = post(&self.monitor, "/push", written(&name)).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
    }

    /// The run of the workflow above, with a retry, a failure among two, and what is skipped by it.
    async fn goes_through(&self) {
        let broken = |category, message: &str| Verdict::Failed {
            category,
            message: message.to_owned(),
            log_tail: vec!["hunter2".to_owned()],
            exit_code: Some(1),
        };
        self.world.start("w", "r").await;
        let [first] = &self.started("r").await[..] else {
            panic!("the first task");
        };
        self.world.pass(Duration::from_secs(2));
        self.ends(first, Some(&broken(Category::Transient, "hunter2")))
            .await;
        self.world.pass(Duration::from_secs(15));
        let answer = post(&self.tick, "/tick", "").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let [first] = &self.world.started()[..] else {
            panic!("the first task again");
        };
        self.world.pass(Duration::from_secs(1));
        self.ends(first, None).await;
        self.world.pass(Duration::from_millis(250));
        let many = self.started("r").await;
        assert_eq!(many.len(), 2);
        self.world.pass(Duration::from_secs(3));
        self.ends(&many[0], None).await;
        self.ends(&many[1], Some(&broken(Category::Permanent, "no")))
            .await;
        assert_eq!(self.world.status("r").await, RunStatus::Failed);
    }
}

/// The spans of a trace as a tree, and whatever there is twice.
fn tree(spans: &[Span], trace: &str) -> String {
    fn below(text: &mut String, spans: &[&Span], parent: &[u8], depth: usize) {
        let mut here: Vec<&&Span> = spans
            .iter()
            .filter(|span| span.parent_span_id == parent)
            .collect();
        here.sort_by_key(|span| (span.start_time_unix_nano, span.span_id.clone()));
        for span in here {
            let zero = 1_780_272_000_000_000_000;
            let ms = |at: u64| (at - zero) / 1_000_000;
            let status = span.status.as_ref().map_or(0, |status| status.code);
            let _ = writeln!(
                text,
                "{:depth$}{} {} {}..{} ms status {status}",
                "",
                span.name,
                hex(&span.span_id),
                ms(span.start_time_unix_nano),
                ms(span.end_time_unix_nano),
            );
            for (name, value) in attributes(span) {
                let _ = writeln!(text, "{:depth$}  - {name}: {value}", "");
            }
            below(text, spans, &span.span_id, depth + 4);
        }
    }
    let of_trace: Vec<&Span> = spans
        .iter()
        .filter(|span| hex(&span.trace_id) == trace)
        .collect();
    let mut text = format!("trace {trace}, {} spans\n", of_trace.len());
    below(&mut text, &of_trace, &[], 0);
    text
}

fn context_of(telemetry: &Telemetry, run: &str) -> Context {
    let run = RunId::new(run).expect("a run id");
    telemetry.run(&run).expect("its trace is recorded")
}

#[tokio::test]
async fn a_run_is_a_tree_of_spans_once_each_and_a_set_of_numbers() {
    let recorder = Recorder::start().await;
    let deployment = Deployment::new(telemetry(&recorder.endpoint, &[]), RETRIED).await;
    deployment.goes_through().await;
    let spans = recorder.spans();
    let root = context_of(&deployment.telemetry, "r");
    let tree = tree(&spans, &root.trace.to_string());
    assert!(!tree.contains("hunter2"), "{tree}");
    insta::assert_snapshot!(tree);

    let sum = |metric: &str, attributes: &[(&str, &str)]| recorder.sum(metric, attributes);
    let task = |name| [("ork.workflow", "w"), ("ork.task", name)];
    assert_eq!(sum("ork.task.retries", &task("first")), (1, 1.0));
    let failed = [("ork.task", "first"), ("error.type", "transient")];
    assert_eq!(sum("ork.task.duration", &failed), (1, 2.0));
    let well = [("ork.task", "first"), ("ork.outcome", "success")];
    assert_eq!(sum("ork.task.duration", &well), (1, 1.0));
    assert_eq!(sum("ork.task.duration", &task("many")), (2, 6.0));
    // Two attempts of the first task, neither of which waited; both of `many` waited for dispatch to be told.
    assert_eq!(sum("ork.task.queue_delay", &task("first")), (2, 0.0));
    assert_eq!(sum("ork.task.queue_delay", &task("many")), (2, 0.5));
    // The retry was due 5 s after the failure, and a tick came 15 s after it.
    assert_eq!(sum("ork.wake.late", &[]), (1, 10.0));
    let ended = [("ork.workflow", "w"), ("ork.status", "failed")];
    assert_eq!(sum("ork.run.duration", &ended), (1, 21.25));
    assert_eq!(sum("ork.run.cost", &[]), (0, 0.0), "nobody knows a price");
    let (_, commits, _) = deployment.world.calls();
    let (_, counted) = sum("ork.store.commits", &[]);
    // Deploying and starting went past what is observed.
    assert_eq!(counted as u64, commits - 2);
    assert_eq!(sum("ork.store.conflicts", &[]), (0, 0.0));
    let pushes = [
        ("http.route", "/push"),
        ("http.response.status_code", "204"),
    ];
    let (requests, _) = sum("http.server.request.duration", &pushes);
    assert_eq!(requests, 10);
    assert_eq!(recorder.resource()["service.name"], "ork-test");
}

#[tokio::test]
async fn requests_are_linked_to_the_runs_they_touch_and_to_the_message_they_came_by() {
    let recorder = Recorder::start().await;
    let deployment = Deployment::new(telemetry(&recorder.endpoint, &[]), RETRIED).await;
    let world = &deployment.world;
    world.start("w", "r").await;
    let first = deployment.started("r").await.remove(0);
    let attempt = first.trace.clone().expect("the attempt has a span");
    let attempt = Context::parse(&attempt).expect("a traceparent");
    let root = context_of(&deployment.telemetry, "r");
    assert_eq!(attempt.trace, root.trace);
    world.hints();
    let name = world.work(&first, "1").await;
    post(&deployment.monitor, "/push", written(&name)).await;
    let hints = world.hints();
    let [sent] = &hints[..] else {
        panic!("dispatch is told of what is ready: {hints:?}");
    };
    let by = sent.trace.as_deref().expect("what it was sent by");
    let by = Context::parse(by).expect("a traceparent");
    let requests = |route: &str| -> Vec<Span> {
        let spans = recorder.spans().into_iter();
        spans
            .filter(|span| span.name == format!("POST {route}"))
            .collect()
    };
    let monitor = requests("/push").pop().expect("the last is monitor's");
    assert_eq!(hex(&monitor.span_id), by.span.to_string());
    assert_eq!(hex(&monitor.trace_id), by.trace.to_string());

    let told = envelope(&[
        ("to", "dispatch"),
        ("run", "r"),
        ("traceparent", &by.traceparent()),
    ]);
    post(&deployment.dispatch, "/push", told).await;
    let dispatch = requests("/push").pop().expect("the last is dispatch's");
    assert_ne!(dispatch.trace_id, monitor.trace_id);
    let mut links: Vec<String> = dispatch
        .links
        .iter()
        .map(|link| hex(&link.span_id))
        .collect();
    links.sort();
    let mut wanted = [by.span.to_string(), root.span.to_string()];
    wanted.sort();
    assert_eq!(links, wanted);
    // The attempts that it started hang below the run.
    for spec in world.started() {
        let trace = spec.trace.as_deref().and_then(Context::parse);
        assert_eq!(trace.map(|one| one.trace), Some(root.trace));
    }

    // A request that comes with a trace is part of it.
    let outer = "00-0123456789abcdef0123456789abcdef-00000000000000aa-01";
    let request = axum::http::Request::post("/push")
        .header("traceparent", outer)
        .body(hint("dispatch", "r").into());
    ork_host::testing::send(&deployment.dispatch, request.expect("a request")).await;
    let last = requests("/push").pop().expect("a span");
    assert_eq!(hex(&last.trace_id), "0123456789abcdef0123456789abcdef");
    assert_eq!(hex(&last.parent_span_id), "00000000000000aa");
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_nowhere_and_its_numbers_are() {
    let recorder = Recorder::start().await;
    let off = [("OTEL_TRACES_SAMPLER", "always_off")];
    let deployment = Deployment::new(telemetry(&recorder.endpoint, &off), RETRIED).await;
    deployment.world.start("w", "r").await;
    let first = deployment.started("r").await.remove(0);
    assert_eq!(first.trace, None);
    let name = deployment.world.work(&first, "1").await;
    post(&deployment.monitor, "/push", written(&name)).await;
    assert!(
        deployment
            .world
            .hints()
            .iter()
            .all(|hint| hint.trace.is_none())
    );
    assert_eq!(recorder.spans(), Vec::new());
    let (attempts, _) = recorder.sum("ork.task.duration", &[]);
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn off_is_off() {
    let deployment = Deployment::new(Telemetry::off(), RETRIED).await;
    let plain = World::default();
    plain.deploy(RETRIED).await;
    deployment.world.start("w", "r").await;
    plain.start("w", "r").await;
    let bare = ork_dispatch::router(plain.engine(), &settings(Role::Dispatch));
    post(&bare, "/push", hint("dispatch", "r")).await;
    let started = deployment.started("r").await;
    assert!(started.iter().all(|spec| spec.trace.is_none()));
    assert_eq!(deployment.world.calls(), plain.calls());
    let name = deployment.world.work(&started[0], "1").await;
    post(&deployment.monitor, "/push", written(&name)).await;
    assert!(
        deployment
            .world
            .hints()
            .iter()
            .all(|hint| hint.trace.is_none())
    );
}

#[tokio::test]
async fn a_collector_that_is_broken_slow_or_gone_costs_nobody_his_answer() {
    let patience = [("OTEL_EXPORTER_OTLP_TIMEOUT", "100")];
    let nobody = {
        // A port that somebody had and nobody has.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let address = listener.expect("a port").local_addr().expect("an address");
        format!("http://{address}")
    };
    for (manner, endpoint) in [
        (Manner::Breaks, None),
        (Manner::Hangs, None),
        (Manner::Takes, Some(nobody)),
    ] {
        let recorder = Recorder::start().await;
        recorder.set(manner);
        let endpoint = endpoint.unwrap_or_else(|| recorder.endpoint.clone());
        let deployment = Deployment::new(telemetry(&endpoint, &patience), RETRIED).await;
        let began = Instant::now();
        deployment.goes_through().await;
        let took = began.elapsed();
        // One export waits for its 100 ms; after that nobody waits.
        assert!(took < Duration::from_secs(5), "{manner:?}: {took:?}");
        assert!(recorder.requests() <= 1, "{manner:?}: it is left alone");
        assert_eq!(recorder.spans(), Vec::new());
    }
}

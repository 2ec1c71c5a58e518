//! An engine over a folder, and the API before it.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Request, StatusCode};
use ork_api::{Log, LogError, Logs, Settings};
use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_local::{Control, Embedded, EmbeddedConfig, Files, Silent, Until};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const HERE: &str = "127.0.0.1:4000";

/// Three tasks: one that gives and prints something, a fan-out, and one that waits for a file.
pub(crate) const FLOW: &str = "name: flow
description: shows everything
schedule: '0 6 * * *'
params:
  day: {type: str, default: monday, description: which day}
tasks:
  first: {command: 'echo hello; echo \"ORK_OUTPUT:{\\\"n\\\": 7}\"', description: says hello}
  each: {command: 'echo $ORK_PARALLEL_INDEX; echo ORK_OUTPUT:$ORK_PARALLEL_INDEX', parallel: 3, depends_on: [first]}
  last: {command: 'test -e go', depends_on: [each]}
";

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) embedded: Embedded,
    pub(crate) api: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
    /// As a snapshot shows it.
    pub(crate) fn shown(&self) -> String {
        let kind = self.header("content-type");
        let text = match serde_json::from_str::<Value>(&self.text) {
            Ok(value) => serde_json::to_string_pretty(&value).expect("it was JSON"),
            Err(_) => self.text.clone(),
        };
        format!("{} {kind}\n{text}", self.status.as_u16())
    }
}

impl Site {
    /// A folder with [`FLOW`] deployed.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, served as `change` has it.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = EmbeddedConfig::new(folder.path().join("state"));
        config.env = std::env::vars_os()
            .filter(|(name, _)| name == "PATH")
            .collect();
        let embedded = Embedded::open(config).expect("it opens");
        let logs: Arc<dyn Logs> = Arc::new(LogFiles(embedded.files()));
        let at: SocketAddr = HERE.parse().expect("an address");
        let mut settings = Settings::loopback(at);
        settings.look_every = Duration::from_millis(5);
        change(&mut settings);
        let api = ork_api::router(embedded.engine(), logs, settings);
        let site = Self {
            folder,
            embedded,
            api,
        };
        site.deploy(FLOW).await;
        site
    }

    pub(crate) async fn deploy(&self, text: &str) {
        let parsed =
            ork_core::parse::parse_workflow("flow.yaml", text.as_bytes()).expect("it is right");
        let file = self.folder.path().join("flow.yaml");
        let deployed = self
            .embedded
            .deploy(&parsed.workflow, &file, &BTreeMap::new())
            .await;
        deployed.expect("it is stored");
    }

    /// Executes a run to its end.
    pub(crate) async fn drive(&mut self, run: &str) {
        let run: RunId = run.parse().expect("a run id");
        self.embedded.resume(&run).await.expect("it is there");
        let until = Until::RunsEnd(vec![run]);
        let mut nobody = Silent;
        let done = self.embedded.drive(until, &mut nobody, Control::new());
        done.await.expect("it drives");
    }

    /// An answer whose body need not be text.
    pub(crate) async fn raw(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let answer = self.api.clone().oneshot(request).await.expect("it answers");
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, 4 << 20).await.expect("a body");
        (parts.status, parts.headers, bytes.to_vec())
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let (status, headers, bytes) = self.raw(request).await;
        Answer {
            status,
            headers,
            text: String::from_utf8(bytes).expect("text"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(request("GET", path).body(Body::empty()).expect("a request"))
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, body).await
    }

    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        key: &str,
    ) -> Answer {
        let request = request(method, path)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {key}"));
        self.ask(
            request
                .body(Body::from(body.to_owned()))
                .expect("a request"),
        )
        .await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = request(method, path).header(CONTENT_TYPE, "application/json");
        self.ask(
            request
                .body(Body::from(body.to_owned()))
                .expect("a request"),
        )
        .await
    }
}

pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, HERE)
}

struct LogFiles(Files);

impl Logs for LogFiles {
    fn read<'a>(
        &'a self,
        name: &'a ObjectName,
        from: u64,
        most: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Log>, LogError>> + Send + 'a>> {
        let log = |part: ork_local::Part| Log {
            bytes: part.bytes,
            size: part.size,
        };
        let read = self.0.part(name, from, most);
        let read = read.map(|part| part.map(log));
        Box::pin(ready(read.map_err(|error| LogError(error.to_string()))))
    }
}

/// Snapshots without what differs from run to run.
pub(crate) fn steady(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+\d\d:\d\d\[[A-Za-z/]+\])",
        "<instant>",
    );
    settings.add_filter(r#"("[a-z_]*duration_ms": )\d+"#, "$1<time>");
    settings.add_filter(r"/[^ `]*/flow\.yaml", "<file>");
    settings.add_filter(r"\b[0-9a-f]{12}\b", "<hash>");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "<hash>");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(check);
}

//! A server that gives the answers it was told, in their order, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /path`.
    pub(crate) line: String,
    pub(crate) query: String,
    /// The header `x-key`, where there is one.
    pub(crate) key: Option<String>,
    pub(crate) body: Value,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self::text(200, body.to_string())
    }
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }
    /// An error as Google writes it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({"code": status, "message": message, "status": code});
        Self::text(status, json!({ "error": error }).to_string())
    }
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    asked: Vec<Asked>,
}

pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let key = headers.get("x-key").and_then(|value| value.to_str().ok());
            let answer = shared
                .lock()
                .expect("not poisoned")
                .answer(&method, &uri, key, &body);
            async move { response(answer) }
        };
        let router = Router::new().fallback(answer);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            address,
            state,
            serving,
        }
    }

    /// One that gives these answers.
    pub(crate) async fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        let server = Self::start().await;
        server.then(answers);
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
    pub(crate) fn endpoint(&self) -> Option<&str> {
        Some(&self.address)
    }

    /// More answers.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        let mut state = self.state.lock().expect("not poisoned");
        state.answers.extend(answers);
    }

    /// What it was asked since this was called last. All answers must have been given.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut state = self.state.lock().expect("not poisoned");
        assert!(
            state.answers.is_empty(),
            "not asked for: {:?}",
            state.answers
        );
        std::mem::take(&mut state.asked)
    }

    /// The same, as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

impl State {
    fn answer(&mut self, method: &Method, uri: &Uri, key: Option<&str>, body: &Bytes) -> Answer {
        self.asked.push(Asked {
            key: key.map(str::to_owned),
            line: format!("{method} {}", uri.path()),
            query: uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        });
        let none = || Answer::error(418, "UNKNOWN", "the test has no answer to this");
        self.answers.pop_front().unwrap_or_else(none)
    }
}

fn response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("a status");
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a header"));
    }
    response
}

//! The HTTP client: every request and every redirect of it passes the guard.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ork_core::Value;
use reqwest::header::LOCATION;
use reqwest::{Method, Response};

use crate::answer::Answer;
use crate::error::{OutgoingError, Refusal, shown};
use crate::guard::{self, Guard, Reach};
use crate::headers;
use crate::hop::{self, Hop};
use crate::lookup::{Checked, Lookup, SystemLookup};
use crate::room::Room;
use crate::secrets::Secrets;

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For finding a host, connecting and agreeing on keys.
    pub connect: Duration,
    /// For everything, redirects included.
    pub total: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
    /// Redirects that are followed.
    pub redirects: usize,
    /// Bytes of bodies that are held at once, by a client and all its clones. Who finds no room waits.
    pub held: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            body: 1024 * 1024,
            redirects: 3,
            held: 16 * 1024 * 1024,
        }
    }
}

/// Makes requests that users cause. Cheap to clone. It attaches no credentials, follows no proxy and keeps no cookies.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    secrets: Secrets,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

struct Inner {
    guard: Guard,
    limits: Limits,
    /// One for each reach, so that a connection is used only by requests that may have opened it.
    clients: Vec<(Reach, reqwest::Client)>,
    room: Room,
}

impl Client {
    /// A client that asks the operating system for addresses. An error says why no TLS can be spoken here.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, OutgoingError> {
        Self::with_lookup(guard, limits, Arc::new(SystemLookup))
    }

    /// A client that asks somebody else for addresses. What is found passes the guard all the same.
    pub fn with_lookup(
        guard: Guard,
        limits: Limits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, OutgoingError> {
        let clients = guard.reaches().map(|reach| {
            let checked = Checked {
                guard: guard.clone(),
                reach,
                lookup: Arc::clone(&lookup),
            };
            build(&limits, checked).map(|client| (reach, client))
        });
        let clients = clients.collect::<Result<_, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                guard,
                limits,
                clients,
                room: Room::of(limits.held),
            }),
            secrets: Secrets::default(),
        })
    }

    /// The same, for requests whose headers may name these secrets. Without it there are none.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// The value of a secret that requests may name; `what` says for people what it is wanted for.
    pub(crate) fn secret(&self, name: &str, what: &str) -> Result<String, OutgoingError> {
        self.secrets.find(name, what)
    }

    /// The guard that judges its requests.
    pub fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    /// Makes a request, follows its redirects and reads the answer, whatever its status code. A body is sent as JSON.
    pub async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Option<&Value>,
    ) -> Result<Answer, OutgoingError> {
        self.request_with(method, url, headers, &BTreeMap::new(), body)
            .await
    }

    /// The same with headers whose values are secrets, by header and name. They are looked up here and nowhere before, and taken out of
    /// the answer and of errors should they be there. As all headers that could be a credential they go to no other host after a redirect.
    pub async fn request_with(
        &self,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, String>,
        body: Option<&Value>,
    ) -> Result<Answer, OutgoingError> {
        if secrets.is_empty() {
            return self.send(method, url, headers, body).await;
        }
        let mut headers = headers.clone();
        let masked = self.secrets.add(secrets, &mut headers)?;
        match self.send(method, url, &headers, body).await {
            Ok(answer) => Ok(answer.masked(&masked)),
            Err(error) => Err(masked.error(error)),
        }
    }

    async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Option<&Value>,
    ) -> Result<Answer, OutgoingError> {
        let first = Hop {
            method: read_method(method)?,
            url: guard::read(url)?,
            headers: headers::read(headers, body.is_some())?,
            body: body.map(|body| body.to_string().into_bytes()),
        };
        let asked = shown(&first.url);
        let total = self.inner.limits.total;
        match tokio::time::timeout(total, self.inner.follow(first)).await {
            Ok(answer) => answer,
            Err(_) => Err(OutgoingError::Transient(format!(
                "{asked}: no complete answer within {total:?}, which is all the time that a request has: a task's `timeout` does not \
                 change it. What takes longer is begun by one request and watched by others"
            ))),
        }
    }
}

impl Inner {
    async fn follow(&self, mut next: Hop) -> Result<Answer, OutgoingError> {
        for _ in 0..=self.limits.redirects {
            let response = self.once(&next).await?;
            let status = response.status().as_u16();
            match response.headers().get(LOCATION) {
                Some(place) if hop::is_redirect(status) => {
                    next = next.redirected(status, place.as_bytes())?;
                }
                _ => return self.read(response, shown(&next.url)).await,
            }
        }
        Err(OutgoingError::Redirected(format!(
            "{}: more than {} redirects",
            shown(&next.url),
            self.limits.redirects
        )))
    }

    async fn once(&self, hop: &Hop) -> Result<Response, OutgoingError> {
        let reach = self
            .guard
            .admit(&hop.url)
            .map_err(|refusal| refusal.of(&hop.url))?;
        let (_, client) = self
            .clients
            .iter()
            .find(|(known, _)| *known == reach)
            .expect("there is a client for each reach the guard gives");
        let mut request = client
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone());
        if let Some(body) = &hop.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| {
            if let Some(refusal) = Refusal::within(&error) {
                return refusal.of(&hop.url);
            }
            failed(error, &shown(&hop.url))
        })
    }

    async fn read(&self, mut response: Response, from: String) -> Result<Answer, OutgoingError> {
        let most = self.limits.body;
        let too_large = || {
            OutgoingError::TooLarge(format!(
                "{from}: the answer is longer than the {most} bytes that are read"
            ))
        };
        if response
            .content_length()
            .is_some_and(|length| length > most as u64)
        {
            return Err(too_large());
        }
        let status = response.status().as_u16();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|known| {
                    known.push_str(", ");
                    known.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        // Before the first byte is read, and once: who holds room never waits for more.
        let stated = response.content_length().map(|length| length as usize);
        let mut held = self.room.take(stated.unwrap_or(most)).await;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(error, &from))?
        {
            if body.len() + chunk.len() > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        held.keep(body.len());
        Ok(Answer {
            status,
            headers,
            body,
            from,
            _held: held,
        })
    }
}

fn build(limits: &Limits, checked: Checked) -> Result<reqwest::Client, OutgoingError> {
    reqwest::Client::builder()
        .user_agent(concat!("ork/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        // Other crates may switch these on for everybody; an answer is measured as it comes.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(limits.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(8)
        .dns_resolver(checked)
        .build()
        .map_err(|error| {
            OutgoingError::Unusable(format!(
                "no HTTP client can be made here: {}",
                causes(&error)
            ))
        })
}

fn read_method(method: &str) -> Result<Method, OutgoingError> {
    match method.trim().to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "OPTIONS" => Ok(Method::OPTIONS),
        _ => Err(OutgoingError::Unusable(format!(
            "the method `{}` is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            method.escape_debug()
        ))),
    }
}

/// What went wrong on the way, without the URL that the client would put there with its query.
fn failed(error: reqwest::Error, from: &str) -> OutgoingError {
    let error = error.without_url();
    let why = format!("{from}: {}", causes(&error));
    match error.is_builder() {
        true => OutgoingError::Unusable(why),
        false => OutgoingError::Transient(why),
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    crate::field::cut(&text, 500).into_owned()
}

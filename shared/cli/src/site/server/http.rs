//! Requests to Ork's HTTP API: what is shown, how long and how much, what is tried again, and what an answer that is no success becomes.

use std::error::Error;
use std::time::Duration;

use ork_core::Value;
use ork_engine::{EngineError, EngineErrorKind};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::secret::Credentials;
use crate::failure::Failure;
use crate::output::harmless;

/// For finding a host, connecting and agreeing on keys.
const CONNECT: Duration = Duration::from_secs(10);
/// For one request and its answer.
const TOTAL: Duration = Duration::from_secs(60);
/// Bytes of an answer: those of the largest run there may be, and some more.
const ANSWER: usize = 64 << 20;
/// Pauses before a request that did not come through is made again.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long one who asks too often waits for their turn in all.
const TURN: Duration = Duration::from_secs(30);
/// Characters of a server's own words that are shown.
const SHOWN: usize = 4_000;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    method: Method,
    /// Below the server's URL, from its slash on; of checked names, which need no escapes.
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    /// What is known already.
    tag: Option<String>,
    /// Whether doing it twice is doing it once.
    again: bool,
}

impl Asked {
    /// Reads.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            tag: None,
            again: true,
        }
    }
    /// Changes something.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            again: false,
            ..Self::get(path)
        }
    }
    /// The same by another method.
    pub(super) fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }
    /// Doing it twice may be doing it twice.
    pub(super) fn once(mut self) -> Self {
        self.again = false;
        self
    }
    /// Doing it twice is doing it once.
    pub(super) fn again(mut self) -> Self {
        self.again = true;
        self
    }
    /// With this in the query, where there is something.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }
    /// Unless it still is what is known.
    pub(super) fn unless(mut self, tag: Option<String>) -> Self {
        self.tag = tag;
        self
    }
}

/// An answer that is a success, or that nothing has changed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// One who asks.
pub(super) struct Http {
    client: Client,
    url: String,
    credentials: Credentials,
}

/// Why a request came to nothing, and whether the same one may come through.
struct Missed {
    error: EngineError,
    /// Nothing was done: it was not even sent, or not looked at.
    undone: bool,
    passing: bool,
    /// How long the server wants to be left alone.
    turn: Option<Duration>,
    /// What the answer was, if there was one.
    said: Option<(StatusCode, HeaderMap)>,
}

/// What came of one try.
pub(crate) struct Looked {
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// What it says of the server's clock.
    pub(crate) date: Option<String>,
    /// What it was, or why there is none.
    pub(crate) body: Result<Value, EngineError>,
}

impl Http {
    /// For the API below `url`.
    pub(super) fn new(url: String, credentials: Credentials) -> Result<Self, Failure> {
        let mut client = Client::builder()
            .user_agent(concat!("ork/", env!("CARGO_PKG_VERSION")))
            // Wherever one leads, credentials would go along, or the answer be somebody else's.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(TOTAL);
        if url.starts_with("http://") {
            // It is this machine: a key is given to no proxy in clear.
            client = client.no_proxy();
        } else {
            client = client.https_only(true);
        }
        let client = client.build().map_err(|error| {
            Failure::trouble(format!(
                "no HTTP client can be made here: {}",
                cause(&error)
            ))
        })?;
        Ok(Self {
            client,
            url,
            credentials,
        })
    }

    /// The server.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and reads what is answered as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, asked: Asked) -> Result<T, EngineError> {
        let answer = self.ask(asked).await?;
        self.read(&answer)
    }

    /// What an answer says.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, EngineError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            EngineError::new(
                EngineErrorKind::Corrupt,
                format!(
                    "{} answers something else than this ork expects ({}): is it an Ork, and of a version that fits?",
                    self.url,
                    self.fit(&error.to_string())
                ),
            )
        })
    }

    /// Asks until there is an answer, or patience is at its end.
    pub(super) async fn ask(&self, asked: Asked) -> Result<Answer, EngineError> {
        let began = Instant::now();
        let mut pauses = AGAIN.into_iter();
        loop {
            let missed = match self.once(&asked).await {
                Ok(answer) => return Ok(answer),
                Err(missed) => *missed,
            };
            let pause = match missed.turn {
                Some(turn) if began.elapsed() + turn < TURN => Some(turn),
                Some(_) => None,
                None if missed.passing && (asked.again || missed.undone) => pauses.next(),
                None => None,
            };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(missed.error),
            }
        }
    }

    /// Asks once, and tells of whatever comes back.
    pub(super) async fn look(&self, asked: Asked) -> Looked {
        let date = |headers: &HeaderMap| {
            let said = headers.get(DATE).and_then(|said| said.to_str().ok());
            said.map(str::to_owned)
        };
        match self.once(&asked).await {
            Ok(answer) => Looked {
                status: Some(answer.status.as_u16()),
                date: date(&answer.headers),
                body: self.read(&answer),
            },
            Err(missed) => Looked {
                status: missed.said.as_ref().map(|(status, _)| status.as_u16()),
                date: missed.said.as_ref().and_then(|(_, headers)| date(headers)),
                body: Err(missed.error),
            },
        }
    }

    async fn once(&self, asked: &Asked) -> Result<Answer, Box<Missed>> {
        let mut url = Url::parse(&format!("{}{}", self.url, asked.path)).map_err(|error| {
            self.for_good(
                EngineErrorKind::Refused,
                &format!("cannot be asked: {error}"),
            )
        })?;
        if !asked.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&asked.query);
        }
        let mut request = self.client.request(asked.method.clone(), url);
        request = request.headers(self.credentials.headers());
        if let Some(tag) = &asked.tag {
            request = request.header(reqwest::header::IF_NONE_MATCH, tag);
        }
        if let Some(body) = &asked.body {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.to_string());
        }
        let response = request.send().await.map_err(|error| self.unsent(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.whole(response).await?;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(Answer {
                status,
                headers,
                body,
            });
        }
        Err(Box::new(self.refused(status, &headers, &body, asked)))
    }

    /// The body of an answer, measured as it comes.
    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, Box<Missed>> {
        let too_large = || {
            self.for_good(
                EngineErrorKind::Corrupt,
                &format!("answers with more than {} MiB", ANSWER >> 20),
            )
        };
        if response.content_length().is_some_and(|n| n > ANSWER as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unsent(&error))?
        {
            if body.len() + chunk.len() > ANSWER {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn for_good(&self, kind: EngineErrorKind, what: &str) -> Box<Missed> {
        Box::new(Missed {
            error: EngineError::new(kind, format!("{} {what}", self.url)),
            undone: false,
            passing: false,
            turn: None,
            said: None,
        })
    }

    /// No answer, or only the beginning of one.
    fn unsent(&self, error: &reqwest::Error) -> Box<Missed> {
        let why = if error.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            cause(error)
        };
        Box::new(Missed {
            error: EngineError::new(
                EngineErrorKind::Unavailable,
                format!("{} cannot be reached: {why}", self.url),
            ),
            undone: error.is_connect(),
            passing: true,
            turn: None,
            said: None,
        })
    }

    /// An answer that is no success.
    fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        asked: &Asked,
    ) -> Missed {
        use EngineErrorKind as K;
        let code = status.as_u16();
        let kind = match code {
            404 => K::NotFound,
            408 | 429 | 502 | 503 | 504 => K::Unavailable,
            507 => K::Store,
            500.. => K::Corrupt,
            _ => K::Refused,
        };
        let mut missed = Missed {
            error: EngineError::new(kind, String::new()),
            undone: code == 429,
            passing: kind == K::Unavailable,
            turn: (code == 429).then(|| turn(headers)),
            said: Some((status, headers.clone())),
        };
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        missed.error.message = match problem {
            Some(problem) if problem.detail.starts_with("there is no such route") => {
                missed.error.kind = K::Refused;
                format!(
                    "{} does not know {} {}: it runs an older Ork than this command",
                    self.url, asked.method, asked.path
                )
            }
            Some(problem) => {
                let rendered = problem.rendered.map(|text| format!("\n{text}"));
                let said = format!("{}{}", problem.detail, rendered.unwrap_or_default());
                let mut text = format!("{} (said by {}, {code})", self.fit(&said), self.url);
                if status == StatusCode::UNAUTHORIZED {
                    text.push_str(&format!("; {}", self.credentials.told()));
                }
                text
            }
            None => self.without_words(status, headers),
        };
        missed
    }

    /// Of an answer that is not Ork's own.
    fn without_words(&self, status: StatusCode, headers: &HeaderMap) -> String {
        let url = &self.url;
        if status.is_redirection() {
            let place = headers.get(LOCATION).and_then(|place| place.to_str().ok());
            let host = place
                .and_then(|place| Url::parse(url).ok()?.join(place).ok())
                .and_then(|place| place.host_str().map(str::to_owned));
            return format!(
                "{url} answers with a redirect to {}, which is not followed: is that the address of the API, or does a proxy want to see who asks? {}",
                self.fit(&host.unwrap_or_else(|| "elsewhere".to_owned())),
                self.credentials.told()
            );
        }
        let code = status.as_u16();
        match code {
            401 | 403 => format!(
                "{url} answers {code} in words that are not Ork's: Cloud Run's IAM or a proxy before it may want to see who asks; {}",
                self.credentials.told()
            ),
            _ => format!("{url} answers {code} in words that are not Ork's"),
        }
    }

    /// What a server says, fit to be shown: it steers no terminal, is no novel, and holds nothing that was shown to it.
    pub(super) fn fit(&self, text: &str) -> String {
        let text = self.credentials.without(text);
        let lines: Vec<String> = text.lines().map(harmless).collect();
        let mut text = lines.join("\n");
        if let Some((end, _)) = text.char_indices().nth(SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// What a problem document says.
#[derive(serde::Deserialize)]
struct Problem {
    detail: String,
    /// What is wrong with a file, with its lines.
    rendered: Option<String>,
}

/// How long a server that is asked too often wants to be left alone.
fn turn(headers: &HeaderMap) -> Duration {
    let said = headers.get(RETRY_AFTER).and_then(|said| said.to_str().ok());
    let seconds = said.and_then(|said| said.trim().parse().ok()).unwrap_or(1);
    // Nobody waits longer than that anyway.
    Duration::from_secs(seconds).min(2 * TURN)
}

/// The innermost cause of an error; outer ones repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// A header with a token in it, which no log shows.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header of the token that IAM in front of a service looks at first.
pub(super) const FOR_IAM: &str = "x-serverless-authorization";

/// The headers with these tokens.
pub(super) fn headers(key: Option<&str>, id_token: Option<&str>) -> HeaderMap {
    let mut all = HeaderMap::new();
    // Where both are shown, the key has the usual place.
    let second = if key.is_some() {
        FOR_IAM
    } else {
        AUTHORIZATION.as_str()
    };
    let name = |name: &str| reqwest::header::HeaderName::try_from(name).ok();
    let both = [(AUTHORIZATION.as_str(), key), (second, id_token)];
    for (header, token) in both {
        if let (Some(header), Some(value)) = (name(header), token.and_then(bearer)) {
            all.insert(header, value);
        }
    }
    all
}

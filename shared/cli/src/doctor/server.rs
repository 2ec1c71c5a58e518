//! A server: whether it answers, which Ork it is, whom it takes this for, and how it stands.

use std::rc::Rc;
use std::time::Duration;

use ork_core::Value;
use ork_core::time::Time;
use ork_engine::{EngineError, EngineErrorKind};
use tokio::sync::OnceCell;

use super::standing;
use super::{Checks, Finding};
use crate::failure::Failure;
use crate::progress::now;
use crate::site::{Looked, Server, ServerAt};
use crate::workflow_file::count;

/// What this command asks for: methods and paths that an older server may not know. A test compares it with what is routed.
const ASKED: [(&str, &str); 33] = [
    ("get", "/api/health"),
    ("get", "/api/me"),
    ("get", "/api/system"),
    ("get", "/api/audit"),
    ("get", "/api/keys"),
    ("post", "/api/keys"),
    ("post", "/api/keys/{key}/revoke"),
    ("get", "/api/workflows"),
    ("post", "/api/workflows"),
    ("get", "/api/workflows/{name}"),
    ("delete", "/api/workflows/{name}"),
    ("patch", "/api/workflows/{name}/schedule"),
    ("get", "/api/workflows/{name}/versions"),
    ("get", "/api/workflows/{name}/versions/{version}"),
    ("post", "/api/workflows/{name}/runs"),
    ("post", "/api/workflows/{name}/backfill"),
    ("get", "/api/runs"),
    ("get", "/api/runs/{run}/state"),
    ("get", "/api/runs/{run}/explanation"),
    ("get", "/api/runs/{run}/cost"),
    ("post", "/api/runs/{run}/cancel"),
    ("post", "/api/runs/{run}/pause"),
    ("post", "/api/runs/{run}/resume"),
    ("post", "/api/runs/{run}/retry"),
    ("post", "/api/runs/{run}/recover"),
    ("post", "/api/runs/{run}/notices/resend"),
    ("post", "/api/runs/{run}/notices/{notice}/resend"),
    ("get", "/api/runs/{run}/tasks/{task}/output"),
    ("get", "/api/runs/{run}/tasks/{task}/logs"),
    ("post", "/api/runs/{run}/tasks/{task}/pause"),
    ("post", "/api/runs/{run}/tasks/{task}/resume"),
    ("post", "/api/runs/{run}/tasks/{task}/retry"),
    ("post", "/api/runs/{run}/tasks/{task}/mark-success"),
];

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(4);
/// What is done where nothing answers.
const REACH: &str = "is the address that of its pages, does the server run, and is there a way to it from here? `ork profile list` shows where it comes from";

/// An answer with the instants around it.
struct Heard {
    looked: Looked,
    before: Time,
    after: Time,
}

/// The server, of which everything is asked once.
struct Patient {
    server: Server,
    health: OnceCell<Heard>,
    system: OnceCell<Heard>,
}

impl Patient {
    async fn heard(&self, path: &str) -> Heard {
        let before = now();
        let looked = tokio::time::timeout(ANSWER, self.server.look(path)).await;
        let looked = looked.unwrap_or_else(|_| {
            let (url, seconds) = (self.server.url(), ANSWER.as_secs());
            let late = format!("{url} does not answer within {seconds} s");
            Looked {
                status: None,
                date: None,
                body: Err(EngineError::new(EngineErrorKind::Unavailable, late)),
            }
        });
        Heard {
            looked,
            before,
            after: now(),
        }
    }

    async fn health(&self) -> &Heard {
        let ask = || self.heard("/api/health");
        self.health.get_or_init(ask).await
    }

    async fn system(&self) -> &Heard {
        let ask = || self.heard("/api/system");
        self.system.get_or_init(ask).await
    }

    /// Why something could not be learnt that others of the server's answers say nothing about.
    fn not_told(looked: &Looked) -> Finding {
        let why = match &looked.body {
            Err(error) => error.message.clone(),
            Ok(_) => "the answer is not what was expected".to_owned(),
        };
        match looked.status {
            Some(403) => Finding::unknown(
                why,
                "ask with a key of a higher role, or one that is limited to no workflows",
            ),
            Some(401) => Finding::unknown(why, "server.identity says what was shown"),
            _ => Finding::unknown(why, "server.answers and server.api say more"),
        }
    }

    async fn answers(&self) -> Finding {
        let Heard {
            looked,
            before,
            after,
        } = self.health().await;
        let took = after.since(*before);
        match (&looked.body, looked.status) {
            (Ok(_), _) => Finding::ok(format!("{} in {took}", self.server.url())),
            (Err(error), Some(503)) => Finding::failed(
                error.message.clone(),
                "its store does not answer: look at its log",
            ),
            (Err(error), Some(401 | 403)) => Finding::failed(
                error.message.clone(),
                "show what stands before it who asks: ORK_ID_TOKEN, or `id_token` of a profile",
            ),
            (Err(error), _) => Finding::failed(error.message.clone(), REACH),
        }
    }

    async fn version(&self) -> Finding {
        let looked = &self.health().await.looked;
        let there = match &looked.body {
            Ok(body) => body["version"].as_str(),
            Err(_) => None,
        };
        let own = env!("CARGO_PKG_VERSION");
        match there {
            Some(there) if there == own => Finding::ok(there.to_owned()),
            Some(there) => Finding::warning(
                format!("{there}, and this ork is {own}"),
                "use the same version at both ends; what the older does not know it refuses",
            ),
            None => Self::not_told(looked),
        }
    }

    /// Whether it knows everything that the commands ask for.
    async fn api(&self) -> Finding {
        let looked = self.heard("/api/openapi.json").await.looked;
        let Ok(document) = &looked.body else {
            return Self::not_told(&looked);
        };
        if !document["paths"].is_object() {
            return Finding::failed("its description is no OpenAPI document", REACH);
        }
        let missing = missing(document);
        match missing.first() {
            None => Finding::ok(format!(
                "it knows all {} that commands ask for",
                count(ASKED.len(), "request")
            )),
            Some(first) => Finding::warning(
                format!(
                    "it does not know {} of the {} that commands ask for, such as {first}",
                    missing.len(),
                    count(ASKED.len(), "request")
                ),
                "it runs another Ork than this command: update the older",
            ),
        }
    }

    async fn identity(&self) -> Finding {
        let looked = self.heard("/api/me").await.looked;
        match (&looked.body, looked.status) {
            (Ok(me), _) => {
                let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
                let actor = &me["actor"];
                let limits = me["workflows"].as_array().map_or(0, Vec::len);
                let limits = match limits {
                    0 => String::new(),
                    n => format!(", limited to {}", count(n, "workflow")),
                };
                Finding::ok(format!(
                    "{}:{}, {}{limits}",
                    word(&actor["kind"]),
                    word(&actor["id"]),
                    word(&me["role"])
                ))
            }
            (Err(error), Some(401 | 403)) => Finding::failed(
                error.message.clone(),
                "set ORK_API_KEY, or name a profile with a key; `ork auth key create` makes one, and docs/access.md says who may",
            ),
            (Err(_), _) => Self::not_told(&looked),
        }
    }

    async fn clock(&self) -> Finding {
        let Heard {
            looked,
            before,
            after,
        } = self.health().await;
        if looked.status.is_none() {
            return Self::not_told(looked);
        }
        standing::clocks(looked.date.as_deref(), *before, *after)
    }

    async fn ticks(&self) -> Finding {
        let Heard { looked, .. } = self.system().await;
        let Ok(body) = &looked.body else {
            return Self::not_told(looked);
        };
        if body["is_ticked"] == false {
            return Finding::skipped("it looks after its runs without any, as `ork dev` does");
        }
        let latest = &body["ticks"][0];
        let errors = latest["errors"].as_u64().unwrap_or(0);
        let at = instant(&latest["at"]);
        let errors = u32::try_from(errors).unwrap_or(u32::MAX);
        // By its own clock: a difference between the two is another check's.
        let there = instant(&body["now"]).unwrap_or_else(now);
        standing::ticks(at.map(|at| (at, errors)), there)
    }

    async fn wakes(&self) -> Finding {
        let Heard { looked, .. } = self.system().await;
        let Ok(body) = &looked.body else {
            return Self::not_told(looked);
        };
        let next = &body["next_wake"];
        let longest = next["run_id"].as_str().zip(instant(&next["at"]));
        let late = usize::try_from(body["overdue"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        standing::wakes(longest, late, instant(&body["now"]).unwrap_or_else(now))
    }

    async fn set_aside(&self) -> Finding {
        let Heard { looked, .. } = self.system().await;
        let Ok(body) = &looked.body else {
            return Self::not_told(looked);
        };
        let number = body["set_aside"].as_u64().unwrap_or(0);
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        standing::set_aside(number, body["set_aside_why"].as_str())
    }
}

fn instant(value: &Value) -> Option<Time> {
    Time::parse(value.as_str()?).ok()
}

/// What is asked for and not in a server's own description of its API.
fn missing(document: &Value) -> Vec<String> {
    let known = |(method, path): &&(&str, &str)| document["paths"][*path][*method].is_object();
    let unknown = ASKED.iter().filter(|one| !known(one));
    unknown
        .map(|(method, path)| format!("{} {path}", method.to_uppercase()))
        .collect()
}

/// Adds the checks of a server.
pub(super) async fn add(checks: &mut Checks, at: ServerAt) -> Result<(), Failure> {
    let patient = Rc::new(Patient {
        server: Server::connect(at).await?,
        health: OnceCell::new(),
        system: OnceCell::new(),
    });
    macro_rules! add {
        ($($name:literal $check:ident),+ $(,)?) => {
            $(
                let of = Rc::clone(&patient);
                checks.add($name, async move { of.$check().await });
            )+
        };
    }
    add! {
        "server.answers" answers,
        "server.version" version,
        "server.api" api,
        "server.identity" identity,
        "server.clock" clock,
        "system.ticks" ticks,
        "system.wakes" wakes,
        "system.set_aside" set_aside,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "serve")]
    fn what_is_asked_for_is_known_and_what_is_gone_is_noticed() {
        let text = ork_api::openapi();
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(missing(&document), Vec::<String>::new());
        let paths = document["paths"].as_object_mut().expect("paths");
        paths.remove("/api/runs/{run}/state");
        let names = paths["/api/workflows"].as_object_mut().expect("methods");
        names.remove("post");
        assert_eq!(
            missing(&document),
            ["POST /api/workflows", "GET /api/runs/{run}/state"]
        );
    }
}

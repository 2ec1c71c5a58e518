//! Secrets with a mark on them: they reach those they are for, and lie nowhere afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ork_emulators::google::Subscription;
use ork_engine::{Act, Actor, NewKey, Role};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Setup};

/// What all secrets here have in common.
const MARK: &str = "canary-51e7";
/// Of the worker's job.
const PASSWORD: &str = "canary-51e7-password";
/// Of the services, for a header.
const TOKEN: &str = "Bearer canary-51e7-token";

/// `call` fails once with the secret in the answer's body; `use` once after it has read its secrets.
fn workflow(at: &str) -> String {
    format!(
        "name: w
notifications:
  - {{on: [success], webhook: {{secret: HOOK_URL}}, headers: {{Authorization: {{secret: PARTNER_TOKEN}}}}}}
tasks:
  use:
    command: 'test $ORK_ATTEMPT = 2 || exit 75; echo ORK_OUTPUT:[${{#PASS}},$(wc -c < $CERT)]'
    env: {{PASS: {{secret: DB_PASSWORD}}}}
    secrets: [{{name: CERT, secret: projects/p/secrets/DB_PASSWORD/versions/1, path: /run/secrets/cert}}]
    retries: {{max: 1, delay: 1s}}
  call:
    url: \"{at}/once\"
    headers: {{Authorization: {{secret: PARTNER_TOKEN}}}}
    retries: {{max: 2, delay: 1s}}
    depends_on: [use]
  look:
    sensor: {{http: {{url: \"{at}/look\", headers: {{Authorization: {{secret: PARTNER_TOKEN}}}}, success_field: state}}}}
    depends_on: [call]
"
    )
}

/// A partner's service: it repeats what it was sent, and is out of order when it is first asked.
#[derive(Clone, Default)]
struct Partner(Arc<Mutex<Vec<(String, String)>>>);

impl Partner {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let at = listener.local_addr().expect("its address");
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{at}")
    }
    fn seen(&self) -> Vec<(String, String)> {
        self.0.lock().expect("nobody panics here").clone()
    }
}

async fn answer(State(partner): State<Partner>, request: Request) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let header = request.headers().get("authorization");
    let shown = header.and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut seen = partner.0.lock().expect("nobody panics here");
    let first = !seen.iter().any(|(before, _)| *before == path);
    seen.push((path.clone(), shown.to_owned()));
    let status = match first && path == "/once" {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    };
    (status, json!({"state": "done", "you": shown}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_those_they_are_for_and_lie_nowhere_afterwards() {
    let partner = Partner::default();
    let at = partner.open().await;
    let hook = format!("{at}/hook/{MARK}");
    let host = at.trim_start_matches("http://");
    let env = [
        ("ORK_HTTP_SECRETS", "PARTNER_TOKEN, HOOK_URL"),
        ("ORK_OUTGOING_ALLOW", host),
        ("ORK_LOG", "trace"),
        ("PARTNER_TOKEN", TOKEN),
        ("HOOK_URL", &hook),
    ];
    let name = "secrets on the emulators";
    let Some(cloud) = Cloud::start_with(name, Setup::default(), &env).await else {
        return;
    };
    let names = cloud.emulators.names();
    let pubsub = cloud.emulators.pubsub().expect("it was started").admin();
    let topics = [
        &names.topic_dispatch,
        &names.topic_poll,
        &names.topic_objects,
    ];
    let listening = (0..).zip(topics).map(|(n, topic)| {
        let name = format!("projects/{}/subscriptions/listening-{n}", cloud.project());
        Subscription::pull(name, topic)
    });
    let listening: Vec<Subscription> = listening.collect();
    for one in &listening {
        pubsub.create_subscription(one).await.expect("it is made");
    }
    let code = cloud.copy_of("schedules");
    cloud.work_in_with(&code, &[("DB_PASSWORD", PASSWORD), ("ORK_LOG", "trace")]);
    cloud.deploy("w", &workflow(&at)).await;
    let run = cloud.run("w", json!({})).await;
    let found = cloud.outcome(&run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    let bytes = PASSWORD.len();
    assert_eq!(
        found["tasks"]["use"]["output"],
        json!([bytes, bytes]),
        "{found:#}"
    );
    assert!(
        found["tasks"]["call"]["output"].to_string().contains("***"),
        "{found:#}"
    );
    let path = format!("/hook/{MARK}");
    cloud
        .until("the notice", async || {
            let seen = partner.seen();
            seen.iter().any(|(at, _)| *at == path).then_some(())
        })
        .await;
    for (at, shown) in partner.seen() {
        assert_eq!(shown, TOKEN, "{at}");
    }
    let wish = NewKey {
        name: "ci".into(),
        role: Role::Viewer,
        workflows: Vec::new(),
        lasts: None,
    };
    let acting = cloud.engine.by(Act::of(Actor::new("cli", "tester")));
    let made = acting.create_key(wish, [0xa7; 32]).await;
    let (_, key) = made.expect("a key");
    let secret = key.rsplit('_').next().expect("a part").to_owned();
    let marks = [MARK.to_owned(), secret];

    let mut places = documents(&cloud).await;
    places.extend(objects(&cloud).await);
    for one in &listening {
        let mut messages = Vec::new();
        loop {
            let more = pubsub.pull(&one.name, 1_000).await.expect("messages");
            if more.is_empty() {
                break;
            }
            messages.extend(
                more.into_iter().map(|message| {
                    format!("{message:?} {}", String::from_utf8_lossy(&message.data))
                }),
            );
        }
        // Poll is hinted at by the API only, which is not here.
        assert!(
            one.topic == names.topic_poll || !messages.is_empty(),
            "nothing came to {}",
            one.topic
        );
        places.insert(one.topic.clone(), messages.join("\n").into_bytes());
    }
    let tasks = cloud.emulators.tasks().expect("it was started");
    places.insert(
        "wakes".into(),
        format!("{:?}", tasks.deliveries()).into_bytes(),
    );
    let jobs = cloud.emulators.run_jobs().expect("it was started");
    for mut execution in jobs.executions(&names.worker_job) {
        let output = jobs.output(&execution.name).expect("it is known");
        // What the job itself has of Secret Manager is in sight of whoever may see the job.
        execution.env.remove("DB_PASSWORD");
        let all = format!("{execution:?}\n{output}");
        places.insert(execution.name.clone(), all.into_bytes());
    }
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e");
    let mut said = String::new();
    for role in crate::services::ROLES {
        let log = std::fs::read(logs.join(format!("{role}.log"))).expect("a log");
        said.push_str(&String::from_utf8_lossy(&log));
        places.insert(format!("the log of {role}"), log);
    }
    assert!(said.contains(run.as_str()), "nobody said anything of {run}");
    for mark in &marks {
        let with = with(&places, mark);
        assert!(with.is_empty(), "a secret lies in {with:?}");
    }
    // Names of secrets do lie there, so what is looked through can be read.
    let with = with(&places, "PARTNER_TOKEN");
    for kind in ["/databases/", "workflows/w/"] {
        assert!(with.iter().any(|place| place.contains(kind)), "{with:?}");
    }
    cloud.stop().await;
}

/// Where some text lies.
fn with<'a>(places: &'a BTreeMap<String, Vec<u8>>, text: &str) -> Vec<&'a String> {
    let has = |bytes: &[u8]| {
        let mut parts = bytes.windows(text.len());
        parts.any(|part| part == text.as_bytes())
    };
    let found = places.iter().filter(|(_, bytes)| has(bytes));
    found.map(|(place, _)| place).collect()
}

/// Every document of the project, bytes decoded.
async fn documents(cloud: &Cloud) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for document in cloud.documents().await {
        let name = document["name"].as_str().expect("a name");
        let mut bytes = document.to_string().into_bytes();
        decode(&document, &mut bytes);
        found.insert(name.to_owned(), bytes);
    }
    let kinds = ["/runs/", "/workflows/", "/audit/", "/keys/"];
    for kind in kinds {
        assert!(
            found.keys().any(|name| name.contains(kind)),
            "no document of {kind}: {:?}",
            found.keys()
        );
    }
    found
}

/// Appends what the bytes within a value say.
fn decode(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "bytesValue" => {
                        into.extend(STANDARD.decode(text).expect("base64"));
                    }
                    _ => decode(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|one| decode(one, into)),
        _ => {}
    }
}

/// Every object of the bucket.
async fn objects(cloud: &Cloud) -> BTreeMap<String, Vec<u8>> {
    let storage = cloud
        .emulators
        .storage()
        .expect("it was started")
        .endpoint();
    let bucket = format!("{storage}/storage/v1/b/{}/o", cloud.emulators.bucket());
    let client = reqwest::Client::new();
    let get = async |url: String| {
        let answer = client.get(url).send().await.expect("an answer");
        answer
            .error_for_status()
            .expect("a success")
            .bytes()
            .await
            .expect("a body")
    };
    let listed: Value =
        serde_json::from_slice(&get(format!("{bucket}?maxResults=1000")).await).expect("JSON");
    let items = listed["items"].as_array().expect("objects");
    assert!(listed.get("nextPageToken").is_none(), "there is more");
    let mut found = BTreeMap::new();
    for item in items {
        let name = item["name"].as_str().expect("a name");
        let path = name.replace('/', "%2F");
        let bytes = get(format!("{bucket}/{path}?alt=media")).await;
        found.insert(
            name.to_owned(),
            [item.to_string().as_bytes(), &bytes].concat(),
        );
    }
    for kind in [
        "result.json",
        "/claim",
        "log.txt",
        "/batches/",
        "output.json",
    ] {
        assert!(
            found.keys().any(|name| name.contains(kind)),
            "no object {kind}: {:?}",
            found.keys()
        );
    }
    found
}

//! `ork-emulators --functions`: the functions as processes, with a program that stands for `ork-service`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ork_emulators::google::testing::sdk_or_skip;
use ork_emulators::{Emulators, Functions, FunctionsOptions, Options, Part};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::command::{Running, WITHOUT_GOOGLE, variable};
use crate::fake::Fake;
use crate::support::{lives, until};

const ROLES: [&str; 6] = [
    "tick",
    "dispatch",
    "monitor",
    "poll",
    "worker-service",
    "api",
];

#[tokio::test]
async fn functions_are_told_where_everything_is_and_stop_before_what_they_need() {
    let Some(fake) = Fake::new("functions_are_told_where_everything_is") else {
        return;
    };
    let code = fake.path("code");
    std::fs::create_dir(&code).unwrap();
    let code = code.to_str().unwrap();
    let more = ["--project", "prj", "--tick-every", "50ms", "--code", code];
    let running = fake.start(&more).await;
    let poll = fake.env("poll");
    let wake_url = format!("http://127.0.0.1:{}/wake", poll["PORT"]);
    for role in ROLES {
        let env = fake.env(role);
        assert_eq!(env["ORK_WAKE_URL"], wake_url, "{role}");
        assert_eq!(
            env["ORK_SUBSCRIPTION"],
            format!("projects/prj/subscriptions/ork-{role}")
        );
        assert_eq!(env["ORK_PROJECT"], "prj");
        assert_eq!(
            env["ORK_WORKER_SERVICES"],
            r#"{"service":"projects/prj/topics/ork-worker-service"}"#
        );
        // Variables of Ork that it does not know are refused by the program.
        assert!(!env.contains_key("EMULATORS_CONTROL"), "{env:?}");
    }
    let file = fake.path("env.sh");
    for (name, value) in [("ORK_BUCKET", "ork-local"), ("ORK_WAKE_URL", &wake_url)] {
        assert_eq!(variable(&file, name).await, value);
    }
    until("ticks come", || async {
        let posts = fake.posts("tick");
        posts
            .iter()
            .all(|(path, _)| path == "/tick")
            .then_some(())?;
        (posts.len() >= 2).then_some(())
    })
    .await;

    let service = fake.env("worker-service");
    assert_eq!(service["ORK_CODE_DIR"], code);

    // A worker is the same program.
    let endpoint = variable(&file, "ORK_RUN_ENDPOINT").await;
    let run = format!("{endpoint}/v2/projects/prj/locations/local/jobs/ork-worker:run");
    let started = reqwest::Client::new().post(run).send().await.unwrap();
    assert!(started.status().is_success());
    until("the worker was there", || async {
        fake.path("worker.env").exists().then_some(())
    })
    .await;
    let worker = until("its environment is complete", || async {
        serde_json::from_str::<BTreeMap<String, String>>(&fake.text("worker.env")).ok()
    })
    .await;
    assert_eq!(worker["ORK_CODE_DIR"], code);
    // A launcher of Python may put more in front.
    let path = std::env::var("PATH").unwrap();
    assert!(worker["PATH"].ends_with(&path), "{worker:?}");
    assert_eq!(worker["ORK_CACHE_DIR"], service["ORK_CACHE_DIR"]);
    let cache = PathBuf::from(&worker["ORK_CACHE_DIR"]);
    assert!(cache.is_dir());

    running.signal(Signal::INT);
    let output = running.wait();
    assert!(output.status.success(), "{output:?}");
    let mut stopped: Vec<String> = fake.text("stopped").lines().map(str::to_owned).collect();
    stopped.sort();
    // Each could still ask the storage.
    assert_eq!(
        stopped,
        [
            "api 200",
            "dispatch 200",
            "monitor 200",
            "poll 200",
            "tick 200",
            "worker-service 200"
        ]
    );
    fake.until_nothing_is_left().await;
    assert!(!cache.exists() && !file.exists(), "nothing is kept");
    assert_eq!(fake.text("logs/tick.log"), "tick is ready\n");
    let table = String::from_utf8(output.stdout).unwrap();
    for said in [
        format!(
            "POST http://127.0.0.1:{}/tick, every 0.05 s",
            fake.env("tick")["PORT"]
        ),
        format!(". {}", file.display()),
        "ork workflow deploy examples/quickstart".to_owned(),
        "ork run start quickstart --wait".to_owned(),
        fake.path("logs").display().to_string(),
    ] {
        assert!(table.contains(&said), "{said}: {table}");
    }
}

#[tokio::test]
async fn a_function_that_dies_stops_everything_and_its_last_words_are_shown() {
    let Some(fake) = Fake::new("a_function_that_dies_stops_everything") else {
        return;
    };
    let running = fake.start(&["--verbose"]).await;
    // Two lines for each function, itself first: found by its port, whatever the order was.
    let monitor = fake.processes().into_iter().find(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        line.is_ok_and(|line| line.contains("monitor"))
    });
    let monitor = Pid::from_raw(monitor.expect("it runs")).unwrap();
    kill_process(monitor, Signal::KILL).unwrap();
    let output = running.wait();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    for said in [
        "ork-emulators: monitor ended by itself (signal: 9 (SIGKILL))",
        "logs/monitor.log:\nmonitor is ready",
        "poll     | poll is ready",
    ] {
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(
        fake.text("stopped").lines().count(),
        5,
        "the others stopped"
    );
    fake.until_nothing_is_left().await;
}

#[tokio::test]
async fn a_function_that_does_not_start_says_why() {
    let Some(fake) = Fake::new("a_function_that_does_not_start_says_why") else {
        return;
    };
    std::fs::write(fake.path("dispatch.broken"), "").unwrap();
    let output = Running::start(&fake.arguments(&[])).wait();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("dispatch ended at once (exit status: 1)")
            && error.contains("ORK_REGION is not set"),
        "{error}"
    );
    assert!(!fake.path("env.sh").exists());
    for (path, said) in [
        (
            "nowhere/ork-service",
            "build it with `cargo build -p ork-service`",
        ),
        ("logs", "there is no program"),
    ] {
        let path = fake.path(path);
        let arguments = [
            &WITHOUT_GOOGLE[..],
            &["--functions", path.to_str().unwrap()],
        ]
        .concat();
        let output = Running::start(&arguments).wait();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn ports_that_somebody_else_took_are_replaced_by_others() {
    let Some(fake) = Fake::new("ports_that_somebody_else_took") else {
        return;
    };
    std::fs::write(fake.path("poll.taken"), "").unwrap();
    let running = fake.start(&[]).await;
    assert!(!fake.path("poll.taken").exists(), "it was tried and failed");
    let wake_url = format!("http://127.0.0.1:{}/wake", fake.env("poll")["PORT"]);
    for role in ROLES {
        assert_eq!(fake.env(role)["ORK_WAKE_URL"], wake_url, "{role}");
    }
    running.signal(Signal::TERM);
    let output = running.wait();
    assert!(output.status.success(), "{output:?}");
    fake.until_nothing_is_left().await;
}

#[tokio::test]
async fn sigkill_leaves_no_function_behind() {
    let Some(fake) = Fake::new("sigkill_leaves_no_function_behind") else {
        return;
    };
    let running = fake.start(&[]).await;
    assert!(fake.processes().into_iter().all(lives));
    running.signal(Signal::KILL);
    running.wait();
    fake.until_nothing_is_left().await;
}

#[tokio::test]
async fn a_function_that_does_not_stop_is_killed() {
    let Some(fake) = Fake::new("a_function_that_does_not_stop_is_killed") else {
        return;
    };
    std::fs::write(fake.path("poll.stubborn"), "").unwrap();
    let mut emulators = Emulators::start(Options {
        firestore: Part::Off,
        pubsub: Part::Off,
        ..Options::for_project("prj", "bkt")
    })
    .await
    .unwrap();
    let options = FunctionsOptions {
        grace: Duration::from_millis(300),
        ..FunctionsOptions::new(fake.path("ork-service"), fake.path(""), fake.path("logs"))
    };
    let functions = Functions::start(&mut emulators, options).await.unwrap();
    assert_eq!(functions.addresses().len(), 6);
    functions.stop().await;
    let stopped = fake.text("stopped");
    assert!(stopped.contains("poll does not want to"), "{stopped}");
    assert_eq!(stopped.lines().count(), 6, "{stopped}");
    fake.until_nothing_is_left().await;
    emulators.stop().await;
}

#[tokio::test]
async fn a_second_interrupt_does_not_wait() {
    let Some(fake) = Fake::new("a_second_interrupt_does_not_wait") else {
        return;
    };
    std::fs::write(fake.path("poll.stubborn"), "").unwrap();
    let running = fake.start(&[]).await;
    running.signal(Signal::INT);
    until("poll was told to stop", || async {
        fake.text("stopped").contains("poll does").then_some(())
    })
    .await;
    let asked = Instant::now();
    running.signal(Signal::INT);
    let output = running.wait();
    assert!(output.status.success(), "{output:?}");
    assert!(asked.elapsed() < Duration::from_secs(7), "it waited");
    fake.until_nothing_is_left().await;
}

#[tokio::test]
async fn messages_and_notices_are_pushed_and_a_project_is_wiped_with_one_call() {
    let test = "messages_and_notices_are_pushed_and_a_project_is_wiped_with_one_call";
    let (Some(fake), Some(_)) = (Fake::new(test), sdk_or_skip(test)) else {
        return;
    };
    let mut emulators = Emulators::start(Options::for_project("prj", "bkt"))
        .await
        .unwrap();
    let options = FunctionsOptions::new(fake.path("ork-service"), fake.path(""), fake.path("logs"));
    let functions = Functions::start(&mut emulators, options).await.unwrap();
    let admin = emulators.pubsub().unwrap().admin();
    let names = emulators.names();
    for (role, topic) in [
        ("dispatch", &names.topic_dispatch),
        ("poll", &names.topic_poll),
    ] {
        let attributes = [("to", role), ("run", "r")];
        admin.publish(topic, b"", &attributes).await.unwrap();
        let (path, body) = first_post(&fake, role).await;
        assert_eq!(path, "/push");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["subscription"], fake.env(role)["ORK_SUBSCRIPTION"]);
        assert_eq!(body["message"]["attributes"]["to"], role);
    }
    let attributes = [("batch", "b"), ("index", "0")];
    let topic = &names.topic_worker_service;
    admin.publish(topic, b"", &attributes).await.unwrap();
    let (path, body) = first_post(&fake, "worker-service").await;
    assert_eq!(path, "/push");
    assert!(body.contains("ork-worker-service"), "{body}");
    let client = reqwest::Client::new();
    let storage = emulators.storage().unwrap().endpoint();
    let object = format!("{storage}/storage/v1/b/bkt/o/x");
    let upload = format!("{storage}/upload/storage/v1/b/bkt/o?uploadType=media&name=x");
    client.post(upload).body("{}").send().await.unwrap();
    let (_, body) = first_post(&fake, "monitor").await;
    assert!(body.contains("OBJECT_FINALIZE"), "{body}");

    // Everything of one project, with one call.
    let firestore = emulators.firestore().unwrap().address();
    let documents = format!("http://{firestore}/v1/projects/prj/databases/(default)/documents");
    let document = format!("{documents}/things/x");
    let made = client
        .post(format!("{documents}/things?documentId=x"))
        .bearer_auth("owner")
        .json(&serde_json::json!({"fields": {}}));
    assert_eq!(made.send().await.unwrap().status(), 200);
    let status = async |url: &str| {
        let answer = client.get(url).bearer_auth("owner").send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!((status(&object).await, status(&document).await), (200, 200));
    let control = emulators.control().unwrap();
    let wipe = async |path: &str| {
        let answer = client
            .post(format!("{control}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (code, said) = wipe("/wipe/other").await;
    assert!(code == 400 && said.contains("?bucket=NAME"), "{said}");
    let (code, said) = wipe("/wipe/prj?bucket=nothing").await;
    assert!(code == 502 && said.contains("nothing"), "{said}");
    assert_eq!((status(&object).await, status(&document).await), (200, 200));
    assert_eq!(wipe("/wipe/prj").await, (204, String::new()));
    assert_eq!((status(&object).await, status(&document).await), (404, 404));
    // What messages go through is still there.
    let before = fake.posts("dispatch").len();
    let attributes = [("to", "dispatch"), ("run", "later")];
    admin
        .publish(&names.topic_dispatch, b"", &attributes)
        .await
        .unwrap();
    until("a message after the wipe", || async {
        (fake.posts("dispatch").len() > before).then_some(())
    })
    .await;
    functions.stop().await;
    emulators.stop().await;
}

async fn first_post(fake: &Fake, role: &str) -> (String, String) {
    until(&format!("something is sent to {role}"), || async {
        fake.posts(role).into_iter().next()
    })
    .await
}

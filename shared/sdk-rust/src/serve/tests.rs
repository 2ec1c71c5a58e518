//! The worker service over real connections.

use std::io::Read as _;
use std::sync::{Mutex, mpsc};

use serde_json::{Value, json};

use super::*;
use crate::{BigQueryJob, Context, Deferred};

#[crate::task]
fn double(input: Vec<i64>, ctx: &Context) -> crate::Result<Value> {
    let before: i64 = ctx.output_of("before").unwrap_or(0);
    Ok(
        json!({"sum": 2 * input.iter().sum::<i64>() + before, "run": ctx.run_id, "attempt": ctx.attempt}),
    )
}

#[crate::task]
fn hand_over() -> Deferred {
    Deferred::to([BigQueryJob::new("p", "ork_1")])
}

#[crate::task]
fn panics() {
    panic!("no more");
}

/// Where the task below says that it runs, and waits to be let go.
static GATE: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = Mutex::new(None);

#[crate::task]
fn waits() {
    let (running, go) = GATE.lock().expect("one at a time").take().expect("a gate");
    running.send(()).expect("the test listens");
    go.recv().expect("the test lets go");
}

fn started(at_once: usize) -> SocketAddr {
    let tasks = crate::tasks![double, hand_over, panics, waits];
    let server = Server::bind_with(tasks, "0", at_once).expect("a free port");
    let address = server.listener.local_addr().expect("an address");
    // It ends with the test program.
    std::thread::spawn(move || server.serve());
    address
}

/// Sends a request; gives the status and the body of the answer.
fn ask(address: SocketAddr, request: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    assert!(head.contains("Connection: close"), "{head}");
    (status, serde_json::from_str(body).expect("JSON"))
}

fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    ask(address, &(head + &body))
}

#[test]
fn a_task_is_executed_and_its_verdict_told() {
    let address = started(4);
    let asked = json!({"task_id": "r-7/double", "task_name": "double", "executor_type": "service", "params": [1, 2],
        "attempt": 3, "upstream": {"before": 100}});
    assert_eq!(
        post(address, "/execute", &asked),
        (
            200,
            json!({"status": "success", "output": {"sum": 106, "run": "r-7", "attempt": 3}})
        )
    );
    let job = json!({"service_type": "bigquery", "project": "p", "job_id": "ork_1"});
    let asked = json!({"task_id": "r/t", "task_name": "t", "function": "hand_over", "executor_type": "service", "params": {}});
    assert_eq!(
        post(address, "/execute", &asked),
        (
            200,
            json!({"status": "success", "output": null, "deferred": [job]})
        )
    );
    for (name, params, category, words) in [
        ("panics", json!({}), "unknown", "panicked: no more"),
        (
            "double",
            json!({}),
            "permanent",
            "the input does not fit `double`",
        ),
        ("dobule", json!([]), "permanent", "did you mean `double`"),
    ] {
        let asked = json!({"task_id": "r/t", "task_name": name, "executor_type": "service", "params": params});
        let (status, found) = post(address, "/execute", &asked);
        assert_eq!(
            (status, &found["status"], &found["category"]),
            (200, &json!("failed"), &json!(category))
        );
        assert!(
            found["error"].as_str().expect("a text").contains(words),
            "{found}"
        );
    }
    let (status, found) = post(address, "/execute", &json!({"task_name": "double"}));
    assert_eq!(status, 400);
    assert!(
        found["error"].as_str().expect("a text").contains("task_id"),
        "{found}"
    );
}

#[test]
fn the_service_says_how_it_is_and_what_it_has() {
    let address = started(4);
    assert_eq!(
        ask(address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        (200, json!({"status": "ok", "tasks": 4}))
    );
    let (status, found) = post(address, "/compile", &json!({}));
    assert_eq!((status, &found["workflow"]), (200, &Value::Null));
    assert_eq!(
        found["tasks"][0],
        json!({"name": "double", "executor": "service", "depends_on": []})
    );
    assert_eq!(ask(address, "GET /execute HTTP/1.1\r\n\r\n").0, 405);
    assert_eq!(ask(address, "GET / HTTP/1.1\r\n\r\n").0, 404);
    let form = "POST /execute HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(ask(address, form).0, 415);
    // Refused before its body was read, and the asker still sees why.
    let large = format!(
        "POST /execute HTTP/1.1\r\nContent-Length: {}\r\n\r\n{}",
        11 << 20,
        "x".repeat(100_000)
    );
    assert_eq!(ask(address, &large).0, 413);
}

#[test]
fn a_full_service_says_so_and_still_answers_for_itself() {
    let address = started(1);
    let (running, is_running) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    *GATE.lock().expect("one at a time") = Some((running, gone));
    let asked =
        json!({"task_id": "r/t", "task_name": "waits", "executor_type": "service", "params": {}});
    let first = std::thread::spawn({
        let asked = asked.clone();
        move || post(address, "/execute", &asked)
    });
    is_running.recv().expect("it runs");
    let (status, found) = post(address, "/execute", &asked);
    assert_eq!((status, &found["category"]), (503, &json!("transient")));
    assert_eq!(ask(address, "GET /healthz HTTP/1.1\r\n\r\n").0, 200);
    go.send(()).expect("it waits");
    assert_eq!(
        first.join().expect("answered"),
        (200, json!({"status": "success", "output": null}))
    );
    let again =
        json!({"task_id": "r/t", "task_name": "double", "executor_type": "service", "params": []});
    assert_eq!(post(address, "/execute", &again).0, 200);
}

#[test]
fn an_address_is_a_port_of_this_machine_or_says_where() {
    for (text, expected) in [
        ("8080", "127.0.0.1:8080"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("[::1]:0", "[::1]:0"),
    ] {
        assert_eq!(parse(text).expect("an address").to_string(), expected);
    }
    for text in ["", "70000", "localhost:80", ":80"] {
        assert!(
            parse(text)
                .expect_err(text)
                .to_string()
                .contains("0.0.0.0:8080")
        );
    }
    let env = |value: &'static str| crate::environment::tests::of(&[("ORK_SERVE_TASKS", value)]);
    assert_eq!(at_once(&env("3")).expect("a number"), 3);
    assert!(at_once(&env("0")).is_err() && at_once(&env("many")).is_err());
}

//! Servers that do not answer, or not as they should: what is tried again and what is not, and what is told of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use crate::server::Far;
use crate::support::{Project, Ran, WAITS};

/// What becomes of a request.
pub(crate) enum Fate {
    /// It is passed on, and its answer back.
    Pass,
    /// It is not looked at.
    Drop,
    /// It is passed on, and nobody hears of the answer.
    Lose,
    /// This is the answer.
    Say(String),
}

/// Stands before a server, or instead of one.
pub(crate) struct Between {
    pub(crate) url: String,
    /// The heads of all requests.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Between {
    /// `judge` is given the head of a request, and how many with the same first line came before it.
    pub(crate) fn new(to: &str, judge: impl Fn(&str, usize) -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::<String>::new()));
        let heads = seen.clone();
        let to = to.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some((head, body)) = request(&mut stream) else {
                    continue;
                };
                let first = head.lines().next().unwrap_or_default().to_owned();
                let before = {
                    let mut heads = heads.lock().expect("nobody panics");
                    heads.push(head.clone());
                    heads.iter().filter(|one| one.starts_with(&first)).count() - 1
                };
                let _ = match judge(&head, before) {
                    Fate::Drop => Ok(()),
                    Fate::Say(text) => stream.write_all(text.as_bytes()),
                    Fate::Pass => stream.write_all(&pass(&to, &head, &body)),
                    Fate::Lose => {
                        pass(&to, &head, &body);
                        Ok(())
                    }
                };
            }
        });
        Self {
            url: format!("http://{at}"),
            seen,
        }
    }

    /// One that answers everything so.
    pub(crate) fn saying(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new("", move |_, _| Fate::Say(text.clone()))
    }

    fn heads(&self, begin: &str) -> Vec<String> {
        let all = self.seen.lock().expect("nobody panics");
        let those = all.iter().filter(|head| head.starts_with(begin));
        those.cloned().collect()
    }

    fn command(&self, project: &Project, args: &[&str]) -> Command {
        let mut command = project.command(args);
        command.env("ORK_SERVER", &self.url);
        command
    }

    fn ork(&self, project: &Project, args: &[&str]) -> Ran {
        project.finish(&mut self.command(project, args))
    }
}

/// Head and body of the one request of a connection.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            let body = bytes[end + 4..].to_vec();
            if body.len() >= length.unwrap_or(0) {
                return Some((head, body));
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

/// What the server at `to` answers.
fn pass(to: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let kept = head.lines().filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("host:") && !line.starts_with("connection:")
    });
    let kept: Vec<&str> = kept.collect();
    let head = format!(
        "{}\r\nhost: {to}\r\nconnection: close\r\n\r\n",
        kept.join("\r\n")
    );
    let mut answer = Vec::new();
    let asked = TcpStream::connect(to).and_then(|mut stream| {
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        stream.read_to_end(&mut answer)
    });
    asked.map_or_else(|_| Vec::new(), |_| answer)
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

#[test]
fn a_start_whose_answer_is_lost_makes_one_run() {
    let far = Far::new("w.yaml", WAITS, &[]);
    let between = Between::new(&far.url, |head, before| match before {
        0 if head.starts_with("POST") => Fate::Lose,
        _ => Fate::Pass,
    });
    let started = between.ork(&far.here, &["run", "start", "waits", "--json"]);
    assert_eq!(started.ok().json()["created"], true);
    let asked = between.heads("POST /api/workflows/waits/runs");
    assert_eq!(asked.len(), 2, "{asked:?}");
    let runs = far.ork(&["run", "list", "--json"]).ok().json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs}");
    // What is done again if it is asked for again is asked for once.
    let cancelled = between.ork(&far.here, &["run", "cancel", "latest"]);
    cancelled.exits(3).says("cannot be reached");
    let asked = between.heads("POST /api/runs/");
    assert_eq!(asked.len(), 1, "{asked:?}");
    far.ork(&["run", "status", "latest"]).ok();
    far.end();
}

#[test]
fn who_watches_goes_on_when_the_server_is_back() {
    let far = Far::new("w.yaml", WAITS, &[]);
    let Far {
        there,
        here,
        mut dev,
        url,
    } = far;
    let gone = Arc::new(Mutex::new(false));
    let is_gone = gone.clone();
    let between = Between::new(&url, move |_, _| match *is_gone.lock().expect("a flag") {
        true => Fate::Drop,
        false => Fate::Pass,
    });
    let start = ["run", "start", "waits", "--id", "one", "--wait", "--json"];
    let mut watching = here.begin(&mut between.command(&here, &start));
    dev.until("start     second");
    watching.until("second");
    let mut following = between.command(&here, &["run", "logs", "one", "second", "--follow"]);
    let following = here.begin(&mut following);
    // Both have looked once and found nobody before anybody is there again.
    let looks = |path: &str| between.heads(&format!("GET /api/runs/one/{path}")).len();
    let seen = looks("state");
    while looks("tasks/second/logs") == 0 {
        std::thread::yield_now();
    }
    *gone.lock().expect("a flag") = true;
    dev.signal(Signal::INT);
    dev.end().exits(0).says("stopped with 1 run under way");
    while looks("state") < seen + 6 {
        std::thread::yield_now();
    }
    there.write("go", "");
    let port = url.rsplit(':').next().expect("a port");
    let mut dev = there.start(&["dev", "--port", port]);
    dev.until("1 workflow from");
    *gone.lock().expect("a flag") = false;
    let ended = watching.end().exits(0);
    assert_eq!(ended.json()["status"], "success");
    let printed = following.end().exits(0).out;
    assert!(printed.contains("waiting"), "{printed:?}");
    dev.signal(Signal::INT);
    dev.end().exits(0);
}

#[test]
fn who_asks_too_often_waits_for_their_turn() {
    let far = Far::new("w.yaml", WAITS, &[]);
    let between = Between::new(&far.url, |_, before| match before {
        0 => Fate::Say(answer(
            "429 Too Many Requests",
            "retry-after: 0\r\ncontent-type: application/problem+json\r\n",
            r#"{"title": "Too Many Requests", "status": 429, "detail": "asks too often"}"#,
        )),
        _ => Fate::Pass,
    });
    between.ork(&far.here, &["workflow", "list"]).ok();
    assert_eq!(between.heads("GET /api/workflows?").len(), 2);
    let forever = Between::saying(answer(
        "429 Too Many Requests",
        "retry-after: 18446744073709551615\r\n",
        r#"{"detail": "asks too often"}"#,
    ));
    forever
        .ork(&far.here, &["workflow", "list"])
        .exits(3)
        .says("asks too often (said by http://127.0.0.1");
    far.end();
}

#[test]
fn answers_that_are_not_orks_are_told_of() {
    let project = Project::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("it does not wait");
    let place = elsewhere.local_addr().expect("an address");
    let key = format!("ork_aaaaaaaaaa_{}", "7".repeat(64));
    let html = "content-type: text/html\r\n";
    let problem = "content-type: application/problem+json\r\n";
    for (said, code, text) in [
        (
            answer(
                "302 Found",
                &format!("location: http://{place}/login\r\n"),
                "",
            ),
            2,
            "redirect to 127.0.0.1, which is not followed",
        ),
        (
            answer("403 Forbidden", html, "<h1>no</h1>"),
            2,
            "Cloud Run's IAM",
        ),
        (
            answer("500 Oh", html, "<h1>oh</h1>"),
            3,
            "answers 500 in words",
        ),
        (answer("200 OK", html, "<h1>hello</h1>"), 3, "is it an Ork"),
        (
            answer("200 OK", "", &format!(r#"{{"items": "{key}\u001b[31m"}}"#)),
            3,
            "is it an Ork",
        ),
        (
            answer(
                "200 OK",
                "",
                &format!(
                    r#"{{"items": [{{"workflow": "{key}\u001b[31m", "version": "", "enabled": true, "deployed_at": "", "source": null, "active": [], "queued": []}}]}}"#
                ),
            ),
            3,
            "a workflow's name that this ork cannot read",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[".to_owned(),
            3,
            "more than 64 MiB",
        ),
        ("hello\r\n\r\n".to_owned(), 3, "cannot be reached"),
        (
            answer(
                "400 Bad",
                problem,
                &format!(r#"{{"detail": "{key} \u001b[31mred"}}"#),
            ),
            2,
            "*** \u{fffd}[31mred (said by http://127.0.0.1",
        ),
        (
            answer(
                "404 Not Found",
                problem,
                r#"{"detail": "there is no such route; look"}"#,
            ),
            2,
            "runs an older Ork",
        ),
        (
            answer("507 Full", problem, r#"{"detail": "the disk is full"}"#),
            3,
            "the disk is full",
        ),
    ] {
        let server = Between::saying(said.clone());
        let mut command = server.command(&project, &["workflow", "list", "--json"]);
        let ran = project.finish(command.env("ORK_API_KEY", &key));
        assert_eq!(ran.code, Some(code), "{said}\n{}", ran.err);
        assert!(!format!("{}{}", ran.out, ran.err).contains(&key), "{ran:?}");
        assert!(!ran.err.contains('\x1b'), "{ran:?}");
        assert!(ran.err.contains(text), "{text} is not in {}", ran.err);
        assert!(ran.err.contains(&server.url), "{}", ran.err);
    }
    assert!(
        elsewhere.accept().is_err(),
        "somebody followed the redirect"
    );
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = nobody.local_addr().expect("an address");
    drop(nobody);
    project
        .ork(&["run", "list", "--server", &format!("http://{at}")])
        .exits(3)
        .says("cannot be reached: Connection refused");
}

#[test]
fn an_identity_token_goes_beside_the_key_or_in_its_place() {
    let project = Project::new();
    let server = Between::saying(answer(
        "200 OK",
        "",
        r#"{"items": [], "next_cursor": null}"#,
    ));
    let ask = |env: &[(&str, &str)]| {
        let mut command = server.command(&project, &["workflow", "list"]);
        command.envs(env.iter().copied());
        project.finish(&mut command).ok().says("no workflows");
        let head = server.heads("GET").pop().expect("a request");
        let lines = head.lines().filter(|line| line.contains("Bearer"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ask(&[]), Vec::<String>::new());
    assert_eq!(
        ask(&[("ORK_ID_TOKEN", "a.b.c")]),
        ["authorization: Bearer a.b.c"]
    );
    assert_eq!(
        ask(&[("ORK_API_KEY", "ork_x_y"), ("ORK_ID_TOKEN", "a.b.c")]),
        [
            "authorization: Bearer ork_x_y",
            "x-serverless-authorization: Bearer a.b.c"
        ]
    );
}

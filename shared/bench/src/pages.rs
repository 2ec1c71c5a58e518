//! `ork dev` as people wait for it: a list over 100,000 runs, the page of a large run, how soon a change is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ork_core::run::{Graph, Header, RunState, RunStatus};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Index, Key, Ports, Precondition, Store, Write as Put};
use ork_local::{Embedded, EmbeddedConfig};

use crate::command::ork;
use crate::table::Row;

/// Runs in the list.
const RUNS: usize = 100_000;
/// Requests for each figure, and how far apart they begin: 50 a second.
const REQUESTS: u32 = 1_000;
const APART: Duration = Duration::from_millis(20);
/// A page that is not there: all that an answer takes but its contents.
const NOTHING: &str = "/assets/nothing";
/// Times that a change is made and waited for.
const CHANGES: usize = 20;
/// What else is going on: four processes are started each second.
const BUSY: &str =
    "name: busy\ntasks:\n  a: {command: sleep 0.5, parallel: 10000, concurrency: 2}\n";
const LISTED: &str = "name: listed\ntasks:\n  a: {}\n  b: {depends_on: [a]}\n";
const WAITING: &str = "name: waiting\ntasks:\n  a: {command: sleep 600}\n";

/// 1,000 tasks in 20 layers, each task after two of the layer before.
fn large() -> String {
    let mut text = String::from("name: large\ntasks:\n");
    for layer in 0..20 {
        for at in 0..50 {
            let after = match layer {
                0 => String::new(),
                _ => format!(
                    "depends_on: [t{0}x{at}, t{0}x{1}]",
                    layer - 1,
                    (at + 7) % 50
                ),
            };
            text.push_str(&format!("  t{layer}x{at}: {{{after}}}\n"));
        }
    }
    text
}

/// Measures the pages.
pub(crate) fn pages(rows: &mut Vec<Row>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join(".ork");
    fill(&state)?;
    for (name, text) in [("busy", BUSY), ("waiting", WAITING), ("large", &large())] {
        std::fs::write(folder.path().join(format!("{name}.yaml")), text)?;
    }
    let dev = Dev::start(folder.path())?;
    dev.post("/api/workflows/busy/runs", "{}")?;
    dev.post(
        "/api/workflows/large/runs",
        r#"{"idempotency_key": "large"}"#,
    )?;
    let until = Instant::now() + Duration::from_secs(60);
    while !dev
        .get("/api/runs/large")?
        .contains(r#""status":"success""#)
    {
        ensure!(
            Instant::now() < until,
            "the run of 1,000 tasks does not end"
        );
    }
    let floor = paced(&dev, NOTHING)?;
    let floor = format!("{} a page that is not there", both(&floor));
    let mut row = |what: &str, took: &Took, most: f64| {
        rows.push(Row {
            what: format!("{what}, 50 requests a second on one core beside a run: median, p99"),
            measured: format!("{}, {} KB", both(took), took.bytes / 1_000),
            budget: format!("≤ {} ms", most * 1e3),
            floor: floor.clone(),
            met: Some(took.p99().as_secs_f64() <= most),
        });
    };
    row(
        "GET /api/runs, of 100,000",
        &paced(&dev, "/api/runs?limit=50")?,
        0.02,
    );
    row("the page of runs, of 100,000", &paced(&dev, "/runs")?, 0.02);
    let first = paced(&dev, "/")?;
    row("the first page", &first, 0.1);
    for (what, path) in [
        ("the page of a run of 1,000 tasks", "/runs/large"),
        ("the page with its graph", "/runs/large/graph"),
        ("the page with its times", "/runs/large/gantt"),
    ] {
        let mut took = Took::default();
        for _ in 0..50 {
            let (span, answer) = dev.timed(path)?;
            took.bytes = answer.len();
            took.all.push(span);
        }
        took.all.sort_unstable();
        rows.push(Row {
            what: format!("{what}: median, p99"),
            measured: format!("{}, {} KB", both(&took), took.bytes / 1_000),
            budget: "≤ 80 ms, 200 KB".to_owned(),
            floor: floor.clone(),
            met: Some(took.p99() <= Duration::from_millis(80) && took.bytes <= 200_000),
        });
    }
    let mut changes = Took::default();
    for n in 0..CHANGES {
        changes.all.push(dev.change(n)?);
    }
    changes.all.sort_unstable();
    rows.push(Row {
        what: "a change of a run is told to who follows it: median, longest of 20".to_owned(),
        measured: both(&changes),
        budget: "≤ 300 ms".to_owned(),
        floor: String::new(),
        met: Some(changes.p99() <= Duration::from_millis(300)),
    });
    Ok(())
}

/// A folder with many runs that are over, written as an engine stores them.
fn fill(state: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut config = EmbeddedConfig::new(state.to_path_buf());
    config.create = true;
    let embedded = Embedded::open(config)?;
    let engine = embedded.engine();
    let workflow = crate::inside::workflow(LISTED)?;
    runtime.block_on(engine.deploy(&workflow, None, &BTreeMap::new()))?;
    let graph = Graph::new(workflow);
    let first = Time(1_780_272_000_000);
    for batch in 0..RUNS / 400 {
        let mut writes = Vec::with_capacity(400);
        for at in batch * 400..(batch + 1) * 400 {
            let (id, name) = (format!("run-{at}").parse()?, graph.workflow.name.clone());
            let made = first + Millis(at as u64 * 1_000);
            let mut header = Header::new(id, name, graph.workflow.version(), made);
            header.status = match at % 10 {
                0 => RunStatus::Failed,
                _ => RunStatus::Success,
            };
            (header.started_at, header.finished_at) = (Some(made), Some(made + Millis(800)));
            let index = Index {
                wake_at: None,
                status: Some(header.status),
                workflow: Some(header.workflow.clone()),
                created_at: Some(made),
            };
            writes.push(Put::Put {
                key: Key::Run(header.id.clone()),
                precondition: Precondition::Absent,
                body: RunState::new(&graph, header).encode().header,
                index,
            });
        }
        runtime.block_on(engine.ports().store().commit(&writes))?;
    }
    Ok(())
}

/// What answers took, the shortest first, and the size of one.
#[derive(Default)]
struct Took {
    all: Vec<Duration>,
    bytes: usize,
}

impl Took {
    fn p99(&self) -> Duration {
        self.all[self.all.len() * 99 / 100]
    }
}

fn both(took: &Took) -> String {
    let ms = |one: Duration| format!("{:.1} ms", one.as_secs_f64() * 1e3);
    format!("{}, {}", ms(took.all[took.all.len() / 2]), ms(took.p99()))
}

/// Requests that begin at a fixed pace, whatever the ones before took; each counts from when it should have begun.
fn paced(dev: &Dev, path: &str) -> Result<Took> {
    let mut took = Took::default();
    let start = Instant::now();
    for n in 0..REQUESTS {
        let at = start + APART * n;
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let (_, text) = dev.timed(path)?;
        took.bytes = text.len();
        took.all.push(at.elapsed());
    }
    took.all.sort_unstable();
    Ok(took)
}

/// An `ork dev`, on one core where the machine lets us say so. Dropping it ends it.
struct Dev {
    child: Child,
    at: String,
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Some(id) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            // What it runs ends with it.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Dev {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = match Command::new("taskset").arg("-V").output() {
            Ok(_) => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0"]).arg(ork()?);
                command
            }
            Err(_) => bail!(
                "pages are measured on one core, and there is no taskset (Debian: apt install util-linux)"
            ),
        };
        let mut child = command
            .args(["dev", "--port", "0"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start ork dev")?;
        let told = BufReader::new(child.stderr.take().context("its output")?);
        let mut lines = told.lines();
        let at = loop {
            let Some(line) = lines.next() else {
                let status = child.wait()?;
                bail!("ork dev ended ({status}) without saying where it listens");
            };
            if let Some((_, rest)) = line?.split_once("API at http://") {
                break rest.split('/').next().unwrap_or_default().to_owned();
            }
        };
        // It goes on to say what it does.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, at })
    }

    fn ask(&self, head: &str, body: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.at)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let length = body.len();
        let at = &self.at;
        let text = format!(
            "{head} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\naccept-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes())?;
        Ok(stream)
    }

    /// As browsers ask: what is large comes compressed.
    fn timed(&self, path: &str) -> Result<(Duration, Vec<u8>)> {
        let start = Instant::now();
        let mut answer = Vec::new();
        let stream = self.ask(&format!("GET {path}"), "");
        stream?.read_to_end(&mut answer)?;
        let took = start.elapsed();
        let status = answer.get(9..12).unwrap_or_default();
        ensure!(
            status == b"200" || path == NOTHING,
            "GET {path}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok((took, answer))
    }

    /// For programs, whose answers come as they are.
    fn get(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.timed(path)?.1).into_owned())
    }

    fn post(&self, path: &str, body: &str) -> Result<String> {
        let mut text = String::new();
        self.ask(&format!("POST {path}"), body)?
            .read_to_string(&mut text)?;
        ensure!(text.starts_with("HTTP/1.1 2"), "POST {path}: {text}");
        Ok(text)
    }

    /// From asking for a change until somebody who follows the run is told of it.
    fn change(&self, n: usize) -> Result<Duration> {
        let run = format!("change-{n}");
        let wish = format!(r#"{{"idempotency_key": "{run}"}}"#);
        self.post("/api/workflows/waiting/runs", &wish)?;
        let until = Instant::now() + Duration::from_secs(30);
        while !self
            .get(&format!("/api/runs/{run}"))?
            .contains(r#""running":1"#)
        {
            ensure!(Instant::now() < until, "run {run} does not begin");
        }
        let stream = self.ask(&format!("GET /api/runs/{run}/events"), "")?;
        let mut lines = BufReader::new(stream).lines();
        let mut wait_for = |status: &str| -> Result<()> {
            for line in lines.by_ref() {
                let line = line?;
                if line.starts_with("data:") && line.contains(&format!(r#""status":"{status}""#)) {
                    return Ok(());
                }
            }
            bail!("the events of {run} end before it is {status}")
        };
        wait_for("running")?;
        let start = Instant::now();
        self.post(
            &format!("/api/runs/{run}/cancel"),
            r#"{"reason": "measured"}"#,
        )?;
        wait_for("cancelled")?;
        Ok(start.elapsed())
    }
}

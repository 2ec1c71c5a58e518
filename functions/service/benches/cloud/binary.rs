//! The service binary: its size, how soon each role answers, how much memory it has then.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ork_emulators::{Emulators, Options};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::figures::{Spread, at_most, known, millis};
use crate::process;
use crate::services::ROLES;
use crate::table::Row;

const PROJECT: &str = "bench-binary";
const STARTS: usize = 20;
/// How long an answer may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_micros(250);

/// A process that is killed in the end.
struct Started {
    child: Child,
    port: u16,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn binary(rows: &mut Vec<Row>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (binary, stripped) = strip(folder.path())?;
    let size = std::fs::metadata(&binary)?.len() as f64 / 1e6;
    let whole = std::fs::metadata(env!("CARGO_BIN_EXE_ork-service"))?.len() as f64 / 1e6;
    let how = if stripped {
        "stripped"
    } else {
        "NOT stripped: there is no strip here"
    };
    rows.push(at_most(
        &format!("the service binary, {how}"),
        size,
        40.0,
        "MB",
        format!("{whole:.1} MB as it was built"),
    ));
    let emulators = Emulators::start(Options::for_project(PROJECT, "bench-binary-bucket"));
    let emulators = emulators.await?;
    let mut env = emulators.env();
    env.insert("ORK_WAKE_URL".into(), "http://127.0.0.1:9/wake".into());
    for role in ROLES {
        let subscription = format!("projects/{PROJECT}/subscriptions/ork-{role}");
        env.insert("ORK_SUBSCRIPTION".into(), subscription.clone());
        let mut took = Vec::new();
        for _ in 0..STARTS {
            let (_started, first) = start(&binary, role, &env).await?;
            took.push(millis(first));
        }
        let took = Spread::of(took);
        rows.push(at_most(
            &format!("{role}: exec to first answer, median of {STARTS}"),
            took.median(),
            60.0,
            "ms",
            format!("at most {:.1} ms", took.max()),
        ));
        let (started, _) = start(&binary, role, &env).await?;
        let pid = started.child.id();
        let (before, _) = process::memory(pid)?;
        request(role, started.port, &subscription).await?;
        let (after, own) = process::memory(pid)?;
        rows.push(at_most(
            &format!("{role}: memory after its first request"),
            after,
            25.0,
            "MB",
            format!("{before:.1} MB before it; {own:.1} MB without files that are mapped"),
        ));
    }
    rows.push(known(
        "one start of /bin/true",
        format!("{:.1} ms", bare_start()?),
        String::new(),
    ));
    emulators.stop().await;
    Ok(())
}

/// A copy without symbols; whether they could be taken away.
fn strip(folder: &Path) -> Result<(PathBuf, bool)> {
    let copy = folder.join("ork-service");
    std::fs::copy(env!("CARGO_BIN_EXE_ork-service"), &copy)?;
    let stripped = match Command::new("strip").arg(&copy).status() {
        Ok(status) if status.success() => true,
        Ok(status) => bail!("strip: {status}"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).context("strip"),
    };
    Ok((copy, stripped))
}

/// Starts a role; gives it and the time until its first answer.
async fn start(
    binary: &Path,
    role: &str,
    env: &BTreeMap<String, String>,
) -> Result<(Started, Duration)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let mut command = Command::new(binary);
    command
        .arg(role)
        .env_clear()
        .envs(env)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let child = command.spawn()?;
    let mut started = Started { child, port };
    while began.elapsed() < PATIENCE {
        if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            first_answer(stream).await?;
            return Ok((started, began.elapsed()));
        }
        if let Some(status) = started.child.try_wait()? {
            bail!("{role} ended before it answered: {status}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("{role} did not answer within {PATIENCE:?}")
}

async fn first_answer(mut stream: TcpStream) -> Result<()> {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await?;
    ensure!(
        answer[..read].starts_with(b"HTTP/1.1 200"),
        "/healthz said {:?}",
        String::from_utf8_lossy(&answer[..read])
    );
    Ok(())
}

/// A request as the role gets them, about a run that there is not.
async fn request(role: &str, port: u16, subscription: &str) -> Result<()> {
    let run = "manual--20260101T000000Z-aaaaaaaa";
    let attributes = match role {
        "monitor" => json!({
            "bucketId": "bench-binary-bucket",
            "eventType": "OBJECT_FINALIZE",
            "objectId": format!("runs/{run}/a/1/result.json"),
        }),
        _ => json!({"to": role, "run": run}),
    };
    let (path, body) = match role {
        "tick" => ("/tick", json!({})),
        _ => (
            "/push",
            json!({
                "subscription": subscription,
                "message": {"messageId": "1", "attributes": attributes},
            }),
        ),
    };
    let url = format!("http://127.0.0.1:{port}{path}");
    let said = reqwest::Client::new().post(&url).json(&body).send().await?;
    ensure!(said.status().is_success(), "{role}: {}", said.status());
    Ok(())
}

/// Milliseconds of the least that any start takes.
fn bare_start() -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let status = Command::new("/bin/true").status()?;
        ensure!(status.success(), "/bin/true: {status}");
        took.push(millis(began.elapsed()));
    }
    Ok(Spread::of(took).median())
}

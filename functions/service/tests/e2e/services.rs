//! The services as processes: started, killed, started again; each behind a gate.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ork_emulators::unclaimed_port;

/// The roles that are pushed to or ticked.
pub(crate) const ROLES: [&str; 4] = ["tick", "dispatch", "monitor", "poll"];

/// How long a process has to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One process of a service. Dropping it kills it.
pub(crate) struct Service {
    pub(crate) child: Child,
    port: u16,
}

impl Service {
    /// Starts a role and waits until it answers.
    pub(crate) async fn start(role: &str, env: &BTreeMap<String, String>) -> Self {
        // Somebody else may take the port in between; then the process says so and ends, and another one is tried.
        for _ in 0..5 {
            let port = free_port();
            let child = Command::new(env!("CARGO_BIN_EXE_ork-service"))
                .arg(role)
                .env_clear()
                .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
                .envs(env)
                .env("PORT", port.to_string())
                .stdin(Stdio::null())
                .stdout(log(role))
                .stderr(log(role))
                .spawn()
                .expect("ork-service starts");
            let mut service = Self { child, port };
            if service.answers().await {
                return service;
            }
        }
        panic!("{role} does not answer; its output is in {}", log_folder());
    }

    async fn answers(&mut self) -> bool {
        let client = reqwest::Client::new();
        let url = self.url("/healthz");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SIGKILL: nothing is put in order, and nothing needs to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    unclaimed_port(Ipv4Addr::LOCALHOST.into()).expect("a free port")
}

fn log_folder() -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e");
    std::fs::create_dir_all(&folder).expect("a folder for logs");
    folder.display().to_string()
}

/// Where a role's output goes, so that a failure can be looked into.
fn log(role: &str) -> Stdio {
    let path = format!("{}/{role}.log", log_folder());
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    Stdio::from(file.expect("a log file"))
}

//! The official Python client, in an environment that this test makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::World;

const PACKAGE: &str = "google-cloud-storage>=3,<4";

/// Makes the environment once and keeps it beside the build.
fn python() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storage-python");
    let python = home.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    }
    run(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ]))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_does_everything_it_does_with_google() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            assert!(
                std::env::var_os("ORK_REQUIRE_ALL").is_none_or(|value| value != "1"),
                "the Python client is required and cannot be had: {why}"
            );
            skipped(&why);
            return;
        }
    };
    let world = World::new().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage_client.py");
    let endpoint = world.storage.endpoint();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .arg(script)
            .env("STORAGE_EMULATOR_HOST", endpoint)
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn skipped(why: &str) {
    eprintln!(
        "SKIPPED the Python client: it needs python3 with venv, and pip with its index: {why}"
    );
}

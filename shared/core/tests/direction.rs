//! Dependencies point one way: cli → api, local → engine → core, service → functions → host → gcp → engine → core. The core knows nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Whom each crate of the workspace may depend on. A new crate gets a line here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("ork-core", &[]),
    ("ork-engine", &["ork-core"]),
    ("ork-library-host", &["ork-core"]),
    ("ork-local", &["ork-core", "ork-engine"]),
    ("ork-graph", &["ork-core"]),
    ("ork-api", &["ork-core", "ork-engine", "ork-graph"]),
    (
        "ork-cli",
        &[
            "ork-api",
            "ork-core",
            "ork-engine",
            "ork-gcp",
            "ork-graph",
            "ork-local",
            "ork-library-host",
            "ork-outgoing",
            "ork-telemetry",
        ],
    ),
    (
        "ork-bench",
        &["ork-core", "ork-engine", "ork-graph", "ork-local"],
    ),
    ("ork-fuzz", &["ork-core", "ork-engine"]),
    ("ork-sim", &["ork-core", "ork-engine"]),
    ("ork-gcp", &["ork-core", "ork-engine", "ork-outgoing"]),
    ("ork-outgoing", &["ork-core", "ork-engine"]),
    ("ork-telemetry", &["ork-core", "ork-engine"]),
    ("ork-host", &["ork-core", "ork-engine", "ork-telemetry"]),
    (
        "ork-api-function",
        &["ork-api", "ork-core", "ork-engine", "ork-host"],
    ),
    ("ork-tick", FUNCTION),
    ("ork-dispatch", FUNCTION),
    ("ork-monitor", FUNCTION),
    ("ork-poll", FUNCTION),
    (
        "ork-worker",
        &[
            "ork-core",
            "ork-engine",
            "ork-gcp",
            "ork-host",
            "ork-local",
            "ork-library-host",
            "ork-outgoing",
            "ork-telemetry",
        ],
    ),
    (
        "ork-service",
        &[
            "ork-api",
            "ork-api-function",
            "ork-core",
            "ork-engine",
            "ork-gcp",
            "ork-host",
            "ork-tick",
            "ork-dispatch",
            "ork-monitor",
            "ork-poll",
            "ork-worker",
            "ork-outgoing",
            "ork-telemetry",
        ],
    ),
    // Tasks are written against the SDK alone, by people who have nothing else of Ork.
    ("ork-sdk", &["ork-sdk-macros"]),
    ("ork-sdk-macros", &[]),
    // Stand-ins know Google's protocols and nothing of Ork.
    ("ork-emulators", &[]),
];

/// A function is what it is pushed with and the use cases; it knows no adapter by name.
const FUNCTION: &[&str] = &["ork-core", "ork-engine", "ork-host", "ork-telemetry"];

/// Whom else the tests of a crate may use: the simulated world is what others are compared with, and a crate may bring a world of its own
/// for tests as a feature.
const MAY_TEST_WITH: &[(&str, &[&str])] = &[
    ("ork-api", &["ork-local"]),
    ("ork-local", &["ork-sim"]),
    ("ork-gcp", &["ork-emulators"]),
    ("ork-host", &["ork-host"]),
    ("ork-telemetry", &["ork-telemetry"]),
    ("ork-monitor", &["ork-dispatch", "ork-tick"]),
    ("ork-worker", &["ork-emulators"]),
    ("ork-service", &["ork-core", "ork-emulators"]),
];

/// What brings in the world: an async runtime, a database, system calls, randomness, the network, a command line.
/// `libc` is not among them: sha2 asks it what the processor can do.
const WORLD: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "rusqlite",
    "libsqlite3-sys",
    "rustix",
    "nix",
    "mio",
    "clap",
    "indicatif",
    "anyhow",
    "rand",
    "getrandom",
    "fastrand",
    "reqwest",
    "lettre",
    "hyper",
    "axum",
    "libloading",
    "tempfile",
];

/// What a crate must not reach, not even through others.
const MAY_NOT_REACH: &[(&str, &[&str])] = &[
    ("ork-core", WORLD),
    ("ork-engine", WORLD),
    (
        "ork-local",
        &[
            "clap",
            "indicatif",
            "comfy-table",
            "anyhow",
            "libloading",
            "reqwest",
            "hyper",
            "axum",
        ],
    ),
    ("ork-gcp", &["clap", "rusqlite", "libloading"]),
    (
        "ork-library-host",
        &["tokio", "rusqlite", "clap", "reqwest", "hyper", "axum"],
    ),
];

/// The one crate that may use `unsafe`: it calls into somebody else's shared object.
const UNSAFE: &str = "ork-library-host";

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(name).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name(package)) else {
            wrong.push(format!(
                "{} is not in MAY_USE: say there whom it may depend on",
                name(package)
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("a list") {
            let in_tests = MAY_TEST_WITH.iter().any(|(user, used)| {
                dependency["kind"] == "dev"
                    && *user == name(package)
                    && used.contains(&name(dependency))
            });
            let dependency = name(dependency);
            if ours.contains(dependency) && !allowed.contains(&dependency) && !in_tests {
                wrong.push(format!(
                    "{} depends on {dependency}, which lies above or beside it",
                    name(package)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decisions_are_made_without_runtime_database_or_system_calls() {
    let (packages, locked) = (packages(), locked());
    for (from, forbidden) in MAY_NOT_REACH {
        let package = packages
            .iter()
            .find(|package| name(package) == *from)
            .unwrap_or_else(|| panic!("there is no crate {from}"));
        // What only its tests use is nobody's business.
        let normal = package["dependencies"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|dependency| dependency["kind"] != "dev");
        let mut open: Vec<Vec<&str>> = normal
            .map(|dependency| vec![*from, name(dependency)])
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(path) = open.pop() {
            let last = *path.last().expect("a path has an end");
            assert!(
                !forbidden.contains(&last),
                "{from} reaches {last}: {}",
                path.join(" → ")
            );
            if seen.insert(last) && !last.starts_with("ork-") {
                let next = locked.get(last).into_iter().flatten();
                open.extend(next.map(|next| path.iter().copied().chain([next.as_str()]).collect()));
            }
        }
        assert!(
            seen.len() > 1,
            "the dependencies of {from} were not found in Cargo.lock"
        );
    }
}

#[test]
fn every_crate_but_one_forbids_unsafe() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().expect("a path"))
            .expect("a manifest");
        let inherits = manifest
            .split("[lints]")
            .nth(1)
            .is_some_and(|rest| rest.trim_start().starts_with("workspace = true"));
        assert_eq!(
            inherits,
            name(&package) != UNSAFE,
            "{}: `[lints] workspace = true` forbids unsafe; only {UNSAFE} does without",
            name(&package)
        );
    }
    let workspace =
        std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    assert!(
        workspace.contains("unsafe_code = \"forbid\""),
        "the workspace's lints must forbid unsafe code"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn name(item: &Value) -> &str {
    item["name"].as_str().expect("a name")
}

/// The crates of the workspace, as cargo describes them.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("a list").clone()
}

/// What each crate in Cargo.lock depends on, versions of one crate taken together.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in text.split("[[package]]").skip(1) {
        let name = entry
            .split('"')
            .nth(1)
            .expect("a package starts with its name");
        let listed = entry
            .split_once("dependencies = [")
            .and_then(|(_, rest)| rest.split_once(']'))
            .map_or("", |(list, _)| list);
        // An entry is "name" or "name version".
        let names = listed
            .split('"')
            .skip(1)
            .step_by(2)
            .filter_map(|item| item.split(' ').next())
            .map(str::to_owned);
        found.entry(name.to_owned()).or_default().extend(names);
    }
    found
}

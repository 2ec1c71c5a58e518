//! Dockerfiles and what they copy, run and end with.

use ork_host::settings::{Absent, VARIABLES};

use crate::ignored::ignored;
use crate::project::Project;
use crate::recipe::{Recipe, Stage, Step};

pub(crate) const SERVICE: &str = "functions/service/Dockerfile";
pub(crate) const WORKER: &str = "functions/worker/Dockerfile";
/// The stages that become images, and whether they have a shell.
const IMAGES: [(&str, &str, bool); 3] = [
    (SERVICE, "service", false),
    (WORKER, "command", true),
    (WORKER, "python", true),
];
const PROGRAM: &str = "/usr/local/bin/ork-service";

/// What is wrong with them.
pub(crate) fn check(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for path in [SERVICE, WORKER] {
        let recipe = Recipe::of(project, path)?;
        let said = copies(project, &recipe)?.into_iter().chain(runs(&recipe));
        wrong.extend(said.map(|what| format!("{path}: {what}")));
    }
    for (path, stage, shell) in IMAGES {
        let recipe = Recipe::of(project, path)?;
        let said = image(recipe.stage(stage)?, shell);
        wrong.extend(
            said.into_iter()
                .map(|what| format!("{path}: {stage} {what}")),
        );
    }
    wrong.extend(members(project)?);
    wrong.extend(versions(project)?);
    Ok(wrong)
}

/// What is copied is there, and the build sees it.
fn copies(project: &Project, recipe: &Recipe) -> Result<Vec<String>, String> {
    let patterns = project.text(".dockerignore")?;
    let mut wrong = Vec::new();
    for step in recipe.stages.iter().flat_map(|stage| &stage.steps) {
        match step {
            Step::Copy {
                from: None,
                sources,
            } => {
                for source in sources {
                    if !Project::has(source) {
                        wrong.push(format!("COPY {source}: there is no such file"));
                    } else if ignored(&patterns, source) {
                        wrong.push(format!("COPY {source}: .dockerignore keeps it out"));
                    }
                }
            }
            Step::Copy {
                from: Some(from), ..
            } if !recipe.stages.iter().any(|stage| stage.name == *from) => {
                wrong.push(format!("COPY --from={from}: there is no such stage"));
            }
            Step::Other(name @ ("ADD" | "ONBUILD" | "SHELL")) => {
                wrong.push(format!(
                    "{name}: COPY and RUN do what is wanted, and nothing else"
                ));
            }
            _ => {}
        }
    }
    Ok(wrong)
}

/// Nothing is fetched but what is locked by its hash.
fn runs(recipe: &Recipe) -> Vec<String> {
    let mut wrong = Vec::new();
    for text in recipe.stages.iter().flat_map(Stage::runs) {
        for command in text.split("&&").map(str::trim) {
            let builds = ["cargo install", "cargo build", "cargo auditable build"];
            if builds.iter().any(|one| command.contains(one)) && !command.contains("--locked") {
                wrong.push(format!(
                    "`{command}` takes other crates than those that are locked"
                ));
            }
            let fetches = command.contains("pip install") || command.contains("pip wheel");
            let by_hash = command.contains("--require-hashes") || command.contains("--no-deps");
            if fetches && !by_hash {
                wrong.push(format!("`{command}` takes packages without their hashes"));
            }
            if ["curl", "wget", "git clone"]
                .iter()
                .any(|one| command.contains(one))
            {
                wrong.push(format!("`{command}` fetches something that nothing locks"));
            }
        }
    }
    wrong
}

/// An image as it ends.
fn image(stage: &Stage, shell: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let last = |wanted: fn(&Step) -> bool| stage.steps.iter().rev().find(|step| wanted(step));
    let user = last(|step| matches!(step, Step::User(_)));
    match user {
        Some(Step::User(user)) => {
            let number = user.split(':').next().and_then(|id| id.parse::<u32>().ok());
            if number.is_none_or(|id| id == 0) {
                wrong.push(format!("runs as `{user}`: write a number that is not 0"));
            }
        }
        _ => wrong.push("runs as root".to_owned()),
    }
    let entry = last(|step| matches!(step, Step::Entrypoint(_)));
    let words = match entry {
        Some(Step::Entrypoint(Some(words))) => words.as_slice(),
        _ => &[],
    };
    if words.last().is_none_or(|last| last != PROGRAM) {
        wrong.push(format!(
            "does not start {PROGRAM}, to which the role is added, but {words:?}"
        ));
    }
    let reaps = words.first().is_some_and(|first| first == "/usr/bin/tini");
    if shell && !(reaps && stage.runs().any(|run| run.contains(" tini "))) {
        wrong.push("has nobody who takes in what tasks leave behind: tini".to_owned());
    }
    if !shell && stage.runs().next().is_some() {
        wrong.push("runs something, and has no shell".to_owned());
    }
    let without = stage.base.contains("distroless/") && stage.base.contains(":nonroot");
    if !shell && !without {
        wrong.push(format!(
            "has {} as its base, which may have a shell",
            stage.base
        ));
    }
    if stage
        .steps
        .iter()
        .any(|step| matches!(step, Step::Other("CMD")))
    {
        wrong.push("has a CMD, so that a role that is forgotten is not noticed".to_owned());
    }
    let port = VARIABLES.iter().find(|one| one.name == "PORT");
    let port = port.map(|one| one.absent);
    let exposed = last(|step| matches!(step, Step::Expose(_)));
    match (port, exposed) {
        (Some(Absent::Default(port)), Some(Step::Expose(ports))) if *ports == [port] => {}
        (port, exposed) => wrong.push(format!("exposes {exposed:?}, and PORT is {port:?}")),
    }
    for step in &stage.steps {
        let Step::Env(text) = step else { continue };
        let names = text
            .split_whitespace()
            .filter_map(|one| one.split_once('='));
        for (name, _) in names.filter(|(name, _)| name.starts_with("ORK_")) {
            if !VARIABLES.iter().any(|known| known.name == name) {
                wrong.push(format!("sets {name}, with which no role starts"));
            }
        }
    }
    wrong
}

/// The compiler wants every crate of the workspace to be there.
fn members(project: &Project) -> Result<Vec<String>, String> {
    let recipe = Recipe::of(project, SERVICE)?;
    let copied: Vec<&String> = recipe
        .stage("build")?
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Copy {
                from: None,
                sources,
            } => Some(sources),
            _ => None,
        })
        .flatten()
        .collect();
    let patterns = project.text(".dockerignore")?;
    let manifest = project.text("Cargo.toml")?;
    let list = manifest
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.ok_or("Cargo.toml: no list of members")?;
    let members: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    if members.len() < 20 {
        return Err(format!(
            "Cargo.toml: only {} members were found",
            members.len()
        ));
    }
    let mut wrong = Vec::new();
    for member in members {
        let within =
            |source: &&String| member == *source || member.starts_with(&format!("{source}/"));
        if !copied.iter().any(within) {
            wrong.push(format!("{SERVICE}: the crate {member} is not copied"));
        }
        for file in ["Cargo.toml", "src"] {
            let file = format!("{member}/{file}");
            if Project::has(&file) && ignored(&patterns, &file) {
                wrong.push(format!(".dockerignore keeps out {file}"));
            }
        }
    }
    // The SDK is part of the program.
    for file in [
        "shared/sdk-python/src/ork/__init__.py",
        "shared/sdk-python/pyproject.toml",
        "shared/api/templates/base.html",
    ] {
        if ignored(&patterns, file) {
            wrong.push(format!(".dockerignore keeps out {file}"));
        }
    }
    Ok(wrong)
}

/// Compiler, interpreter and system fit what is built.
fn versions(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let of = |path: &str, name: &str| project.between(path, &format!("/{name}:"), "-");
    let rust = of(SERVICE, "rust")?;
    let minimum = project.between("Cargo.toml", "rust-version = \"", "\"")?;
    if rust != minimum && !rust.starts_with(&format!("{minimum}.")) {
        wrong.push(format!(
            "{SERVICE}: Rust {rust}, and Cargo.toml says {minimum}"
        ));
    }
    let python = of(WORKER, "python")?;
    let needed = project.between(
        "shared/sdk-python/pyproject.toml",
        "requires-python = \">=",
        "\"",
    )?;
    if numbers(&python) < numbers(&needed) {
        wrong.push(format!(
            "{WORKER}: Python {python}, and the SDK needs {needed}"
        ));
    }
    // A program wants the C library it was compiled with, or a newer one.
    for path in [SERVICE, WORKER] {
        for base in Recipe::of(project, path)?.bases() {
            let debian = ["trixie", "debian13", "/debian:13."];
            if base.contains('/') && !debian.iter().any(|one| base.contains(one)) {
                wrong.push(format!(
                    "{path}: {base} is not of Debian 13, as the others are"
                ));
            }
        }
    }
    for list in ["uv.txt", "sdk-build.txt", "sbom.txt"] {
        let path = format!("functions/worker/image/{list}");
        let text = project.text(&path)?;
        let entries: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("==") && !line.starts_with('#'))
            .collect();
        if entries.is_empty() || !text.contains("--hash=sha256:") {
            wrong.push(format!("{path}: no package has a hash"));
        }
    }
    Ok(wrong)
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

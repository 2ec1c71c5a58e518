//! The same names wherever images are built, pushed and deployed.

use std::collections::BTreeSet;

use crate::checks::{SERVICE, WORKER};
use crate::project::Project;
use crate::recipe::Recipe;

pub(crate) const BUILD: &str = "functions/images/build";
pub(crate) const CLOUD: &str = "functions/images/cloudbuild.yaml";
pub(crate) const PIN: &str = "functions/images/pin";
const DOCS: &str = "docs/containers.md";
const DEPLOY: &str = "docs/deploy.md";

/// What is wrong with them.
pub(crate) fn check(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = built(project)?;
    let cloud = project.yaml(CLOUD)?;
    let told = |name: &str| {
        cloud["substitutions"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (region, repository) = (told("_REGION"), told("_REPOSITORY"));
    wrong.extend(deployed(project, &region, &repository)?);
    wrong.extend(documented(project, &region, &repository)?);
    wrong.extend(substituted(project)?);
    wrong.extend(pinned(project)?);
    Ok(wrong)
}

/// Targets, names and bases of the script that builds.
fn built(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let script = project.text(BUILD)?;
    for way in ["here", "there"] {
        let mut names = BTreeSet::new();
        for line in script.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [first, path, target, name, ..] = words.as_slice() else {
                continue;
            };
            if *first != way || !path.ends_with("Dockerfile") {
                continue;
            }
            let recipe = Recipe::of(project, path)?;
            wrong.extend(
                recipe
                    .stage(target)
                    .err()
                    .map(|error| format!("{BUILD}: {error}")),
            );
            names.insert(*name);
            for base in given(project, path)? {
                if !line.contains(&base) {
                    wrong.push(format!("{BUILD}: {base} cannot be another one for {name}"));
                }
            }
        }
        if names != BTreeSet::from(["ork-service", "ork-worker", "ork-worker-command"]) {
            wrong.push(format!("{BUILD}: `{way}` builds {names:?}"));
        }
    }
    Ok(wrong)
}

/// Names of the bases that a build may be given.
fn given(project: &Project, path: &str) -> Result<Vec<String>, String> {
    let text = project.text(path)?;
    let names = text
        .lines()
        .take_while(|line| !line.starts_with("FROM"))
        .filter_map(|line| line.strip_prefix("ARG ")?.split_once('='));
    Ok(names.map(|(name, _)| name.to_owned()).collect())
}

/// What Terraform's examples deploy.
fn deployed(project: &Project, region: &str, repository: &str) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for path in [
        "terraform/README.md",
        "terraform/examples/minimal/README.md",
        "terraform/examples/minimal/offline.tfvars",
        "terraform/examples/team/offline.tfvars",
        "terraform/examples/private/offline.tfvars",
    ] {
        let text = project.text(path)?;
        let images: Vec<&str> = text
            .split(|one: char| one.is_whitespace() || "\"=`".contains(one))
            .filter(|word| word.contains("-docker.pkg.dev/"))
            .collect();
        for wanted in ["ork-service", "ork-worker"] {
            let ends = [
                format!("/{repository}/{wanted}:"),
                format!("/{repository}/{wanted}@"),
            ];
            let host = format!("{region}-docker.pkg.dev/");
            let found = |image: &&str| {
                image.starts_with(&host) && ends.iter().any(|end| image.contains(end.as_str()))
            };
            if !images.iter().any(found) {
                wrong.push(format!(
                    "{path}: {wanted} of {repository} in {region} is not among {images:?}"
                ));
            }
        }
    }
    Ok(wrong)
}

/// What people are told.
fn documented(project: &Project, region: &str, repository: &str) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let (docs, deploy) = (project.text(DOCS)?, project.text(DEPLOY)?);
    for (path, text, part) in [
        (
            DEPLOY,
            &deploy,
            format!(
                "repositories create {repository} --repository-format=docker --location={region}"
            ),
        ),
        (
            DEPLOY,
            &deploy,
            format!("gcloud builds submit --config {CLOUD}"),
        ),
        (DEPLOY, &deploy, "(containers.md".to_owned()),
        (
            DOCS,
            &docs,
            format!("gcloud builds submit --config {CLOUD}"),
        ),
        (DOCS, &docs, "functions/images/pin --check".to_owned()),
        (DOCS, &docs, "`ork-worker-command`".to_owned()),
    ] {
        if !text.contains(&part) {
            wrong.push(format!("{path}: nothing says `{part}`"));
        }
    }
    let steps = deploy
        .lines()
        .filter(|line| line.starts_with("**") && line.as_bytes().get(3) == Some(&b'.'))
        .count();
    if !(1..=6).contains(&steps) {
        wrong.push(format!(
            "{DEPLOY}: {steps} steps to the first run, and at most 6 are promised"
        ));
    }
    for (path, name) in [
        (SERVICE, "ork-service.cdx.json"),
        (WORKER, "ork-worker-python.cdx.json"),
    ] {
        let file = format!("/usr/share/sbom/{name}");
        if !project.text(path)?.contains(&file) || !docs.contains(&file) {
            wrong.push(format!("{file} is not both in {path} and in {DOCS}"));
        }
    }
    Ok(wrong)
}

/// Variables of Cloud Build.
fn substituted(project: &Project) -> Result<Vec<String>, String> {
    let text = project.text(CLOUD)?;
    let cloud = project.yaml(CLOUD)?;
    let declared: BTreeSet<String> = cloud["substitutions"]
        .as_object()
        .map(|all| all.keys().cloned().collect())
        .unwrap_or_default();
    let used: BTreeSet<String> = text
        .split("${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
        .collect();
    let mut wrong = Vec::new();
    if declared != used {
        wrong.push(format!(
            "{CLOUD}: {declared:?} are declared, and {used:?} are used"
        ));
    }
    let steps = cloud["steps"].as_array().cloned().unwrap_or_default();
    let said: String = steps.iter().map(|step| step["args"].to_string()).collect();
    for part in [
        "functions/images/pin --check",
        "functions/images/build --push",
    ] {
        if !said.contains(part) {
            wrong.push(format!("{CLOUD}: no step does `{part}`"));
        }
    }
    Ok(wrong)
}

/// Whatever names an image or an action is looked at when they are pinned, and each of them has a version.
fn pinned(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let pin = project.text(PIN)?;
    let list = pin
        .split_once("FILES = (")
        .and_then(|(_, rest)| rest.split_once("\n)"));
    let (list, _) = list.ok_or_else(|| format!("{PIN}: no list of files"))?;
    for path in [
        SERVICE,
        WORKER,
        BUILD,
        CLOUD,
        ".github/workflows/ci.yml",
        ".github/workflows/images.yml",
    ] {
        if !list.contains(&format!("\"{path}\"")) {
            wrong.push(format!("{PIN}: {path} is not looked at"));
        }
        for (number, line) in project.text(path)?.lines().enumerate() {
            let at = number + 1;
            for host in ["docker.io/", "gcr.io/", "ghcr.io/"] {
                let Some((_, image)) = line.split_once(host) else {
                    continue;
                };
                let image = image
                    .split(|one: char| one.is_whitespace() || "\"'`,".contains(one))
                    .next()
                    .unwrap_or_default();
                let name = image.split('@').next().unwrap_or_default();
                let tag = name.split_once(':').map_or("", |(_, tag)| tag);
                if tag.is_empty() || tag == "latest" {
                    wrong.push(format!("{path}:{at}: {host}{image} has no version"));
                }
            }
        }
    }
    for path in [SERVICE, WORKER] {
        let recipe = Recipe::of(project, path)?;
        for base in recipe.bases().filter(|base| *base != "ork-service") {
            let host = base.split('/').next().unwrap_or_default();
            if !["docker.io", "gcr.io", "ghcr.io"].contains(&host) {
                wrong.push(format!(
                    "{path}: {base} names no registry, and is not pinned"
                ));
            }
        }
    }
    Ok(wrong)
}

//! GitHub's workflows ask for no more than they need.

use serde_json::Value;

use crate::project::Project;

pub(crate) const CI: &str = ".github/workflows/ci.yml";
pub(crate) const IMAGES: &str = ".github/workflows/images.yml";

/// What is wrong with them.
pub(crate) fn check(project: &Project) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for path in [CI, IMAGES] {
        let text = project.text(path)?;
        let file = project.yaml(path)?;
        for part in [
            "pull_request_target",
            "secrets.",
            "workflow_run",
            "service_account_key",
            "credentials_json",
        ] {
            if text.contains(part) {
                wrong.push(format!(
                    "{path}: `{part}` gives strangers or a leaked file too much"
                ));
            }
        }
        if file["permissions"] != serde_json::json!({"contents": "read"}) {
            wrong.push(format!(
                "{path}: permissions are {}, not only to read",
                file["permissions"]
            ));
        }
        let jobs = file["jobs"]
            .as_object()
            .ok_or_else(|| format!("{path}: no jobs"))?;
        for (name, job) in jobs {
            let said = job_is_wrong(path, name, job);
            wrong.extend(
                said.into_iter()
                    .map(|what| format!("{path}: {name} {what}")),
            );
        }
    }
    let ci = project.yaml(CI)?;
    if !runs(&ci["jobs"]["ci"]).iter().any(|run| run == ".ci/run") {
        wrong.push(format!("{CI}: nothing runs .ci/run"));
    }
    let images = project.yaml(IMAGES)?;
    let (pinned, push) = (&images["jobs"]["pinned"], &images["jobs"]["push"]);
    if push["needs"] != "pinned"
        || !runs(pinned)
            .iter()
            .any(|run| run == "functions/images/pin --check")
    {
        wrong.push(format!(
            "{IMAGES}: push does not wait for functions/images/pin --check"
        ));
    }
    let released = runs(push)
        .iter()
        .any(|run| run.contains("functions/images/build --push") && run.ends_with(" --release"));
    if !released {
        wrong.push(format!("{IMAGES}: push does not build a release"));
    }
    if images["on"]["push"] != serde_json::json!({"tags": ["v*"]}) {
        wrong.push(format!(
            "{IMAGES}: pushes for {}, not for tags of versions only",
            images["on"]["push"]
        ));
    }
    Ok(wrong)
}

fn job_is_wrong(path: &str, name: &str, job: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let pushes = path == IMAGES && name == "push";
    let expected = match pushes {
        true => serde_json::json!({"contents": "read", "id-token": "write"}),
        false => Value::Null,
    };
    if job["permissions"] != expected {
        wrong.push(format!("may {}, and needs {expected}", job["permissions"]));
    }
    if job["timeout-minutes"].as_u64().is_none() {
        wrong.push("may run for six hours".to_owned());
    }
    for step in job["steps"].as_array().into_iter().flatten() {
        if let Some(uses) = step["uses"].as_str() {
            let version = uses.split_once('@').map_or("", |(_, version)| version);
            let commit =
                version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            let tag = version.starts_with('v') && version.matches('.').count() == 2;
            if !commit && !tag {
                wrong.push(format!(
                    "uses {uses}, which is neither a commit nor a whole version"
                ));
            }
            if uses.starts_with("actions/checkout@")
                && step["with"]["persist-credentials"] != Value::Bool(false)
            {
                wrong.push("leaves the token of the checkout behind".to_owned());
            }
        }
        // What stands in `${{ }}` becomes part of the script before a shell reads it.
        if step["run"].as_str().is_some_and(|run| run.contains("${{")) {
            wrong.push("puts a value into a script: give it as a variable".to_owned());
        }
    }
    wrong
}

fn runs(job: &Value) -> Vec<String> {
    let steps = job["steps"].as_array().into_iter().flatten();
    let runs = steps.filter_map(|step| step["run"].as_str());
    runs.map(|run| run.trim().to_owned()).collect()
}

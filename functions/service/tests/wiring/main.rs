//! What `terraform/` would make, held against the code: what the programs read, who calls whom by which path, which permissions the calls
//! need, which indexes the queries need. Worked out without Terraform, so that it always runs; `make test-terraform` adds Terraform's own checks.

mod access;
mod callers;
mod deployment;
mod domain;
mod functions;
mod kept;
mod mistakes;
mod plan;
mod programs;
mod smoke;
mod tables;
mod types;

use std::path::{Path, PathBuf};

use deployment::Deployment;
use ork_host::settings::{Absent, VARIABLES};

/// The folder `terraform/`.
fn terraform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform")
}

/// The configurations that are looked at, with the files of their values: the module, what else it can be asked for, and the examples.
const CONFIGURATIONS: [(&str, &str); 7] = [
    (".", "offline.tfvars"),
    (".", "tests/variants/services.tfvars"),
    (".", "tests/variants/closed.tfvars"),
    (".", "tests/variants/domain.tfvars"),
    ("examples/minimal", "offline.tfvars"),
    ("examples/team", "offline.tfvars"),
    ("examples/private", "offline.tfvars"),
];

/// Everything that is wrong with these configurations of a folder.
fn problems(root: &Path, configurations: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (configuration, file) in configurations {
        let found = match Deployment::with(&root.join(configuration), file) {
            Err(error) => vec![error],
            Ok(deployment) => [
                programs::check,
                callers::check,
                access::check,
                kept::check,
                domain::check,
            ]
            .into_iter()
            .flat_map(|check| check(&deployment))
            .collect(),
        };
        let said = found
            .into_iter()
            .map(|one| format!("{configuration} ({file}): {one}"));
        wrong.extend(said);
    }
    wrong
}

#[test]
fn terraform_makes_what_the_code_needs() {
    let wrong = problems(&terraform(), &CONFIGURATIONS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_looked_at_is_there() {
    let deployment = Deployment::of(&terraform()).expect("a plan");
    let count = |kind: &str| deployment.plan.all(kind).count();
    assert_eq!(count("google_cloud_run_v2_service"), 6);
    assert_eq!(count("google_cloud_run_v2_job"), 2);
    assert_eq!(count("google_pubsub_subscription"), 5);
    assert_eq!(count("google_storage_notification"), 2);
    assert_eq!(count("google_firestore_index"), 3);
    assert_eq!(count("google_firestore_field"), 15);
    assert_eq!(count("google_logging_metric"), 2);
    assert_eq!(count("google_monitoring_alert_policy"), 7);
    assert!(deployment.grants().len() > 60);
}

/// What a service does not start without is set, and not left to whoever deploys: a new variable of that kind is noticed here.
#[test]
fn every_variable_that_is_needed_is_set() {
    let deployment = Deployment::of(&terraform()).expect("a plan");
    let of_cloud_run = [
        "CLOUD_RUN_TASK_INDEX",
        "CLOUD_RUN_TASK_COUNT",
        "CLOUD_RUN_EXECUTION",
    ];
    for program in deployment.programs() {
        let by_urls = program.is_job && !program.env.contains_key("ORK_BUCKET");
        for variable in VARIABLES {
            let Absent::Refused(roles) = variable.absent else {
                continue;
            };
            let needed = roles.iter().any(|role| role.as_str() == program.role)
                && !of_cloud_run.contains(&variable.name)
                && !by_urls;
            assert!(
                !needed || program.env.contains_key(variable.name),
                "{} of {}",
                variable.name,
                program.resource.address
            );
        }
    }
}

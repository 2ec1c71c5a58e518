//! `ork doctor --project`: a stand-in for Google's administration answers as a deployment that is as it should be, and with one fault after
//! another. What it answers has the documented forms; no real project was met.

mod faults;
mod world;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::doctor::Checks;
use crate::support::{Project, steady};
use world::{POLICY, ROLES, SUBSCRIPTIONS, TOPICS, World, binding};

const PLACE: [&str; 7] = [
    "doctor",
    "--project",
    "p",
    "--bucket",
    "p-ork",
    "--database",
    "ork-state",
];

fn checks_at(address: &str, more: &[&str]) -> Checks {
    let project = Project::new();
    let mut command = project.command(&[&PLACE, more, &["--json"]].concat());
    command
        .env("ORK_ADMIN_ENDPOINT", address)
        .env("HOME", project.path(""));
    Checks::of(&project.finish(&mut command))
}

fn checks(world: World) -> Checks {
    checks_at(&world.serve("now").url, &[])
}

#[test]
fn a_deployment_that_is_as_it_should_be_is_told_so() {
    let google = World::whole().serve("now");
    let project = Project::new();
    let mut command = project.command(&PLACE);
    let ran = project
        .finish(command.env("ORK_ADMIN_ENDPOINT", &google.url))
        .ok();
    steady(|| insta::assert_snapshot!("doctor_project", ran.text()));
}

#[test]
fn an_image_of_another_version_is_told() {
    let mut world = World::whole();
    for role in ROLES {
        let at = world::path_of(&format!("RUN/services/ork-{role}"));
        world.plant(&at, "/template/containers/0/image", json!("service:0.0.1"));
    }
    checks(world).has("run.images", "warning", &["service:0.0.1, and this ork is"]);
}

#[test]
fn a_role_that_is_given_in_the_whole_project_counts() {
    let mut world = World::whole();
    world.plant(
        &format!("{TOPICS}/ork-poll:getIamPolicy"),
        "/bindings",
        json!([]),
    );
    let (_, policy) = world.0.get_mut(POLICY).expect("a policy");
    let all = policy["bindings"].as_array_mut().expect("bindings");
    all.push(binding("roles/pubsub.publisher", &ROLES));
    checks(world).has("iam.topics", "ok", &[]);
}

#[test]
fn whoever_may_look_at_nothing_is_told_what_is_missing_and_never_that_it_is_fine() {
    let mut world = World::whole();
    for (status, body) in world.0.values_mut() {
        let message = "The caller does not have permission";
        (*status, *body) = (
            403,
            json!({"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}),
        );
    }
    let found = checks(world);
    for (name, permission) in [
        ("google.apis", "serviceusage.services.get"),
        ("firestore.indexes", "datastore.indexes.list"),
        ("bucket.settings", "storage.buckets.get"),
        ("pubsub.push", "pubsub.subscriptions.get"),
        ("iam.database", "resourcemanager.projects.getIamPolicy"),
    ] {
        found.has(name, "unknown", &[permission, "roles/viewer"]);
    }
    let fine = found.of_state("ok");
    assert_eq!(
        fine,
        ["google.clock", "ork.version"],
        "whatever else is fine was not looked at"
    );
    // The region is not known then; whoever says it is told of the services, too.
    let mut world = World::whole();
    for (status, body) in world.0.values_mut() {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": {"service": "run.googleapis.com"}}]);
        (*status, *body) = (
            403,
            json!({"error": {"code": 403, "message": "off", "details": details}}),
        );
    }
    let google = world.serve("now");
    let found = checks_at(&google.url, &["--region", "europe-west1"]);
    found.has(
        "run.services",
        "failed",
        &[
            "run.googleapis.com is not enabled",
            "gcloud services enable",
        ],
    );
}

#[test]
fn a_clock_that_is_off_is_told() {
    let google = World::whole().serve("Mon, 22 Nov 2010 18:10:20 GMT");
    let found = checks_at(&google.url, &[]);
    found.has("google.clock", "failed", &["behind this one"]);
    let google = World::whole().serve("");
    checks_at(&google.url, &[]).has("google.clock", "unknown", &["Date"]);
}

#[test]
fn names_and_regions_may_be_others() {
    let google = World::whole().serve("now");
    let found = checks_at(&google.url, &["--name", "other"]);
    found.has(
        "pubsub.push",
        "failed",
        &["there is no subscription other-dispatch"],
    );
    let mut world = World::whole();
    let older = json!("https://ork-dispatch-abc-ew.a.run.app/push");
    world.plant(
        &format!("{SUBSCRIPTIONS}/ork-dispatch"),
        "/pushConfig/pushEndpoint",
        older,
    );
    let google = world.serve("now");
    checks_at(&google.url, &[]).has("run.services", "unknown", &["--region"]);
    checks_at(&google.url, &["--region", "europe-west1"]).has("run.services", "ok", &[]);
}

#[test]
fn one_that_hangs_or_is_not_there_is_given_up_in_time() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", nobody.local_addr().expect("an address"));
    let begun = Instant::now();
    let found = checks_at(&address, &[]);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    found.has("google.apis", "unknown", &["does not answer within 4 s"]);
    found.has("iam.bucket", "unknown", &[]);
    drop(nobody);
    let found = checks_at(&address, &[]);
    found.has("google.apis", "unknown", &["cannot be reached"]);
    assert_eq!(found.of_state("ok"), ["ork.version"]);
}

#[test]
fn without_credentials_that_is_what_failed() {
    let project = Project::new();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").to_string()
    };
    let mut command = project.command(&[&PLACE[..], &["--json"]].concat());
    command
        .env("HOME", project.path(""))
        .env("GCE_METADATA_HOST", &address);
    let ran = project.finish(&mut command);
    let found = Checks::of(&ran);
    found.has(
        "google.credentials",
        "failed",
        &["gcloud auth application-default login"],
    );
    found.has("firestore.state", "failed", &["no credentials"]);
    assert_eq!(found.code, Some(3));
    let mut command = project.command(&[&PLACE[..], &["--json"]].concat());
    command.env("ORK_ADMIN_ENDPOINT", "https://google.example");
    let found = Checks::of(&project.finish(&mut command));
    found.has("google.credentials", "failed", &["http://host:port"]);
}

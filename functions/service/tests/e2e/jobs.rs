//! Deferred jobs: watched by the services while nothing of the task runs, on this machine and in a project, and stopped for good.

use std::process::Output;
use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::{Command as Order, Event};
use ork_emulators::services::{Planned, Script, State};
use ork_engine::ports::{Objects, Ports};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Setup};
use crate::command::{Person, command};
use crate::example_folders::expected;
use crate::examples::check;

/// Where the stand-ins of BigQuery and of a service over HTTP are, and how long their jobs take.
fn params(cloud: &Cloud, seconds: f64) -> Value {
    let services = cloud.emulators.services().expect("they were started");
    let at = services.endpoint();
    json!({"bigquery": at, "service": at, "project": cloud.project(), "seconds": seconds})
}

async fn deploy(cloud: &Cloud) {
    let folder = cloud.copy_of("deferrables");
    cloud.work_in(&folder);
    let text = std::fs::read_to_string(folder.join("workflow.yaml")).expect("the example's file");
    cloud.deploy("deferrables", &text).await;
}

/// Ids of jobs that the stand-ins say are not over.
fn at_work(cloud: &Cloud) -> Vec<String> {
    let services = cloud.emulators.services().expect("they were started");
    let jobs = services.jobs().into_iter();
    jobs.filter(|job| {
        let going = matches!(
            job.state,
            State::Pending | State::Running | State::Cancelling
        );
        job.project == cloud.project() && going
    })
    .map(|job| job.id)
    .collect()
}

/// Waits until jobs are at work.
async fn until_at_work(cloud: &Cloud, many: usize) {
    cloud
        .until(&format!("{many} jobs at work"), async || {
            (at_work(cloud).len() == many).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_watched_and_what_nobody_waits_for_is_stopped() {
    let Some(cloud) = Cloud::start("deferred jobs on the emulators", Setup::default()).await else {
        return;
    };
    deploy(&cloud).await;
    let wanted = expected("deferrables", "output.json");
    let short = params(&cloud, 1.0);
    let run = cloud.run("deferrables", short.clone()).await;
    check("deferrables", &short, &wanted, &cloud.outcome(&run).await);

    // Tasks without a worker, while whoever starts their jobs is killed.
    let folder = cloud.copy_of("without_worker");
    let text = std::fs::read_to_string(folder.join("workflow.yaml")).expect("the example's file");
    let query = std::fs::read(folder.join("load.sql")).expect("the example's query");
    let place = ObjectName::parse("workflows/without_worker/load.sql").expect("a name");
    let objects = cloud.engine.ports().objects();
    objects.put(&place, &query, None).await.expect("uploaded");
    cloud.deploy("without_worker", &text).await;
    let given = json!({"service": short["service"], "project": cloud.project()});
    let run = cloud.run("without_worker", given.clone()).await;
    for role in ["dispatch", "poll", "dispatch", "tick", "poll"] {
        cloud.kill(role).await;
    }
    let wanted = expected("without_worker", "output.json");
    let found = cloud.outcome(&run).await;
    check("without_worker", &given, &wanted, &found);
    let run_jobs = cloud.emulators.run_jobs().expect("they were started");
    let place = format!("projects/{}/locations/europe-west1", cloud.project());
    cloud
        .until("the job that was made is gone", async || {
            run_jobs.jobs(&place).is_empty().then_some(())
        })
        .await;

    // Somebody cancels, and the service does not heed it at first.
    let long = params(&cloud, 3_600.0);
    let run = cloud.run("deferrables", long).await;
    until_at_work(&cloud, 1).await;
    until_deferred(&cloud, &run).await;
    let services = cloud.emulators.services().expect("they were started");
    let stubborn = Planned {
        job: Some(at_work(&cloud).remove(0)),
        script: Script {
            ignore_cancels: Some(2),
            cancel_seconds: Some(1.0),
            ..Script::default()
        },
        ..Planned::default()
    };
    services.script(stubborn).expect("a script");
    let cancel = Event::Command(Order::Cancel {
        reason: "the test says so".into(),
    });
    let stepped = cloud.engine.step(&run, vec![cancel], None).await;
    stepped.expect("it is cancelled");
    let view = cloud.ended(&run).await;
    assert_eq!(view.header.status.as_str(), "cancelled");
    assert_eq!(
        view.state.cancellations().count(),
        1,
        "asked, and not over yet"
    );
    if let Some(ork) = command() {
        let person = Person::new(ork, &cloud, cloud.folder_of("deferrables"));
        let seen = person.hears(&["run", "status", run.as_str()], 0).await;
        let wanted = "stopping 1 of 1 job(s) of attempt 1 of aggregate";
        assert!(seen.contains(wanted), "{seen}");
    }
    // The services are gone and come back: what is to be stopped is in what is stored.
    for role in ["poll", "tick"] {
        cloud.kill(role).await;
    }
    cloud
        .until("the end of what was to be stopped", async || {
            let view = cloud.engine.run(&run).await.expect("readable");
            (view.state.cancellations().count() == 0).then_some(())
        })
        .await;
    assert_eq!(at_work(&cloud), Vec::<String>::new());
    cloud.stop().await;
}

async fn until_deferred(cloud: &Cloud, run: &RunId) {
    cloud
        .until("a deferred task", async || {
            let view = cloud.engine.run(run).await.ok()?;
            (view.state.task(0).status().as_str() == "deferred").then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_watches_and_stops_jobs_too() {
    let Some(ork) = command() else { return };
    let test = "deferred jobs of `ork execute` on the stand-ins";
    let Some(cloud) = Cloud::start(test, Setup::default()).await else {
        return;
    };
    let folder = cloud.copy_of("deferrables");
    let person = Person::new(ork, &cloud, folder);
    let short = params(&cloud, 1.0);
    let given = |params: &Value| -> Vec<String> {
        let params = params.as_object().expect("an object").iter();
        params
            .flat_map(|(name, value)| {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                ["--param".to_owned(), format!("{name}={text}")]
            })
            .collect()
    };
    let execute = |params: &Value| {
        let mut words = ["execute", "--file", "workflow.yaml", "--json"]
            .map(str::to_owned)
            .to_vec();
        words.extend(given(params));
        words
    };
    let words = execute(&short);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wanted = expected("deferrables", "output.json");
    check("deferrables", &short, &wanted, &person.reads(&words).await);

    // Tasks without a worker: the same stand-ins, asked by Ork itself.
    let without = cloud.copy_of("without_worker").join("workflow.yaml");
    let mut words = execute(&json!({"service": short["service"], "project": cloud.project()}));
    words[2] = without.display().to_string();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wanted = expected("without_worker", "output.json");
    check(
        "without_worker",
        &short,
        &wanted,
        &person.reads(&words).await,
    );

    // Time runs out: the command ends when the jobs have.
    let mut words = execute(&params(&cloud, 3_600.0));
    words.extend(["--timeout".to_owned(), "4s".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output: Output = tokio::time::timeout(Duration::from_secs(60), person.types(&words))
        .await
        .expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(at_work(&cloud), Vec::<String>::new());
    cloud.stop().await;
}
